"""What the pipeline records about its own runs, kept in the lake like any stream so that the warehouse can be rebuilt.

Each log is a table of rows that are only ever added; the warehouse folds them into the tables of `meta`.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import pyarrow as pa

from instantly_pipeline.lake.change_log import RunFiles, WriterClock, last_written
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.names import NO_WORKSPACE
from instantly_pipeline.lake.schema import UTC_MICROS

Row = dict[str, Any]

_TEXT, _INT, _BOOL = pa.string(), pa.int64(), pa.bool_()


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


LOGS: dict[str, pa.Schema] = {
    # one row when a workspace's run begins (outcome `running`) and one when it ends; the later counts
    "sync_runs": _schema(
        run_id=_TEXT, workspace_id=_TEXT, workspace_name=_TEXT, started_at=UTC_MICROS, ended_at=UTC_MICROS,
        outcome=_TEXT, reason=_TEXT, full=_BOOL, planned_requests=_INT, requests=_INT, responses_429=_INT,
        retries=_INT, rows_upserted=_INT, rows_deleted=_INT, streams=_TEXT,
    ),
    # one row per stream and run: outcome is ok, partial, skipped or failed
    "stream_status": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, outcome=_TEXT, reason=_TEXT, started_at=UTC_MICROS,
        ended_at=UTC_MICROS, planned_requests=_INT, requests=_INT, responses_429=_INT, retries=_INT, rows_read=_INT,
        rows_inserted=_INT, rows_updated=_INT, rows_deleted=_INT, rows_unchanged=_INT, partial=_BOOL,
        held_deletes=_INT,
    ),
    # every key in (key_from, key_to] was compared with the API at verified_at; a null bound is open
    "verified": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, key_from=_TEXT, key_to=_TEXT, verified_at=UTC_MICROS
    ),
    # values and records that are not where one would look for them
    "quarantine": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, key=_TEXT, column=_TEXT, expected=_TEXT, found_type=_TEXT,
        reason=_TEXT, seen_at=UTC_MICROS, occurrences=_INT,
    ),
    # days of figures (`date` is ISO) that are gone (kind `vanished`) or `zero`, for so many syncs in a row
    "collapsed_days": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, key=_TEXT, date=_TEXT, kind=_TEXT, syncs=_INT,
        seen_at=UTC_MICROS,
    ),
    # what a sync had to say about a stream; without one, about the workspace
    "notices": _schema(run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, notice=_TEXT, seen_at=UTC_MICROS),
    "schema_drift": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, field=_TEXT, kind=_TEXT, seen_at=UTC_MICROS, times=_INT
    ),
    # records without a key, whole (JSON text): in the lake so that nothing is lost, in no table
    "rejected": _schema(run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, record=_TEXT, reason=_TEXT, seen_at=UTC_MICROS),
    # deletions that looked suspicious and were not carried out; state is `held` or `released`, the later row counts
    "held_deletes": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, key=_TEXT, state=_TEXT, reason=_TEXT, noted_at=UTC_MICROS
    ),
    "reconciliation": _schema(
        run_id=_TEXT, workspace_id=_TEXT, campaign_id=_TEXT, metric=_TEXT, ours=pa.float64(), theirs=pa.float64(),
        difference=pa.float64(), checked_at=UTC_MICROS,
    ),
    # watermark: JSON, workspace id -> greatest `_synced_at` that is in the published file
    "published": _schema(run_id=_TEXT, published_at=UTC_MICROS, storage_version=_TEXT, watermark=_TEXT),
}  # fmt: skip

# What columns were called in files of version 0.1.0
EARLIER_NAMES = {
    "quarantine": {"found_type": "found", "occurrences": "times"},
    "published": {"watermark": "synced_to"},
}


class LogWriter:
    """Collects rows of the logs and writes them as files; `run_id` and `workspace_id` are filled in."""

    def __init__(self, files: RunFiles, clock: WriterClock) -> None:
        self._files = files
        self._clock = clock
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._guard = threading.Lock()  # rows are added from the event loop and written from a thread

    def add(self, log: str, **values: Any) -> None:
        """One row for `log`; columns left out are null. KeyError where a column is unknown."""
        known = set(LOGS[log].names)
        unknown = values.keys() - known
        if unknown:
            raise KeyError(f"the log {log} has no column {sorted(unknown)[0]}")
        given = {"run_id": self._files.run_id, "workspace_id": self._files.workspace_id}
        with self._guard:
            self._rows[log].append({k: v for k, v in given.items() if k in known} | values)

    def flush(self) -> None:
        """Write what was collected, one file a log."""
        with self._guard:
            taken, self._rows = self._rows, defaultdict(list)
        for log, rows in taken.items():
            at = self._clock.tick()
            self._files.write(pa.Table.from_pylist(rows, schema=LOGS[log]), self._files.layout.meta, log, at)


def append_log(layout: Layout, run_id: str, log: str, rows: Iterable[Row], *, now: Callable[[], datetime]) -> None:
    """Write rows of one log outside a sync: one file per workspace, and one for those that name none.

    The caller holds the data directory's lock.
    """
    by_workspace: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_workspace[row.get("workspace_id") or NO_WORKSPACE].append(row)
    for workspace_id, theirs in by_workspace.items():
        clock = WriterClock(now, after=last_written(layout, workspace_id))
        writer = LogWriter(RunFiles(layout, workspace_id, run_id), clock)
        for row in theirs:
            writer.add(log, **row)
        writer.flush()
