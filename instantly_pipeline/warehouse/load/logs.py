"""From the logs of the lake to `log.<name>`: the distinct rows of each log. `rejected` (whole records) stays there."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from instantly_pipeline.lake.logs import EARLIER_NAMES, LOGS
from instantly_pipeline.warehouse.db.sql_text import columns, ident, path_list, text
from instantly_pipeline.warehouse.load.loaded_files import META, LoadedFiles, Reach, Seen

LOADED_LOGS = tuple(name for name in LOGS if name != "rejected")

_SQL = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN", pa.float64(): "DOUBLE"}


def log_columns(name: str) -> dict[str, str]:
    """Columns and DuckDB types of a log."""
    return {field.name: _SQL.get(field.type, "TIMESTAMPTZ") for field in LOGS[name]}


def make_logs(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of the logs that are missing or have another schema."""
    found: dict[str, dict[str, str]] = {}
    known = "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'log'"
    for table, column, kind in con.execute(known).fetchall():
        found.setdefault(table, {})[column] = "TIMESTAMPTZ" if kind == "TIMESTAMP WITH TIME ZONE" else kind
    for name in LOADED_LOGS:
        shape = log_columns(name) | ({"applied": "BOOLEAN"} if name == "verified" else {})
        if found.get(name) == shape:
            continue
        defined = ", ".join(f"{ident(column)} {kind}" for column, kind in shape.items())
        con.execute(f"create or replace table log.{ident(name)} ({defined})")
        con.execute("""delete from meta.loaded_files where area = 'meta' and "table" = ?""", [name])


def load_log(
    con: duckdb.DuckDBPyConnection, name: str, seen: Sequence[Seen], loaded_files: LoadedFiles, upto: str | None
) -> None:
    """Update `log.<name>` to `seen`, all its files; only runs up to the id `upto`.

    What is folded from it is to be forgotten before (`forget_folds`).
    """
    found = loaded_files.difference(META, name, seen)
    if not found.stale:
        loaded_files.join(con, META, name, found.joined)
        if not found.fresh:
            return
    if found.stale:
        loaded_files.forget(con, META, name)
        con.execute(f"delete from log.{ident(name)}")
    taken = seen if found.stale else found.fresh
    if taken:
        _add(con, name, taken, upto)
    loaded_files.note(con, META, name, taken, dict[str, Reach]())


def _add(con: duckdb.DuckDBPyConnection, name: str, seen: Sequence[Seen], upto: str | None) -> None:
    only = "" if upto is None else f" where run_id <= {text(upto)}"
    con.execute(f"create or replace temp table fresh_log as {log_rows(con, name, seen)}")
    flag = ", false" if name == "verified" else ""
    names = columns(list(LOGS[name].names))
    known = f"select {names} from log.{ident(name)} where run_id in (select run_id from fresh_log)"
    con.execute(f"insert into log.{ident(name)} select *{flag} from ((from fresh_log{only}) except {known}) fresh")


def log_rows(con: duckdb.DuckDBPyConnection, name: str, seen: Sequence[Seen]) -> str:
    """The SELECT of the rows of a log in these files, of whichever version: with the columns the log has now."""
    paths = path_list(one.file.path for one in seen)
    source = f"read_parquet({paths}, union_by_name = true, hive_partitioning = false)"
    present = {row[0] for row in con.execute(f"describe from {source}").fetchall()}
    earlier = EARLIER_NAMES.get(name, {})
    values = []
    for column, kind in log_columns(name).items():
        names = [ident(one) for one in dict.fromkeys((column, earlier.get(column, column))) if one in present]
        value = f"coalesce({', '.join(names)})" if names else "null"
        values.append(f"try_cast({value} as {kind}) as {ident(column)}")
    return f"select {', '.join(values)} from {source}"


def correct_instants(con: duckdb.DuckDBPyConnection) -> None:
    """Note in `log.clocks` what is known of the clock each run had, and correct the logs by it.

    Runs come one after the other, in the order of their ids: what a run has dated later than the beginning of one that
    followed was dated by a clock that was wrong. It is taken for the latest it can have been. So incremental loads give
    what one load of everything gives: each later run can only lower an instant.
    """
    con.execute(f"create or replace table log.clocks as {CLOCKS.format(runs='log.sync_runs')}")
    for name in LOADED_LOGS:
        instants = [column for column, kind in log_columns(name).items() if kind == "TIMESTAMPTZ"]
        lowered = ", ".join(f"{ident(column)} = least({ident(column)}, f.latest)" for column in instants)
        con.execute(_CORRECT.format(log=f"log.{ident(name)}", instants=columns(instants, "l."), lowered=lowered))


# `latest` is when this run or one behind it began at the earliest; `ended_at` when it ended by its own clock
CLOCKS = """
select run_id, min(started_at) as started_at, max(ended_at) as ended_at,
    min(min(started_at)) over (order by run_id rows between current row and unbounded following) as latest
from {runs}
group by run_id
"""

_CORRECT = """
update {log} set {lowered}
from (
    select l.rowid as row, c.latest
    from {log} l asof join log.clocks c on l.run_id < c.run_id
    where greatest({instants}) > c.latest
) f
where {log}.rowid = f.row
"""


def forget_verified(con: duckdb.DuckDBPyConnection) -> None:
    """Drop ranges a later one of the whole stream has overtaken; they can raise no row's `_verified_at` any more."""
    con.execute(_OVERTAKEN)


_OVERTAKEN = """
delete from log.verified v
using (
    select workspace_id, stream, max(verified_at) as verified_at
    from log.verified
    where key_from is null and key_to is null and applied
    group by workspace_id, stream
) whole
where v.workspace_id = whole.workspace_id and v.stream = whole.stream
    and v.verified_at < whole.verified_at and v.applied
"""
