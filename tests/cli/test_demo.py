"""The demo, in a folder of its own and a little smaller."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from instantly_pipeline.cli.demo_command import demo_command
from instantly_pipeline.cli.failures import run_safely
from instantly_pipeline.warehouse.reader import query
from tests.orchestration.pipeline import make_home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(make_home(tmp_path / "dagster_home")))
    return tmp_path


def test_the_demo_syncs_twice_and_leaves_a_published_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INSTANTLY_API_KEY", "the-users-own-key")  # must not be used
    monkeypatch.setenv("INSTANTLY_API_KEYS", "not even read")
    folder = home / "demo-data"
    folder.mkdir()
    (folder / "DEMO").write_text("")
    (folder / "left over").write_text("of an earlier one")
    assert demo_command(folder, days=15, leads=300) == 0
    published = folder / "publish" / "warehouse.duckdb"
    assert query(published, "select count(distinct run_id) from meta.sync_runs").rows == [(2,)]
    assert query(published, "select count(*) > 0 from history.leads where _valid_to is not null").rows == [(True,)]
    assert (folder / "publish" / "report.html").is_file()
    assert not (folder / "left over").exists()
    said = capsys.readouterr().out
    for expected in (
        "What the two syncs found",
        "reply rate",
        "How long it took",
        "The report to open in a browser",
        "make ui",
        "INSTANTLY_API_KEY=<key>",
    ):
        assert expected in said


def test_the_demo_leaves_a_folder_alone_that_it_did_not_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    command = click.Command("demo", callback=lambda: demo_command(tmp_path))
    assert run_safely(command, []) == 2
    assert "was not made by the demo" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
