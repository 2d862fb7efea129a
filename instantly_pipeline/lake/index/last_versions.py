"""The last version of every key of one stream and workspace: key, hash, alive or deleted, scope, since when.

A cache of the change log, rebuilt from it when it is missing, damaged, or knows of files that are no longer there. It
lies as Parquet files sorted by key and is read by range of keys, so that memory stays flat at millions of leads; what
this process added since it last wrote one is kept in memory. Of several entries of a key the one with the greatest
`_synced_at` counts, so change files may be replayed twice and in any order.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from instantly_pipeline.lake.durable import storing, write_durably
from instantly_pipeline.lake.index.replay import entries_of, replaced_by
from instantly_pipeline.lake.index.sorted_files import (
    SCHEMA,
    Cache,
    IndexEntry,
    SortedFile,
    file_bytes,
    merged,
    write_sorted,
)
from instantly_pipeline.lake.lake_files import LakeFile
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.records.canonical import hash_version
from instantly_pipeline.streams.model import Stream

VERSION = 2
ROWS_IN_MEMORY = 100_000
MOST_FILES = 8

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
        self._is_manifest_current = False
        self._sorted_files: list[SortedFile] = []
        self._cache = Cache()

    def open(self) -> Index:
        """Read the manifest and replay the files it does not cover; UnreadableFile where one of them is damaged."""
        manifest = self._manifest()
        files = {f.short: f for f in self._layout.files(self._layout.changes, self._stream.name, self._workspace_id)}
        covered = set(manifest.get("covered", []))
        joined = {name: replaced_by(file) for name, file in files.items() if name not in covered}
        if covered - files.keys() - set().union(*joined.values()):  # rows it knows of are no longer there
            manifest, covered, joined = {}, set(), {name: set() for name in files}
        if not manifest:
            with storing(self._folder):
                for stale in (*self._folder.glob("manifest.json"), *self._folder.glob("*.parquet")):
                    stale.unlink()
        self._covered = covered & files.keys()
        self._cache.clear()
        self._sorted_files = [SortedFile(self._folder / name, self._cache) for name in manifest.get("runs", [])]
        for name, replaced in joined.items():
            if not replaced or not replaced <= covered:
                for entries in entries_of(files[name], self._stream):
                    self._take(entries)
                    self._flush_if_full()
            self._covered.add(name)
        self._is_manifest_current = manifest != {} and self._covered == covered
        return self

    def lookup(self, keys: Sequence[str]) -> dict[str, IndexEntry]:
        """The entries of those of `keys` that are known."""
        wanted = sorted(set(keys)) if self._sorted_files else []
        found = self._rebuilt_if_damaged(lambda: _newest(one.lookup(wanted) for one in self._sorted_files))
        _add(found, ((key, self._recent[key]) for key in keys if key in self._recent))
        return found

    def alive(self, after: str | None = None, up_to: str | None = None) -> dict[str, IndexEntry]:
        """The entries, not deleted, of all known keys in (after, up_to]; None leaves a side open."""
        return {key: entry for key, entry in self.entries(after, up_to).items() if entry.alive}

    def entries(self, after: str | None = None, up_to: str | None = None) -> dict[str, IndexEntry]:
        """The entries, deleted ones too, of all known keys in (after, up_to]; None leaves a side open."""
        found = self._rebuilt_if_damaged(lambda: _newest(one.range(after, up_to) for one in self._sorted_files))
        _add(found, ((key, self._recent[key]) for key in self._recent_keys(after, up_to)))
        return found

    def alive_by_scope(self) -> dict[str | None, int]:
        """How many live keys each scope has. Merges the files first: one pass in bounded memory."""
        self.flush(merge=True)
        return self._rebuilt_if_damaged(self._count_scopes)

    def alive_in(self, scopes: Collection[str]) -> list[tuple[str, str]]:
        """The live keys of some scopes, each with its scope; one pass over the whole index."""
        self.flush(merge=True)
        wanted = pa.array(sorted(scopes), pa.string())
        return self._rebuilt_if_damaged(lambda: [found for one in self._sorted_files for found in one.alive_in(wanted)])

    def spread(self, every: int) -> list[str]:
        """Every `every`-th live key, in order: places that cut what is known into equal parts."""
        self.flush(merge=True)
        return self._rebuilt_if_damaged(lambda: [key for one in self._sorted_files for key in one.spread(every)])

    def last_alive(self, after: str, up_to: str, accept: Callable[[str], bool]) -> str | None:
        """The greatest live key in (after, up_to] that is accepted."""
        self.flush(merge=True)
        return self._rebuilt_if_damaged(
            lambda: max((k for one in self._sorted_files for k in one.last_alive(after, up_to, accept)), default=None)
        )

    def put(self, entries: Iterable[tuple[str, IndexEntry]], file: LakeFile) -> None:
        """Note the versions in `file`, which is in the log already."""
        self._take(entries)
        self._covered.add(file.short)
        self._is_manifest_current = False
        self._flush_if_full()

    def flush(self, *, merge: bool = False) -> None:
        """Write what is in memory as a file; merge the files when there are many, or when asked to."""
        if self._recent:
            self._write_recent()
        elif not self._is_manifest_current:
            self._write_manifest()
        if len(self._sorted_files) > (1 if merge else MOST_FILES):
            self._rebuilt_if_damaged(self._merge)

    def _rebuilt_if_damaged(self, read: Callable[[], _T]) -> _T:
        """What `read` finds in the files; where one is damaged, the index is first rebuilt from the log."""
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
        for one in self._sorted_files:
            for scope, count in one.alive_by_scope():
                counts[scope] += count
        return counts

    def _flush_if_full(self) -> None:
        if len(self._recent) >= ROWS_IN_MEMORY:
            self.flush()

    def _write_recent(self) -> None:
        number = 1 + max((one.number for one in self._sorted_files), default=0)
        path = self._folder / f"{number:08}.parquet"
        write_durably(path, file_bytes(self._recent))
        self._sorted_files.append(SortedFile(path, self._cache))
        self._forget_recent()
        self._write_manifest()

    def _forget_recent(self) -> None:
        self._recent, self._ordered, self._unordered = {}, [], []

    def _merge(self) -> None:
        """Merge all files into one."""
        old = self._sorted_files
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
        self._sorted_files = [SortedFile(path, self._cache)]
        self._write_manifest()
        for one in old:
            one.path.unlink(missing_ok=True)

    def _manifest(self) -> dict[str, Any]:
        """The manifest; empty where there is none, or it or one of its files is not as we write it."""
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
            "runs": [one.path.name for one in self._sorted_files],
        }
        write_durably(self._folder / "manifest.json", orjson.dumps(manifest))
        self._is_manifest_current = True


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
