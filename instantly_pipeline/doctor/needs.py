"""What a workspace of a size takes of the disk and of the memory."""

from __future__ import annotations

import shutil
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq

from instantly_pipeline.doctor.disk import files_in, nearest
from instantly_pipeline.doctor.findings import Finding, Health
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.memory import available, in_bytes
from instantly_pipeline.settings import Settings

# Bytes a lead, measured with 1,000,000 leads in 200 campaigns after a first sync: 215 in the lake, 1,010 in the build
# file, 1,010 in the published file, 350 in its Parquet files. While publishing, the last two are there twice.
_STORED, _BESIDE = 2_600, 1_400
_SMALL = 50_000_000  # bytes that a workspace without leads takes
# Bytes beside DuckDB's limit: within 512 MB, 1,000,000 leads took 802 MB at most, of which Python has 150; within 1 GB
# 1.31 GB, within 2 GB 2.29 GB
_BESIDE_LIMIT = 350_000_000


def examine_needs(settings: Settings, counted: int, *, free: int | None = None, memory: int | None = None) -> Finding:
    """Compare what so many leads (or those published, if more) take with what the machine has, in bytes."""
    layout = Layout(settings.data_dir)
    leads = max(counted, _published(layout))
    free = shutil.disk_usage(nearest(layout.root)).free if free is None else free
    memory = available() if memory is None else memory
    limit = in_bytes(settings.memory_limit)
    there = sum(one.st_size for one in files_in(layout.changes, layout.work, layout.publish))
    on_disk = _SMALL + leads * (_STORED + _BESIDE)
    said = (
        f"{leads:,} leads take about {_gb(on_disk)} of disk while a sync publishes, {_gb(_SMALL + leads * _STORED)} "
        f"afterwards; the history of changes comes on top. A sync takes up to {_gb(limit + _BESIDE_LIMIT)} of memory, "
        f"of which DuckDB takes {_gb(limit)} (INSTANTLY_MEMORY_LIMIT); this machine has {_gb(memory)}"
    )
    if on_disk > free + there:
        return Finding(
            "size", Health.INFO, f"{said}. The disk is too small: free some space, or set INSTANTLY_DATA_DIR."
        )
    if limit + _BESIDE_LIMIT > memory:
        return Finding("size", Health.INFO, f"{said}. Lower INSTANTLY_MEMORY_LIMIT (512MB is enough), or add memory.")
    return Finding("size", Health.OK, said)


def _published(layout: Layout) -> int:
    with suppress(OSError, pa.ArrowException):
        return int(pq.read_metadata(layout.publish / "current" / "leads.parquet").num_rows)
    return 0


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
