"""The demo, in a folder of its own and a little smaller."""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from contextlib import redirect_stdout
from datetime import timedelta
from pathlib import Path

import click
import httpx
import pytest

from instantly_pipeline.cli.demo_command import DAYS_BETWEEN, demo_command, demo_world
from instantly_pipeline.cli.failures import run_safely
from instantly_pipeline.warehouse.published.query import query
from instantly_sandbox.server import running
from tests.orchestration.pipeline import make_home

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a demo that went well, where an earlier one had left something, and what it said."""
    root = tmp_path_factory.mktemp("demo")
    folder = root / "demo-data"
    folder.mkdir()
    (folder / "DEMO").write_text("")
    (folder / "left over").write_text("of an earlier one")
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setenv("DAGSTER_HOME", str(make_home(root / "dagster_home")))
        patch.setenv("INSTANTLY_API_KEY", "the-users-own-key")  # must not be used
        patch.setenv("INSTANTLY_API_KEYS", "not even read")
        assert demo_command(folder, days=15, leads=300) == 0
    return folder, said.getvalue()


def test_the_demo_syncs_twice_and_leaves_a_published_file(demo: tuple[Path, str]) -> None:
    folder, said = demo
    published = folder / "publish" / "warehouse.duckdb"
    assert query(published, "select count(distinct run_id) from meta.sync_runs").rows == [(2,)]
    assert query(published, "select count(*) > 0 from history.leads where _valid_to is not null").rows == [(True,)]
    assert (folder / "publish" / "report.html").is_file()
    assert not (folder / "left over").exists()
    for expected in (
        "What the two syncs found",
        "reply rate",
        "Time: ",
        "The report to open in a browser",
        "make ui",
        "INSTANTLY_API_KEY=<key>",
    ):
        assert expected in said


def test_the_demo_ends_without_a_warning(demo: tuple[Path, str]) -> None:
    assert "Warning" not in demo[1]


def test_the_first_sync_of_the_demo_is_as_old_as_its_world_was_then(demo: tuple[Path, str]) -> None:
    sql = "select max(published_at) - min(published_at) from meta.published"
    [(apart,)] = query(demo[0] / "publish" / "warehouse.duckdb", sql).rows
    assert timedelta(days=DAYS_BETWEEN) < apart < timedelta(days=DAYS_BETWEEN, minutes=10)


def test_some_variants_of_the_demos_world_have_sent_and_brought_in_enough_to_be_judged() -> None:
    with running(demo_world()) as box:
        answer = httpx.get(f"{box.url}/_sandbox/state/events", timeout=60, verify=False)
    sent: Counter[tuple[str, int, int]] = Counter()
    replied: dict[tuple[str, int], set[str]] = defaultdict(set)
    for event in map(json.loads, answer.text.splitlines()):
        if event["kind"] == "sent":
            sent[event["campaign"], event["step"], event["variant"]] += 1
        if event["kind"] == "replied":
            replied[event["campaign"], event["step"]].add(event["lead"])
    steps: dict[tuple[str, int], list[int]] = defaultdict(list)
    for (campaign, step, _), count in sent.items():
        steps[campaign, step].append(count)
    judged = [
        key for key, counts in steps.items() if len(counts) > 1 and min(counts) >= 100 and len(replied[key]) >= 10
    ]
    assert len(judged) >= 3


def test_the_demo_leaves_a_folder_alone_that_it_did_not_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    command = click.Command("demo", callback=lambda: demo_command(tmp_path))
    assert run_safely(command, []) == 2
    assert "was not created by the demo" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
