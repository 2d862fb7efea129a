"""Servers that keep to the reference and answer otherwise than the local API does, where the reference leaves room."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.results import Outcome, SyncReport
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

pytestmark = pytest.mark.medium

LEADS = "/api/v2/leads/list"
COUNTERS = "/api/v2/campaigns/analytics"
DAILY = "/api/v2/campaigns/analytics/daily"
ACCOUNT_DAILY = "/api/v2/accounts/analytics/daily"
WARMUP = "/api/v2/accounts/warmup-analytics"
NOTHING: dict[str, Any] = {"status": 200, "body": {"items": []}}
LARGE = SandboxConfig(leads=1_500, campaigns=3, accounts=2, days=10, rate_limited=False, now=NOON)


def outcome(report: SyncReport, stream: str) -> tuple[Outcome, int]:
    return stream_result(report, stream).outcome, report.exit_code


def pages(at: Bench) -> list[dict[str, Any]]:
    """The requests for pages of the list of leads, those by id left out."""
    return [r for r in at.requests() if r["path"] == LEADS and "ids_count" not in r]


def lost(at: Bench, count: int) -> list[str]:
    """So many leads are deleted that are not the last ones of the list; their ids."""
    ids = [row["id"] for row in at.state("leads")][:count]
    at.mutate({"op": "delete_leads", "ids": ids})
    return ids


def test_a_plan_without_counters_does_not_cost_the_leads(at: Bench) -> None:
    at.post("/switches", {"stream_status": {COUNTERS: 402}})
    report = at.sync("leads", "campaign_analytics")
    assert outcome(report, "campaign_analytics") == (Outcome.SKIPPED, 3)
    assert_mirrors(at, ("leads",))


def test_an_empty_page_in_the_middle_of_a_list_deletes_nothing(tmp_path: Path) -> None:
    """The record the next page was asked by is gone, and the server answers to an unknown place with nothing."""
    config = SandboxConfig(leads=20, campaigns=1, accounts=250, days=5, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sync("accounts")
        at.fault("/api/v2/accounts", "status", **NOTHING, skip=2, times=1)
        assert at.sync("accounts").exit_code == 0
        assert {row["_op"] for row in at.rows("accounts")} == {"upsert"}


def test_accounts_are_asked_for_as_they_are_spelled(at: Bench) -> None:
    record = {**at.state("accounts")[0], "email": "Ann@Big.example"}
    at.mutate({"op": "insert", "collection": "accounts", "record": record})
    days = [{"email_account": "Ann@Big.example", "date": "2026-05-30", "sent": 7}]
    at.fault(ACCOUNT_DAILY, "status", status=200, body=days, match={"contains": "Ann%40Big.example"})
    sums = {"email_date_data": {}, "aggregate_data": {"Ann@Big.example": {"sent": 7}}}
    at.fault(WARMUP, "status", status=200, body=sums, match={"contains": '"Ann@Big.example"'})
    at.sync("accounts", "account_daily_analytics", "warmup_summary")
    assert at.alive("account_daily_analytics")['["ann@big.example","2026-05-30"]']["sent"] == 7
    assert at.alive("warmup_summary")['["ann@big.example"]']["sent"] == 7


def test_a_campaign_that_is_in_no_list_is_asked_for_its_days_when_it_begins_to_send(at: Bench) -> None:
    unlisted = {**at.state("campaign_analytics")[0], "campaign_id": "0199aaaa-0000-7000-8000-0000000000ff"}
    at.fault(COUNTERS, "status", status=200, body=[{**unlisted, "emails_sent_count": 0}])
    at.fault(DAILY, "status", status=200, body=[], match={"contains": unlisted["campaign_id"]})
    for _ in range(2):
        at.sync("campaign_analytics", "daily_analytics")
    at.advance(days=2)
    at.control.request("DELETE", "/faults")
    at.fault(COUNTERS, "status", status=200, body=[{**unlisted, "emails_sent_count": 7}])
    days = [{"date": "2026-06-02", "sent": 7}]
    at.fault(DAILY, "status", status=200, body=days, match={"contains": unlisted["campaign_id"]})
    at.sync("campaign_analytics", "daily_analytics")
    at.sync("campaign_analytics", "daily_analytics")
    assert [r["sent"] for r in at.alive("daily_analytics").values() if r["campaign_id"] == unlisted["campaign_id"]] == [
        7
    ]


def test_a_campaign_that_is_in_no_list_is_asked_for_its_days_the_first_time(at: Bench) -> None:
    unlisted = {**at.state("campaign_analytics")[0], "campaign_id": "0199aaaa-0000-7000-8000-0000000000ff"}
    at.fault(COUNTERS, "status", status=200, body=[unlisted])
    days = [{"date": "2026-05-30", "sent": 7}]
    at.fault(DAILY, "status", status=200, body=days, match={"contains": unlisted["campaign_id"]})
    at.sync("daily_analytics")
    assert [r["sent"] for r in at.alive("daily_analytics").values() if r["campaign_id"] == unlisted["campaign_id"]] == [
        7
    ]


@pytest.mark.parametrize("status", [400, 404])
def test_leads_are_read_on_where_the_server_does_not_know_a_deleted_campaign(tmp_path: Path, status: int) -> None:
    with bench(tmp_path / "data", LARGE) as at:
        at.sync("campaigns", "leads")
        campaign = at.state("campaigns")[0]["id"]
        at.mutate({"op": "delete_campaign", "id": campaign, "keep_leads": True})
        at.fault(LEADS, "status", status=status, match={"contains": f'"campaign":"{campaign}"'})
        assert at.sync("campaigns", "leads").exit_code == 0
        assert_mirrors(at, ("campaigns", "leads"))


def test_a_sweep_killed_when_all_had_landed_reads_nothing_again(at: Bench, tmp_path: Path) -> None:
    at.sync("leads")
    gone = lost(at, 3)
    for after in range(50, 150):  # before that a sync only reads what is there
        at.killed_sync(tmp_path / str(after), after, "state", "leads", full=True)
        kept = at.data_dir / "lake" / "state"
        state = [json.loads(path.read_bytes()) for path in kept.glob("*/leads.sweep.json")]
        if state and state[0]["ranges"] == []:
            break
    assert state
    at.forget_requests()
    assert at.sync("leads", full=True).exit_code == 0
    assert pages(at) == []
    assert_mirrors(at, ("leads",))
    assert {json.loads(r["_key"])[0] for r in at.rows("leads") if r["_op"] == "delete"} == set(gone)


def test_a_question_by_id_that_is_too_large_is_put_in_parts(at: Bench) -> None:
    at.sync("leads")
    lost(at, 40)
    at.fault(LEADS, "status", status=413, match={"contains": '"ids"'}, times=2)
    assert at.sync("leads").exit_code == 0
    assert_mirrors(at, ("leads",))


def test_a_server_for_which_every_question_by_id_is_too_large_is_not_asked_for_each_lead(at: Bench) -> None:
    at.sync("leads")
    lost(at, 40)
    at.fault(LEADS, "status", status=413, match={"contains": '"ids"'})
    at.forget_requests()
    assert outcome(at.sync("leads"), "leads") == (Outcome.HELD, 3)
    assert sum(request["status"] == 413 for request in at.requests()) < 10


@pytest.mark.parametrize("refusal", [{"status": 400}, {"status": 413}, {"status": 404}])
def test_what_the_server_will_not_say_by_id_is_held_until_accepted(at: Bench, refusal: dict[str, Any]) -> None:
    at.sync("leads")
    gone = lost(at, 3)
    at.fault(LEADS, "status", **refusal, match={"contains": '"ids"'})
    report = at.sync("leads")
    assert outcome(report, "leads") == (Outcome.HELD, 3)
    assert stream_result(report, "leads").held_deletes == len(gone)
    assert at.sync("leads", accept_deletes=True).exit_code == 0
    assert_mirrors(at, ("leads",))


def test_a_server_that_does_not_look_at_ids_lets_held_deletions_be_accepted(at: Bench) -> None:
    at.sync("leads")
    lost(at, 3)
    others = at.state("leads")[:100]
    at.fault(LEADS, "status", status=200, body={"items": others}, match={"contains": '"ids"'})
    assert outcome(at.sync("leads"), "leads") == (Outcome.HELD, 3)
    assert at.sync("leads", accept_deletes=True).exit_code == 0
    assert_mirrors(at, ("leads",))


def test_a_list_that_ends_behind_a_lead_that_is_gone_is_read_again(at: Bench) -> None:
    """The first time nothing known shows that the list went on."""
    leads = at.state("leads")
    at.fault(LEADS, "status", status=200, body={"items": leads[:1]}, match={"contains": '"ids"'}, times=1)
    at.fault(LEADS, "status", **NOTHING, match={"contains": leads[199]["id"]}, times=1)
    report = at.sync("leads")
    assert outcome(report, "leads") == (Outcome.FAILED, 3)
    assert "deleted meanwhile" in (stream_result(report, "leads").reason or "")
    assert at.sync("leads").exit_code == 0
    assert_mirrors(at, ("leads",))


def test_a_hold_is_known_to_be_released_whenever_the_sync_is_killed(at: Bench, tmp_path: Path) -> None:
    at.sync("custom_tags")
    at.fault("/api/v2/custom-tags", "status", **NOTHING)
    at.fault("/api/v2/custom-tags/{id}", "status", status=404)
    at.sync("custom_tags")
    at.control.request("DELETE", "/faults")
    origin, kills = at.data_dir, 0
    while True:
        at.data_dir = tmp_path / str(kills)
        shutil.copytree(origin, at.data_dir)
        at.killed_sync(tmp_path / f"{kills}-killed", kills, "", "custom_tags")
        if not at.data_dir.name.endswith("killed"):
            break
        assert at.sync("custom_tags").exit_code == 0
        assert {row["state"] for row in at.log("held_deletes")} == {"held", "released"}, kills
        kills += 1
    assert kills > 8


def test_a_page_that_names_more_and_not_where_is_no_end(at: Bench) -> None:
    at.sync("custom_tags")
    tags = at.state("custom_tags")
    at.fault("/api/v2/custom-tags", "status", status=200, body={"items": tags[:-1], "has_more": True})
    assert outcome(at.sync("custom_tags"), "custom_tags") == (Outcome.FAILED, 3)
    assert len(at.alive("custom_tags")) == len(tags)


def test_days_of_a_deleted_campaign_stay_where_the_server_has_nothing_more_to_say_of_it(at: Bench) -> None:
    at.sync("daily_analytics")
    campaign = max(at.state("campaign_analytics"), key=lambda row: row["emails_sent_count"])["campaign_id"]
    before = at.rows("daily_analytics")
    at.mutate({"op": "delete_campaign", "id": campaign})
    at.fault(DAILY, "status", status=200, body=[], match={"contains": campaign})
    assert at.sync("campaigns", "daily_analytics").exit_code == 0
    assert at.rows("daily_analytics") == before
    assert at.log("quarantine") == []


def test_a_day_that_is_no_date_and_vanishes_costs_nothing(at: Bench) -> None:
    at.fault(DAILY, "status", status=200, body=[{"date": "2026-05-2x", "sent": 3}, {"date": "2026-05-30", "sent": 1}])
    at.sync("daily_analytics")
    at.control.request("DELETE", "/faults")
    at.fault(DAILY, "status", status=200, body=[{"date": "2026-05-30", "sent": 1}])
    assert [at.sync("daily_analytics").exit_code for _ in range(2)] == [0, 0]
