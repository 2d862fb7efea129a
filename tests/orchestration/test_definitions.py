"""The definitions: what there is, and that loading them needs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from instantly_pipeline.definitions import defs
from instantly_pipeline.errors import UsageError
from instantly_pipeline.orchestration.assets.selection import chosen_assets, wanted
from instantly_pipeline.orchestration.instance.home import dagster_home
from instantly_pipeline.settings import PROJECT_ROOT, load
from instantly_pipeline.streams.registry import all_streams, select_streams
from instantly_pipeline.sync.results import Request
from tests.snapshots import assert_snapshot

SNAPSHOT = Path(__file__).with_name("definitions.json")


def described() -> dict[str, Any]:
    """All definitions as JSON: names, dependencies, checks, schedules."""
    graph = defs.resolve_asset_graph()
    assets = {
        key.to_user_string(): {
            "group": node.group_name,
            "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
            "kinds": sorted(node.kinds),
            "pools": sorted(node.pools or []),
        }
        for key, node in ((key, graph.get(key)) for key in graph.get_all_asset_keys())
    }
    specs = [spec for keys in defs.assets or [] for spec in keys.check_specs]  # type: ignore[union-attr]
    repository = defs.get_repository_def()
    return {
        "assets": dict(sorted(assets.items())),
        "checks": dict(sorted((f"{s.asset_key.to_user_string()}:{s.name}", s.blocking) for s in specs)),
        "jobs": sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
        "schedules": {
            schedule.name: [schedule.cron_schedule, schedule.execution_timezone, schedule.default_status.value]
            for schedule in sorted(repository.schedule_defs, key=lambda s: s.name)
        },
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


@pytest.mark.snapshot
def test_the_definitions_are_those_of_the_snapshot() -> None:
    assert_snapshot(json.dumps(described(), indent=1) + "\n", SNAPSHOT)


def test_every_stream_is_a_lake_a_raw_and_a_staging_asset() -> None:
    keys = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    for name in all_streams():
        assert {f"lake/{name}", f"raw/{name}", f"staging/stg_{name}"} <= keys


def test_every_asset_is_described_and_every_raw_column_explained() -> None:
    graph = defs.resolve_asset_graph()
    assert [key for key in graph.get_all_asset_keys() if not (graph.get(key).description or "").strip()] == []
    leads = graph.get(dg.AssetKey(["raw", "leads"])).metadata["dagster/column_schema"]
    assert all(column.description for column in leads.columns)


def test_schedules_are_shipped_stopped() -> None:
    schedules = defs.get_repository_def().schedule_defs
    assert {schedule.name for schedule in schedules} == {"hourly_sync", "nightly_full_sync", "weekly_compaction"}
    assert {schedule.default_status for schedule in schedules} == {dg.DefaultScheduleStatus.STOPPED}


@pytest.mark.whole
def test_definitions_load_without_environment_network_or_data_directory(tmp_path: Path) -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('the network was used')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "before = {p.name for p in __import__('pathlib').Path(sys.argv[1]).iterdir()}\n"
        "from instantly_pipeline.definitions import defs\n"
        "defs.resolve_job_def('sync')\n"
        "assert before == {p.name for p in __import__('pathlib').Path(sys.argv[1]).iterdir()}\n"
    )
    command = [sys.executable, "-c", program, str(PROJECT_ROOT)]
    done = subprocess.run(command, env={"INSTANTLY_ENV_FILE": "/nowhere"}, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def names_of(chosen: list[dg.AssetKey] | None) -> set[str]:
    return {key.to_user_string() for key in chosen or ()}


def test_all_streams_are_the_whole_job_and_a_group_is_its_streams() -> None:
    assert wanted(load(streams="all"), Request()) is None
    assert wanted(load(streams="leads"), Request(("all",))) is None
    core = chosen_assets(select_streams(["core"]))
    assert wanted(load(), Request()) == core == wanted(load(streams="leads"), Request(("core",)))


def test_a_choice_of_streams_takes_what_comes_of_them_and_nothing_else() -> None:
    chosen = names_of(chosen_assets(["leads"]))
    assert {"lake/leads", "raw/leads", "staging/stg_leads", "marts/dim_lead", "publish/warehouse"} <= chosen
    assert not chosen & {"lake/campaigns", "raw/campaigns", "staging/stg_warmup_analytics"}


def test_models_about_the_syncs_belong_to_every_choice() -> None:
    chosen = names_of(chosen_assets(["custom_tags"]))
    assert "intermediate/int_workspace_clock" in chosen  # reads meta.sync_runs


def test_an_unknown_stream_is_named() -> None:
    with pytest.raises(UsageError, match="INSTANTLY_STREAMS: There is no stream or group 'lead'"):
        wanted(load(streams="lead"), Request())
    with pytest.raises(UsageError, match="There is no stream or group 'leed'"):
        wanted(load(), Request(("leed",)))


def test_dagster_lives_in_the_project_unless_set_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert dagster_home() == PROJECT_ROOT / "dagster_home"
    monkeypatch.setenv("DAGSTER_HOME", "elsewhere")
    assert dagster_home() == PROJECT_ROOT / "elsewhere"
