"""What a plan says before a sync, and what the sync then asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from instantly_pipeline.sync.context import Sizes
from instantly_pipeline.sync.results import Outcome, Plan, SyncReport
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, bench

SELECTIVE = Sizes(few_pages=0, leads_per_segment=100)
Files = dict[Path, tuple[int, int]]


def files(folder: Path) -> Files:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def plan_of(report: SyncReport) -> Plan:
    [workspace] = report.workspaces
    assert workspace.plan is not None, workspace.reason
    return workspace.plan


def planned(report: SyncReport) -> dict[str, int]:
    """Requests by stream; without those that identify the workspace."""
    return {cost.stream: cost.requests for cost in plan_of(report).costs[1:]}


def spent(report: SyncReport) -> dict[str, int]:
    [workspace] = report.workspaces
    return {one.stream: one.requests - one.retries for one in workspace.streams}


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A world that was synced once, with so many accounts that they come in batches."""
    config = SandboxConfig(leads=350, campaigns=4, accounts=130, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path_factory.mktemp("plan") / "data", config) as at:
        at.sizes = SELECTIVE
        assert at.sync().exit_code == 0
        yield at


def test_a_sync_of_a_world_that_stood_still_asks_for_what_was_planned_stream_by_stream(synced: Bench) -> None:
    said = synced.plan()
    report = synced.sync()
    assert planned(said) == planned(report) == spent(report)
    assert not plan_of(said).total.is_estimate
    assert plan_of(said).total.requests == report.workspaces[0].requests
    assert spent(report)["leads"] == 1  # the tail: nothing has changed


def test_a_full_sync_asks_for_what_was_planned(synced: Bench) -> None:
    said = synced.plan(full=True)
    report = synced.sync(full=True)
    assert planned(said) == spent(report)
    assert spent(report)["leads"] == 4


def test_planned_and_spent_requests_are_in_the_log_of_runs(synced: Bench) -> None:
    report = synced.sync("campaigns", "leads")
    [row] = [r for r in synced.log("sync_runs") if r["run_id"] == report.run_id and r["outcome"] == "ok"]
    assert row["planned_requests"] == row["requests"] == report.workspaces[0].requests


def test_a_plan_writes_nothing_and_asks_for_four_things(synced: Bench) -> None:
    before = files(synced.data_dir)
    synced.forget_requests()
    said = synced.plan()
    assert files(synced.data_dir) == before
    asked = [request["path"].removeprefix("/api/v2/") for request in synced.requests()]
    assert sorted(asked) == ["campaigns", "campaigns/analytics", "campaigns/analytics/daily", "workspaces/current"]
    assert plan_of(said).asked == 4


def test_what_the_plan_of_a_sync_asked_for_is_not_asked_again(synced: Bench) -> None:
    synced.forget_requests()
    synced.sync()
    asked = [request["path"].removeprefix("/api/v2/") for request in synced.requests()]
    assert [asked.count(path) for path in ("campaigns", "campaigns/analytics", "workspaces/current")] == [1, 1, 1]


def test_a_plan_of_some_streams_leaves_the_others_out(synced: Bench) -> None:
    said = synced.plan("custom_tags", "daily_analytics")
    assert planned(said) == {"custom_tags": 1, "daily_analytics": 4}
    assert planned(said) == spent(synced.sync("custom_tags", "daily_analytics"))


def test_a_first_plan_is_an_estimate_whose_range_holds(tmp_path: Path) -> None:
    config = SandboxConfig(leads=350, campaigns=4, accounts=6, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        total = plan_of(at.plan()).total
        assert not at.data_dir.exists()
        report = at.sync()
        assert total.is_estimate
        assert total.low <= report.workspaces[0].requests <= total.high


@pytest.mark.medium
def test_the_figures_that_move_are_planned_as_a_range(tmp_path: Path) -> None:
    config = SandboxConfig(leads=350, campaigns=4, accounts=6, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sizes = SELECTIVE
        at.sync()
        at.advance(days=1)
        said = {cost.stream: cost for cost in plan_of(at.plan()).costs}
        found = spent(at.sync())
        assert found["step_analytics"] > 0
        assert said["step_analytics"].low <= found["step_analytics"] <= said["step_analytics"].high
        assert {name: found[name] for name in found if name != "step_analytics"} == {
            name: said[name].requests for name in found if name != "step_analytics"
        }


def test_a_refused_stream_is_planned_as_one_request(tmp_path: Path) -> None:
    config = SandboxConfig(leads=150, campaigns=2, accounts=3, days=5, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.post("/switches", {"stream_status": {"/api/v2/leads/list": 403, "/api/v2/campaigns": 403}})
        assert at.sync("campaigns", "leads", "custom_tags").exit_code == 3
        said = at.plan("campaigns", "leads", "custom_tags")
        assert {cost.stream: cost.why for cost in plan_of(said).costs}["leads"].startswith("refused")
        report = at.sync("campaigns", "leads", "custom_tags")
        assert planned(said) == spent(report)


def test_a_workspace_without_campaigns_can_be_planned(tmp_path: Path) -> None:
    config = SandboxConfig(leads=0, campaigns=0, accounts=0, days=1, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        assert at.plan().exit_code == 0
        at.sync()
        assert planned(at.plan()) == spent(at.sync())


def test_a_rejected_key_costs_the_plan_of_its_workspace_only(synced: Bench) -> None:
    keys = {"api_keys": json.dumps({"default": synced.key, "other": "wrong"})}
    report = synced.plan(settings=keys)
    assert report.exit_code == 3
    assert [(one.name, one.outcome, one.plan is None) for one in report.workspaces] == [
        ("default", Outcome.OK, False),
        ("other", Outcome.FAILED, True),
    ]
    assert synced.plan(settings={"api_key": "wrong"}).exit_code == 1


def test_an_index_that_is_lost_is_rebuilt_beside(synced: Bench) -> None:
    for path in (synced.layout.lake / "index").rglob("*.parquet"):
        path.unlink()
    before = files(synced.data_dir)
    assert plan_of(synced.plan()).total.low > 10
    assert files(synced.data_dir) == before
