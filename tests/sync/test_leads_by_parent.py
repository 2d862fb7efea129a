"""An API that lists leads by campaign or list only: they are read so, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.context import Sizes
from instantly_pipeline.sync.results import Outcome
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

pytestmark = pytest.mark.medium

LEADS = "/api/v2/leads/list"
STREAMS = ("campaigns", "campaign_analytics", "lead_lists", "leads")


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Bench]:
    config = SandboxConfig(leads=450, campaigns=4, accounts=3, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.post("/switches", {"leads_need_parent": True})
        at.mutate(*({"op": "delete_lead", "id": row["id"]} for row in at.state("leads") if not parent(row)))
        yield at


def parent(lead: dict[str, Any]) -> str | None:
    return lead.get("campaign") or lead.get("list_id")


def messages_by_parent(at: Bench) -> int:
    return sum("only by campaign or list" in text for text in at.said)


def test_all_leads_are_read_and_the_run_says_once_how(narrow: Bench) -> None:
    assert narrow.sync().exit_code == 0
    assert_mirrors(narrow)
    assert any(not row.get("campaign") for row in narrow.state("leads"))
    assert messages_by_parent(narrow) == 1


def test_only_what_moved_and_the_lists_are_read_again(narrow: Bench) -> None:
    narrow.sync(*STREAMS)
    narrow.forget_requests()
    assert narrow.sync(*STREAMS).exit_code == 0
    lists = len(narrow.state("lead_lists"))
    assert sum(r["path"] == LEADS for r in narrow.requests()) <= lists + 1


@pytest.mark.parametrize("full", [False, True])
def test_deletions_and_moves_are_found(narrow: Bench, full: bool) -> None:
    narrow.sync(*STREAMS)
    leads = narrow.state("leads")
    in_campaign = [row["id"] for row in leads if row.get("campaign")]
    in_list = [row["id"] for row in leads if not row.get("campaign")]
    lists = narrow.state("lead_lists")
    narrow.mutate(
        {"op": "delete_leads", "ids": [*in_campaign[:7], *in_list[:2]]},
        {"op": "move_lead", "ids": in_campaign[10:15], "list_id": lists[0]["id"]},
        {"op": "move_lead", "ids": in_campaign[20:25], "campaign": narrow.state("campaigns")[-1]["id"]},
    )
    report = narrow.sync(*STREAMS, full=full)
    assert (report.exit_code, stream_result(report, "leads").changes.deleted) == (0, 9)
    assert_mirrors(narrow, ("leads",))


def test_everything_is_read_again_within_the_sweep_days(narrow: Bench) -> None:
    narrow.sync(*STREAMS)
    lead = next(row for row in narrow.state("leads") if row.get("campaign") and not row.get("list_id"))["id"]
    narrow.mutate({"op": "update", "collection": "leads", "id": lead, "set": {"first_name": "Edited"}})
    narrow.sync(*STREAMS)
    assert narrow.alive("leads")[json.dumps([lead])]["first_name"] != "Edited"
    narrow.wait(days=14)
    narrow.sync(*STREAMS)
    assert_mirrors(narrow, ("leads",))


def test_a_server_that_begins_to_want_a_parent_costs_nothing(tmp_path: Path) -> None:
    config = SandboxConfig(leads=450, campaigns=4, accounts=3, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sizes = Sizes(few_pages=0, leads_per_segment=100, worth_a_sweep=9)
        at.sync()
        before = at.alive("leads")
        at.post("/switches", {"leads_need_parent": True})
        assert at.sync(full=True).exit_code == 0
        assert at.alive("leads") == before  # those in no campaign and no list are asked for by id
        at.post("/switches", {"leads_need_parent": False})
        assert at.sync(full=True).exit_code == 0
        at.forget_requests()
        at.sync(*STREAMS)
        assert sum(r["path"] == LEADS for r in at.requests()) == 1  # the tail


def test_what_was_read_before_a_kill_is_not_read_again(narrow: Bench, tmp_path: Path) -> None:
    origin = narrow.data_dir
    first = len([r for r in narrow.requests() if r["path"] == LEADS])
    narrow.sync(*STREAMS)
    whole = sum(r["path"] == LEADS for r in narrow.requests()) - first
    narrow.data_dir = origin.with_name("killed")
    narrow.fault(LEADS, "status", status=500, match={"contains": narrow.state("campaigns")[-1]["id"]})
    fresh = Bench(narrow.url, narrow.key, tmp_path / "fresh")
    assert stream_result(fresh.sync(*STREAMS), "leads").outcome is Outcome.FAILED
    narrow.control.request("DELETE", "/faults")
    fresh.forget_requests()
    assert fresh.sync(*STREAMS).exit_code == 0
    assert sum(r["path"] == LEADS for r in fresh.requests()) <= whole
    assert_mirrors(fresh, ("leads",))
    fresh.control.close()


def test_another_refusal_is_not_taken_for_this_one(tmp_path: Path) -> None:
    with bench(tmp_path / "data") as at:
        at.fault(LEADS, "status", status=400)
        report = at.sync(*STREAMS)
        assert stream_result(report, "leads").outcome is Outcome.FAILED
        at.control.request("DELETE", "/faults")
        at.forget_requests()
        assert at.sync(*STREAMS).exit_code == 0
        assert_mirrors(at, ("leads",))


def test_a_plan_says_how_leads_are_read(narrow: Bench) -> None:
    narrow.sync(*STREAMS)
    [workspace] = narrow.plan(*STREAMS).workspaces
    assert workspace.plan is not None
    cost = next(cost for cost in workspace.plan.costs if cost.stream == "leads")
    assert "only by campaign or list" in cost.why
    report = narrow.sync(*STREAMS)
    assert stream_result(report, "leads").requests == cost.requests


def test_a_server_that_begins_to_want_a_parent_is_noticed_by_syncs_that_read_in_part(tmp_path: Path) -> None:
    config = SandboxConfig(leads=450, campaigns=4, accounts=3, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sizes = Sizes(few_pages=0, leads_per_segment=100, worth_a_sweep=9)
        at.sync(*STREAMS)
        at.post("/switches", {"leads_need_parent": True})
        for _ in range(3):
            at.wait(days=5)
            assert at.sync(*STREAMS).exit_code == 0
        assert any("only by campaign or list" in text for text in at.said)
        assert_mirrors(at, ("leads",))


def test_a_refusal_in_the_middle_of_the_list_is_not_taken_for_this_one(tmp_path: Path) -> None:
    config = SandboxConfig(leads=450, campaigns=4, accounts=3, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        ids = [row["id"] for row in at.state("leads")]
        at.fault(LEADS, "status", status=400, match={"contains": ids[199]}, times=1)
        assert stream_result(at.sync(*STREAMS), "leads").outcome is Outcome.FAILED
        assert messages_by_parent(at) == 0
        assert at.sync(*STREAMS).exit_code == 0
        assert_mirrors(at, ("leads",))


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_campaign_that_is_refused_does_not_cost_the_others(narrow: Bench, status: int) -> None:
    bad = narrow.state("campaigns")[0]["id"]
    narrow.fault(LEADS, "status", status=status, match={"contains": f'"campaign":"{bad}"'})
    for _ in range(2):
        report = narrow.sync(*STREAMS)
        assert (stream_result(report, "leads").outcome, report.exit_code) == (Outcome.FAILED, 3)
        others = {json.dumps([row["id"]]) for row in narrow.state("leads") if row.get("campaign") != bad}
        assert others <= narrow.alive("leads").keys()
    narrow.control.request("DELETE", "/faults")
    assert narrow.sync(*STREAMS).exit_code == 0
    assert_mirrors(narrow, ("leads",))


def test_leads_that_outlive_their_campaign_are_no_early_end(narrow: Bench) -> None:
    narrow.sync(*STREAMS)
    gone, *others = narrow.state("campaigns")
    narrow.fault("/api/v2/campaigns", "status", status=200, body={"items": others})
    narrow.fault(f"/api/v2/campaigns/{gone['id']}", "status", status=404)
    narrow.fault(LEADS, "status", status=404, match={"contains": f'"campaign":"{gone["id"]}"'})
    for full in (False, True):
        assert narrow.sync(*STREAMS, full=full).exit_code == 0
    assert_mirrors(narrow, ("leads",))
