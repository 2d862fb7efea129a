"""The last version of every key of one stream and workspace: key, hash, alive or deleted, scope.

A cache of the change log, made anew from it when it is missing. It lies as Parquet runs sorted by key, newest last, and
is read by range of keys, so that memory stays flat at millions of leads; what this process added since the last run is
kept in memory. File names of the log sort by time (one writer, a clock that never goes back), so the manifest needs
only the last name that the runs cover; whatever lies behind it is replayed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from instantly_pipeline.lake.conform import scopes_of
from instantly_pipeline.lake.layout import LakeFile, Layout, write_durably
from instantly_pipeline.lake.record import hash_version
from instantly_pipeline.lake.rehash import rehashed
from instantly_pipeline.lake.schema import UPSERT
from instantly_pipeline.streams.model import Stream

VERSION = 1
ROWS_IN_MEMORY = 100_000
MOST_RUNS = 8
ROW_GROUP = 32_768

_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("hash", pa.string()),
        pa.field("alive", pa.bool_()),
        pa.field("scope", pa.string()),
        pa.field("run", pa.int32()),
    ]
)


class Entry(NamedTuple):
    """The last version of a key."""

    hash: str | None
    alive: bool
    scope: str | None


class Index:
    """The index of one stream and workspace; `open` before use, `flush` when done."""

    def __init__(self, layout: Layout, stream: Stream, workspace_id: str) -> None:
        self._layout = layout
        self._stream = stream
        self._workspace_id = workspace_id
        self._folder = layout.index(stream.name, workspace_id)
        self._hashes = hash_version(stream)
        self._recent: dict[str, Entry] = {}
        self._covers = ""
        self._runs: list[_Run] = []

    def open(self) -> Index:
        """Read the manifest and replay the files it does not cover."""
        manifest = self._manifest()
        if not manifest:
            for stale in self._folder.glob("*.parquet"):
                stale.unlink()
        self._covers = manifest.get("covers", "")
        self._runs = [_Run(self._folder / name) for name in manifest.get("runs", [])]
        for file in self._layout.files(self._layout.changes, self._stream.name, self._workspace_id):
            if file.name > self._covers:
                self._replay(file)
        return self

    def lookup(self, keys: Sequence[str]) -> dict[str, Entry]:
        """The entries of those of `keys` that are known."""
        found: dict[str, Entry] = {}
        if keys and self._runs:
            wanted = pa.array(keys, pa.string())
            low, high = min(keys), max(keys)
            for run in self._runs:
                found.update(run.lookup(wanted, low, high))
        if self._recent:
            found.update((key, self._recent[key]) for key in keys if key in self._recent)
        return found

    def alive(self, after: str | None = None, up_to: str | None = None) -> dict[str, Entry]:
        """The entries, not deleted, of all known keys in (after, up_to]; None leaves a side open."""
        return {key: entry for key, entry in self.everything(after, up_to).items() if entry.alive}

    def everything(self, after: str | None = None, up_to: str | None = None) -> dict[str, Entry]:
        """The entries, deleted ones too, of all known keys in (after, up_to]; None leaves a side open."""
        found: dict[str, Entry] = {}
        for run in self._runs:
            found.update(run.range(after, up_to))
        for key, entry in self._recent.items():
            if (after is None or key > after) and (up_to is None or key <= up_to):
                found[key] = entry
        return found

    def alive_by_scope(self) -> dict[str | None, int]:
        """How many live keys each scope has. Joins the runs first, so that the count is one pass in bounded memory."""
        self.flush(join=True)
        counts: Counter[str | None] = Counter()
        for run in self._runs:
            for scope, count in run.alive_by_scope():
                counts[scope] += count
        return counts

    def put(self, entries: Iterable[tuple[str, Entry]], file: LakeFile) -> None:
        """Note the versions that `file`, which has landed, holds."""
        self._recent.update(entries)
        self._covers = file.name
        if len(self._recent) >= ROWS_IN_MEMORY:
            self.flush()

    def flush(self, *, join: bool = False) -> None:
        """Write what is in memory as a run; join the runs when there are many, or when asked to."""
        if self._recent:
            self._add_run()
        if len(self._runs) > (1 if join else MOST_RUNS):
            self._join()

    def _add_run(self) -> None:
        number = 1 + max((run.number for run in self._runs), default=0)
        path = self._folder / f"{number:08}.parquet"
        write_durably(path, _run_bytes(self._recent, number))
        self._runs.append(_Run(path))
        self._recent = {}
        self._write_manifest()

    def _join(self) -> None:
        """Merge all runs into one."""
        old = self._runs
        path = self._folder / f"{old[-1].number + 1:08}.parquet"
        beside = path.with_suffix(".tmp")
        _merge([run.path for run in old], beside, old[-1].number + 1, self._layout.work)
        beside.replace(path)
        self._runs = [_Run(path)]
        self._write_manifest()
        for run in old:
            run.path.unlink(missing_ok=True)

    def _manifest(self) -> dict[str, Any]:
        try:
            found = orjson.loads((self._folder / "manifest.json").read_bytes())
            whole = found["version"] == VERSION and found["hashes"] == self._hashes
            whole = whole and all(pq.read_metadata(self._folder / n) for n in found["runs"])
        except (OSError, ValueError, KeyError, TypeError):  # pyarrow's errors are ValueErrors
            return {}
        return found if whole else {}

    def _write_manifest(self) -> None:
        manifest = {
            "version": VERSION,
            "hashes": self._hashes,
            "covers": self._covers,
            "runs": [run.path.name for run in self._runs],
        }
        write_durably(self._folder / "manifest.json", orjson.dumps(manifest))

    def _replay(self, file: LakeFile) -> None:
        table = pq.ParquetFile(file.path).read().sort_by("_synced_at")
        self.put(self._entries(table), file)

    def _entries(self, table: pa.Table) -> list[tuple[str, Entry]]:
        hashes = table["_row_hash"].to_pylist()
        if any(found and not found.startswith(f"{self._hashes}:") for found in hashes):
            hashes = rehashed(self._stream, table)
        alive = [op == UPSERT for op in table["_op"].to_pylist()]
        entries = map(Entry, hashes, alive, scopes_of(self._stream, table))
        return list(zip(table["_key"].to_pylist(), entries, strict=True))


class _Run:
    """One sorted Parquet file of the index."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = int(path.stem)
        self._file = pq.ParquetFile(path)
        meta = self._file.metadata
        stats = [meta.row_group(n).column(0).statistics for n in range(meta.num_row_groups)]
        self._bounds: list[tuple[str, str]] = [(s.min, s.max) for s in stats]
        self._cache: dict[int, pa.Table] = {}

    def lookup(self, wanted: pa.Array, low: str, high: str) -> Iterator[tuple[str, Entry]]:
        for group in self._groups(low, high):
            yield from _rows(group.filter(pc.is_in(group["key"], value_set=wanted)))

    def range(self, after: str | None, up_to: str | None) -> Iterator[tuple[str, Entry]]:
        for group in self._groups(after, up_to):
            keep = pa.scalar(True)
            if after is not None:
                keep = pc.and_(keep, pc.greater(group["key"], after))
            if up_to is not None:
                keep = pc.and_(keep, pc.less_equal(group["key"], up_to))
            yield from _rows(group if after is None and up_to is None else group.filter(keep))

    def alive_by_scope(self) -> Iterator[tuple[str | None, int]]:
        for number in range(len(self._bounds)):
            table = self._file.read_row_group(number, columns=["alive", "scope"])
            scopes = table.filter(table["alive"])["scope"].value_counts()
            yield from ((entry["values"], entry["counts"]) for entry in scopes.to_pylist())

    def _groups(self, low: str | None, high: str | None) -> Iterator[pa.Table]:
        for number, (first, last) in enumerate(self._bounds):
            if (low is None or last >= low) and (high is None or first <= high):
                yield self._group(number)

    def _group(self, number: int) -> pa.Table:
        if number not in self._cache:
            while len(self._cache) >= 2:  # a sweep goes forward: two neighbours are enough
                del self._cache[next(iter(self._cache))]
            self._cache[number] = self._file.read_row_group(number)
        return self._cache[number]


