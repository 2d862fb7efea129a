"""The last version of every key of one stream and workspace: key, hash, alive or deleted, scope, since when.

A cache of the change log, made anew from it when it is missing, damaged, or knows of files that are gone. It lies as
Parquet runs sorted by key and is read by range of keys, so that memory stays flat at millions of leads; what this
process added since the last run is kept in memory. Of several entries of a key the one with the greatest `_synced_at`
counts, so files may be replayed twice and in any order.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from instantly_pipeline.lake.conform import scope_columns, scopes_of
from instantly_pipeline.lake.layout import LakeFile, Layout, reading, replaces, storing, write_durably
from instantly_pipeline.lake.record import hash_version
from instantly_pipeline.lake.rehash import rehashed
from instantly_pipeline.lake.schema import UPSERT
from instantly_pipeline.streams.model import Stream

VERSION = 2
ROWS_IN_MEMORY = 100_000
MOST_RUNS = 8
ROW_GROUP = 4_096
GROUPS_IN_MEMORY = 80  # of a run: a sweep reads up to 64 ranges side by side
ROWS_AT_ONCE = 8192  # of a file that is replayed
GROUPS_AT_ONCE = 16  # of all runs together, when they are joined

_RUN_NAME = re.compile(r"\d{8}\.parquet\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAMAGE = (OSError, pa.ArrowException)
_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("hash", pa.string()),
        pa.field("alive", pa.bool_()),
        pa.field("scope", pa.string()),
        pa.field("at", pa.int64()),
    ]
)
_T = TypeVar("_T")


class Entry(NamedTuple):
    """The last version of a key; `at` is its `_synced_at` in microseconds since 1970."""

    hash: str | None
    alive: bool
    scope: str | None
    at: int = 0


def in_micros(instant: datetime) -> int:
    """An instant as microseconds since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


