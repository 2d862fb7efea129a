"""From the logs of the lake to the tables of `meta`.

`log.<name>` holds the distinct rows of each log; `meta.<name>` is what they add up to. `rejected` (whole records) stays
in the lake.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import duckdb
import pyarrow as pa

from instantly_pipeline.lake.logs import EARLIER_NAMES, LOGS
from instantly_pipeline.warehouse.db.fingerprints import forget
from instantly_pipeline.warehouse.db.sql_text import columns, digest, ident, path_list, text
from instantly_pipeline.warehouse.load.loaded_files import META, Covered, Reach, Seen

LOADED_LOGS = tuple(name for name in LOGS if name != "rejected")

_SQL = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN", pa.float64(): "DOUBLE"}


def log_columns(name: str) -> dict[str, str]:
    """Columns and DuckDB types of a log."""
    return {field.name: _SQL.get(field.type, "TIMESTAMPTZ") for field in LOGS[name]}


def make_logs(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of the logs where they are missing, or were made from another schema."""
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
    con: duckdb.DuckDBPyConnection, name: str, seen: Sequence[Seen], covered: Covered, upto: str | None
) -> None:
    """Bring `log.<name>` in step with `seen`, all its files; of runs up to the one with the id `upto`."""
    found = covered.difference(META, name, seen)
    if not found.stale:
        covered.join(con, META, name, found.joined)
        if not found.fresh:
            return
    if found.stale:
        covered.forget(con, META, name)
        con.execute(f"delete from log.{ident(name)}")
    taken = seen if found.stale else found.fresh
    if taken:
        _add(con, name, taken, upto)
    covered.note(con, META, name, taken, dict[str, Reach]())
    con.execute("delete from meta.build where name = ?", [_fact(name)])  # a kill may come before it is folded


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


