"""What a workspace takes of the disk and of the memory, and what to do where there is less."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from instantly_pipeline.doctor.disk import files_in
from instantly_pipeline.doctor.findings import Health
from instantly_pipeline.doctor.needs import examine_needs
from instantly_pipeline.settings import Settings, load

GB = 1_000_000_000


def settings(folder: Path) -> Settings:
    return load(data_dir=folder, memory_limit="1GB", api_key="k")


def test_leads_and_what_they_take_are_named(tmp_path: Path) -> None:
    found = examine_needs(settings(tmp_path), 1_000_000, free=10 * GB, memory=8 * GB)
    assert found.health is Health.OK
    assert "1,000,000 leads take about 4.0 GB of disk while a sync publishes, 2.6 GB afterwards" in found.said
    assert "up to 1.4 GB of memory, of which DuckDB takes 1.0 GB" in found.said


def test_a_disk_that_is_too_small_is_said_with_what_to_do(tmp_path: Path) -> None:
    found = examine_needs(settings(tmp_path), 1_000_000, free=4 * GB, memory=8 * GB)
    assert found.health is Health.INFO
    assert "free some space, or set INSTANTLY_DATA_DIR" in found.said


@pytest.mark.parametrize("name", ["work/build.duckdb", "lake/changes/leads/ws=a/synced=2026-11-30/a.parquet"])
def test_what_a_sync_left_before_is_not_needed_again(tmp_path: Path, name: str) -> None:
    build = tmp_path / name
    build.parent.mkdir(parents=True)
    with build.open("wb") as handle:
        handle.truncate(GB)
    assert examine_needs(settings(tmp_path), 1_000_000, free=4 * GB, memory=8 * GB).health is Health.OK


def test_too_little_memory_is_said_with_what_to_do(tmp_path: Path) -> None:
    found = examine_needs(settings(tmp_path), 1_000, free=10 * GB, memory=GB)
    assert found.health is Health.INFO
    assert "Lower INSTANTLY_MEMORY_LIMIT" in found.said


def test_leads_that_no_counter_counts_are_known_from_what_was_published(tmp_path: Path) -> None:
    (tmp_path / "publish" / "current").mkdir(parents=True)
    pq.write_table(pa.table({"id": ["a", "b", "c"]}), tmp_path / "publish" / "current" / "leads.parquet")
    found = examine_needs(settings(tmp_path), 2, free=10 * GB, memory=8 * GB)
    assert found.said.startswith("3 leads")


def test_a_file_that_a_sync_removes_meanwhile_is_not_counted(tmp_path: Path) -> None:
    for name in ("gone", "stays"):
        (tmp_path / name).write_bytes(b"123")
    found = files_in(tmp_path)
    sizes = [next(found).st_size]  # the folder is listed
    for path in tmp_path.iterdir():
        path.unlink()
    assert [*sizes, *(one.st_size for one in found)] == [3]
