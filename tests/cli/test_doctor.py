"""`doctor`, against a sandbox: what it finds, its exit code, and that it leaves everything as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from instantly_pipeline.lake.lock import writing
from tests.cli.conftest import Shell
from tests.orchestration.pipeline import Pipeline

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
    for expected in ("duckdb 2.", "19 of 19 streams can be read", "storage v1.2.0", "GB free", "opens the workspace"):
        assert expected in done.stdout
    assert pipe.key not in done.stdout


def test_each_address_is_asked_once(synced: Synced) -> None:
    pipe, shell = synced
    httpx.delete(f"{pipe.url}/_sandbox/requests", verify=False)
    examined(shell, 0)
    asked = httpx.get(f"{pipe.url}/_sandbox/requests", verify=False).json()["by_path"]
    assert {one["count"] for one in asked.values()} == {1}
    assert len(asked) == 15


def test_a_rejected_key_is_2(synced: Synced) -> None:
    _, shell = synced
    [(health, about, said)] = not_well(examined(shell, 2, INSTANTLY_API_KEY="wrong-key-0815"))
    assert (health, about) == ("wrong", "key default")
    assert "answered 401" in said
    assert "wrong-key-0815" not in said


def test_a_stream_that_may_not_be_read_is_3_and_named(synced: Synced) -> None:
    pipe, shell = synced
    with switched(pipe, stream_status={"/api/v2/custom-tags": 403}):
        [(health, _, said)] = not_well(examined(shell, 3))
    assert health == "partly"
    assert said.startswith("custom_tags: GET /api/v2/custom-tags answered 403")
    assert "lacks the scope" in said


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
    assert health == "wrong"
    assert "blocked in front of the API" in said


def test_a_key_of_another_workspace_is_refused(synced: Synced, tmp_path: Path) -> None:
    _, shell = synced
    bound = shell.data_dir / "lake" / "workspaces.json"
    before = bound.read_bytes()
    bound.write_text('{"default": "another"}')
    try:
        [(health, _, said)] = not_well(examined(shell, 2))
    finally:
        bound.write_bytes(before)
    assert health == "wrong"
    assert "the data directory knows the name 'default' as another" in said


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("INSTANTLY_LOOKBACK_DAYS", "many", "INSTANTLY_LOOKBACK_DAYS"),
        ("INSTANTLY_STREAMS", "campaigns,lead", "INSTANTLY_STREAMS: There is no stream 'lead'"),
        ("INSTANTLY_API_KEYS", '{"acme": "k"}', "are both set"),
        ("INSTANTLY_DATA_DIR", "/dev/null", "Set INSTANTLY_DATA_DIR to another folder"),
        ("INSTANTLY_BASE_URL", "http://127.0.0.1:9", "cannot reach 127.0.0.1:9"),
        ("DAGSTER_HOME", "/dev/null", "Set DAGSTER_HOME to another folder"),
    ],
)
def test_a_wrong_setting_is_2_and_named(synced: Synced, variable: str, value: str, said: str) -> None:
    _, shell = synced
    wrong = [sentence for health, _, sentence in examined(shell, 2, **{variable: value}) if health == "wrong"]
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
    assert (health, about) == ("note", "lock")
    assert "is being written by `rebuild`" in said


def test_data_of_another_api_and_a_broken_published_file_are_found(synced: Synced, tmp_path: Path) -> None:
    _, shell = synced
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "FORMAT").write_text("1\n")
    (tmp_path / "lake" / "ORIGIN").write_text("https://api.instantly.ai\n")
    (tmp_path / "publish").mkdir()
    (tmp_path / "publish" / "warehouse.duckdb").write_bytes(b"no database")
    found = not_well(examined(shell, 2, INSTANTLY_DATA_DIR=str(tmp_path)))
    assert [(health, about) for health, about, _ in found] == [("wrong", "lake"), ("partly", "published file")]
    assert "holds data read from https://api.instantly.ai" in found[0][2]
    assert "instantly-pipeline rebuild" in found[1][2]


def test_leads_that_are_listed_by_campaign_only_can_be_read(synced: Synced) -> None:
    pipe, shell = synced
    pipe.switch(leads_need_parent=True)
    try:
        assert not_well(examined(shell, 0)) == []
    finally:
        pipe.switch(leads_need_parent=False)
