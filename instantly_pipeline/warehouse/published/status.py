"""What `status` shows of the published file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from instantly_pipeline.errors import StorageError
from instantly_pipeline.warehouse.db.sql_text import first_line
from instantly_pipeline.warehouse.published.published_file import explained, open_published


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How one stream of one workspace stands. `rows` are its live rows; `chosen`: INSTANTLY_STREAMS chose it last."""

    workspace_id: str
    workspace_name: str
    stream: str
    outcome: str | None
    reason: str | None
    last_success_at: datetime | None
    rows: int
    partial: bool | None
    held_deletes: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One workspace's part of one run."""

    run_id: str
    workspace_id: str
    workspace_name: str
    started_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    reason: str | None
    full: bool | None
    planned_requests: int | None
    requests: int | None
    rows_upserted: int | None
    rows_deleted: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A counter of Instantly's that is not what our rows add up to. `ours` and `theirs` are counts."""

    workspace_name: str
    campaign_id: str
    campaign_name: str | None
    metric: str
    ours: float | None
    theirs: float
    difference: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Instantly's own counters, as last compared with ours: `equal` and `near` (within 2 %, or 5) of `counters`.

    `largest` are the largest differences. `checked_at` is None where nothing was compared yet.
    """

    checked_at: datetime | None
    counters: int
    equal: int
    near: int
    largest: list[Difference]


@dataclass(frozen=True, slots=True)
class Status:
    """What is published, and how fresh it is; all instants in UTC."""

    published_at: datetime | None
    published_run: str | None
    storage_version: str | None
    streams: list[StreamStatus]
    runs: list[RunStatus]
    quarantined: int
    collapsed_days: int
    notices: int
    drifted: int
    held_deletes: int
    reconciliation: Compared


def status(published_file: Path, *, runs: int = 5) -> Status:
    """How the published file stands, with the last `runs` runs of each workspace."""
    con = open_published(published_file, ours=True)
    try:
        with explained("The status"):
            return _status(con, runs)
    except duckdb.Error as error:
        raise StorageError(
            f"{published_file} is not a file this version can read ({first_line(error)}). "
            "Run `instantly-pipeline rebuild`."
        ) from error
    finally:
        con.close()


def _status(con: duckdb.DuckDBPyConnection, runs: int) -> Status:
    published = _rows(
        con,
        "select published_at::varchar, run_id, storage_version from meta.published order by published_at desc limit 1",
    )
    at, run, stored = published[0] if published else (None, None, None)
    return Status(
        published_at=_time(at),
        published_run=run,
        storage_version=stored,
        streams=[StreamStatus(*_timed(row, 5)) for row in _rows(con, _streams(con))],
        runs=[RunStatus(*_timed(row, 3, 4)) for row in _rows(con, _RUNS, runs)],
        quarantined=_count(con, "quarantine"),
        collapsed_days=_count(con, "collapsed_days"),
        notices=_count(con, "notices"),
        drifted=_count(con, "schema_drift"),
        held_deletes=_count(con, "held_deletes"),
        reconciliation=_compared(con),
    )


def _streams(con: duckdb.DuckDBPyConnection) -> str:
    """The query of the streams; all are chosen where the file was published before that was noted."""
    noted = "from duckdb_columns() where table_name = 'stream_status' and column_name = 'chosen'"
    return _STREAMS.format(chosen="s.chosen" if _rows(con, noted) else "true")


def _count(con: duckdb.DuckDBPyConnection, name: str) -> int:
    """The rows of a table of `meta`; none where the file was published before there was such a table."""
    there = _rows(con, "select 1 from duckdb_tables() where schema_name = 'meta' and table_name = ?", name)
    return int(_rows(con, f"select count(*) from meta.{name}")[0][0]) if there else 0


def _compared(con: duckdb.DuckDBPyConnection) -> Compared:
    at, counters, equal, near = _rows(con, _COMPARED)[0]
    largest = [Difference(*row) for row in _rows(con, _LARGEST)] if counters else []
    return Compared(_time(at), counters, equal, near, largest)


def _rows(con: duckdb.DuckDBPyConnection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return con.execute(sql, list(values)).fetchall()


def _timed(row: tuple[Any, ...], *positions: int) -> list[Any]:
    """The row with the texts at `positions` as instants."""
    return [_time(value) if position in positions else value for position, value in enumerate(row)]


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


_NAMED = """
with named as (
    select workspace_id, arg_max(workspace_name, started_at) as workspace_name
    from meta.sync_runs group by workspace_id
)
"""

_STREAMS = (
    _NAMED
    + """
select s.workspace_id, coalesce(n.workspace_name, s.workspace_id), s.stream, s.outcome, s.reason,
    s.last_success_at::varchar, s.rows, s.partial, s.held_deletes, {chosen}
from meta.stream_status s left join named n using (workspace_id)
order by 2, s.workspace_id, s.stream
"""
)

_RUNS = (
    _NAMED
    + """
select r.run_id, r.workspace_id, coalesce(n.workspace_name, r.workspace_id), r.started_at::varchar,
    r.ended_at::varchar, r.outcome, r.reason, r."full", r.planned_requests, r.requests, r.rows_upserted,
    r.rows_deleted
from meta.sync_runs r left join named n using (workspace_id)
qualify row_number() over (partition by r.workspace_id order by r.started_at desc, r.run_id desc) <= ?
order by r.started_at desc, r.run_id desc, 3
"""
)

# Only the last comparison of a workspace: what was compared before is of campaigns that are gone.
_LAST = """
last as (
    from meta.reconciliation where theirs is not null
    qualify checked_at = max(checked_at) over (partition by workspace_id)
)
"""

_COMPARED = f"""
with {_LAST}
select max(checked_at)::varchar, count(*), count(*) filter (difference = 0),
    count(*) filter (difference <> 0 and abs(difference) <= greatest(5, 0.02 * theirs))
from last
"""

_LARGEST = (
    _NAMED
    + f"""
, {_LAST}
select coalesce(n.workspace_name, l.workspace_id), l.campaign_id, c.name, l.metric, l.ours, l.theirs, l.difference
from last l
left join named n using (workspace_id)
left join raw.campaigns c on c.workspace_id = l.workspace_id and c.id = l.campaign_id
where l.difference is distinct from 0
order by abs(l.difference) desc nulls first, l.campaign_id, l.metric limit 3
"""
)
