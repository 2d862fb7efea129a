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


def apply_verified(con: duckdb.DuckDBPyConnection, stream: str) -> int:
    """Raise `_verified_at` of a stream's rows by the ranges not applied yet and those newer than rows just loaded.

    The number of rows where it rose.

    Reads the temporary table `touched`; a deleted row keeps the instant of its deletion.
    """
    ranges = con.execute(_RELEVANT, [stream]).fetchall()
    if not ranges:
        return 0
    by_workspace: dict[str, list[Range]] = {}
    for workspace_id, after, upto, at in ranges:
        by_workspace.setdefault(workspace_id, []).append(Range(after, upto, at))
    raised = sum(_apply(con, f"raw.{ident(stream)}", ws, segments(found)) for ws, found in by_workspace.items())
    con.execute("update log.verified set applied = true where stream = ? and not applied", [stream])
    return raised


def _apply(con: duckdb.DuckDBPyConnection, table: str, workspace_id: str, found: list[Segment]) -> int:
    if len(found) == 1 and found[0].after == "":
        done = con.execute(_WHOLE.format(raw=table), [found[0].at, workspace_id]).fetchall()
        return int(done[0][0])
    columns = {"after": pa.array([s.after for s in found]), "at": pa.array([s.at for s in found], pa.int64())}
    con.register("segment", pa.table(columns))
    done = con.execute(_BY_SEGMENT.format(raw=table), [workspace_id]).fetchall()
    con.unregister("segment")
    return int(done[0][0])


_RELEVANT = """
select workspace_id, coalesce(key_from, ''), key_to, epoch_us(verified_at)
from log.verified v
where stream = ? and workspace_id is not null and verified_at is not null and (
    not applied
    or verified_at > (select min(last_at) from touched t where t.workspace_id = v.workspace_id)
)
"""

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
