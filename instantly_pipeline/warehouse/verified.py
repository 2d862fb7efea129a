"""`_verified_at`: when a row was last compared with the API, derived from the verified ranges of keys.

A range is (key_from, key_to], a null bound is open. Ranges of many runs overlap; they are cut into segments that do
not, each with its latest instant, so that every key is looked up once. Keys are ordered by code point, which is how
both Python and DuckDB compare texts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import duckdb
import pyarrow as pa

from instantly_pipeline.warehouse.sqltext import ident


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
    found = _segments(con.execute(_WAITING, [stream]).fetchall())
    return sum(_raise(con, f"raw.{ident(stream)}", workspace_id, cut) for workspace_id, cut in found.items())


def note_segments(con: duckdb.DuckDBPyConnection, stream: str) -> str:
    """Put what was compared since the keys in `touched` were last synced into the temporary table `segment`.

    The SQL of `touched` with the instant `compared` of each key; it is null for one that was not compared.
    """
    found = _segments(con.execute(_SINCE, [stream]).fetchall())
    if not found:
        return "(select *, null::timestamptz as compared from touched)"
    rows = [(workspace_id, *one) for workspace_id, cut in found.items() for one in cut]
    names = ("workspace_id", "after", "at")
    con.register("cut", pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)), schema=_SEGMENT))
    con.execute("create or replace temp table segment as from cut")
    con.unregister("cut")
    whole = all(_is_whole(cut) for cut in found.values())
    return _COMPARED.format(join="left join" if whole else "asof left join", key="true" if whole else "t._key > s.after")


def note_applied(con: duckdb.DuckDBPyConnection, stream: str) -> None:
    """Note that all ranges of a stream are applied. Belongs into the transaction that applies them."""
    for statement in _APPLIED:
        con.execute(statement, [stream])


def _segments(ranges: Iterable[tuple[str, str, str | None, int]]) -> dict[str, list[Segment]]:
    by_workspace: dict[str, list[Range]] = {}
    for workspace_id, after, upto, at in ranges:
        by_workspace.setdefault(workspace_id, []).append(Range(after, upto, at))
    return {workspace_id: segments(found) for workspace_id, found in by_workspace.items()}


def _is_whole(found: Sequence[Segment]) -> bool:
    return len(found) == 1 and found[0].after == ""


def _raise(con: duckdb.DuckDBPyConnection, table: str, workspace_id: str, found: Sequence[Segment]) -> int:
    if _is_whole(found):
        done = con.execute(_WHOLE.format(raw=table), [found[0].at, workspace_id]).fetchall()
        return int(done[0][0])
    columns = {"after": pa.array([s.after for s in found]), "at": pa.array([s.at for s in found], pa.int64())}
    con.register("segment", pa.table(columns))
    done = con.execute(_BY_SEGMENT.format(raw=table), [workspace_id]).fetchall()
    con.unregister("segment")
    return int(done[0][0])


_RANGES = """
select workspace_id, coalesce(key_from, ''), key_to, epoch_us(verified_at)
from log.verified v
where stream = ? and workspace_id is not null and verified_at is not null
"""
_WAITING = f"{_RANGES} and not applied"
_SINCE = f"{_RANGES} and verified_at > (select min(last_at) from touched t where t.workspace_id = v.workspace_id)"

_SEGMENT = pa.schema([("workspace_id", pa.string()), ("after", pa.string()), ("at", pa.int64())])

_COMPARED = """(
    select t.*, to_timestamp(0) + to_microseconds(s.at) as compared
    from touched t {join} segment s on t.workspace_id = s.workspace_id and {key}
)"""

# As new rows in place of the old: an update keeps every commit beside it from writing to the file's blocks.
_APPLIED = (
    "insert into log.verified select * replace (true as applied) from log.verified where stream = ? and not applied",
    "delete from log.verified where stream = ? and not applied",
)

_WHOLE = """
update {raw} set _verified_at = to_timestamp(0) + to_microseconds(v.at)
from (select $1::bigint as at) v
where workspace_id = $2 and _deleted_at is null and epoch_us(_verified_at) < v.at
"""

_BY_SEGMENT = """
update {raw} set _verified_at = to_timestamp(0) + to_microseconds(f.at)
from (
    select r.rowid as row, s.at
    from (
        select rowid, _key, _verified_at from {raw} where workspace_id = $1 and _deleted_at is null
    ) r
    asof join segment s on r._key > s.after
    where s.at > epoch_us(r._verified_at)
) f
where {raw}.rowid = f.row
"""
