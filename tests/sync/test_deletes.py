"""Moves delete nothing, routine clean-ups go through, and what contradicts the counters is held."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from instantly_pipeline.sync.results import Event, Outcome
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

pytestmark = pytest.mark.medium

COUNTERS = "/api/v2/campaigns/analytics"


def deleted(at: Bench) -> set[str]:
    return {json.loads(row["_key"])[0] for row in at.rows("leads") if row["_op"] == "delete"}


def gathered(at: Bench) -> None:
    """All leads but the first are in one campaign, and were read."""
    campaign = at.state("campaigns")[0]["id"]
    first, *others = [row["id"] for row in at.state("leads")]
    at.mutate(
        {"op": "move_lead", "ids": others, "campaign": campaign},
        {"op": "move_lead", "id": first, "list_id": at.state("lead_lists")[0]["id"]},
    )
    at.sync("campaigns", "leads")


def test_leads_beside_a_list_without_any_and_moved_while_read_are_not_deleted(at: Bench) -> None:
    at.sync("leads")
    campaigns, lists = at.state("campaigns"), at.state("lead_lists")
    ids = [row["id"] for row in at.state("leads") if row.get("campaign")]
    beside, homeless, moving = ids[:5], ids[5:10], [*ids[10:20], *ids[-10:]]
    at.mutate(
        *({"op": "update", "collection": "leads", "id": i, "set": {"list_id": lists[0]["id"]}} for i in beside),
        *({"op": "update", "collection": "leads", "id": i, "unset": ["campaign", "list_id"]} for i in homeless),
    )

    def move(event: Event) -> None:
        if event.stream == "leads" and event.kind == "progress" and moving:
            at.mutate({"op": "move_lead", "ids": moving[:10], "list_id": lists[-1]["id"]})
            at.mutate({"op": "move_lead", "ids": moving[10:], "campaign": campaigns[-1]["id"]})
            moving.clear()

    at.watch = move
    assert at.sync("leads", full=True).exit_code == 0
    assert moving == []
    assert deleted(at) == set()
    at.sync("leads", full=True)
    assert deleted(at) == set()
    assert_mirrors(at, ("leads",))


def test_leads_that_outlive_their_campaign_stay(at: Bench) -> None:
    at.sync()
    campaign = at.state("campaigns")[0]["id"]
    at.mutate({"op": "delete_campaign", "id": campaign, "keep_leads": True})
    assert at.sync(full=True).exit_code == 0
    assert deleted(at) == set()
    assert_mirrors(at, ("campaigns", "leads"))


def test_most_leads_of_a_workspace_deleted_on_purpose_go_through_by_themselves(tmp_path: Path) -> None:
    config = SandboxConfig(leads=500, campaigns=2, accounts=3, days=10, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sync()
        at.mutate({"op": "delete_leads", "ids": [row["id"] for row in at.state("leads")][:400]})
        report = at.sync(full=True)
        assert (report.exit_code, stream_result(report, "leads").changes.deleted) == (0, 400)
        assert at.log("held_deletes") == []
        assert_mirrors(at)


@pytest.mark.parametrize("leads", [1_500, pytest.param(20_000, marks=pytest.mark.slow)])
def test_a_campaign_deleted_with_all_its_leads_goes_through_by_itself(tmp_path: Path, leads: int) -> None:
    """Also where they are read before it is known that their campaign is gone."""
    config = SandboxConfig(leads=leads, campaigns=2, accounts=3, days=10, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        gathered(at)
        at.mutate({"op": "delete_campaign", "id": at.state("campaigns")[0]["id"]})
        assert len(at.state("leads")) == 1
        report = at.sync("leads", full=True)
        assert (report.exit_code, stream_result(report, "leads").changes.deleted) == (0, leads - 1)
        assert at.sync("campaigns", full=True).exit_code == 0
        assert_mirrors(at, ("campaigns", "leads"))


def test_the_only_campaign_with_leads_deleted_with_them_goes_through_by_itself(tmp_path: Path) -> None:
    """No lead is left to ask along for; the end of the campaign explains it."""
    config = SandboxConfig(leads=60, campaigns=2, accounts=3, days=10, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        gathered(at)
        campaign = at.state("campaigns")[0]["id"]
        at.mutate({"op": "move_lead", "id": at.state("leads")[0]["id"], "campaign": campaign})
        at.sync("leads", full=True)
        at.mutate({"op": "delete_campaign", "id": campaign})
        at.post("/switches", {"latency_by_path": {"/api/v2/campaigns": 0.3}})  # leads are through sooner
        assert at.state("leads") == []
        report = at.sync(full=True)
        assert (report.exit_code, at.alive("leads")) == (0, {})


def test_deletions_that_contradict_the_campaigns_counter_are_held_until_accepted(at: Bench) -> None:
    at.sync()
    counted = at.state("campaign_analytics")
    gone = [row["id"] for row in at.state("leads") if row.get("campaign") == counted[0]["campaign_id"]][:30]
    at.mutate({"op": "delete_leads", "ids": gone})
    at.fault(COUNTERS, "status", status=200, body=counted)
    report = at.sync("leads", full=True)
    result = stream_result(report, "leads")
    assert (result.outcome, result.held_deletes, report.exit_code) == (Outcome.HELD, len(gone), 3)
    assert "--accept-deletes" in (result.reason or "")
    assert {json.loads(row["key"])[0] for row in at.log("held_deletes")} == set(gone)
    assert deleted(at) == set()
    at.mutate({"op": "restore", "collection": "leads", "id": gone[0]})
    assert at.sync("leads", accept_deletes=True).exit_code == 0
    assert deleted(at) == set(gone[1:])
    assert_mirrors(at, ("leads",))
