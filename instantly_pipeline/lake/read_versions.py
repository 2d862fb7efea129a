"""Reading single versions of records back from the change log."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from instantly_pipeline.lake.lake_files import reading
from instantly_pipeline.lake.layout import Layout

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
