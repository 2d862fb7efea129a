"""Which files of the lake the build file holds, and what follows from the difference.

A table of the build file is a function of the lake's files. A file that appeared is added where that gives the same
result as loading everything; a file compacted from loaded ones takes their place; any other that vanished or changed
makes its table be loaded whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.lake_files import LakeFile, replaced_files, replaced_names

CHANGES, META = "changes", "meta"


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as found on disk now: what tells it from another content under the same name."""

    file: LakeFile
    bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What is on disk and not in the build file.

    `joined` are compacted files whose rows are all loaded: nothing of them has to be read. `stale` says that a loaded
    file is not there as it was, so the table has to be loaded whole; `lost` that this was no compaction: rows may have
    been erased from the lake.
    """

    fresh: tuple[Seen, ...]
    joined: tuple[Seen, ...]
    stale: bool
    lost: bool

    @property
    def nothing(self) -> bool:
        """Whether the build file holds what is on disk."""
        return not (self.fresh or self.joined or self.stale)


@dataclass(frozen=True, slots=True)
class Reach:
    """What one loaded file held: number of rows taken, and their first and last `_synced_at` (None for none)."""

    rows: int
    first: datetime | None
    last: datetime | None


def look(files: Iterable[LakeFile]) -> tuple[Seen, ...]:
    """The files with size and time of change; one that vanished meanwhile is left out."""
    seen = []
    for file in files:
        try:
            stat = file.path.stat()
        except FileNotFoundError:
            continue
        seen.append(Seen(file, stat.st_size, stat.st_mtime_ns))
    return tuple(seen)


class LoadedFiles:
    """`meta.loaded_files`, read once and kept in step. Threads may share it, each with tables of its own."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._known: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
        rows = con.execute('select area, "table", file, bytes, modified_ns from meta.loaded_files').fetchall()
        for area, table, file, size, modified in rows:
            self._known.setdefault((area, table), {})[file] = (size, modified)

    def difference(self, area: str, table: str, seen: Sequence[Seen]) -> Difference:
        """What `seen`, all files of a table, has beyond what is noted."""
        known = dict(self._known.get((area, table), {}))
        fresh, changed = [], False
        for one in seen:
            noted = known.pop(one.file.name, None)
            if noted is None:
                fresh.append(one)
            elif noted != (one.bytes, one.modified_ns):
                changed = True
        joined = tuple(one for one in fresh if self._is_joined(area, table, one))
        left = known.keys() - {name for one in joined for name in _parts(one)}
        lost = changed or not left <= _replaced(fresh)
        rest = tuple(one for one in fresh if one not in joined)
        return Difference(rest, joined, stale=changed or bool(left), lost=lost)

    def _is_joined(self, area: str, table: str, one: Seen) -> bool:
        """Whether a file was compacted from files that are loaded as they were then."""
        noted, found = self._known.get((area, table), {}), _parts(one)
        return bool(found) and all(noted.get(name) == state for name, state in found.items())

    def join(self, con: duckdb.DuckDBPyConnection, area: str, table: str, joined: Iterable[Seen]) -> None:
        """Note compacted files in place of those they were made from. Belongs into a transaction."""
        for one in joined:
            names = list(_parts(one))
            placed = [area, table, one.file.workspace_id, one.file.name, one.bytes, one.modified_ns, names]
            con.execute(_JOIN, placed)
            con.execute(
                'delete from meta.loaded_files where area = ? and "table" = ? and file in (select unnest(?))',
                [area, table, names],
            )
            known = self._known[area, table]
            known[one.file.name] = (one.bytes, one.modified_ns)
            for name in names:
                del known[name]

    def forget(self, con: duckdb.DuckDBPyConnection, area: str, table: str) -> None:
        """Note that nothing of a table is loaded. Belongs into the transaction that empties it."""
        con.execute('delete from meta.loaded_files where area = ? and "table" = ?', [area, table])
        self._known.pop((area, table), None)

    def note(
        self, con: duckdb.DuckDBPyConnection, area: str, table: str, seen: Sequence[Seen], reach: dict[str, Reach]
    ) -> None:
        """Note files as loaded. Belongs into the transaction that writes their rows."""
        if not seen:
            return
        nothing = Reach(0, None, None)
        rows = []
        for one in seen:
            found = reach.get(one.file.name, nothing)
            rows.append((area, table, one.file.workspace_id, one.file.name, one.bytes, one.modified_ns, *_flat(found)))
            self._known.setdefault((area, table), {})[one.file.name] = (one.bytes, one.modified_ns)
        noted = pa.Table.from_pylist([dict(zip(_NOTED.names, row, strict=True)) for row in rows], schema=_NOTED)
        con.register("noted_files", noted)
        con.execute("insert into meta.loaded_files select * from noted_files")
        con.unregister("noted_files")


_JOIN = """
insert into meta.loaded_files
select $1, $2, $3, $4, $5, $6, sum(rows), min(first_synced_at), max(last_synced_at)
from meta.loaded_files where area = $1 and "table" = $2 and file in (select unnest($7))
"""


def _parts(one: Seen) -> dict[str, tuple[int, int]]:
    """The files a compacted one was made from, by name as noted, as they were then; none for any other file."""
    if not one.file.path.stem.endswith("z"):
        return {}
    return {_in_same_folder(one, name): state for name, state in replaced_files(one.file.path).items()}


def _replaced(fresh: Iterable[Seen]) -> set[str]:
    """The files whose rows a compaction has put into one of these that does not say how they were then."""
    old = [one for one in fresh if one.file.path.stem.endswith("z") and not _parts(one)]
    return {_in_same_folder(one, name) for one in old for name in replaced_names(one.file.path)}


def _in_same_folder(one: Seen, name: str) -> str:
    return f"{one.file.name.rpartition('/')[0]}/{name}"


_NOTED = pa.schema(
    [
        ("area", pa.string()),
        ("table", pa.string()),
        ("workspace_id", pa.string()),
        ("file", pa.string()),
        ("bytes", pa.int64()),
        ("modified_ns", pa.int64()),
        ("rows", pa.int64()),
        ("first_synced_at", pa.timestamp("us", tz="UTC")),
        ("last_synced_at", pa.timestamp("us", tz="UTC")),
    ]
)


def _flat(reach: Reach) -> tuple[int, datetime | None, datetime | None]:
    return reach.rows, reach.first, reach.last


def broken_file(paths: Iterable[Path]) -> StorageError | None:
    """The sentence for the first file that is no readable Parquet file, or None where all are."""
    for path in paths:
        try:
            pq.read_metadata(path)
        except (OSError, pa.ArrowException):
            return StorageError(
                f"{path} cannot be read as Parquet. The lake's files are written whole or not at all, so the disk or "
                f"another program damaged it: restore it from a backup, or move it away and run "
                f"`instantly-pipeline sync --full` to read its records again."
            )
    return None
