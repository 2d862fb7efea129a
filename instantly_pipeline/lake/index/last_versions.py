"""The last version of every key of one stream and workspace: key, hash, alive or deleted, scope, since when.

A cache of the change log, made anew from it when it is missing, damaged, or knows of files that are gone. It lies as
Parquet runs sorted by key and is read by range of keys, so that memory stays flat at millions of leads; what this
process added since the last run is kept in memory. Of several entries of a key the one with the greatest `_synced_at`
counts, so files may be replayed twice and in any order.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from instantly_pipeline.lake.durable import storing, write_durably
from instantly_pipeline.lake.index.sorted_files import (
    SCHEMA,
    Cache,
    IndexEntry,
    SortedFile,
    file_bytes,
    merged,
    write_sorted,
)
from instantly_pipeline.lake.lake_files import LakeFile, reading, replaced_names
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.records.canonical import hash_version
from instantly_pipeline.lake.records.normalize import scope_columns, scopes_of
from instantly_pipeline.lake.records.rehash import rehashed
from instantly_pipeline.lake.schema import UPSERT
from instantly_pipeline.streams.model import Stream

VERSION = 2
ROWS_IN_MEMORY = 100_000
MOST_FILES = 8
ROWS_AT_ONCE = 8192  # of a file that is replayed

_FILE_NAME = re.compile(r"\d{8}\.parquet\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAMAGE = (OSError, pa.ArrowException)
_T = TypeVar("_T")


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
        self._recent: dict[str, IndexEntry] = {}
        self._ordered: list[str] = []  # the keys of `_recent`, sorted, but for those in `_unordered`
        self._unordered: list[str] = []
        self._covered: set[str] = set()
        self._written = False  # whether the manifest says what is covered
        self._sorted: list[SortedFile] = []
        self._cache = Cache()

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
        self._cache.clear()
        self._sorted = [SortedFile(self._folder / name, self._cache) for name in manifest.get("runs", [])]
        for name, replaced in joined.items():
            if not replaced or not replaced <= covered:
                self._replay(files[name])
            self._covered.add(name)
        self._written = manifest != {} and self._covered == covered
        return self

    def lookup(self, keys: Sequence[str]) -> dict[str, IndexEntry]:
        """The entries of those of `keys` that are known."""
        wanted = sorted(set(keys)) if self._sorted else []
        found = self._healed(lambda: _newest(one.lookup(wanted) for one in self._sorted))
        _add(found, ((key, self._recent[key]) for key in keys if key in self._recent))
        return found

    def alive(self, after: str | None = None, up_to: str | None = None) -> dict[str, IndexEntry]:
        """The entries, not deleted, of all known keys in (after, up_to]; None leaves a side open."""
        return {key: entry for key, entry in self.entries(after, up_to).items() if entry.alive}

    def entries(self, after: str | None = None, up_to: str | None = None) -> dict[str, IndexEntry]:
        """The entries, deleted ones too, of all known keys in (after, up_to]; None leaves a side open."""
        found = self._healed(lambda: _newest(one.range(after, up_to) for one in self._sorted))
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
        return self._healed(lambda: [found for one in self._sorted for found in one.alive_in(wanted)])

    def spread(self, every: int) -> list[str]:
        """Every `every`-th live key, in order: places that cut what is known into equal parts."""
        self.flush(join=True)
        return self._healed(lambda: [key for one in self._sorted for key in one.spread(every)])

    def last_alive(self, after: str, up_to: str, accept: Callable[[str], bool]) -> str | None:
        """The greatest live key in (after, up_to] that is accepted."""
        self.flush(join=True)
        return self._healed(
            lambda: max((k for one in self._sorted for k in one.last_alive(after, up_to, accept)), default=None)
        )

    def put(self, entries: Iterable[tuple[str, IndexEntry]], file: LakeFile) -> None:
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
        if len(self._sorted) > (1 if join else MOST_FILES):
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

    def _take(self, entries: Iterable[tuple[str, IndexEntry]]) -> None:
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
        for one in self._sorted:
            for scope, count in one.alive_by_scope():
                counts[scope] += count
        return counts

    def _flush_if_full(self) -> None:
        if len(self._recent) >= ROWS_IN_MEMORY:
            self.flush()

    def _add_run(self) -> None:
        number = 1 + max((one.number for one in self._sorted), default=0)
        path = self._folder / f"{number:08}.parquet"
        write_durably(path, file_bytes(self._recent))
        self._sorted.append(SortedFile(path, self._cache))
        self._forget_recent()
        self._write_manifest()

    def _forget_recent(self) -> None:
        self._recent, self._ordered, self._unordered = {}, [], []

    def _join(self) -> None:
        """Merge all runs into one."""
        old = self._sorted
        if len(old) < 2:
            return
        path = self._folder / f"{old[-1].number + 1:08}.parquet"
        beside = path.with_suffix(".tmp")
        self._cache.clear()
        try:
            write_sorted(merged(old), beside)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        with storing(path):
            beside.replace(path)
        self._sorted = [SortedFile(path, self._cache)]
        self._write_manifest()
        for one in old:
            one.path.unlink(missing_ok=True)

    def _manifest(self) -> dict[str, Any]:
        """The manifest; empty where there is none, or it or one of its runs is not as we write it."""
        try:
            found = orjson.loads((self._folder / "manifest.json").read_bytes())
            whole = found["version"] == VERSION and found["hashes"] == self._hashes
            whole = whole and all(isinstance(name, str) for name in [*found["covered"], *found["runs"]])
            whole = whole and all(_FILE_NAME.match(name) for name in found["runs"])
            whole = whole and all(pq.read_schema(self._folder / n).names == SCHEMA.names for n in found["runs"])
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
            return {}
        return found if whole else {}

    def _write_manifest(self) -> None:
        manifest = {
            "version": VERSION,
            "hashes": self._hashes,
            "covered": sorted(self._covered),
            "runs": [one.path.name for one in self._sorted],
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

    def _entries(self, table: pa.Table) -> list[tuple[str, IndexEntry]]:
        hashes = table["_row_hash"].to_pylist()
        if any(found and not found.startswith(f"{self._hashes}:") for found in hashes):
            hashes = rehashed(self._stream, table)
        alive = [op == UPSERT for op in table["_op"].to_pylist()]
        at = table["_synced_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
        entries = map(IndexEntry, hashes, alive, scopes_of(self._stream, table), at)
        return list(zip(table["_key"].to_pylist(), entries, strict=True))


def _joined(file: LakeFile) -> set[str]:
    """The short names of the files whose rows are in this one."""
    if not file.path.stem.endswith("z"):
        return set()
    return {f"{file.path.parent.name}/{name}" for name in replaced_names(file.path)}


def _bounds(keys: list[str], after: str | None, up_to: str | None) -> tuple[int, int]:
    """Where the sorted keys in (after, up_to] begin and end."""
    start = 0 if after is None else bisect_right(keys, after)
    return start, len(keys) if up_to is None else bisect_right(keys, up_to)


def _newest(found: Iterable[Iterable[tuple[str, IndexEntry]]]) -> dict[str, IndexEntry]:
    """The entry of each key that is the newest of all; of equals the later one."""
    newest: dict[str, IndexEntry] = {}
    for entries in found:
        _add(newest, entries)
    return newest


def _add(found: dict[str, IndexEntry], entries: Iterable[tuple[str, IndexEntry]]) -> None:
    for key, entry in entries:
        before = found.get(key)
        if before is None or entry.at >= before.at:
            found[key] = entry
