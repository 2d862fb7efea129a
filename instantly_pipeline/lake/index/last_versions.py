"""The last version of every key of one stream and workspace: key, hash, alive or deleted, scope, since when.

A cache of the change log, rebuilt from it when it is missing, damaged, or knows of files that are no longer there. It
lies in few files sorted by key, which are mapped into memory, so that memory stays flat at millions of leads; what this
process added since it last wrote one lies in memory in the same form. Of several entries of a key the one with the
greatest `_synced_at` counts, so change files may be replayed twice and in any order; the others are masked when it
comes, so that a question about all keys is one pass over the columns, and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np
import orjson

from instantly_pipeline.lake.durable import storing, write_durably
from instantly_pipeline.lake.index.keys import Array, Bound, KeySet, as_texts, decoded, encoded
from instantly_pipeline.lake.index.replay import replaced_by, versions_in
from instantly_pipeline.lake.index.sorted_files import (
    HASH_BYTES,
    NO_SCOPE,
    ROWS_AT_ONCE,
    Damaged,
    IndexEntry,
    SortedRows,
    Versions,
    in_memory,
    open_sorted,
    write_sorted,
)
from instantly_pipeline.lake.lake_files import LakeFile
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.records.canonical import hash_version
from instantly_pipeline.streams.model import Stream

VERSION = 3
ROWS_IN_MEMORY = 200_000  # 9 MB; a kill costs reading them again from the log, half a second
SMALL = 65_536  # rows: a smaller file is merged into the next one whatever that has
MUCH_LARGER = 2  # times the rows: a file is merged with those after it until it has so many more than they have

_FILE_NAME = re.compile(r"\d{8}\.rows\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        self._files: dict[int, list[SortedRows]] = {}  # by width of their keys, the largest first
        self._recent: dict[int, list[SortedRows]] = {}  # the same, in memory
        self._scopes: list[str] = []
        self._numbers: dict[str | None, int] = {None: NO_SCOPE}  # of the scopes
        self._covered: set[str] = set()
        self._is_manifest_current = False

    def open(self) -> Index:
        """Read the manifest and replay the files it does not cover; UnreadableFile where one of them is damaged."""
        manifest = self._manifest()
        files = {f.short: f for f in self._layout.files(self._layout.changes, self._stream.name, self._workspace_id)}
        covered = set(manifest.get("covered", []))
        joined = {name: replaced_by(file) for name, file in files.items() if name not in covered}
        if covered - files.keys() - set().union(*joined.values()):  # rows it knows of are no longer there
            manifest, covered, joined = {}, set(), {name: set() for name in files}
        if not manifest:
            self._forget_files()
        self._remove_others()
        self._covered = covered & files.keys()
        for name, replaced in joined.items():
            if not replaced or not replaced <= covered:
                for versions in versions_in(files[name], self._stream):
                    self._take(versions)
            self._covered.add(name)
        self._is_manifest_current = manifest != {} and self._covered == covered
        return self

    def lookup(self, keys: Sequence[str]) -> dict[str, IndexEntry]:
        """The entries of those of `keys` that are known."""
        found: dict[str, IndexEntry] = {}
        for width, (_, wanted) in encoded(keys).items():
            for part in self._of(width):
                found.update(self._entries(part, part.find(wanted)[1]))
        return found

    def compare(self, keys: Sequence[str], hashes: Sequence[str]) -> tuple[Array, Array]:
        """Which of `keys` are alive, and which of them have these hashes."""
        digests = self._digests(hashes)
        is_alive, is_same = np.zeros(len(keys), np.bool_), np.zeros(len(keys), np.bool_)
        for width, (places, wanted) in encoded(keys).items():
            for part in self._of(width):
                is_here, rows = part.find(wanted)
                here = places[is_here]
                is_alive[here] = part.alive[rows]
                is_same[here] = part.hash[rows] == digests[here]
        return is_alive, is_alive & is_same

    def alive(self, after: str | None = None, up_to: str | None = None) -> dict[str, IndexEntry]:
        """The entries, not deleted, of all known keys in (after, up_to]; None leaves a side open."""
        return {key: entry for key, entry in self.entries(after, up_to).items() if entry.alive}

    def entries(self, after: str | None = None, up_to: str | None = None) -> dict[str, IndexEntry]:
        """The entries, deleted ones too, of all known keys in (after, up_to], sorted; None leaves a side open."""
        found: dict[str, IndexEntry] = {}
        for part, rows in self._within(after, up_to):
            found.update(self._entries(part, rows.start + np.flatnonzero(~part.superseded[rows])))
        return dict(sorted(found.items()))

    def unseen(
        self,
        seen: KeySet,
        after: str | None = None,
        up_to: str | None = None,
        *,
        scopes: Collection[str | None] | None = None,
    ) -> list[tuple[str, str | None]]:
        """The live keys in (after, up_to] that are not in `seen`, sorted, each with its scope; only those in `scopes`.

        One pass over the index, whatever the number of scopes.
        """
        is_wanted = np.array([scopes is None or scope in scopes for scope in [*self._scopes, None]])
        keys: dict[int, Array] = {}
        found: list[tuple[str, str | None]] = []
        for part, rows in self._within(after, up_to):
            width = part.key.itemsize
            if width not in keys:
                keys[width] = seen.sorted(width)
            missing = part.is_live() if rows == slice(0, len(part)) else part.is_live(rows)
            missing &= is_wanted[part.scope[rows]]
            missing[part.find(keys[width], rows)[1] - rows.start] = False
            places = rows.start + np.flatnonzero(missing)
            found += zip(decoded(part.key[places]), self._scopes_of(part, places), strict=True)
        return sorted(found, key=lambda one: one[0])

    def alive_by_scope(self) -> dict[str | None, int]:
        """How many live keys each scope has."""
        counts = np.zeros(len(self._scopes) + 1, np.int64)
        for part in self._all():
            counts += np.bincount(part.scope[part.is_live()] - NO_SCOPE, minlength=len(counts))
        return {scope: count for scope, count in zip([None, *self._scopes], counts.tolist(), strict=True) if count}

    def spread(self, every: int) -> list[str]:
        """Every `every`-th live key, in order: places that cut what is known into equal parts."""
        live = [part.key[part.is_live()] for part in self._all()]
        if len({keys.itemsize for keys in live}) > 1:
            live = [as_texts(keys) for keys in live]
        ordered = np.sort(np.concatenate(live), kind="stable") if live else np.array([], "S64")
        return decoded(ordered[every - 1 :: every])

    def last_alive(self, after: str, up_to: str, accept: Callable[[str], bool]) -> str | None:
        """The greatest live key in (after, up_to] that is accepted."""
        found = None
        for part, rows in self._within(after, up_to):
            places = rows.start + np.flatnonzero(part.is_live(rows))
            for end in range(len(places), 0, -ROWS_AT_ONCE):
                keys = decoded(part.key[places[max(end - ROWS_AT_ONCE, 0) : end]])
                last = next(filter(accept, reversed(keys)), None)
                if last is not None:
                    found = max(found or last, last)
                    break
        return found

    def put(self, versions: Versions, file: LakeFile) -> None:
        """Note the versions in `file`, which is in the log already."""
        self._covered.add(file.short)
        self._is_manifest_current = False
        self._take(versions)

    def flush(self) -> None:
        """Write what is in memory; files that are not much larger are merged with it."""
        replaced = [old for width in list(self._recent) for old in self._write_recent(width)]
        if not self._is_manifest_current:
            self._write_manifest()
        for old in replaced:
            (self._folder / old).unlink(missing_ok=True)

    def _take(self, versions: Versions) -> None:
        """Add versions; where one's key is known, the older of the two is superseded."""
        columns = [
            self._digests(versions.hashes),
            np.array(versions.at, np.int64),
            np.array([self._number(scope) for scope in versions.scopes], np.int32),
            np.array(versions.alive, np.bool_),
        ]
        for width, (places, keys) in encoded(versions.keys).items():
            new = SortedRows.of([keys, *(column[places] for column in columns)])
            for old in self._of(width):
                old.supersede(new)
            if new.superseded.all():
                continue
            recent = self._recent.setdefault(width, [])
            recent.append(new)
            while len(recent) > 1 and len(recent[-2]) < MUCH_LARGER * len(recent[-1]):
                recent[-2:] = [in_memory(recent[-2:])]
        if sum(map(len, chain(*self._recent.values()))) >= ROWS_IN_MEMORY:
            self.flush()

    def _of(self, width: int) -> list[SortedRows]:
        return [*self._files.get(width, []), *self._recent.get(width, [])]

    def _all(self) -> Iterator[SortedRows]:
        return chain(*self._files.values(), *self._recent.values())

    def _within(self, after: str | None, up_to: str | None) -> Iterator[tuple[SortedRows, slice]]:
        """The parts with keys in (after, up_to], and which rows these are."""
        ends = [None if end is None else Bound.at(end) for end in (after, up_to)]
        for part in self._all():
            rows = part.within(*ends)
            if rows.start < rows.stop:
                yield part, rows

    def _entries(self, part: SortedRows, rows: Array) -> Iterator[tuple[str, IndexEntry]]:
        entries = map(
            IndexEntry, self._texts(part.hash[rows]), part.alive[rows].tolist(), self._scopes_of(part, rows),
            part.at[rows].tolist(),
        )  # fmt: skip
        return zip(decoded(part.key[rows]), entries, strict=True)

    def _scopes_of(self, part: SortedRows, rows: Array) -> list[str | None]:
        names = [*self._scopes, None]  # NO_SCOPE is the last one
        return [names[number] for number in part.scope[rows].tolist()]

    def _number(self, scope: str | None) -> int:
        if scope not in self._numbers:
            self._numbers[scope] = len(self._scopes)
            self._scopes.append(scope or "")
        return self._numbers[scope]

    def _digests(self, hashes: Sequence[str | None]) -> Array:
        """The bytes of hashes of today's version; of 0 where there is none."""
        start = len(self._hashes) + 1
        digits = "".join(["0" * 2 * HASH_BYTES if one is None else one[start:] for one in hashes])
        return np.frombuffer(bytes.fromhex(digits), f"S{HASH_BYTES}")

    def _texts(self, digests: Array) -> list[str | None]:
        digits, size = digests.tobytes().hex(), 2 * HASH_BYTES
        parts = (digits[start : start + size] for start in range(0, len(digits), size))
        return [f"{self._hashes}:{part}" if part.strip("0") else None for part in parts]

    def _write_recent(self, width: int) -> list[str]:
        """Write what is in memory with keys of one width; the names of the files that were merged into the new one."""
        files, recent = self._files.get(width, []), self._recent[width]
        first, rows = len(files), sum(map(len, recent))
        while first and len(files[first - 1]) < max(SMALL, MUCH_LARGER * rows):
            first -= 1
            rows += len(files[first])
        number = 1 + max((int(name[:8]) for name in self._names()), default=0)
        described = write_sorted([*files[first:], *recent], self._folder / f"{number:08}.rows")
        self._files[width] = [*files[:first], open_sorted(self._folder, described)]
        del self._recent[width]
        self._is_manifest_current = False
        return [str(old.described["name"]) for old in files[first:] if old.described]

    def _names(self) -> list[str]:
        return [str(part.described["name"]) for part in chain(*self._files.values()) if part.described]

    def _manifest(self) -> dict[str, Any]:
        """The manifest, its files mapped into memory; empty where there is none, or anything is not as we write it."""
        try:
            found = orjson.loads((self._folder / "manifest.json").read_bytes())
            whole = found["version"] == VERSION and found["hashes"] == self._hashes
            whole = whole and all(isinstance(name, str) for name in [*found["covered"], *found["scopes"]])
            if not whole or not all(_FILE_NAME.match(file["name"]) for file in found["files"]):
                return {}
            files = [open_sorted(self._folder, file) for file in found["files"]]
        except (OSError, ValueError, KeyError, TypeError, Damaged):
            return {}
        for file in files:
            for older in self._files.setdefault(file.key.itemsize, []):
                older.supersede(file)
            self._files[file.key.itemsize].append(file)
        for scope in found["scopes"]:
            self._number(scope)
        return dict(found)

    def _forget_files(self) -> None:
        """Begin without files: all of the log will be replayed."""
        self._files = {}
        with storing(self._folder):
            (self._folder / "manifest.json").unlink(missing_ok=True)

    def _remove_others(self) -> None:
        """Remove files that are not of this index: an older version wrote them, or a kill came before the manifest."""
        names = self._names()
        with storing(self._folder):
            for path in [*self._folder.glob("*.rows"), *self._folder.glob("*.parquet")]:
                if path.name not in names:
                    path.unlink(missing_ok=True)

    def _write_manifest(self) -> None:
        manifest = {
            "version": VERSION,
            "hashes": self._hashes,
            "covered": sorted(self._covered),
            "scopes": self._scopes,
            "files": [part.described for part in chain(*self._files.values())],
        }
        write_durably(self._folder / "manifest.json", orjson.dumps(manifest))
        self._is_manifest_current = True
