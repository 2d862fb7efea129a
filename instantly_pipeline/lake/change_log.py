"""Appending to the change log: only what differs from the last version of its key is written.

One `ChangeLog` per stream and workspace, all of a workspace sharing one `WriterClock`, so that `_synced_at` never
stands still and never goes back, whatever the machine's clock does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from instantly_pipeline.errors import UnreadableFile
from instantly_pipeline.lake.durable import storing, write_durably
from instantly_pipeline.lake.index.last_versions import Index, in_micros
from instantly_pipeline.lake.index.sorted_files import IndexEntry, Versions
from instantly_pipeline.lake.lake_files import LakeFile, reading
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.lake.records.normalize import Batch, Normalizer
from instantly_pipeline.lake.schema import DELETE, UPSERT, change_schema
from instantly_pipeline.streams.model import Stream

Values = Callable[[str], Any]  # a column's value in a version
OnVersion = Callable[[str, IndexEntry | None, str | None, Values | None], None]


class WriterClock:
    """The instants of one workspace's writes: strictly increasing, also across runs."""

    def __init__(self, now: Callable[[], datetime], *, after: datetime | None) -> None:
        self._now = now
        self._last = after

    def tick(self) -> datetime:
        """The current instant, or one microsecond after the last one where the clock stands still or went back."""
        now = self._now()
        if self._last is not None and now <= self._last:
            now = self._last + timedelta(microseconds=1)
        self._last = now
        return now


def last_written(layout: Layout, workspace_id: str) -> datetime | None:
    """The greatest `_synced_at` the lake holds for a workspace, over all streams.

    A stream with a damaged file is passed over: nothing is written to it before that file is repaired.
    """
    streams = sorted(p.name for p in layout.changes.iterdir()) if layout.changes.is_dir() else []
    instants = [instant for name in streams if (instant := _last_of(layout, name, workspace_id)) is not None]
    return max(instants, default=None)


def _last_of(layout: Layout, stream: str, workspace_id: str) -> datetime | None:
    try:
        files = layout.files(layout.changes, stream, workspace_id)
        return _greatest(max(files, key=lambda f: (f.is_ours, f.name))) if files else None
    except UnreadableFile:
        return None


def _greatest(file: LakeFile) -> datetime | None:
    """The greatest `_synced_at` in a file, from its statistics; UnreadableFile where it is damaged."""
    with reading(file.path):
        meta = pq.read_metadata(file.path)
        names = meta.schema.to_arrow_schema().names
        if "_synced_at" not in names or meta.num_rows == 0:
            return None
        at = names.index("_synced_at")
        instants: list[datetime] = [meta.row_group(n).column(at).statistics.max for n in range(meta.num_row_groups)]
        return max(i.astimezone(UTC) if i.tzinfo else i.replace(tzinfo=UTC) for i in instants)


@dataclass(slots=True)
class Appended:
    """What an append found: counts of records by how they compare with the last version of their key."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    at: datetime | None = None

    def __iadd__(self, other: Appended) -> Appended:
        self.inserted += other.inserted
        self.updated += other.updated
        self.deleted += other.deleted
        self.unchanged += other.unchanged
        self.at = other.at or self.at
        return self


@dataclass(slots=True)
class RunFiles:
    """Writes the files of one run, named by the run's id and a number that grows."""

    layout: Layout
    workspace_id: str
    run_id: str
    numbers: count[int] = field(default_factory=lambda: count(1))

    def write(self, table: pa.Table, root: Path, name: str, at: datetime) -> LakeFile:
        """Write `table` as the next file of the table `name` below `root` (`layout.changes` or `layout.meta`).

        StorageError where the disk refuses it.
        """
        folder = self.layout.partition(root, name, self.workspace_id) / f"synced={at.astimezone(UTC).date()}"
        paths = (folder / f"{self.run_id}-{number:06}.parquet" for number in self.numbers)
        with storing(folder):
            path = next(path for path in paths if not path.exists())  # another part of the run may count from 1, too
        self.layout.note_name(self.workspace_id)
        sink = pa.BufferOutputStream()
        # without dictionaries: in files of some thousand rows they cost more than they save
        pq.write_table(table, sink, compression="zstd", use_dictionary=False)
        write_durably(path, sink.getvalue())
        return LakeFile(path, name, self.workspace_id)


