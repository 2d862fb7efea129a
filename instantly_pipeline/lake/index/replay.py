"""From one file of the change log to the versions of its rows."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from instantly_pipeline.lake.index.sorted_files import Versions
from instantly_pipeline.lake.lake_files import LakeFile, reading, replaced_names
from instantly_pipeline.lake.records.canonical import hash_version
from instantly_pipeline.lake.records.rehash import rehashed
from instantly_pipeline.lake.records.scopes import scope_columns, scopes_of
from instantly_pipeline.lake.schema import UPSERT
from instantly_pipeline.streams.model import Stream

ROWS_AT_ONCE = 8192


def versions_in(file: LakeFile, stream: Stream) -> Iterator[Versions]:
    """The versions of a file's rows, in parts, hashed under today's rules; some may come twice.

    UnreadableFile where the file is damaged.
    """
    todays = re.escape(hash_version(stream)) + ":[0-9a-f]{32}"
    with reading(file.path), pq.ParquetFile(file.path) as source:
        for table in _tables(source, stream, todays):
            is_todays = _is_todays(table["_row_hash"], todays)
            yield Versions(
                keys=table["_key"].to_pylist(),
                hashes=table["_row_hash"].to_pylist() if is_todays else rehashed(stream, table),
                alive=pc.equal(table["_op"], UPSERT).to_pylist(),
                scopes=scopes_of(stream, dict(zip(table.column_names, table.columns, strict=True)), table.num_rows),
                at=table["_synced_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist(),
            )


def _tables(source: pq.ParquetFile, stream: Stream, todays: str) -> Iterator[pa.Table]:
    """The rows, some at a time: only the columns an entry needs, unless hashes have to be recomputed from the rows."""
    names = set(source.schema_arrow.names)
    needed = [n for n in ("_key", "_row_hash", "_op", "_synced_at", *scope_columns(stream)) if n in names]
    for number in range(source.num_row_groups):
        for batch in source.iter_batches(ROWS_AT_ONCE, row_groups=[number], columns=needed):
            if not _is_todays(batch["_row_hash"], todays):
                break
            yield pa.Table.from_batches([batch])
        else:
            continue
        for batch in source.iter_batches(ROWS_AT_ONCE, row_groups=[number]):
            yield pa.Table.from_batches([batch])


def _is_todays(hashes: pa.Array | pa.ChunkedArray, todays: str) -> bool:
    """Whether all hashes, of those that are there, are of today's version and form."""
    return pc.all(pc.match_substring_regex(hashes, f"^{todays}$")).as_py() is not False


def replaced_by(file: LakeFile) -> set[str]:
    """Day and name of the files whose rows are in this one; none unless it is a compacted one."""
    if not file.path.stem.endswith("z"):
        return set()
    return {f"{file.path.parent.name}/{name}" for name in replaced_names(file.path)}
