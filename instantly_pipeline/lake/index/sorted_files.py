"""The Parquet files of an index, sorted by key: how they are read, written and merged; not which there are.

What is read is decoded a row group at a time, the keys apart from the rest: most ranges that a first sync asks for hold
none of a file's keys, and then the rest is never read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from instantly_pipeline.lake.durable import storing

ROW_GROUP = 1_024  # a sweep reads up to 64 ranges side by side, each with a row group of every file in memory
BYTES_IN_MEMORY = 48 << 20  # of decoded row groups, of all files of an index together
ROWS_AT_ONCE = 65_536  # of a file that is read through
GROUPS_AT_ONCE = 16  # of all files together, when they are merged
SCHEMA = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("hash", pa.string()),
        pa.field("alive", pa.bool_()),
        pa.field("scope", pa.string()),
        pa.field("at", pa.int64()),
    ]
)
_KEY, _REST = SCHEMA.names[:1], SCHEMA.names[1:]


class IndexEntry(NamedTuple):
    """The last version of a key; `at` is its `_synced_at` in microseconds since 1970."""

    hash: str | None
    alive: bool
    scope: str | None
    at: int = 0


class Cache:
    """What was decoded of the files of one index, the last used of it, up to so many bytes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], pa.RecordBatch] = {}
        self._bytes = 0

    def get(self, place: tuple[Any, ...], read: Callable[[], pa.RecordBatch]) -> pa.RecordBatch:
        """What is kept for `place`, else what `read` reads."""
        found = self._kept.pop(place, None)
        if found is None:
            found = read()
            self._bytes += found.get_total_buffer_size()
        self._kept[place] = found  # the last one used is the last one to go
        while self._bytes > BYTES_IN_MEMORY and len(self._kept) > 1:
            self._bytes -= self._kept.pop(next(iter(self._kept))).get_total_buffer_size()
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._kept, self._bytes = {}, 0


class SortedFile:
    """One sorted Parquet file of the index."""

    def __init__(self, path: Path, cache: Cache) -> None:
        self.path = path
        self.number = int(path.stem)
        self._cache = cache
        self._file = pq.ParquetFile(path, page_checksum_verification=True)
        limits = [self._limits_of(number) for number in range(self._file.num_row_groups)]
        self._firsts, self.lasts = [first for first, _ in limits], [last for _, last in limits]

    def lookup(self, wanted: Sequence[str]) -> Iterator[tuple[str, IndexEntry]]:
        """The entries of the sorted keys `wanted` that are here."""
        start = 0
        while start < len(wanted) and (number := bisect_left(self.lasts, wanted[start])) < len(self.lasts):
            end = bisect_right(wanted, self.lasts[number], start)
            here = wanted[bisect_left(wanted, self._firsts[number], start) : end]
            if here:
                yield from self._of_group(number, here)
            start = end

    def range(self, after: str | None, up_to: str | None) -> Iterator[tuple[str, IndexEntry]]:
        """The entries of the keys in (after, up_to]."""
        for number in self._groups(after, up_to):
            keys = self._keys(number)
            start, end = _bounds(keys, after, up_to)
            if start < end:
                rest = self._rest(number).slice(start, end - start)
                yield from _entries(keys.slice(start, end - start), rest)

    def table(self, after: str | None, up_to: str | None) -> pa.Table:
        """The rows of the keys in (after, up_to], as they are stored."""
        groups = list(self._groups(after, up_to))
        if not groups:
            return SCHEMA.empty_table()
        table = self._file.read_row_groups(groups, use_threads=False)
        start, end = _bounds(table["key"], after, up_to)
        return table.slice(start, end - start)

    def alive_by_scope(self) -> Iterator[tuple[str | None, int]]:
        """How many live keys each scope has, in parts to be added up."""
        for batch in self._through("alive", "scope"):
            scopes = batch.filter(batch["alive"])["scope"].value_counts()
            yield from ((entry["values"], entry["counts"]) for entry in scopes.to_pylist())

    def alive_in(self, scopes: pa.Array) -> Iterator[tuple[str, str]]:
        """The live keys of some scopes, each with its scope."""
        for batch in self._through("key", "alive", "scope"):
            found = batch.filter(pc.and_(batch["alive"], pc.is_in(batch["scope"], scopes)))
            yield from zip(found["key"].to_pylist(), found["scope"].to_pylist(), strict=True)

    def last_alive(self, after: str, up_to: str, accept: Callable[[str], bool]) -> Iterator[str]:
        """The greatest live key in (after, up_to] that is accepted, if there is one."""
        for number in reversed(self._groups(after, up_to)):
            table = self._file.read_row_group(number, columns=["key", "alive"], use_threads=False)
            keys = table.filter(table["alive"])["key"].to_pylist()
            found = next((key for key in reversed(keys) if after < key <= up_to and accept(key)), None)
            if found is not None:
                yield found
                return

    def spread(self, every: int) -> Iterator[str]:
        """Every `every`-th live key."""
        passed = 0
        for batch in self._through("key", "alive"):
            keys = batch.filter(batch["alive"])["key"]
            yield from (keys[at].as_py() for at in range(every - 1 - passed, len(keys), every))
            passed = (passed + len(keys)) % every

    def _through(self, *columns: str) -> Iterator[pa.RecordBatch]:
        batches: Iterator[pa.RecordBatch] = self._file.iter_batches(ROWS_AT_ONCE, columns=columns, use_threads=False)
        return batches

    def _limits_of(self, number: int) -> tuple[str, str]:
        found = self._file.metadata.row_group(number).column(0).statistics
        if found is not None and found.has_min_max:
            return found.min, found.max
        keys = self._file.read_row_group(number, columns=_KEY)["key"]  # very long keys have no statistics
        return keys[0].as_py(), keys[-1].as_py()

    def _groups(self, after: str | None, up_to: str | None) -> Sequence[int]:
        start = 0 if after is None else bisect_right(self.lasts, after)
        return range(start, len(self.lasts) if up_to is None else bisect_right(self._firsts, up_to))

    def _of_group(self, number: int, wanted: Sequence[str]) -> Iterator[tuple[str, IndexEntry]]:
        keys = self._keys(number)
        start, end = _bounds(keys, wanted[0], wanted[-1], with_first=True)
        near = keys.slice(start, end - start)
        places = pc.index_in(pa.array(wanted, pa.string()), near).drop_null()
        if len(places):
            rest = self._rest(number).slice(start, end - start)
            yield from _entries(near.take(places), rest.take(places))

    def _keys(self, number: int) -> pa.StringArray:
        return self._group(number, _KEY)["key"]

    def _rest(self, number: int) -> pa.RecordBatch:
        return self._group(number, _REST)

    def _group(self, number: int, columns: list[str]) -> pa.RecordBatch:
        def read() -> pa.RecordBatch:
            table = self._file.read_row_group(number, columns=columns, use_threads=False)
            return table.combine_chunks().to_batches()[0]

        return self._cache.get((self.number, number, *columns), read)