class ChangeLog:
    """Appends one stream of one workspace."""

    def __init__(self, files: RunFiles, stream: Stream, clock: WriterClock) -> None:
        self._files = files
        self._stream = stream
        self._clock = clock
        self._normalizer = Normalizer(stream)
        self._schema = change_schema(stream)
        self.index = Index(files.layout, stream, files.workspace_id).open()

    def normalize(self, records: Sequence[Record]) -> Batch:
        """The records as rows, not yet written."""
        return self._normalizer.batch(records)

    def keys(self, records: Sequence[Record]) -> list[str | None]:
        """The key of each record; None for a record without one."""
        return self._normalizer.keys(records)

    def append(self, batch: Batch, *, deleted: Collection[str] = (), on_version: OnVersion | None = None) -> Appended:
        """Write the rows of `batch` that are new or changed, and tombstones for `deleted` keys that are alive.

        The file is in the log, and the index knows it, when this returns. No file is written where nothing changed.
        `on_version` is called for each version with its key, the entry before it, its scope and its values (None for a
        tombstone).
        """
        is_alive, is_same = self.index.compare(batch.keys, batch.hashes)
        rows = np.flatnonzero(~is_same).tolist()
        dead = sorted(set(deleted) - set(batch.keys)) if deleted else []
        known = self.index.lookup([*(batch.keys[row] for row in rows), *dead])
        dead = [key for key in dead if key in known and known[key].alive]
        inserted = len(batch.keys) - int(is_alive.sum())  # a record that comes back after a delete is one of them
        at = self._clock.tick()
        result = Appended(inserted, len(rows) - inserted, len(dead), len(batch.keys) - len(rows), at)
        written = batch.rows(rows)
        if dead or rows:
            self._write(batch, rows, written, dead, known, at)
        if on_version is not None:
            for number, row in enumerate(rows):
                key = batch.keys[row]
                on_version(key, known.get(key), batch.scopes[row], partial(_value, written, number))
            for key in dead:
                on_version(key, known[key], None, None)
        return result

    def close(self) -> None:
        """Write the index."""
        self.index.flush()

    def _write(
        self, batch: Batch, rows: list[int], written: pa.Table, dead: list[str], known: Mapping[str, IndexEntry],
        at: datetime,
    ) -> None:  # fmt: skip
        """Write a file with `written`, some rows of the batch, and tombstones; the index then knows them."""
        upserts = self._stamp(written, UPSERT, at)
        table = pa.concat_tables([upserts, self._tombstones(dead, at)]) if dead else upserts
        file = self._files.write(table, self._files.layout.changes, self._stream.name, at)
        versions = Versions(
            keys=[*(batch.keys[row] for row in rows), *dead],
            hashes=[*(batch.hashes[row] for row in rows), *repeat(None, len(dead))],
            alive=[*repeat(True, len(rows)), *repeat(False, len(dead))],
            scopes=[*(batch.scopes[row] for row in rows), *(known[key].scope for key in dead)],
            at=[in_micros(at)] * (len(rows) + len(dead)),
        )
        self.index.put(versions, file)

    def _stamp(self, rows: pa.Table, op: str, at: datetime) -> pa.Table:
        constants = {"_op": op, "_synced_at": at, "_run_id": self._files.run_id}
        columns = [
            pa.repeat(pa.scalar(constants[f.name], f.type), rows.num_rows) if f.name in constants else rows[f.name]
            for f in self._schema
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)

    def _tombstones(self, keys: list[str], at: datetime) -> pa.Table:
        columns = {f.name: pa.nulls(len(keys), f.type) for f in self._schema}
        columns["_key"] = pa.array(keys, pa.string())
        rows = pa.Table.from_arrays([columns[f.name] for f in self._schema], names=self._schema.names)
        return self._stamp(rows, DELETE, at)


def _value(table: pa.Table, row: int, name: str) -> Any:
    return table[name][row].as_py()
