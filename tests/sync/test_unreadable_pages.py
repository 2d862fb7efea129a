"""A page that the server cannot give, whatever is asked: it is read around, and what is missing is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.context import Sizes
from instantly_pipeline.sync.results import Outcome, SyncReport
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

pytestmark = pytest.mark.whole

LEADS = "/api/v2/leads/list"
STREAMS = ("campaigns", "campaign_analytics", "leads")


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    config = SandboxConfig(leads=1_000, campaigns=3, accounts=2, days=10, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as made:
        made.sizes = Sizes(few_pages=0, leads_per_segment=200, worth_a_sweep=9)
        yield made


def poison(at: Bench, *leads: str, kind: str = "status", **more: Any) -> None:
    """Every page with one of these leads fails."""
    for lead in leads:
        at.fault(LEADS, kind, match={"answer_contains": f'"id":"{lead}"'}, **more)


def ended(report: SyncReport) -> tuple[Outcome, int]:
    result = stream_result(report, "leads")
    return result.outcome, report.exit_code


@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"status": 503}, {"kind": "bad_json"}, {"kind": "truncate"}, {"kind": "html", "status": 200}],
    ids=str,
)
def test_all_leads_but_those_beside_the_one_that_fails_are_read(at: Bench, fault: dict[str, Any]) -> None:
    ids = [row["id"] for row in at.state("leads")]
    poison(at, ids[349], **fault)
    report = at.sync(*STREAMS)
    assert ended(report) == (Outcome.FAILED, 3)
    missing = {json.dumps([one]) for one in ids} - at.alive("leads").keys()
    assert json.dumps([ids[349]]) in missing
    assert len(missing) == 1
    reason = stream_result(report, "leads").reason or ""
    assert ids[348] in reason
    assert "next sync tries these again" in reason


@pytest.mark.parametrize("places", [(0,), (999,), (349, 350), (100, 500, 900)])
def test_wherever_they_are(at: Bench, places: tuple[int, ...]) -> None:
    ids = [row["id"] for row in at.state("leads")]
    poison(at, *(ids[n] for n in places), status=500)
    report = at.sync(*STREAMS)
    assert ended(report) == (Outcome.FAILED, 3)
    assert len(ids) - len(at.alive("leads")) == len(places)


def test_once_the_server_is_well_again_the_rest_is_read_and_no_more(at: Bench) -> None:
    ids = [row["id"] for row in at.state("leads")]
    poison(at, ids[349], status=500)
    at.sync(*STREAMS)
    at.control.request("DELETE", "/faults")
    at.forget_requests()
    assert at.sync(*STREAMS).exit_code == 0
    assert_mirrors(at, ("leads",))
    assert sum(r["path"] == LEADS for r in at.requests()) < 8


@pytest.mark.parametrize("full", [False, True])
def test_a_later_sync_loses_nothing_and_reads_all_others(at: Bench, full: bool) -> None:
    at.sync(*STREAMS)
    leads = at.state("leads")
    poison(at, leads[349]["id"], status=500)
    others = [row["id"] for row in (leads[10], leads[340], leads[500], leads[990])]
    for lead in others:
        at.mutate({"op": "update", "collection": "leads", "id": lead, "set": {"first_name": "Edited"}})
    at.sync(*STREAMS, full=full)
    assert {row["_op"] for row in at.rows("leads")} == {"upsert"}
    if full:
        names = {lead: at.alive("leads")[json.dumps([lead])]["first_name"] for lead in others}
        assert set(names.values()) == {"Edited"}


def test_deletions_beside_it_are_found(at: Bench) -> None:
    at.sync(*STREAMS)
    leads = [row["id"] for row in at.state("leads")]
    poison(at, leads[349], status=500)
    at.mutate({"op": "delete_leads", "ids": [leads[5], leads[700]]})
    report = at.sync(*STREAMS, full=True)
    assert stream_result(report, "leads").changes.deleted == 2


def test_a_campaign_that_moved_is_read_but_for_what_fails_and_is_read_again(at: Bench) -> None:
    at.sync(*STREAMS)
    lead = next(row for row in at.state("leads")[300:] if row.get("campaign"))
    mates = [row["id"] for row in at.state("leads") if row.get("campaign") == lead["campaign"]]
    at.mutate({"op": "delete_lead", "id": mates[3]})
    poison(at, lead["id"], status=500)
    report = at.sync(*STREAMS)
    assert ended(report) == (Outcome.FAILED, 3)
    assert stream_result(report, "leads").changes.deleted == 1
    at.control.request("DELETE", "/faults")
    at.forget_requests()
    assert at.sync(*STREAMS).exit_code == 0
    assert any(lead["campaign"] == r.get("campaign") for r in at.requests())
    assert_mirrors(at, ("leads",))


def test_a_server_that_is_down_is_not_read_around(at: Bench) -> None:
    at.fault(LEADS, "status", status=500)
    report = at.sync(*STREAMS)
    assert ended(report) == (Outcome.FAILED, 3)
    assert sum(r["path"] == LEADS for r in at.requests()) < 250


def test_nor_are_its_campaigns_one_by_one(at: Bench) -> None:
    at.sync(*STREAMS)
    campaigns = [row["id"] for row in at.state("campaigns")]
    first = [next(r["id"] for r in at.state("leads") if r.get("campaign") == one) for one in campaigns]
    at.mutate(*({"op": "delete_lead", "id": lead} for lead in first))
    at.fault(LEADS, "status", status=500)
    at.forget_requests()
    assert ended(at.sync(*STREAMS)) == (Outcome.FAILED, 3)
    assert sum(r["path"] == LEADS for r in at.requests()) < 250


@pytest.mark.parametrize("switch", [{}, {"any_lead_cursor": False}])
def test_a_cursor_that_fails_alone_costs_nothing(at: Bench, switch: dict[str, Any]) -> None:
    at.post("/switches", switch)
    ids = [row["id"] for row in at.state("leads")]
    at.fault(LEADS, "status", status=500, match={"contains": ids[299]})
    report = at.sync(*STREAMS)
    assert ended(report) == ((Outcome.FAILED, 3) if switch else (Outcome.OK, 0))  # what follows it may be hidden
    assert len(at.alive("leads")) == 1_000


def test_one_page_of_a_list_is_read_in_parts_up_to_the_record_that_fails(tmp_path: Path) -> None:
    config = SandboxConfig(leads=20, campaigns=2, accounts=250, days=3, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as made:
        accounts = sorted(made.state("accounts"), key=lambda r: (r["timestamp_created"], r["email"]), reverse=True)
        made.fault(
            "/api/v2/accounts", "status", status=500, match={"answer_contains": f'"email":"{accounts[137]["email"]}"'}
        )
        report = made.sync("accounts")
        assert stream_result(report, "accounts").outcome is Outcome.FAILED
        assert len(made.alive("accounts")) == 137


def edited(at: Bench, *leads: str) -> int:
    """Edit leads by hand, but for these; how many."""
    others = [row["id"] for row in at.state("leads") if row["id"] not in leads]
    changed = [{"op": "update", "collection": "leads", "id": lead, "set": {"first_name": "Edited"}} for lead in others]
    return at.mutate(*changed)


def seen_edited(at: Bench) -> int:
    return sum(row["first_name"] == "Edited" for row in at.alive("leads").values())


@pytest.mark.parametrize("place", [0, 349])
def test_a_server_that_takes_only_ids_of_leads_is_read_around_too(at: Bench, place: int) -> None:
    at.post("/switches", {"any_lead_cursor": False})
    ids = [row["id"] for row in at.state("leads") if row.get("campaign")]
    bad = ids[place]
    poison(at, bad, status=500)
    report = at.sync(*STREAMS, "lead_lists")
    assert ended(report) == (Outcome.FAILED, 3)
    assert "next sync tries these again" in (stream_result(report, "leads").reason or "")
    mates = [row for row in at.state("leads") if row.get("campaign") or row.get("list_id")]
    known = {json.loads(key)[0] for key in at.alive("leads")}
    assert {row["id"] for row in mates[place:]} - known <= {bad, *at_the_end(mates, bad)}
    at.control.request("DELETE", "/faults")
    assert at.sync(*STREAMS, full=True).exit_code == 0
    assert_mirrors(at, ("leads",))


def at_the_end(leads: list[dict[str, Any]], bad: str) -> list[str]:
    """Leads of the campaign of the bad one behind it: nothing shows a place there."""
    campaign = next(row["campaign"] for row in leads if row["id"] == bad)
    return [row["id"] for row in leads if row.get("campaign") == campaign and row["id"] > bad]


def test_after_one_good_sync_such_a_server_gives_all_others(at: Bench) -> None:
    at.post("/switches", {"any_lead_cursor": False})
    at.sync(*STREAMS)
    bad = at.state("leads")[349]["id"]
    poison(at, bad, status=500)
    others = edited(at, bad)
    assert ended(at.sync(*STREAMS, full=True)) == (Outcome.FAILED, 3)
    assert seen_edited(at) == others


@pytest.mark.parametrize("place", [349, 350, 351, 352, 353])
def test_what_could_not_be_read_before_does_not_make_every_sync_read_all(at: Bench, place: int) -> None:
    poison(at, at.state("leads")[place]["id"], status=500)
    at.sync(*STREAMS)
    at.control.request("DELETE", "/faults")
    assert at.sync(*STREAMS).exit_code == 0
    assert not at.log("quarantine")


def test_a_campaign_whose_leads_cannot_be_read_does_not_cost_the_others(at: Bench) -> None:
    at.sync(*STREAMS)
    bad, good = (row["id"] for row in at.state("campaigns")[:2])
    mates = [row["id"] for row in at.state("leads") if row.get("campaign") == good]
    at.mutate(
        {"op": "delete_lead", "id": mates[0]},
        {"op": "delete_lead", "id": next(r["id"] for r in at.state("leads") if r.get("campaign") == bad)},
    )
    at.fault(LEADS, "status", status=500, match={"contains": f'"campaign":"{bad}"'})
    for deleted in (1, 0):
        report = at.sync(*STREAMS)
        assert ended(report) == (Outcome.FAILED, 3)
        assert "1 of" in (stream_result(report, "leads").reason or "")
        assert stream_result(report, "leads").changes.deleted == deleted
    at.control.request("DELETE", "/faults")
    assert at.sync(*STREAMS).exit_code == 0
    assert_mirrors(at, ("leads",))


@pytest.mark.parametrize("first", [False, True])
def test_deletions_are_found_though_the_very_last_lead_fails(at: Bench, first: bool) -> None:
    *leads, last = at.state("leads")
    if not first:
        at.sync(*STREAMS)
    poison(at, last["id"], status=500)
    if first:
        assert ended(at.sync(*STREAMS)) == (Outcome.FAILED, 3)
    gone = [row["id"] for row in leads if row.get("campaign") != last.get("campaign")][5:100:50]
    at.mutate({"op": "delete_leads", "ids": gone})
    report = at.sync(*STREAMS, full=True)
    result = stream_result(report, "leads")
    assert (result.outcome, result.changes.deleted) == (Outcome.FAILED, 2)
    assert leads[-1]["id"] in (result.reason or "")


def test_what_is_missing_is_said_beside_what_is_held(at: Bench) -> None:
    leads = [row for row in at.state("leads") if row.get("campaign")]
    bad = leads[200]
    poison(at, bad["id"], status=500)
    at.sync(*STREAMS)
    mate = next(row["id"] for row in leads[201:] if row["campaign"] == bad["campaign"])
    at.mutate({"op": "delete_lead", "id": mate})  # the campaign counts as many as were read before
    report = at.sync(*STREAMS, full=True)
    assert (ended(report), stream_result(report, "leads").held_deletes) == ((Outcome.FAILED, 3), 1)
    assert "All others were read" in (stream_result(report, "leads").reason or "")
    assert "--accept-deletes" in (stream_result(report, "leads").reason or "")
