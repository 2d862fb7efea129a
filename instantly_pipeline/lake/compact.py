"""Compaction: the many small files of a closed day become one; no answer changes.

The new file names those it replaces in its own metadata, so our readers see each row once from the moment it is there.
The old ones stay for the next compaction at least an hour later, because somebody else's glob may be reading them; to
such a reader rows are doubled meanwhile, which the versions' own order makes harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from instantly_pipeline.lake.layout import REPLACES, Layout, current_files, landing, replaces

GRACE = timedelta(hours=1)
ROWS_PER_GROUP = 100_000


@dataclass(slots=True)
class Compacted:
    """What a compaction did, in files."""

    days: int = 0
    joined: int = 0
    removed: int = 0


def compact(layout: Layout, *, now: datetime, on_day: Callable[[str], None] = lambda _: None) -> Compacted:
    """Join the files of every closed UTC day, and remove those an earlier compaction has replaced.

    The caller holds the data directory's lock. StorageError where the disk does not take it; then nothing has changed.
    """
    done = Compacted()
    today = f"synced={now.astimezone(UTC).date()}"
    for day in sorted(_days(layout)):
        if day.name >= today:
            continue
        done.removed += _remove_replaced(day, now)
        files = current_files(day)
        if len(files) > 1:
            on_day(str(day.relative_to(layout.lake)))
            _join(files)
            done.days += 1
            done.joined += len(files)
    return done


def _days(layout: Layout) -> Iterator[Path]:
    for root in (layout.changes, layout.meta):
        yield from root.glob("*/ws=*/synced=*")


def _remove_replaced(day: Path, now: datetime) -> int:
    """Remove replaced files whose replacement has been there long enough."""
    kept = set(current_files(day))
    replaced = [path for path in day.glob("*.parquet") if path not in kept]
    ripe = [p for p in kept if replaced and now - datetime.fromtimestamp(p.stat().st_mtime, UTC) >= GRACE]
    named = {name for path in ripe for name in replaces(path)}
    gone = [path for path in replaced if path.name in named]
    for path in gone:
        path.unlink()
    return len(gone)


def _join(files: Sequence[Path]) -> None:
    """Write one file with the rows of all, in their order, beside its final place; then rename it."""
    target = files[-1].with_name(f"{files[-1].stem}z.parquet")  # sorts behind what it replaces, before later runs
    schema = pa.unify_schemas([pq.read_schema(path).remove_metadata() for path in files])
    names = orjson.dumps([path.name for path in files])
    described = schema.with_metadata({REPLACES: names})
    with landing(target) as handle, pq.ParquetWriter(handle, described, compression="zstd") as writer:
        for table in _grouped(files, schema):
            writer.write_table(table)


def _grouped(files: Sequence[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """The tables of the files, joined into groups worth a row group each."""
    held: list[pa.Table] = []
    for path in files:
        held.append(pa.concat_tables([schema.empty_table(), pq.ParquetFile(path).read()], promote_options="default"))
        if sum(table.num_rows for table in held) >= ROWS_PER_GROUP:
            yield pa.concat_tables(held).combine_chunks()
            held = []
    if held:
        yield pa.concat_tables(held).combine_chunks()
