"""`_verified_at`: when a row was last compared with the API, derived from the verified ranges of keys.

A range is (key_from, key_to], a null bound is open. Ranges of many runs overlap; they are cut into segments that do
not, each with its latest instant, so that every key is looked up once. Keys are ordered by code point, which is how
both Python and DuckDB compare texts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import NamedTuple

import duckdb
import pyarrow as pa

from instantly_pipeline.warehouse.db.sql_text import ident


class Range(NamedTuple):
    """Every key in (after, upto] was compared at `at`, in microseconds since 1970; "" and None are open bounds."""

    after: str
    upto: str | None
    at: int


class Segment(NamedTuple):
    """Keys after `after`, up to the next segment's `after`, were last compared at `at` (None: not at all)."""

    after: str
    at: int | None


def segments(ranges: Iterable[Range]) -> list[Segment]:
    """The ranges cut into segments that do not overlap, in the order of keys."""
    starting = sorted(ranges, key=lambda r: r.after)
    bounds = sorted({r.after for r in starting} | {r.upto for r in starting if r.upto is not None})
    latest: list[tuple[int, int]] = []  # a heap of (-at, position in `starting`) of the ranges that are open
    found: list[Segment] = []
    position = 0
    for bound in bounds:
        while position < len(starting) and starting[position].after == bound:
            heapq.heappush(latest, (-starting[position].at, position))
            position += 1
        while latest and _ended(starting[latest[0][1]], bound):
            heapq.heappop(latest)
        found.append(Segment(bound, -latest[0][0] if latest else None))
    return found


def _ended(one: Range, bound: str) -> bool:
    return one.upto is not None and one.upto <= bound


def raise_verified(con: duckdb.DuckDBPyConnection, stream: str) -> int:
    """Raise `_verified_at` of the rows there are by the ranges not applied yet; the number of rows where it rose.

    A deleted row keeps the instant of its deletion.
    """
    workspaces, whole = _note_segments(con, con.execute(_WAITING, [stream]).fetchall())
    join = ("cross join", "") if whole else ("asof join", "on r._key > s.after")
    raised = 0
    for workspace_id in workspaces:
        statement = _RAISE.format(raw=f"raw.{ident(stream)}", join=join[0], on=join[1])
        raised += int(con.execute(statement, [workspace_id]).fetchall()[0][0])
    return raised


def compared(con: duckdb.DuckDBPyConnection, stream: str) -> str:
    """The SQL of `touched` with the instant `compared`: when a key was compared after the last of its rows was synced,
    if it was. It reads the temporary table `segment`.
    """
    workspaces, whole = _note_segments(con, con.execute(_SINCE, [stream]).fetchall())
    if not workspaces:
        return "(select *, null::timestamptz as compared from touched)"
    return _COMPARED.format(asof="" if whole else "asof", key="true" if whole else "r._key > s.after")


def note_applied(con: duckdb.DuckDBPyConnection, stream: str) -> None:
    """Note that all ranges of a stream are applied. Belongs into the transaction that applies them."""
    for statement in _APPLIED:
        con.execute(statement, [stream])


def _note_segments(
    con: duckdb.DuckDBPyConnection, ranges: Iterable[tuple[str, str, str | None, int]]
) -> tuple[list[str], bool]:
    """Put the ranges as segments into the temporary table `segment`; its workspaces, and whether each has one segment
    of all keys.
    """
    by_workspace: dict[str, list[Range]] = {}
    for workspace_id, after, upto, at in ranges:
        by_workspace.setdefault(workspace_id, []).append(Range(after, upto, at))
    rows = [(workspace_id, *one) for workspace_id, found in by_workspace.items() for one in segments(found)]
    if rows:
        con.register("cut", pa.table(list(map(list, zip(*rows, strict=True))), schema=_SEGMENT))
        con.execute("create or replace temp table segment as from cut")
        con.unregister("cut")
    return list(by_workspace), len(rows) == len(by_workspace) and all(after == "" for _, after, _ in rows)


_RANGES = """
select workspace_id, coalesce(key_from, ''), key_to, epoch_us(verified_at)
from log.verified v
where stream = ? and workspace_id is not null and verified_at is not null
"""
_WAITING = f"{_RANGES} and not applied"
_SINCE = f"{_RANGES} and verified_at > (select min(seen_at) from touched t where t.workspace_id = v.workspace_id)"

_SEGMENT = pa.schema([("workspace_id", pa.string()), ("after", pa.string()), ("at", pa.int64())])

_RAISE = """
update {raw} set _verified_at = to_timestamp(0) + to_microseconds(f.at)
from (
    select r.rowid as row, s.at
    from (select rowid, _key, _verified_at from {raw} where workspace_id = $1 and _deleted_at is null) r
    {join} (from segment where workspace_id = $1) s {on}
    where s.at > epoch_us(r._verified_at)
) f
where {raw}.rowid = f.row
"""

_COMPARED = """(
    select r.*, to_timestamp(0) + to_microseconds(s.at) as compared
    from touched r {asof} left join segment s on r.workspace_id = s.workspace_id and {key}
)"""

# As new rows in place of the old: an update keeps every commit beside it from writing to the file's blocks.
_APPLIED = (
    "insert into log.verified select * replace (true as applied) from log.verified where stream = ? and not applied",
    "delete from log.verified where stream = ? and not applied",
)
