"""From rows in `incoming` to versions in `history` and the current state in `raw`.

Versions of a key are ordered by `_synced_at`; only adjacent equal ones collapse. Wide rows are never sorted or
windowed: the order of versions is computed from key, instant, operation and hash of those keys that have more than one
row, so that memory stays bounded by the keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from instantly_pipeline.streams.model import Column, Stream
from instantly_pipeline.warehouse.db.sql_text import columns, ident, text
from instantly_pipeline.warehouse.db.tables import history_table, raw_table
from instantly_pipeline.warehouse.load.incoming import Part
from instantly_pipeline.warehouse.load.late_columns import from_extra
from instantly_pipeline.warehouse.load.verified_at import compared


def add_versions(con: duckdb.DuckDBPyConnection, stream: Stream, parts: Sequence[Part], *, empty: bool) -> int:
    """Put the versions of `parts` into `history`, and remove the rows of `raw` that `put_current` replaces.

    The number of versions. Leaves the keys it changed in the temporary table `touched`. `empty` says that the stream's
    tables are empty.
    """
    raw, history = f"raw.{ident(stream.name)}", f"history.{ident(stream.name)}"
    for statement in (*_VERDICT, _TOUCHED):
        con.execute(statement.format(history=history))
    if not empty:
        con.execute(_CLOSE.format(history=history))
    added = sum(_insert(con, stream, part) for part in parts)
    for statement in (_REPLACED, *([] if empty else (_DELETED, _REMOVE))):
        con.execute(statement.format(raw=raw))
    return added


def put_current(con: duckdb.DuckDBPyConnection, stream: Stream) -> None:
    """Put the last versions into `raw`, once and as they stay: changed afterwards they would be written twice."""
    con.execute(
        _CURRENT.format(
            raw=f"raw.{ident(stream.name)}",
            history=f"history.{ident(stream.name)}",
            into=columns(list(raw_table(stream).types)),
            values=columns([*stream.names, "extra", "workspace_id", "_key"], "h."),
            touched=compared(con, stream.name),
        )
    )


def touched_keys(con: duckdb.DuckDBPyConnection) -> int:
    """How many keys the last `add_versions` changed."""
    return int(con.execute("select count(*) from touched").fetchall()[0][0])


def _insert(con: duckdb.DuckDBPyConnection, stream: Stream, part: Part) -> int:
    table = history_table(stream)
    values = ", ".join(_value(column, part) for column in stream.columns)
    done = con.execute(
        f"insert into {ident(table.full_name)} ({columns(list(table.types))}) "
        f"select {values}, r.extra, {text(part.workspace_id)}, r._key, r._row_hash, r._op, r._run_id, "
        f"r._synced_at, v.valid_to from {part.source} r left join (from verdict where part = {part.number}) v "
        "on v.file = r.file_index and v.row = r.file_row_number where v.keep is distinct from false"
    ).fetchall()
    return int(done[0][0])


def _value(column: Column, part: Part) -> str:
    """The column as the file has it; where the file is older than the column, what `extra` kept of it."""
    if column.name in part.columns:
        return f"try_cast(r.{ident(column.name)} as {column.type.sql})"
    return from_extra(column)


# Of the keys with more than one row (the last loaded version included): which rows are versions, and until when.
_VERDICT = (
    """
create or replace temp table candidates as
with stored as (
    select null::bigint as part, null::bigint as file, null::bigint as row,
        workspace_id, _key, _valid_from as _synced_at, _run_id, _op, _row_hash
    from {history}
    where _valid_to is null and (workspace_id, _key) in (select (workspace_id, _key) from incoming)
),
every as (select * from incoming union all select * from stored),
many as (select workspace_id, _key from every group by all having count(*) > 1)
select every.* from every semi join many using (workspace_id, _key)
""",
    """
create or replace temp table chain as
with single as (
    select * from candidates
    qualify row_number() over (
        partition by workspace_id, _key, _synced_at order by _run_id desc, _op desc, _row_hash desc, part, file, row
    ) = 1
),
versions as (
    select * from single
    window w as (partition by workspace_id, _key order by _synced_at)
    qualify row_number() over w = 1
        or _op is distinct from lag(_op) over w
        or _row_hash is distinct from lag(_row_hash) over w
)
select *, lead(_synced_at) over (partition by workspace_id, _key order by _synced_at) as valid_to from versions
""",
    """
create or replace temp table verdict as
select a.part, a.file, a.row, c.part is not null as keep, c.valid_to
from candidates a left join chain c using (part, file, row)
where a.part is not null
""",
)

# `_synced_at` orders versions and only grows; `seen_at` is by the clock of the run that wrote them.
_TOUCHED = """
create or replace temp table touched as
with clocks as (
    select c.run_id, least(c.ended_at, n.latest) as latest
    from log.clocks c asof left join log.clocks n on c.run_id < n.run_id
)
select i.workspace_id, i._key,
    min(i._synced_at) filter (i._op = 'upsert') as first_upsert,
    max(i._synced_at) filter (i._op = 'upsert') as last_upsert,
    max(i._synced_at) filter (i._op = 'delete') as last_delete,
    max(i._synced_at) as last_at, max(least(i._synced_at, c.latest)) as seen_at
from (from incoming anti join (from verdict where not keep) using (part, file, row)) i
left join clocks c on i._run_id = c.run_id
group by i.workspace_id, i._key
"""

_CLOSE = """
update {history} h set _valid_to = c.valid_to
from chain c
where c.part is null and c.valid_to is not null
    and h.workspace_id = c.workspace_id and h._key = c._key and h._valid_to is null
"""

_REPLACED = """
create or replace temp table replaced as
select workspace_id, _key, _first_seen_at from {raw} semi join touched using (workspace_id, _key)
"""

# A deleted row keeps its last values. What the API was last asked about it is that it is gone.
_DELETED = """
update {raw} r set _changed_at = t.last_at, _verified_at = t.seen_at, _deleted_at = t.last_at
from touched t
where t.last_upsert is null and r.workspace_id = t.workspace_id and r._key = t._key
"""

_REMOVE = """
delete from {raw} r using touched t
where t.last_upsert is not null and r.workspace_id = t.workspace_id and r._key = t._key
"""

_CURRENT = """
insert into {raw} ({into})
select {values}, coalesce(p._first_seen_at, t.first_upsert), t.last_at,
    case when t.last_delete = t.last_at then t.seen_at else greatest(t.seen_at, t.compared) end,
    case when t.last_delete = t.last_at then t.last_at end
from {history} h
join {touched} t on h.workspace_id = t.workspace_id and h._key = t._key and h._valid_from = t.last_upsert
left join replaced p on p.workspace_id = t.workspace_id and p._key = t._key
where h._valid_from >= (select min(last_upsert) from touched)
"""
