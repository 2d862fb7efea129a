"""`export` as a user types it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Shell
from tests.orchestration.pipeline import Pipeline

pytestmark = pytest.mark.whole

Synced = tuple[Pipeline, Shell]


def test_a_mart_goes_where_it_is_said_and_replaces_what_was_there(synced: Synced, tmp_path: Path) -> None:
    _, shell = synced
    out = tmp_path / "campaigns.parquet"
    out.write_text("of last week")
    done = shell.run("export", "rpt_campaign_summary", "--format", "parquet", "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    rows = pl.read_parquet(out).height
    assert done.stdout.startswith(f"{out}: {rows} rows of marts.rpt_campaign_summary")
    assert [path.name for path in tmp_path.iterdir()] == ["campaigns.parquet"]


def test_without_out_the_file_is_named_after_the_mart(synced: Synced, tmp_path: Path) -> None:
    _, shell = synced
    done = shell.run("export", "marts.rpt_funnel", "--format", "xlsx", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["rpt_funnel.xlsx"]


def test_what_the_pipeline_or_the_machine_needs_is_not_replaced(synced: Synced) -> None:
    _, shell = synced
    file = shell.data_dir / "publish" / "warehouse.duckdb"
    before = file.stat().st_ino, file.stat().st_size, file.stat().st_mtime_ns
    for out in (file, Path("/dev/null")):
        done = shell.run("export", "rpt_funnel", "--format", "csv", "--out", str(out))
        assert done.returncode == 2
        assert str(out) in done.stderr
    assert (file.stat().st_ino, file.stat().st_size, file.stat().st_mtime_ns) == before
    assert Path("/dev/null").is_char_device()


def test_without_a_published_file_the_way_out_is_named(shell: Shell) -> None:
    done = shell.run("export", "rpt_funnel", "--format", "csv")
    assert done.returncode == 2
    assert "instantly-pipeline sync" in done.stderr
