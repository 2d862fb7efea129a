"""`doctor`, against a sandbox: what it finds, its exit code, and that it leaves everything as it was."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from instantly_pipeline.lake.lock import writing
from instantly_pipeline.streams.registry import all_streams, select_streams
from tests.cli.conftest import Shell
from tests.orchestration.pipeline import Pipeline

pytestmark = pytest.mark.whole

Synced = tuple[Pipeline, Shell]


@contextmanager
def switched(pipe: Pipeline, **values: Any) -> Iterator[None]:
    pipe.switch(**values)
    try:
        yield
    finally:
        pipe.switch(**{name: {} for name in values})


def examined(shell: Shell, code: int, **environment: str) -> list[tuple[str, str, str]]:
    """Health, subject and sentence of every line."""
    done = shell.here("doctor", "--json", **environment)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr == ""
    return [(one["health"], one["about"], one["said"]) for one in json.loads(done.stdout)["findings"]]


def not_well(found: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [one for one in found if one[0] != "ok"]


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def test_all_well_is_0_one_line_each_and_nothing_is_written(synced: Synced) -> None:
    pipe, shell = synced
    before = files(shell.data_dir)
    done = shell.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert files(shell.data_dir) == before
    lines = done.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"ok"}
    every = len(select_streams(["core"]))
    for expected in (
        "duckdb 2.",
        f"{every} of {every} streams can be read",
        "storage v1.2.0",
        "GB free",
        "leads take about",
        "belongs to workspace",
    ):
        assert expected in done.stdout
    assert pipe.key not in done.stdout


def test_each_address_is_asked_once(synced: Synced) -> None:
    pipe, shell = synced
    httpx.delete(f"{pipe.url}/_sandbox/requests", verify=False)
    examined(shell, 0, INSTANTLY_STREAMS="all")
    asked = httpx.get(f"{pipe.url}/_sandbox/requests", verify=False).json()["by_path"]
    assert {one["count"] for one in asked.values()} == {1}
    assert asked.keys() == {f"{stream.method} {stream.path}" for stream in all_streams().values()}


def test_a_rejected_key_is_2(synced: Synced) -> None:
    _, shell = synced
    [(health, about, said)] = not_well(examined(shell, 2, INSTANTLY_API_KEY="wrong-key-0815"))
    assert (health, about) == ("fail", "key default")
    assert "answered 401" in said
    assert "wrong-key-0815" not in said


def test_a_stream_that_may_not_be_read_is_3_and_named(synced: Synced) -> None:
    pipe, shell = synced
    with switched(pipe, stream_status={"/api/v2/custom-tags": 403}):
        [(health, _, said)] = not_well(examined(shell, 3))
    assert health == "warn"
    assert said.startswith("custom_tags: GET /api/v2/custom-tags answered 403")
    assert "lacks the required scope" in said


def test_a_stream_that_there_is_nothing_to_ask_for_is_named(synced: Synced) -> None:
    pipe, shell = synced
    [alone] = not_well(examined(shell, 0, INSTANTLY_STREAMS="account_daily_analytics"))
    with switched(pipe, stream_status={"/api/v2/accounts": 403}):
        _, without = not_well(examined(shell, 3, INSTANTLY_STREAMS="accounts,warmup_summary"))
    assert [alone[0], alone[2]] == [
        "info",
        "account_daily_analytics: not checked, since INSTANTLY_STREAMS does not include accounts",
    ]
    assert [without[0], without[2]] == ["info", "warmup_summary: not checked, since no record of accounts was found"]


def test_without_the_scope_of_the_workspace_it_is_found_by_its_records(synced: Synced) -> None:
    pipe, shell = synced
    with switched(pipe, stream_status={"/api/v2/workspaces/current": 403}):
        found = examined(shell, 3)
    assert [said.split(":")[0] for _, _, said in not_well(found)] == ["workspaces"]
    assert any("(name not readable)" in said for _, _, said in found)


def test_a_block_in_front_of_the_api_is_no_matter_of_scopes(synced: Synced) -> None:
    pipe, shell = synced
    fault = {"match": {"path": "/api/v2/workspaces/current"}, "kind": "cloudflare_1010", "times": 1}
    httpx.post(f"{pipe.url}/_sandbox/faults", json=fault, verify=False).raise_for_status()
    [(health, _, said)] = not_well(examined(shell, 2))
    assert health == "fail"
    assert "blocked by the CDN in front of the API" in said


def test_a_key_of_another_workspace_is_refused(synced: Synced, tmp_path: Path) -> None:
    _, shell = synced
    bound = shell.data_dir / "lake" / "workspaces.json"
    before = bound.read_bytes()
    bound.write_text('{"default": "another"}')
    try:
        [(health, _, said)] = not_well(examined(shell, 2))
    finally:
        bound.write_bytes(before)
    assert health == "fail"
    assert "in the data directory the name 'default' belongs to another" in said


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("INSTANTLY_LOOKBACK_DAYS", "many", "INSTANTLY_LOOKBACK_DAYS"),
        ("INSTANTLY_STREAMS", "campaigns,lead", "INSTANTLY_STREAMS: There is no stream or group 'lead'"),
        ("INSTANTLY_API_KEYS", '{"acme": "k"}', "are both set"),
        ("INSTANTLY_DATA_DIR", "/dev/null", "Set INSTANTLY_DATA_DIR to another folder"),
        ("INSTANTLY_BASE_URL", "http://127.0.0.1:9", "cannot reach 127.0.0.1:9"),
        ("DAGSTER_HOME", "/dev/null", "Set DAGSTER_HOME to another folder"),
    ],
)
def test_a_wrong_setting_is_2_and_named(synced: Synced, variable: str, value: str, said: str) -> None:
    _, shell = synced
    wrong = [sentence for health, _, sentence in examined(shell, 2, **{variable: value}) if health == "fail"]
    assert len(wrong) == 1
    assert said in wrong[0]


def test_before_the_first_sync_it_says_what_to_type_and_makes_nothing(synced: Synced, tmp_path: Path) -> None:
    _, shell = synced
    found = examined(shell, 0, INSTANTLY_DATA_DIR=str(tmp_path / "new"))
    assert [said for _, _, said in not_well(found)] == ["none yet. Next: instantly-pipeline sync"]
    assert list(tmp_path.iterdir()) == []


def test_who_writes_the_data_directory_is_named(synced: Synced) -> None:
    _, shell = synced
    with writing(shell.data_dir, command="rebuild"):
        [(health, about, said)] = not_well(examined(shell, 0))
    assert (health, about) == ("info", "lock")
    assert "is being written by `rebuild`" in said


def test_data_of_another_api_and_a_broken_published_file_are_found(synced: Synced, tmp_path: Path) -> None:
    _, shell = synced
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "FORMAT").write_text("1\n")
    (tmp_path / "lake" / "ORIGIN").write_text("https://api.instantly.ai\n")
    (tmp_path / "publish").mkdir()
    (tmp_path / "publish" / "warehouse.duckdb").write_bytes(b"no database")
    found = not_well(examined(shell, 2, INSTANTLY_DATA_DIR=str(tmp_path)))
    found = [one for one in found if one[0] != "info"]  # who may read these files
    assert [(health, about) for health, about, _ in found] == [("fail", "lake"), ("warn", "published file")]
    assert "holds data read from https://api.instantly.ai" in found[0][2]
    assert "instantly-pipeline rebuild" in found[1][2]


def test_leads_that_are_listed_by_campaign_only_can_be_read(synced: Synced) -> None:
    pipe, shell = synced
    pipe.switch(leads_need_parent=True)
    try:
        assert not_well(examined(shell, 0)) == []
    finally:
        pipe.switch(leads_need_parent=False)


def test_what_others_may_read_or_write_is_named(shell: Shell, tmp_path: Path) -> None:
    data, home = tmp_path / "data", tmp_path / "dagster_home"
    lead = data / "lake" / "changes" / "leads" / "x.parquet"
    for path in (lead, home / "history" / "runs" / "index.db", data / "publish" / "marts" / "m.parquet"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o644)
    for path in (data, data / "publish", data / "publish" / "marts", home, home / "history", *lead.parents[:3]):
        path.chmod(0o700)
    (home / "history" / "runs").chmod(0o700)
    data.chmod(0o777)
    said = [sentence for health, _, sentence in examined(shell, 2) if health == "info"]
    for expected in (
        f"{lead} is readable by other users",
        f"Other users may create files and links in {data}.",
        f"{home / 'history' / 'runs' / 'index.db'} is readable by other users",
        f"{data / 'publish' / 'marts' / 'm.parquet'} is readable by more users than INSTANTLY_PUBLISH_MODE=0440 allows",
    ):
        assert any(sentence.startswith(expected) for sentence in said)


@pytest.mark.parametrize("place", ["data/lake", "data/work/build.duckdb", "data/publish", "dagster_home/history"])
def test_a_link_through_which_nothing_is_written_is_named(shell: Shell, tmp_path: Path, place: str) -> None:
    link = tmp_path / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "elsewhere")
    wrong = [sentence for health, _, sentence in examined(shell, 2) if health == "fail"]
    assert any(sentence.startswith(f"{link} is a link.") for sentence in wrong)


def test_a_home_without_the_shipped_settings_is_shown_how_fast_it_grows(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "own"
    runs = home / "history" / "runs"
    runs.mkdir(parents=True)
    now = time.time()
    for days in (0.5, 1, 2, 20):
        (runs / f"{days}.db").write_bytes(b"x" * 2_000_000)
        os.utime(runs / f"{days}.db", (now - days * 86_400,) * 2)
    [said] = [
        s for _, about, s in examined(shell, 2, DAGSTER_HOME=str(home)) if about == "dagster home" and "yaml" in s
    ]
    assert "take 8.0 MB and grew by 3.0 MB a day in the last week" in said
    assert "Copy the project's dagster_home/dagster.yaml there." in said


def test_two_homes_of_dagsters_are_distinguished(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "env").write_text(f"DAGSTER_HOME={tmp_path / 'other'}\n")
    found = examined(shell, 2, INSTANTLY_ENV_FILE=str(tmp_path / "env"))
    [said] = [sentence for _, about, sentence in found if ".env" in sentence and about == "dagster home"]
    assert f"DAGSTER_HOME is {tmp_path / 'dagster_home'} in the environment, but {tmp_path / 'other'} in .env" in said


@pytest.mark.parametrize(
    ("ahead", "code", "health", "said"),
    [(1200, 0, "info", "20 min behind"), (-172_800, 2, "fail", "2 days 0 h ahead.*a sync refuses.*timedatectl")],
)
def test_a_clock_that_is_not_the_api_s_is_said(synced: Synced, ahead: int, code: int, health: str, said: str) -> None:
    pipe, shell = synced
    httpx.post(f"{pipe.url}/_sandbox/clock", json={"ahead_seconds": ahead}, verify=False).raise_for_status()
    try:
        [(found, about, sentence)] = not_well(examined(shell, code))
        refused = shell.here("plan")
    finally:
        httpx.post(f"{pipe.url}/_sandbox/clock", json={"ahead_seconds": 0}, verify=False)
    assert (found, about) == (health, "clock")
    assert re.search(said, sentence)
    assert refused.returncode == 0
    assert "The clock of this machine is" in refused.stdout
