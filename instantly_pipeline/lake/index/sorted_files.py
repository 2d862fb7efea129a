"""The last versions of some keys, sorted by key: in memory, or in a file that is mapped into memory.

A file has no header: its columns lie one after the other, each of a fixed width, and the index's manifest says how many
rows there are and how wide a key is. So nothing is decoded, and what is in memory of it are the kernel's pages.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from instantly_pipeline.lake.durable import replacing
from instantly_pipeline.lake.index.keys import Array, Bound

ROWS_AT_ONCE = 65_536  # that are merged: some megabytes
COLUMNS = ("key", "hash", "at", "scope", "alive")
HASH_BYTES = 16
NO_SCOPE = -1


class Versions(NamedTuple):
    """New versions of keys, column by column; `at` as in an entry."""

    keys: Sequence[str]
    hashes: Sequence[str | None]
    alive: Sequence[bool]
    scopes: Sequence[str | None]
    at: Sequence[int]


class IndexEntry(NamedTuple):
    """The last version of a key; `at` is its `_synced_at` in microseconds since 1970."""

    hash: str | None
    alive: bool
    scope: str | None
    at: int = 0


class Damaged(Exception):
    """A file of the index is not as it was written."""


class SortedRows:
    """Rows sorted by key, each key once.

    `key` has one width (see `keys`), `hash` 16 bytes, `at` microseconds since 1970, `scope` the number of a scope.
    `superseded` marks the rows whose key has a newer version elsewhere: of all rows of a key in an index, one is not.
    """

    def __init__(self, columns: Sequence[Array], described: Mapping[str, Any] | None = None) -> None:
        self.columns = tuple(columns)
        self.key, self.hash, self.at, self.scope, self.alive = self.columns
        self.superseded = np.zeros(len(self.key), np.bool_)
        self.described = described  # in the manifest, if they lie in a file

    @classmethod
    def of(cls, columns: Sequence[Array]) -> SortedRows:
        """Rows in any order; of several of a key the one with the greatest `at` counts, of equals the later one."""
        by_age = np.argsort(columns[2], kind="stable")
        order = by_age[np.argsort(columns[0][by_age], kind="stable")]
        keys = columns[0][order]
        order = order[np.append(keys[:-1] != keys[1:], True)]
        return cls([column[order] for column in columns])

    def __len__(self) -> int:
        return len(self.key)

    def is_live(self, rows: slice = slice(None)) -> Array:
        """Which rows are of records that exist."""
        live: Array = self.alive[rows] & ~self.superseded[rows]
        return live

    def within(self, after: Bound | None, up_to: Bound | None) -> slice:
        """The rows with a key in (after, up_to]; None leaves a side open."""
        start = 0 if after is None else after.place_in(self.key)
        return slice(start, max(start, len(self) if up_to is None else up_to.place_in(self.key)))

    def find(self, keys: Array, rows: slice = slice(None)) -> tuple[Array, Array]:
        """Which of `keys`, of the same width, have a row here that is not superseded; and these rows."""
        there = self.key[rows]
        places = np.searchsorted(there, keys)
        places[places == len(there)] = 0
        is_here = (there[places] == keys) & ~self.superseded[rows][places] if len(there) else np.zeros(len(keys), bool)
        return is_here, places[is_here] + (rows.start or 0)

    def supersede(self, newer: SortedRows) -> None:
        """Mark the rows whose key is in `newer` too, here or there: the greater `at` wins, else that of `newer`."""
        is_here, rows = self.find(newer.key)
        wins = newer.at[is_here] >= self.at[rows]
        self.superseded[rows[wins]] = True
        newer.superseded[np.flatnonzero(is_here)[~wins]] = True


def in_memory(parts: Sequence[SortedRows]) -> SortedRows:
    """The rows of several parts with keys of one width, without superseded ones."""
    merge = _Merge(parts)
    return SortedRows([np.concatenate(list(merge.column(number))) for number in range(len(COLUMNS))])


def write_sorted(parts: Sequence[SortedRows], path: Path) -> dict[str, Any]:
    """Write the rows of several parts as one file; what the manifest says of it. StorageError where it cannot be."""
    merge, checksum = _Merge(parts), 0
    with replacing(path) as handle:
        for number in range(len(COLUMNS)):
            for chunk in merge.column(number):
                content = chunk.tobytes()
                checksum = zlib.crc32(content, checksum)
                handle.write(content)
    return {"name": path.name, "rows": merge.rows, "width": parts[0].key.itemsize, "crc32": checksum}


def open_sorted(folder: Path, described: Mapping[str, Any]) -> SortedRows:
    """The rows of a file that the manifest describes; Damaged where it is not that file."""
    rows, width = described["rows"], described["width"]
    types = [np.dtype(one) for one in (f"S{width}", f"S{HASH_BYTES}", "<i8", "<i4", "?")]
    try:
        with (folder / described["name"]).open("rb") as handle:
            content = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise Damaged from error
    if len(content) != rows * sum(one.itemsize for one in types) or zlib.crc32(content) != described["crc32"]:
        raise Damaged
    starts = accumulate((one.itemsize * rows for one in types), initial=0)
    columns = [np.frombuffer(content, one, rows, start) for one, start in zip(types, starts, strict=False)]
    return SortedRows(columns, described)


class _Merge:
    """How the rows of several parts, each key once, follow each other: some at a time, so that few are in memory."""

    def __init__(self, parts: Sequence[SortedRows]) -> None:
        self._parts = parts
        bounds = max(parts, key=len).key[ROWS_AT_ONCE::ROWS_AT_ONCE]
        cuts = [[0, *np.searchsorted(part.key, bounds).tolist(), len(part)] for part in parts]
        self._slices = [
            [slice(*ends) for ends in zip(*both, strict=True)] for both in pairwise(zip(*cuts, strict=True))
        ]
        self._orders = [self._order(slices) for slices in self._slices]
        self.rows = sum(map(len, self._orders))

    def column(self, number: int) -> Iterator[Array]:
        """A column of all rows, in chunks."""
        for slices, order in zip(self._slices, self._orders, strict=True):
            parts = zip(self._parts, slices, strict=True)
            yield np.concatenate([part.columns[number][rows] for part, rows in parts])[order]

    def _order(self, slices: Sequence[slice]) -> Array:
        parts = list(zip(self._parts, slices, strict=True))
        keys = np.concatenate([part.key[rows] for part, rows in parts])
        gone = np.concatenate([part.superseded[rows] for part, rows in parts])
        order = np.argsort(keys, kind="stable").astype(np.uint32)
        kept: Array = order[~gone[order]]
        return kept
