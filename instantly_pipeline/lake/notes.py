"""Writing the pipeline's notes about itself (see `logs`)."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import pyarrow as pa

from instantly_pipeline.lake.changes import RunFiles, WriterClock, last_written
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.logs import LOGS
from instantly_pipeline.lake.names import NO_WORKSPACE

Row = dict[str, Any]


class Notes:
    """Collects rows of the logs and lands them as files; `run_id` and `workspace_id` are filled in."""

    def __init__(self, files: RunFiles, clock: WriterClock) -> None:
        self._files = files
        self._clock = clock
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._guard = threading.Lock()  # rows are added from the event loop and landed from a thread

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
        """Land what was collected, one file a log."""
        with self._guard:
            taken, self._rows = self._rows, defaultdict(list)
        for log, rows in taken.items():
            at = self._clock.tick()
            self._files.write(pa.Table.from_pylist(rows, schema=LOGS[log]), "meta", log, at)


def note_down(layout: Layout, run_id: str, log: str, rows: Iterable[Row], *, now: Callable[[], datetime]) -> None:
    """Land rows of one log outside a sync, one file per workspace that they name (`NO_WORKSPACE` where they name none).

    The caller holds the data directory's lock.
    """
    by_workspace: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_workspace[row.get("workspace_id") or NO_WORKSPACE].append(row)
    for workspace_id, theirs in by_workspace.items():
        clock = WriterClock(now, after=last_written(layout, workspace_id))
        notes = Notes(RunFiles(layout, workspace_id, run_id), clock)
        for row in theirs:
            notes.add(log, **row)
        notes.flush()