def _rows(table: pa.Table) -> Iterator[tuple[str, Entry]]:
    columns = (table[name].to_pylist() for name in ("hash", "alive", "scope"))
    return zip(table["key"].to_pylist(), map(Entry, *columns), strict=True)


def _run_bytes(entries: dict[str, Entry], number: int) -> bytes:
    keys = sorted(entries)
    rows = [entries[key] for key in keys]
    columns = [keys, [r.hash for r in rows], [r.alive for r in rows], [r.scope for r in rows], [number] * len(rows)]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)]
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays(arrays, schema=_SCHEMA)
    pq.write_table(table, sink, compression="zstd", row_group_size=ROW_GROUP)
    return bytes(sink.getvalue())


def _merge(runs: list[Path], target: Path, number: int, spill: Path) -> None:
    """Join sorted runs into one, the newest entry of each key counting; DuckDB sorts and spills for us."""
    spill.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(spill), "threads": "2"}) as con:
        con.execute(
            f"""
            copy (
                select key, last.hash, last.alive, last.scope, {number}::int as run
                from (
                    select key, arg_max(struct_pack(hash := hash, alive := alive, scope := scope), run) as last
                    from read_parquet($runs) group by key
                )
                order by key
            ) to '{str(target).replace("'", "''")}' (format parquet, compression zstd, row_group_size {ROW_GROUP})
            """,
            {"runs": [str(path) for path in runs]},
        )
