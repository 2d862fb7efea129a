"""From one file of the change log to the index entries of its rows."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from instantly_pipeline.lake.index.sorted_files import IndexEntry
from instantly_pipeline.lake.lake_files import LakeFile, reading, replaced_names
from instantly_pipeline.lake.records.canonical import hash_version
from instantly_pipeline.lake.records.rehash import rehashed
from instantly_pipeline.lake.records.scopes import scope_columns, scopes_of
from instantly_pipeline.lake.schema import UPSERT
from instantly_pipeline.streams.model import Stream

ROWS_AT_ONCE = 8192


def entries_of(file: LakeFile, stream: Stream) -> Iterator[list[tuple[str, IndexEntry]]]:
    """The entries of a file's rows, in parts, hashed under today's rules; some may come twice.

    UnreadableFile where the file is damaged.
    """
    version = f"{hash_version(stream)}:"
    with reading(file.path), pq.ParquetFile(file.path) as source:
        for table in _tables(source, stream, version):
            hashes = table["_row_hash"].to_pylist()
            if any(found and not found.startswith(version) for found in hashes):
                hashes = rehashed(stream, table)
            alive = [op == UPSERT for op in table["_op"].to_pylist()]
            at = table["_synced_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
            entries = map(IndexEntry, hashes, alive, scopes_of(stream, table), at)
            yield list(zip(table["_key"].to_pylist(), entries, strict=True))


def _tables(source: pq.ParquetFile, stream: Stream, version: str) -> Iterator[pa.Table]:
    """The rows, some at a time: only the columns an entry needs, unless hashes have to be recomputed from the rows."""
    names = set(source.schema_arrow.names)
    needed = [n for n in ("_key", "_row_hash", "_op", "_synced_at", *scope_columns(stream)) if n in names]
    for number in range(source.num_row_groups):
        for batch in source.iter_batches(ROWS_AT_ONCE, row_groups=[number], columns=needed):
            if pc.all(pc.starts_with(batch["_row_hash"], version)).as_py() is False:
                break
            yield pa.Table.from_batches([batch])
        else:
            continue
        for batch in source.iter_batches(ROWS_AT_ONCE, row_groups=[number]):
            yield pa.Table.from_batches([batch])


def replaced_by(file: LakeFile) -> set[str]:
    """Day and name of the files whose rows are in this one; none unless it is a compacted one."""
    if not file.path.stem.endswith("z"):
        return set()
    return {f"{file.path.parent.name}/{name}" for name in replaced_names(file.path)}
