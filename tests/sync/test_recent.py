"""Campaigns read by what happened in them lately: when that is done, when it is not enough, and who judges it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.lake.state import States
from instantly_pipeline.sandbox.config import SandboxConfig
from instantly_pipeline.sync.context import Sizes
from instantly_pipeline.sync.reset import reset
from tests.sync.harness import NOON, Bench, assert_mirrors, bench

LEADS = "/api/v2/leads/list"
STREAMS = ("campaigns", "campaign_analytics", "leads")
WORLD = SandboxConfig(leads=1200, campaigns=3, accounts=20, days=20, rate_limited=False, now=NOON)


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Bench]:
    """A world that was read once and has moved on by an hour."""
    with bench(tmp_path / "data", WORLD) as at:
        at.sizes = Sizes(few_pages=0, leads_per_slice=400, recent_pages=0)
        at.sync(*STREAMS)
        at.advance(hours=1)
        yield at


@pytest.fixture
def proven(known: Bench) -> Bench:
    """The same when recency queries have been put to the test, two hours later."""
    for _ in range(2):
        known.sync(*STREAMS)
        known.advance(hours=1)
    assert set(verdicts(known).values()) == {True}
    return known


def states(at: Bench) -> States:
    [workspace] = at.layout.workspaces()
    return States(at.layout, workspace)


def verdicts(at: Bench) -> dict[str, bool]:
    return {name: one["ok"] for name, one in states(at).read("leads.server").get("queries", {}).items()}


def asked(at: Bench, **request: Any) -> tuple[int, int]:
    """How many recency queries a sync puts, and how often it asks for a whole campaign."""
    at.forget_requests()
    assert at.sync(*STREAMS, **request).exit_code == 0
    bodies = [request for request in at.requests() if request["path"] == LEADS and "campaign" in request]
    queries = sum("queries_count" in body for body in bodies)
    return queries, len(bodies) - queries


def verified_leads(at: Bench) -> list[dict[str, Any]]:
    return [row for row in at.log("verified") if row["stream"] == "leads"]


def last_was_recent(at: Bench) -> set[str]:
    return {campaign for campaign, one in states(at).read("leads.recent").items() if one.get("recent")}


def test_a_campaign_that_moved_is_read_by_what_happened_lately(proven: Bench) -> None:
    verified = verified_leads(proven)
    queries, whole = asked(proven)
    assert queries > 0 == whole
    assert_mirrors(proven, ("leads",))
    assert verified_leads(proven) == verified  # nobody says that the others were compared
    assert asked(proven) == (0, 0)  # it is settled


def test_what_it_costs_lies_within_the_plan(proven: Bench) -> None:
    plan = proven.plan(*STREAMS).workspaces[0].plan
    assert plan is not None
    said = next(cost for cost in plan.costs if cost.stream == "leads")
    proven.forget_requests()
    proven.sync(*STREAMS)
    spent = sum(request["path"] == LEADS for request in proven.requests())
    assert said.low <= spent <= said.high
    assert "of them by what happened lately" in said.why


@pytest.mark.parametrize("how", ["ignored", "refused", "partial", "hours"])
def test_what_a_probe_finds_wrong_is_not_asked_again_for_a_day(known: Bench, how: str) -> None:
    known.post("/switches", {"lead_queries": how})
    queries, whole = asked(known)
    assert queries > 0 < whole
    assert verdicts(known)["last-contacted"] is False
    assert_mirrors(known, ("leads",))
    known.advance(hours=2)
    assert asked(known)[1] > 0
    assert not last_was_recent(known)
    known.advance(days=1)
    known.post("/switches", {"lead_queries": "exact"})
    known.sync(*STREAMS)
    assert verdicts(known)["last-contacted"] is True


@pytest.mark.parametrize("by_id", [{"status": 400}, {"status": 200, "body": {"items": []}}], ids=["refused", "silent"])
def test_what_is_missing_in_an_answer_is_no_proof_where_it_cannot_be_asked_for(known: Bench, by_id: Any) -> None:
    known.fault(LEADS, "status", **by_id, times=100, match={"contains": '"ids"'})
    known.post("/switches", {"lead_queries": "partial"})
    known.sync(*STREAMS)
    assert verdicts(known)["last-contacted"] is False


def test_queries_that_the_plan_does_not_allow_do_not_cost_the_leads(known: Bench) -> None:
    known.fault(LEADS, "status", status=402, times=100, match={"contains": "occurrence"})
    queries, whole = asked(known)
    assert queries > 0 < whole
    assert set(verdicts(known).values()) == {False}


def test_a_probe_that_is_not_answered_is_given_up_at_once(known: Bench) -> None:
    known.fault(LEADS, "status", status=500, times=100, match={"contains": "occurrence"})
    known.fault(LEADS, "status", status=500, times=100, match={"contains": "last-contacted"})
    asked(known)
    bodies = [request for request in known.requests() if "queries_count" in request]
    known.control.request("DELETE", "/faults")
    assert set(verdicts(known).values()) == {False}
    assert len(bodies) < 10  # the tries of one


def test_days_of_the_calendar_will_do(known: Bench) -> None:
    known.post("/switches", {"lead_queries": "calendar"})
    known.sync(*STREAMS)
    assert set(verdicts(known).values()) == {True}


def test_a_campaign_that_counts_fewer_leads_is_read_whole(proven: Bench) -> None:
    proven.sync(*STREAMS)
    proven.advance(hours=1)
    [campaign, *_] = sorted(last_was_recent(proven))
    gone = next(lead for lead in proven.state("leads") if lead.get("campaign") == campaign)
    proven.mutate({"op": "delete_lead", "id": gone["id"]})
    assert asked(proven)[1] > 0
    assert_mirrors(proven, ("leads",))


def test_changes_that_the_answers_do_not_account_for_have_the_campaign_read_whole(proven: Bench) -> None:
    proven.fault(LEADS, "status", status=200, body={"items": []}, times=100, match={"contains": "occurrence"})
    queries, whole = asked(proven)
    assert queries > 0 < whole
    assert_mirrors(proven, ("leads",))
    proven.control.request("DELETE", "/faults")
    later = []
    for _ in range(3):
        proven.advance(hours=1)
        later.append(asked(proven)[0])
    assert not any(later)  # it was in vain: for a day it is not tried again


def test_answers_as_long_as_the_campaign_are_left_for_a_day(proven: Bench) -> None:
    proven.post("/switches", {"lead_queries": "ignored"})
    queries, whole = asked(proven)
    assert queries > 0 < whole
    assert_mirrors(proven, ("leads",))
    dear = {campaign for campaign, one in states(proven).read("leads.recent").items() if "dear" in one}
    assert dear
    proven.advance(hours=1)
    asked(proven)
    assert not dear & {request["campaign"] for request in proven.requests() if "queries_count" in request}


def test_queries_refused_later_on_are_left_and_the_campaign_is_read_whole(proven: Bench) -> None:
    proven.post("/switches", {"lead_queries": "refused"})
    queries, whole = asked(proven)
    assert queries > 0 < whole
    assert_mirrors(proven, ("leads",))


@pytest.mark.parametrize("status", [402, 404, 413])
def test_queries_that_fail_later_on_do_not_cost_the_leads(proven: Bench, status: int) -> None:
    proven.fault(LEADS, "status", status=status, times=100, match={"contains": "occurrence"})
    queries, whole = asked(proven)
    assert queries > 0 < whole
    assert_mirrors(proven, ("leads",))


def test_what_one_campaign_finds_wrong_is_not_relied_on_for_the_next(tmp_path: Path) -> None:
    config = SandboxConfig(leads=6000, campaigns=60, accounts=60, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sizes = Sizes(few_pages=0, leads_per_slice=400, recent_pages=0)
        at.sync(*STREAMS)
        for _ in range(2):
            at.advance(hours=1)
            at.sync(*STREAMS)
        at.advance(hours=1)
        at.fault(LEADS, "status", status=400, times=100, match={"contains": "last-contacted"})
        queries, whole = asked(at)
        tried = {request["campaign"] for request in at.requests() if "queries_count" in request}
        assert len(tried) == queries < whole  # after the first of them nothing else was asked
        now = at.time.start.isoformat()
        readings = states(at).read("leads.recent")
        assert not {c for c in last_was_recent(at) if readings[c]["at"] == now}


def test_counters_that_moved_in_another_way_have_the_campaign_read_whole(proven: Bench) -> None:
    proven.sync(*STREAMS)
    rows = [{**row, "total_opportunity_value": 777_777} for row in proven.state("campaign_analytics")]
    proven.fault("/api/v2/campaigns/analytics", "status", status=200, body=rows, times=100)
    assert asked(proven)[0] == 0


def test_a_campaign_of_which_much_happened_is_tried_again_after_a_day(proven: Bench) -> None:
    proven.sync(*STREAMS)
    kept = states(proven)
    kept.write("leads.recent", {c: one | {"further": 99} for c, one in kept.read("leads.recent").items()})
    proven.advance(hours=1)
    assert asked(proven)[0] == 0
    proven.advance(hours=24)
    assert asked(proven)[0] > 0


@pytest.mark.parametrize(("name", "value"), [("leads.recent", {"at": "2026-06-01T12:00:00"}), ("leads.gate", [1])])
def test_a_damaged_note_of_the_last_reading_counts_as_none(proven: Bench, name: str, value: object) -> None:
    proven.sync(*STREAMS)
    kept = states(proven)
    kept.write(name, dict.fromkeys(kept.read(name), value))
    proven.advance(hours=1)
    assert proven.sync(*STREAMS).exit_code == 0
    assert_mirrors(proven, ("leads",))


def test_a_sweep_that_finds_what_they_missed_turns_recent_touches_off_and_leaves_the_gate_on(proven: Bench) -> None:
    proven.sync(*STREAMS)
    [campaign, *_] = sorted(last_was_recent(proven))
    lead = next(one for one in proven.state("leads") if one.get("campaign") == campaign)
    proven.mutate({"op": "update", "collection": "leads", "id": lead["id"], "set": {"status": -3}, "touch": False})
    proven.sync(*STREAMS, full=True)
    assert_mirrors(proven, ("leads",))
    notes = [row["reason"] for row in proven.log("quarantine")]
    assert any("Recency queries had not shown changed leads" in reason for reason in notes)
    assert not any("every sync sweeps" in reason for reason in notes)
    proven.advance(hours=1)
    queries, whole = asked(proven)
    assert queries == 0 < whole
    reset(proven.layout, ["leads"])
    assert not states(proven).names("leads.")


def test_a_lead_that_took_the_place_of_a_deleted_one_unseen_is_not_held_against_the_gate(proven: Bench) -> None:
    campaign = max(proven.state("campaign_analytics"), key=lambda row: row["leads_count"])["campaign_id"]
    leads = [one for one in proven.state("leads") if one.get("campaign") == campaign]
    old = next(one for one in leads if "timestamp_last_touch" not in one)
    new = {**old, "id": "00000000-0000-4000-8000-0000000000aa", "email": "new@place.example"}
    proven.mutate({"op": "delete_lead", "id": old["id"]}, {"op": "insert", "collection": "leads", "record": new})
    asked(proven)
    assert campaign in last_was_recent(proven)
    proven.sync(*STREAMS, full=True)
    assert_mirrors(proven, ("leads",))
    assert states(proven).read("leads.recent_off")
    assert not states(proven).read("leads.distrust")


def test_a_change_younger_than_the_recent_touch_is_not_held_against_it(proven: Bench) -> None:
    proven.sync(*STREAMS)
    [campaign, *_] = sorted(last_was_recent(proven))
    lead = next(one for one in proven.state("leads") if one.get("campaign") == campaign)
    later = (proven.time.start + timedelta(minutes=30)).isoformat().replace("+00:00", "Z")
    edited = {"first_name": "Edited", "timestamp_updated": later}
    proven.mutate({"op": "update", "collection": "leads", "id": lead["id"], "set": edited, "touch": False})
    proven.sync(*STREAMS, full=True)
    assert not states(proven).read("leads.recent_off")


def test_a_campaign_whose_own_row_changed_is_read_whole_and_shows_what_was_missed(proven: Bench) -> None:
    proven.sync(*STREAMS)
    [campaign, *_] = sorted(last_was_recent(proven))
    lead = next(one for one in proven.state("leads") if one.get("campaign") == campaign)
    proven.mutate(
        {"op": "update", "collection": "leads", "id": lead["id"], "set": {"status": -3}, "touch": False},
        {"op": "update", "collection": "campaigns", "id": campaign, "set": {"daily_limit": 77}},
    )
    assert asked(proven)[0] == 0
    assert_mirrors(proven, ("leads",))
    assert states(proven).read("leads.recent_off")


def test_that_recent_touches_are_off_is_said_once(proven: Bench) -> None:
    proven.sync(*STREAMS)
    first, second = sorted(last_was_recent(proven))
    for campaign in (first, second):
        mine = [one for one in proven.state("leads") if one.get("campaign") == campaign]
        lead = next(one for one in mine if one["status"] == 1 and "timestamp_last_touch" not in one)
        proven.mutate({"op": "update", "collection": "leads", "id": lead["id"], "set": {"status": -3}, "touch": False})
    proven.mutate({"op": "update", "collection": "campaigns", "id": first, "set": {"daily_limit": 77}})
    proven.sync(*STREAMS)
    proven.sync(*STREAMS, full=True)
    assert_mirrors(proven, ("leads",))
    assert sum("Recency queries" in row["reason"] for row in proven.log("quarantine")) == 1
    assert not states(proven).read("leads.distrust")


def test_a_recent_touch_cut_off_is_repeated(proven: Bench, tmp_path: Path) -> None:
    killed = 0
    for after in (1, 3, 6, 10, 15):
        killed += proven.killed_sync(tmp_path / str(after), after, "", *STREAMS) is None
    assert killed == 5
    proven.sync(*STREAMS)
    assert_mirrors(proven, ("leads",))


def test_whatever_happens_between_hourly_syncs_a_full_sweep_makes_everything_equal(proven: Bench) -> None:
    read_lately: set[str] = set()
    for hour in range(5):
        lead, other = (one for one in proven.state("leads")[hour * 7 : hour * 7 + 2])
        edit = {"op": "update", "collection": "leads", "id": lead["id"], "set": {"first_name": "Edited"}}
        proven.mutate(edit, *([{"op": "delete_lead", "id": other["id"]}] if hour == 2 else []))
        proven.advance(hours=1)
        proven.sync(*STREAMS)
        read_lately |= last_was_recent(proven)
    assert read_lately
    proven.sync(*STREAMS, full=True)
    assert_mirrors(proven, ("leads",))
