"""The command `plan`, against a sandbox: what it shows, its exit codes, and that it needs no lock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from instantly_pipeline.lake.lock import writing
from tests.cli.conftest import Shell
from tests.orchestration.pipeline import Pipeline

pytestmark = pytest.mark.whole

Synced = tuple[Pipeline, Shell]


def test_it_shows_requests_time_and_reasons_by_stream_while_another_command_writes(synced: Synced) -> None:
    pipe, shell = synced
    with writing(shell.data_dir, command="sync"):
        done = shell.run("plan")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("default: ")
    assert "requests, " in lines[0]
    assert " a minute" in lines[0]
    rows = {line.split()[0] for line in lines[2:] if line}
    assert {"leads", "daily_analytics", "step_analytics", "all"} <= rows
    assert "campaigns" in done.stdout
    assert lines[-1].startswith("This plan itself made 4 requests")
    assert pipe.key not in done.stdout


def test_json_is_for_programs_and_holds_the_sums(synced: Synced) -> None:
    _, shell = synced
    done = shell.here("plan", "--json", "--streams", "campaigns,leads")
    assert (done.returncode, done.stderr) == (0, "")
    [one] = json.loads(done.stdout)["workspaces"]
    assert [cost["stream"] for cost in one["streams"]] == ["identify workspace", "campaigns", "leads"]
    assert one["requests"] == sum(cost["requests"] for cost in one["streams"])
    assert (one["estimate"], one["asked"], one["reason"]) == (False, 3, None)


def test_a_new_data_directory_is_not_made(synced: Synced, tmp_path: Path) -> None:
    _, shell = synced
    folder = tmp_path / "new"
    done = shell.here("plan", INSTANTLY_DATA_DIR=str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert "streams that were never read, or have changed, are estimated" in done.stdout
    assert not folder.exists()


def test_a_rejected_key_is_1_and_said(synced: Synced) -> None:
    _, shell = synced
    done = shell.here("plan", INSTANTLY_API_KEY="wrong-key-0815")
    assert done.returncode == 1
    assert done.stdout.startswith("default: failed: ")
    assert "401" in done.stdout
    assert "wrong-key-0815" not in done.stdout + done.stderr


def test_wrong_usage_is_2(synced: Synced) -> None:
    _, shell = synced
    for words, said in (
        (["--streams", "nonsense"], "no stream or group 'nonsense'"),
        (["--workspace", "x"], "no workspace 'x'"),
    ):
        done = shell.here("plan", *words)
        assert done.returncode == 2
        assert said in done.stderr
