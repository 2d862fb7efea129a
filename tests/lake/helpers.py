"""A small stream and a lake to write it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from instantly_pipeline.lake.change_log import Appended, ChangeLog, RunFiles, WriterClock, last_written
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.run_ids import new_run_id
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

THINGS = Stream(
    name="things",
    about="Made for tests",
    path="/api/v2/things",
    read=Read.SCAN,
    key=("id",),
    absent=Absent.DELETED,
    scope=("campaign", "list_id"),
    columns=(
        Column("id", Type.TEXT, "Key", always=True),
        Column("campaign", Type.TEXT, "Scope"),
        Column("list_id", Type.TEXT, "Scope"),
        Column("name", Type.TEXT, "Text", aliases=("title",)),
        Column("count", Type.INT, "Integer"),
        Column("score", Type.FLOAT, "Number"),
        Column("live", Type.BOOL, "Flag"),
        Column("made_at", Type.INSTANT, "Instant"),
        Column("day", Type.DATE, "Date"),
        Column("more", Type.JSON, "Anything"),
        Column("status", Type.INT, "Enum", labels={1: "on", 2: "off"}),
    ),
)


def ticking(start: datetime = datetime(2026, 3, 1, tzinfo=UTC)) -> Callable[[], datetime]:
    """A clock that goes on a second at each look."""
    ticks: Iterator[datetime] = (start + timedelta(seconds=n) for n in range(10**6))
    return lambda: next(ticks)


class Writer:
    """Writes runs of one stream, each opened as a new process would."""

    def __init__(self, root: Path, stream: Stream = THINGS, now: Callable[[], datetime] | None = None) -> None:
        self.layout = Layout(root)
        self.stream = stream
        self.now = now or ticking()

    def open(self) -> ChangeLog:
        clock = WriterClock(self.now, after=last_written(self.layout, "w"))
        return ChangeLog(RunFiles(self.layout, "w", new_run_id(self.layout, self.now())), self.stream, clock)

    def run(self, *records: dict[str, Any], deleted: tuple[str, ...] = ()) -> Appended:
        log = self.open()
        result = log.append(log.normalize(records), deleted=deleted)
        log.close()
        return result

    def rows(self) -> list[dict[str, Any]]:
        files = self.layout.files(self.layout.changes, self.stream.name)
        found = [row for file in files for row in pq.ParquetFile(file.path).read().to_pylist()]
        return sorted(found, key=lambda row: row["_synced_at"])