def fold(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Work out the tables of `meta` whose logs changed since, and those that do not exist yet; their names."""
    tables = con.execute("select table_name from duckdb_tables() where schema_name = 'meta'").fetchall()
    existing = {row[0] for row in tables}
    made_by = dict(con.execute("select name, value from meta.build where name like 'fold %'").fetchall())
    due = {
        name for name, sql in FOLDS.items()
        if name not in existing or made_by.get(_fact(name)) != digest(sql)
    }  # fmt: skip
    if "stream_status" in due:
        due.add("stream_runs")  # another look at the same log
    if "held_deletes" in due:
        due.add("stream_status")  # it counts them
    if "quarantine" in due:
        due |= {"collapsed_days", "notices"}  # its files of version 0.1.0 hold theirs
    for name in (name for name in FOLDS if name in due):
        fold_one(con, name)
    return due


def fold_one(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Work out one table of `meta` from its log."""
    con.execute(f"create or replace table meta.{name} as {FOLDS[name]}")
    con.execute(f"comment on table meta.{name} is {text(META_ABOUT[name])}")
    con.execute("insert or replace into meta.build values (?, ?)", [_fact(name), digest(FOLDS[name])])
    forget(con, f"meta.{name}")


def _fact(name: str) -> str:
    return f"fold {name}"


def count_rows(con: duckdb.DuckDBPyConnection, streams: Collection[str]) -> None:
    """Put the number of live rows of these streams into `meta.stream_status`."""
    forget(con, "meta.stream_status")
    if not streams:
        return
    counts = " union all ".join(
        f"select {text(stream)} as stream, workspace_id, count(*) as rows from raw.{ident(stream)} "
        "where _deleted_at is null group by workspace_id"
        for stream in streams
    )
    con.execute(_COUNT.format(counts=counts, streams=", ".join(text(stream) for stream in streams)))


_COUNT = """
update meta.stream_status s set rows = c.rows
from (
    select k.workspace_id, k.stream, coalesce(n.rows, 0) as rows
    from meta.stream_status k left join ({counts}) n using (workspace_id, stream)
    where k.stream in ({streams})
) c
where s.workspace_id = c.workspace_id and s.stream = c.stream
"""

_T, _I, _B, _F, _D, _Z = "VARCHAR", "BIGINT", "BOOLEAN", "DOUBLE", "DATE", "TIMESTAMPTZ"

# The tables of `meta` that models and readers may use; a test holds them against the statements below.
META_COLUMNS: dict[str, dict[str, str]] = {
    "sync_runs": {
        "run_id": _T, "workspace_id": _T, "workspace_name": _T, "started_at": _Z, "ended_at": _Z, "outcome": _T,
        "reason": _T, "full": _B, "planned_requests": _I, "requests": _I, "responses_429": _I, "retries": _I,
        "rows_upserted": _I, "rows_deleted": _I,
    },
    "held_deletes": {
        "workspace_id": _T, "stream": _T, "key": _T, "reason": _T, "first_noted_at": _Z, "noted_at": _Z, "run_id": _T,
    },
    "stream_status": {
        "workspace_id": _T, "stream": _T, "outcome": _T, "reason": _T, "last_success_at": _Z, "rows": _I,
        "partial": _B, "held_deletes": _I, "run_id": _T, "started_at": _Z, "ended_at": _Z, "requests": _I,
        "retries": _I, "rows_read": _I, "rows_inserted": _I, "rows_updated": _I, "rows_deleted": _I,
        "rows_unchanged": _I,
    },
    "stream_runs": {
        "run_id": _T, "workspace_id": _T, "stream": _T, "outcome": _T, "started_at": _Z, "ended_at": _Z,
        "planned_requests": _I, "requests": _I, "responses_429": _I, "retries": _I, "rows_read": _I,
        "rows_inserted": _I, "rows_updated": _I, "rows_deleted": _I, "rows_unchanged": _I,
    },
    "schema_drift": {
        "workspace_id": _T, "stream": _T, "field": _T, "kind": _T, "first_seen_at": _Z, "last_seen_at": _Z, "times": _I,
    },
    "quarantine": {
        "workspace_id": _T, "stream": _T, "key": _T, "column": _T, "expected": _T, "found_type": _T, "reason": _T,
        "first_seen_at": _Z, "last_seen_at": _Z, "occurrences": _I,
    },
    "collapsed_days": {
        "workspace_id": _T, "stream": _T, "key": _T, "date": _D, "kind": _T, "syncs": _I, "first_seen_at": _Z,
        "last_seen_at": _Z,
    },
    "notices": {
        "workspace_id": _T, "stream": _T, "notice": _T, "first_seen_at": _Z, "last_seen_at": _Z, "occurrences": _I,
    },
    "reconciliation": {
        "workspace_id": _T, "campaign_id": _T, "metric": _T, "ours": _F, "theirs": _F, "difference": _F,
        "checked_at": _Z,
    },
    "published": {"run_id": _T, "published_at": _Z, "storage_version": _T, "synced_to": _T, "watermark": _T},
}  # fmt: skip

META_ABOUT = {
    "sync_runs": "Runs: one row per run and workspace, with its outcome and cost",
    "held_deletes": "Deletions that looked suspicious and were not carried out",
    "stream_status": "Streams: one row per workspace and stream, how it was last read and when it last succeeded",
    "stream_runs": "Streams of every run: one row per run, workspace and stream, with its outcome and cost",
    "schema_drift": "Differences between the streams as declared and as answered",
    "quarantine": "Values that did not fit their column, never the value itself",
    "collapsed_days": "Days of figures that vanished or fell to zero, and in how many syncs in a row",
    "notices": "What syncs had to say about a stream",
    "reconciliation": "Own counts against Instantly's counters, as last compared",
    "published": "Publications: when, and how far each workspace was synced (`watermark`, JSON; also `synced_to`)",
}

# Version 0.1.0 kept these in the log of the quarantine
_WAS_COLLAPSED = "reason in ('the day vanished', 'the day fell to zero')"
_WAS_NOTICE = "ends_with(reason, 'every sync sweeps all leads from now on')"

# In this order: one may read another. Of several runs the one with the greatest id is the last one: ids only grow,
# while the machine's clock may go back.
FOLDS = {
    # a run that never said how it ended, and was followed by another, was killed: there is one writer at a time
    "sync_runs": """
select run_id, workspace_id, workspace_name, started_at, ended_at,
    case when outcome = 'running' and run_id < max(run_id) over (partition by workspace_id)
        then 'interrupted' else outcome end as outcome,
    reason, "full", planned_requests, requests, responses_429, retries, rows_upserted, rows_deleted
from log.sync_runs
qualify row_number() over (
    partition by run_id, workspace_id order by ended_at desc nulls last, started_at desc, outcome
) = 1
order by started_at, run_id, workspace_id
""",
    "held_deletes": """
with latest as (
    select *, min(noted_at) over (partition by workspace_id, stream, key) as first_noted_at
    from log.held_deletes
    qualify row_number() over (
        partition by workspace_id, stream, key order by run_id desc, noted_at desc, state desc
    ) = 1
)
select workspace_id, stream, key, reason, first_noted_at, noted_at, run_id
from latest
where state = 'held'
order by workspace_id, stream, key
""",
    # `rows` is filled in after the streams are loaded
    "stream_status": """
with every as (
    select *,
        arg_max(ended_at, run_id) filter (outcome in ('ok', 'partial'))
            over (partition by workspace_id, stream) as last_success_at
    from log.stream_status
),
latest as (
    select * from every
    qualify row_number() over (
        partition by workspace_id, stream order by run_id desc, coalesce(ended_at, started_at) desc, outcome
    ) = 1
),
held as (select workspace_id, stream, count(*) as held from meta.held_deletes group by all)
select l.workspace_id, l.stream, l.outcome, l.reason, l.last_success_at, 0::bigint as rows, l.partial,
    coalesce(h.held, 0) as held_deletes, l.run_id, l.started_at, l.ended_at, l.requests, l.retries, l.rows_read,
    l.rows_inserted, l.rows_updated, l.rows_deleted, l.rows_unchanged
from latest l left join held h using (workspace_id, stream)
order by l.workspace_id, l.stream
""",
    "stream_runs": """
select run_id, workspace_id, stream, outcome, started_at, ended_at, planned_requests, requests, responses_429, retries,
    rows_read, rows_inserted, rows_updated, rows_deleted, rows_unchanged
from log.stream_status
qualify row_number() over (partition by run_id, workspace_id, stream order by ended_at desc nulls last, outcome) = 1
order by started_at, run_id, workspace_id, stream
""",
    "schema_drift": """
select workspace_id, stream, field, kind, min(seen_at) as first_seen_at, max(seen_at) as last_seen_at,
    sum(times)::bigint as times
from log.schema_drift
group by workspace_id, stream, field, kind
order by workspace_id, stream, field, kind
""",
    "quarantine": f"""
select workspace_id, stream, key, "column", expected, found_type, reason, min(seen_at) as first_seen_at,
    max(seen_at) as last_seen_at, sum(occurrences)::bigint as occurrences
from log.quarantine
where not coalesce({_WAS_COLLAPSED} or {_WAS_NOTICE}, false)
group by workspace_id, stream, key, "column", expected, found_type, reason
order by workspace_id, stream, key, "column"
""",
    "collapsed_days": f"""
with said as (
    select run_id, workspace_id, stream, key, date, kind, syncs, seen_at from log.collapsed_days
    union all
    select run_id, workspace_id, stream, key, regexp_extract(key, '"(\\d{{4}}-\\d\\d-\\d\\d)"', 1),
        if(reason = 'the day vanished', 'vanished', 'zero'),
        try_cast(regexp_extract(found_type, '^(\\d+) syncs', 1) as bigint), seen_at
    from log.quarantine where {_WAS_COLLAPSED}
)
select workspace_id, stream, key, try_cast(date as date) as date, kind, syncs,
    min(seen_at) over (partition by workspace_id, stream, key) as first_seen_at,
    max(seen_at) over (partition by workspace_id, stream, key) as last_seen_at
from said
qualify row_number() over (
    partition by workspace_id, stream, key order by run_id desc, seen_at desc nulls last, syncs desc
) = 1
order by workspace_id, stream, key
""",
    "notices": f"""
with said as (
    select workspace_id, stream, notice, seen_at from log.notices
    union all
    select workspace_id, stream, reason, seen_at from log.quarantine where {_WAS_NOTICE}
)
select workspace_id, stream, notice, min(seen_at) as first_seen_at, max(seen_at) as last_seen_at,
    count(*) as occurrences
from said
group by workspace_id, stream, notice
order by workspace_id, stream, notice
""",
    "reconciliation": """
select workspace_id, campaign_id, metric, ours, theirs, difference, checked_at
from log.reconciliation
qualify row_number() over (partition by workspace_id, campaign_id, metric order by checked_at desc, run_id desc) = 1
order by workspace_id, campaign_id, metric
""",
    "published": """
select distinct run_id, published_at, storage_version, watermark as synced_to, watermark
from log.published order by published_at, run_id
""",
}