def _bounds(
    keys: pa.Array | pa.ChunkedArray, after: str | None, up_to: str | None, *, with_first: bool = False
) -> tuple[int, int]:
    """Where the sorted keys in (after, up_to] begin and end; `with_first`: in [after, up_to]."""
    places, find_first = range(len(keys)), bisect_left if with_first else bisect_right
    start = 0 if after is None else find_first(places, after, key=lambda at: keys[at].as_py())
    end = len(keys) if up_to is None else bisect_right(places, up_to, key=lambda at: keys[at].as_py())
    return start, max(end, start)


def _entries(keys: pa.Array, rest: pa.RecordBatch) -> Iterator[tuple[str, IndexEntry]]:
    return zip(keys.to_pylist(), map(IndexEntry, *(column.to_pylist() for column in rest.columns)), strict=True)


def file_bytes(entries: Mapping[str, IndexEntry]) -> bytes:
    """A sorted file with these entries."""
    keys = sorted(entries)
    rows = [entries[key] for key in keys]
    columns = [keys, [r.hash for r in rows], [r.alive for r in rows], [r.scope for r in rows], [r.at for r in rows]]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    pq.write_table(table, sink, compression="zstd", row_group_size=ROW_GROUP, write_page_checksum=True)
    return bytes(sink.getvalue())


def merged(files: Sequence[SortedFile]) -> Iterator[pa.Table]:
    """The rows of sorted files in the order of their keys, the newest of each key; of equals the later file's."""
    ends = sorted(last for one in files for last in one.lasts)
    for after, up_to in pairwise([None, *ends[GROUPS_AT_ONCE - 1 : -1 : GROUPS_AT_ONCE], None]):
        rows = pa.concat_tables([one.table(after, up_to) for one in files])
        if not rows.num_rows:
            continue
        rows = rows.take(pc.sort_indices(rows, sort_keys=[("key", "ascending"), ("at", "ascending")]))
        keys = rows["key"].combine_chunks()
        is_last = pa.concat_arrays([pc.not_equal(keys[:-1], keys[1:]), pa.array([True])])
        yield rows.filter(is_last)


def write_sorted(tables: Iterable[pa.Table], path: Path) -> None:
    """Write a sorted file. StorageError only for what the disk refuses, not for an error while the tables are read."""
    with storing(path):
        writer = pq.ParquetWriter(path, SCHEMA, compression="zstd", write_page_checksum=True)
    try:
        for table in tables:
            with storing(path):
                writer.write_table(table, row_group_size=ROW_GROUP)
    finally:
        with storing(path):
            writer.close()
