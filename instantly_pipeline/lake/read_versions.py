"""Reading versions of records back from the change log: single ones, or those since an instant."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from instantly_pipeline.lake.lake_files import reading
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.schema import UTC_MICROS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_versions(
    layout: Layout, stream: str, workspace_id: str, versions: Mapping[str, int], columns: Collection[str]
) -> dict[str, dict[str, Any]]:
    """The values of some columns in one version of each key, by key and column.

    `versions` says which: the key's `_synced_at` in microseconds since 1970, as the index has it. Left out are versions
    that are not there (somebody was erased) and columns that their files do not have. UnreadableFile for a damaged one.
    """
    days = {f"synced={(_EPOCH + timedelta(microseconds=at)).date()}" for at in versions.values()}
    keys = pa.array(sorted(versions), pa.string())
    found: dict[str, dict[str, Any]] = {}
    for file in layout.files(layout.changes, stream, workspace_id):
        if file.path.parent.name not in days:
            continue
        with reading(file.path), pq.ParquetFile(file.path) as source:
            names = [name for name in columns if name in source.schema_arrow.names]
            for batch in source.iter_batches(columns=["_key", "_synced_at", *names]):
                for row in batch.filter(pc.is_in(batch["_key"], keys)).to_pylist():
                    key, at = row.pop("_key"), row.pop("_synced_at")
                    if (at - _EPOCH) // timedelta(microseconds=1) == versions[key]:
                        found[key] = row
    return found


def read_since(
    layout: Layout, stream: str, workspace_id: str, after: int, columns: Collection[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Some columns of every version written after an instant, with its own; both in microseconds since 1970."""
    since = _EPOCH + timedelta(microseconds=after)
    for file in layout.files(layout.changes, stream, workspace_id):
        if file.path.parent.name < f"synced={since.date()}":
            continue
        with reading(file.path), pq.ParquetFile(file.path) as source:
            names = [name for name in columns if name in source.schema_arrow.names]
            table = source.read(columns=["_synced_at", *names])
        for row in table.filter(pc.greater(table["_synced_at"], pa.scalar(since, UTC_MICROS))).to_pylist():
            yield (row.pop("_synced_at") - _EPOCH) // timedelta(microseconds=1), row
