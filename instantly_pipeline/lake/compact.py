"""Compaction: the many small files of a closed day become one; no answer changes.

The new file names those it replaces in its own metadata, so our readers see each row once from the moment it is there.
The old ones are removed by the next compaction at least an hour later, because another program's glob may be reading
them; such a reader sees rows twice meanwhile, and adjacent equal versions collapse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from instantly_pipeline.lake.durable import replacing
from instantly_pipeline.lake.lake_files import PARTS, REPLACES, current_files, replaced_names
from instantly_pipeline.lake.layout import Layout

GRACE = timedelta(hours=1)
ROWS_PER_GROUP = 100_000


@dataclass(slots=True)
class Compacted:
    """What a compaction did, in files."""

    days: int = 0
    joined: int = 0
    removed: int = 0


def compact(layout: Layout, *, now: datetime, on_day: Callable[[str], None] = lambda _: None) -> Compacted:
    """Join the files of every UTC day but today, and remove those an earlier compaction has replaced.

    The caller holds the data directory's lock. StorageError where the disk refuses it; then nothing has changed.
    """
    done = Compacted()
    today = f"synced={now.astimezone(UTC).date()}"
    for day in sorted(day for root in (layout.changes, layout.meta) for day in root.glob("*/ws=*/synced=*")):
        if day.name == today:  # a later day is closed, too: a wrong clock made it, and instants only grow
            continue
        done.removed += _remove_replaced(day, now)
        groups = [group for group in _alike(current_files(day)) if len(group) > 1]
        for group in groups:
            on_day(str(day.relative_to(layout.lake)))
            _join(group)
            done.joined += len(group)
        done.days += bool(groups)
    return done


def _alike(files: Sequence[Path]) -> list[list[Path]]:
    """Neighbours with the same columns.

    A file without a column is not the same as one where it is null: its values may be in `extra`. Joined, the two could
    no longer be told apart.
    """
    return [list(group) for _, group in groupby(files, key=lambda path: tuple(pq.read_schema(path).names))]


def _remove_replaced(day: Path, now: datetime) -> int:
    """Remove files that were replaced long enough ago."""
    kept = set(current_files(day))
    replaced = [path for path in day.glob("*.parquet") if path not in kept]
    old_enough = [p for p in kept if replaced and now - datetime.fromtimestamp(p.stat().st_mtime, UTC) >= GRACE]
    named = {name for path in old_enough for name in replaced_names(path)}
    outdated = [path for path in replaced if path.name in named]
    for path in outdated:
        path.unlink()
    return len(outdated)


def _join(files: Sequence[Path]) -> None:
    """Write one file with the rows of all, in their order."""
    target = files[-1].with_name(f"{files[-1].stem}z.parquet")  # sorts behind what it replaces, before later runs
    schema = pq.read_schema(files[0]).remove_metadata()
    names = orjson.dumps([path.name for path in files])
    found = [(path.name, stat.st_size, stat.st_mtime_ns) for path in files if (stat := path.stat())]
    described = schema.with_metadata({REPLACES: names, PARTS: orjson.dumps(found)})
    with replacing(target) as handle, pq.ParquetWriter(handle, described, compression="zstd") as writer:
        for table in _grouped(files):
            writer.write_table(table)


def _grouped(files: Sequence[Path]) -> Iterator[pa.Table]:
    """The tables of the files, concatenated up to a row group each."""
    held: list[pa.Table] = []
    for path in files:
        held.append(pq.ParquetFile(path).read().replace_schema_metadata())
        if sum(table.num_rows for table in held) >= ROWS_PER_GROUP:
            yield pa.concat_tables(held).combine_chunks()
            held = []
    if held:
        yield pa.concat_tables(held).combine_chunks()