class Index:
    """The index of one stream and workspace; `open` before use, `flush` when done."""

    def __init__(self, layout: Layout, stream: Stream, workspace_id: str) -> None:
        self._layout = layout
        self._stream = stream
        self._workspace_id = workspace_id
        self._folder = layout.index(stream.name, workspace_id)
        self._hashes = hash_version(stream)
        self._recent: dict[str, Entry] = {}
        self._ordered: list[str] = []  # the keys of `_recent`, sorted, but for those in `_unordered`
        self._unordered: list[str] = []
        self._covered: set[str] = set()
        self._written = False  # whether the manifest says what is covered
        self._runs: list[_Run] = []

    def open(self) -> Index:
        """Read the manifest and replay the files it does not cover; UnreadableFile where one of them is damaged."""
        manifest = self._manifest()
        files = {f.short: f for f in self._layout.files(self._layout.changes, self._stream.name, self._workspace_id)}
        covered = set(manifest.get("covered", []))
        joined = {name: _joined(file) for name, file in files.items() if name not in covered}
        if covered - files.keys() - set().union(*joined.values()):  # rows it knows of are gone
            manifest, covered, joined = {}, set(), {name: set() for name in files}
        if not manifest:
            with storing(self._folder):
                for stale in (*self._folder.glob("manifest.json"), *self._folder.glob("*.parquet")):
                    stale.unlink()
        self._covered = covered & files.keys()
        self._runs = [_Run(self._folder / name) for name in manifest.get("runs", [])]
        for name, replaced in joined.items():
            if not replaced or not replaced <= covered:
                self._replay(files[name])
            self._covered.add(name)
        self._written = manifest != {} and self._covered == covered
        return self

    def lookup(self, keys: Sequence[str]) -> dict[str, Entry]:
        """The entries of those of `keys` that are known."""
        wanted = sorted(set(keys)) if self._runs else []
        found = self._healed(lambda: _newest(run.lookup(wanted) for run in self._runs))
        _add(found, ((key, self._recent[key]) for key in keys if key in self._recent))
        return found

    def alive(self, after: str | None = None, up_to: str | None = None) -> dict[str, Entry]:
        """The entries, not deleted, of all known keys in (after, up_to]; None leaves a side open."""
        return {key: entry for key, entry in self.everything(after, up_to).items() if entry.alive}

    def everything(self, after: str | None = None, up_to: str | None = None) -> dict[str, Entry]:
        """The entries, deleted ones too, of all known keys in (after, up_to]; None leaves a side open."""
        found = self._healed(lambda: _newest(run.range(after, up_to) for run in self._runs))
        _add(found, ((key, self._recent[key]) for key in self._recent_keys(after, up_to)))
        return found

    def alive_by_scope(self) -> dict[str | None, int]:
        """How many live keys each scope has. Joins the runs first, so that the count is one pass in bounded memory."""
        self.flush(join=True)
        return self._healed(self._count_scopes)

    def alive_in(self, scopes: Collection[str]) -> list[tuple[str, str]]:
        """The live keys of some scopes, each with its scope; one pass over the whole index."""
        self.flush(join=True)
        wanted = pa.array(sorted(scopes), pa.string())
        return self._healed(lambda: [found for run in self._runs for found in run.alive_in(wanted)])

    def spread(self, every: int) -> list[str]:
        """Every `every`-th live key, in order: places that cut what is known into equal parts."""
        self.flush(join=True)
        return self._healed(lambda: [key for run in self._runs for key in run.spread(every)])

    def last_alive(self, after: str, up_to: str, accept: Callable[[str], bool]) -> str | None:
        """The greatest live key in (after, up_to] that is accepted."""
        self.flush(join=True)
        return self._healed(
            lambda: max((k for run in self._runs for k in run.last_alive(after, up_to, accept)), default=None)
        )

    def put(self, entries: Iterable[tuple[str, Entry]], file: LakeFile) -> None:
        """Note the versions that `file`, which has landed, holds."""
        self._take(entries)
        self._covered.add(file.short)
        self._written = False
        self._flush_if_full()

    def flush(self, *, join: bool = False) -> None:
        """Write what is in memory as a run; join the runs when there are many, or when asked to."""
        if self._recent:
            self._add_run()
        elif not self._written:
            self._write_manifest()
        if len(self._runs) > (1 if join else MOST_RUNS):
            self._healed(self._join)

    def _healed(self, read: Callable[[], _T]) -> _T:
        """What `read` finds in the runs; where one is damaged, the index is first made anew from the log."""
        try:
            return read()
        except _DAMAGE:
            with storing(self._folder):
                (self._folder / "manifest.json").unlink(missing_ok=True)
            self._forget_recent()
            self.open()
            self.flush()
            return read()

    def _take(self, entries: Iterable[tuple[str, Entry]]) -> None:
        recent = self._recent
        for key, entry in entries:
            before = recent.get(key)
            if before is None:
                self._unordered.append(key)
            if before is None or entry.at >= before.at:
                recent[key] = entry

    def _recent_keys(self, after: str | None, up_to: str | None) -> list[str]:
        if self._unordered:
            self._ordered += self._unordered
            self._ordered.sort()  # cheap: what was sorted stays so
            self._unordered = []
        return self._ordered[slice(*_bounds(self._ordered, after, up_to))]

    def _count_scopes(self) -> dict[str | None, int]:
        counts: Counter[str | None] = Counter()
        for run in self._runs:
            for scope, count in run.alive_by_scope():
                counts[scope] += count
        return counts

    def _flush_if_full(self) -> None:
        if len(self._recent) >= ROWS_IN_MEMORY:
            self.flush()

    def _add_run(self) -> None:
        number = 1 + max((run.number for run in self._runs), default=0)
        path = self._folder / f"{number:08}.parquet"
        write_durably(path, _run_bytes(self._recent))
        self._runs.append(_Run(path))
        self._forget_recent()
        self._write_manifest()

    def _forget_recent(self) -> None:
        self._recent, self._ordered, self._unordered = {}, [], []

    def _join(self) -> None:
        """Merge all runs into one."""
        old = self._runs
        if len(old) < 2:
            return
        path = self._folder / f"{old[-1].number + 1:08}.parquet"
        beside = path.with_suffix(".tmp")
        try:
            _write_run(_merged(old), beside)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        with storing(path):
            beside.replace(path)
        self._runs = [_Run(path)]
        self._write_manifest()
        for run in old:
            run.path.unlink(missing_ok=True)

    def _manifest(self) -> dict[str, Any]:
        """The manifest; empty where there is none, or it or one of its runs is not as we write it."""
        try:
            found = orjson.loads((self._folder / "manifest.json").read_bytes())
            whole = found["version"] == VERSION and found["hashes"] == self._hashes
            whole = whole and all(isinstance(name, str) for name in [*found["covered"], *found["runs"]])
            whole = whole and all(_RUN_NAME.match(name) for name in found["runs"])
            whole = whole and all(pq.read_schema(self._folder / n).names == _SCHEMA.names for n in found["runs"])
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
            return {}
        return found if whole else {}

    def _write_manifest(self) -> None:
        manifest = {
            "version": VERSION,
            "hashes": self._hashes,
            "covered": sorted(self._covered),
            "runs": [run.path.name for run in self._runs],
        }
        write_durably(self._folder / "manifest.json", orjson.dumps(manifest))
        self._written = True

    def _replay(self, file: LakeFile) -> None:
        with reading(file.path), pq.ParquetFile(file.path) as source:
            for table in self._tables(source):
                self._take(self._entries(table))
                self._flush_if_full()

    def _tables(self, source: pq.ParquetFile) -> Iterator[pa.Table]:
        """The file's rows, some at a time: only the columns an entry needs, unless hashes have to be made anew."""
        names = set(source.schema_arrow.names)
        needed = [n for n in ("_key", "_row_hash", "_op", "_synced_at", *scope_columns(self._stream)) if n in names]
        for number in range(source.num_row_groups):
            for batch in source.iter_batches(ROWS_AT_ONCE, row_groups=[number], columns=needed):
                if pc.all(pc.starts_with(batch["_row_hash"], f"{self._hashes}:")).as_py() is False:
                    break
                yield pa.Table.from_batches([batch])
            else:
                continue
            for batch in source.iter_batches(ROWS_AT_ONCE, row_groups=[number]):  # replaying some twice does no harm
                yield pa.Table.from_batches([batch])

    def _entries(self, table: pa.Table) -> list[tuple[str, Entry]]:
        hashes = table["_row_hash"].to_pylist()
        if any(found and not found.startswith(f"{self._hashes}:") for found in hashes):
            hashes = rehashed(self._stream, table)
        alive = [op == UPSERT for op in table["_op"].to_pylist()]
        at = table["_synced_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
        entries = map(Entry, hashes, alive, scopes_of(self._stream, table), at)
        return list(zip(table["_key"].to_pylist(), entries, strict=True))


class _Run:
    """One sorted Parquet file of the index."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = int(path.stem)
        self._file = pq.ParquetFile(path, page_checksum_verification=True)
        self.limits = [self._limits_of(number) for number in range(self._file.num_row_groups)]
        self._cache: dict[int, pa.Table] = {}

    def lookup(self, wanted: list[str]) -> Iterator[tuple[str, Entry]]:
        """The entries of the sorted keys `wanted` that are here."""
        for number, (first, last) in enumerate(self.limits):
            here = wanted[bisect_left(wanted, first) : bisect_right(wanted, last)]
            if here:
                near = _within(self._group(number), here[0], here[-1], with_first=True)
                places = pc.index_in(pa.array(here, pa.string()), near["key"].combine_chunks())
                yield from _rows(near.take(places.drop_null()))

    def range(self, after: str | None, up_to: str | None) -> Iterator[tuple[str, Entry]]:
        """The entries of the keys in (after, up_to]."""
        for number in self._groups(after, up_to):
            yield from _rows(_within(self._group(number), after, up_to))

    def table(self, after: str | None, up_to: str | None) -> pa.Table:
        """The rows of the keys in (after, up_to], as they are stored."""
        groups = list(self._groups(after, up_to))
        return _within(self._file.read_row_groups(groups), after, up_to) if groups else _SCHEMA.empty_table()

    def alive_by_scope(self) -> Iterator[tuple[str | None, int]]:
        for number in range(len(self.limits)):
            table = self._file.read_row_group(number, columns=["alive", "scope"])
            scopes = table.filter(table["alive"])["scope"].value_counts()
            yield from ((entry["values"], entry["counts"]) for entry in scopes.to_pylist())

    def alive_in(self, scopes: pa.Array) -> Iterator[tuple[str, str]]:
        for number in range(len(self.limits)):
            table = self._file.read_row_group(number, columns=["key", "alive", "scope"])
            found = table.filter(pc.and_(table["alive"], pc.is_in(table["scope"], scopes)))
            yield from zip(found["key"].to_pylist(), found["scope"].to_pylist(), strict=True)

    def last_alive(self, after: str, up_to: str, accept: Callable[[str], bool]) -> Iterator[str]:
        for number in reversed(range(len(self.limits))):
            first, last = self.limits[number]
            if first <= up_to and last > after:
                table = self._file.read_row_group(number, columns=["key", "alive"])
                keys = table.filter(table["alive"])["key"].to_pylist()
                start, end = _bounds(keys, after, up_to)
                found = next((key for key in reversed(keys[start:end]) if accept(key)), None)
                if found is not None:
                    yield found
                    return

    def spread(self, every: int) -> Iterator[str]:
        passed = 0
        for number in range(len(self.limits)):
            table = self._file.read_row_group(number, columns=["key", "alive"])
            keys = table.filter(table["alive"])["key"]
            yield from (keys[at].as_py() for at in range(every - 1 - passed, len(keys), every))
            passed = (passed + len(keys)) % every

    def _limits_of(self, number: int) -> tuple[str, str]:
        found = self._file.metadata.row_group(number).column(0).statistics
        if found is not None and found.has_min_max:
            return found.min, found.max
        keys = self._file.read_row_group(number, columns=["key"])["key"]  # very long keys have no statistics
        return keys[0].as_py(), keys[-1].as_py()

    def _groups(self, after: str | None, up_to: str | None) -> Iterator[int]:
        for number, (first, last) in enumerate(self.limits):
            if (after is None or last > after) and (up_to is None or first <= up_to):
                yield number

    def _group(self, number: int) -> pa.Table:
        group = self._cache.pop(number, None)
        if group is None:
            group = self._file.read_row_group(number).combine_chunks()
        self._cache[number] = group  # the last one used is the last one to go
        if len(self._cache) > GROUPS_IN_MEMORY:
            del self._cache[next(iter(self._cache))]
        return group


def _joined(file: LakeFile) -> set[str]:
    """The short names of the files whose rows are in this one."""
    if not file.path.stem.endswith("z"):
        return set()
    return {f"{file.path.parent.name}/{name}" for name in replaces(file.path)}


def _within(table: pa.Table, after: str | None, up_to: str | None, *, with_first: bool = False) -> pa.Table:
    """The rows, sorted by key, with a key in (after, up_to]; `with_first`: in [after, up_to]."""
    keys, find_first = table["key"], bisect_left if with_first else bisect_right
    places = range(len(keys))
    start = 0 if after is None else find_first(places, after, key=lambda at: keys[at].as_py())
    end = len(keys) if up_to is None else bisect_right(places, up_to, key=lambda at: keys[at].as_py())
    return table.slice(start, max(end - start, 0))


def _bounds(keys: list[str], after: str | None, up_to: str | None) -> tuple[int, int]:
    """Where the sorted keys in (after, up_to] begin and end."""
    start = 0 if after is None else bisect_right(keys, after)
    return start, len(keys) if up_to is None else bisect_right(keys, up_to)


def _newest(found: Iterable[Iterable[tuple[str, Entry]]]) -> dict[str, Entry]:
    """The entry of each key that is the newest of all; of equals the later one."""
    newest: dict[str, Entry] = {}
    for entries in found:
        _add(newest, entries)
    return newest


def _add(found: dict[str, Entry], entries: Iterable[tuple[str, Entry]]) -> None:
    for key, entry in entries:
        before = found.get(key)
        if before is None or entry.at >= before.at:
            found[key] = entry


def _rows(table: pa.Table) -> Iterator[tuple[str, Entry]]:
    keys, *columns = (table[name].to_pylist() for name in _SCHEMA.names)
    return zip(keys, map(Entry, *columns), strict=True)


def _run_bytes(entries: dict[str, Entry]) -> bytes:
    keys = sorted(entries)
    rows = [entries[key] for key in keys]
    columns = [keys, [r.hash for r in rows], [r.alive for r in rows], [r.scope for r in rows], [r.at for r in rows]]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)]
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays(arrays, schema=_SCHEMA)
    pq.write_table(table, sink, compression="zstd", row_group_size=ROW_GROUP, write_page_checksum=True)
    return bytes(sink.getvalue())


def _merged(runs: Sequence[_Run]) -> Iterator[pa.Table]:
    """The rows of sorted runs in the order of their keys, the newest of each key; of equals the later run's."""
    ends = sorted(last for run in runs for _, last in run.limits)
    for after, up_to in pairwise([None, *ends[GROUPS_AT_ONCE - 1 : -1 : GROUPS_AT_ONCE], None]):
        rows = pa.concat_tables([run.table(after, up_to) for run in runs])
        if not rows.num_rows:
            continue
        rows = rows.take(pc.sort_indices(rows, sort_keys=[("key", "ascending"), ("at", "ascending")]))
        keys = rows["key"].combine_chunks()
        is_last = pa.concat_arrays([pc.not_equal(keys[:-1], keys[1:]), pa.array([True])])
        yield rows.filter(is_last)


def _write_run(tables: Iterable[pa.Table], path: Path) -> None:
    """What goes wrong while the tables are read is not taken for a disk that does not take them."""
    with storing(path):
        writer = pq.ParquetWriter(path, _SCHEMA, compression="zstd", write_page_checksum=True)
    try:
        for table in tables:
            with storing(path):
                writer.write_table(table, row_group_size=ROW_GROUP)
    finally:
        with storing(path):
            writer.close()
