"""Leads read in part: what is chosen, what is left, and how a sweep finds out that counters cannot be trusted.

The worlds are small; the sizes passed in let them be read in part all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.context import Sizes
from instantly_pipeline.sync.reset import reset
from instantly_pipeline.sync.results import Event, silent
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

LEADS = "/api/v2/leads/list"
STREAMS = ("campaigns", "campaign_analytics", "leads")
TAIL = 1  # request, where nothing is new


@pytest.fixture
def selective(tmp_path: Path) -> Iterator[Bench]:
    """A world whose leads were read once, swept since in parts of 100."""
    config = SandboxConfig(leads=350, campaigns=4, accounts=3, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sizes = Sizes(few_pages=0, leads_per_segment=100, worth_a_sweep=9)
        at.sync(*STREAMS)
        yield at


def lead_requests(at: Bench) -> int:
    """What a sync asks of the leads."""
    at.forget_requests()
    at.sync(*STREAMS)
    return sum(request["path"] == LEADS for request in at.requests())


def in_campaigns(at: Bench) -> list[dict[str, Any]]:
    return [lead for lead in at.state("leads") if lead.get("campaign")]


def edit(at: Bench, lead: str) -> None:
    """A change that no counter shows."""
    at.mutate({"op": "update", "collection": "leads", "id": lead, "set": {"first_name": "Edited"}})


def test_campaigns_that_have_not_moved_are_not_read(selective: Bench) -> None:
    assert lead_requests(selective) == TAIL


def test_of_the_campaigns_those_that_moved_are_read(selective: Bench) -> None:
    lead = in_campaigns(selective)[0]
    size = sum(one["campaign"] == lead["campaign"] for one in in_campaigns(selective))
    made = {"id": "00000000-0000-4000-8000-000000000001", "email": "new@new.example", "campaign": lead["campaign"]}
    selective.mutate({"op": "insert", "collection": "leads", "record": made | {"status": 1}})
    edit(selective, lead["id"])  # within a campaign that is read it is seen
    assert lead_requests(selective) == TAIL + (size + 1) // 100 + 1
    assert_mirrors(selective, ("leads",))


def test_a_lead_that_is_gone_from_a_campaign_that_moved_gets_a_tombstone(selective: Bench) -> None:
    lead = in_campaigns(selective)[0]
    selective.mutate({"op": "delete_lead", "id": lead["id"]})
    selective.sync(*STREAMS)
    assert_mirrors(selective, ("leads",))


def test_new_leads_outside_campaigns_come_at_the_tail(selective: Bench) -> None:
    made = {"id": "019e8330-0000-7000-8000-000000000001", "email": "new@new.example", "status": 1}
    selective.mutate({"op": "insert", "collection": "leads", "record": made})
    assert lead_requests(selective) == TAIL
    assert_mirrors(selective, ("leads",))


def test_a_lead_that_comes_between_the_tail_and_a_scan_is_found_by_the_next_sync(selective: Bench) -> None:
    campaign = in_campaigns(selective)[0]["campaign"]
    made = [
        {"id": f"019e8330-000{number}-7000-8000-000000000001", "email": f"{number}@new.example", "status": 1}
        for number in range(3)
    ]
    inserts = [{"op": "insert", "collection": "leads", "record": record} for record in made]
    inserts[0]["record"]["campaign"] = inserts[2]["record"]["campaign"] = campaign
    selective.mutate(inserts[0])

    def after_the_tail(event: Event) -> None:
        if (event.kind, event.stream) == ("progress", "leads"):
            selective.watch = silent
            selective.mutate(*inserts[1:])

    selective.watch = after_the_tail
    selective.sync(*STREAMS)
    assert [record["id"] in {json.loads(key)[0] for key in selective.alive("leads")} for record in made] == [
        True, False, True
    ]  # fmt: skip
    selective.sync(*STREAMS)
    assert_mirrors(selective, ("leads",))
    selective.sync(*STREAMS, full=True)
    assert selective.log("notices") == []


def test_within_the_sweep_days_every_lead_is_read_again(selective: Bench) -> None:
    outside = next(lead for lead in selective.state("leads") if not lead.get("campaign"))
    edit(selective, outside["id"])
    selective.sync(*STREAMS)
    assert selective.alive("leads")[json.dumps([outside["id"]])]["first_name"] != "Edited"
    for _ in range(5):
        selective.wait(days=3)
        selective.sync(*STREAMS)
    assert_mirrors(selective, ("leads",))
    assert lead_requests(selective) == TAIL  # changes that no counter shows do not matter


def opened(at: Bench, lead: str) -> None:
    """A change that a counter should show, and does not."""
    at.mutate({"op": "update", "collection": "leads", "id": lead, "set": {"email_open_count": 9}})


def find_them_wanting(at: Bench) -> None:
    """Let a sweep find a change that the counters do not show."""
    opened(at, in_campaigns(at)[0]["id"])
    assert lead_requests(at) == TAIL
    at.sync(*STREAMS, full=True)
    assert_mirrors(at, ("leads",))


def test_counters_that_a_sweep_finds_wanting_are_not_trusted_until_the_leads_are_reset(selective: Bench) -> None:
    find_them_wanting(selective)
    assert any(
        "with unchanged counters; every sync sweeps all leads" in row["notice"] for row in selective.log("notices")
    )
    assert selective.log("quarantine") == []
    assert lead_requests(selective) > TAIL
    reset(selective.layout, ["leads"])
    selective.sync(*STREAMS)
    assert lead_requests(selective) == TAIL


def test_counters_that_a_sweep_finds_wanting_are_tried_again_after_a_week(selective: Bench) -> None:
    find_them_wanting(selective)
    selective.wait(days=6, hours=23)
    assert lead_requests(selective) > TAIL
    selective.wait(hours=1)
    assert lead_requests(selective) == TAIL
    opened(selective, in_campaigns(selective)[1]["id"])
    selective.sync(*STREAMS, full=True)
    assert lead_requests(selective) > TAIL


@pytest.mark.parametrize("op", ["insert", "move_lead"])
def test_leads_that_come_or_go_without_a_counter_show_that_counters_are_wanting(selective: Bench, op: str) -> None:
    counted = selective.state("campaign_analytics")
    lead = in_campaigns(selective)[0]
    new = {"id": "00000000-0000-4000-8000-000000000001", "email": "new@new.example", "campaign": lead["campaign"]}
    selective.mutate(
        {
            "insert": {"op": op, "collection": "leads", "record": new | {"status": 1}},
            "move_lead": {"op": op, "ids": [lead["id"]], "list_id": selective.state("lead_lists")[0]["id"]},
        }[op]
    )
    selective.fault("/api/v2/campaigns/analytics", "status", status=200, body=counted)
    selective.sync(*STREAMS, full=True)
    assert any("with unchanged counters" in row["notice"] for row in selective.log("notices"))


def test_a_campaign_without_counters_is_not_held_against_the_counters(selective: Bench) -> None:
    lead = in_campaigns(selective)[0]
    others = [row for row in selective.state("campaign_analytics") if row["campaign_id"] != lead["campaign"]]
    selective.fault("/api/v2/campaigns/analytics", "status", status=200, body=others)
    selective.sync(*STREAMS)
    selective.mutate({"op": "move_lead", "ids": [lead["id"]], "list_id": selective.state("lead_lists")[0]["id"]})
    selective.sync(*STREAMS, full=True)
    assert_mirrors(selective, ("leads",))
    assert selective.log("notices") == []
    assert lead_requests(selective) == TAIL


INTEREST = {"timestamp_last_interest_change": "now", "timestamp_last_touch": "now"}


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ({"first_name": "Edited", "timestamp_updated": "now"}, True),
        ({"first_name": "Edited", "a_field_of_tomorrow": 5, "esp_code": 7}, True),
        ({"lt_interest_status": -1, **INTEREST}, True),
        ({"lt_interest_status": 2, **INTEREST, "timestamp_updated": "now"}, True),
        ({"email_reply_count": 9, "timestamp_last_reply": "now", "timestamp_last_touch": "now"}, False),
        ({"email_open_count": 9, "timestamp_last_open": "now", "timestamp_updated": "now"}, False),
        ({"status": -3}, False),
        ({"lt_interest_status": 1}, False),
        ({"timestamp_last_contact": "now"}, False),
    ],
    ids=[
        "edited",
        "edited though no time says so",
        "not interested",
        "meeting booked",
        "replied",
        "opened and edited",
        "skipped",
        "interested though no time says so",
        "contacted",
    ],
)
def test_what_no_counter_speaks_of_is_not_held_against_the_counters(
    selective: Bench, values: dict[str, Any], *, holds: bool
) -> None:
    selective.wait(hours=1)
    at = selective.clock.start.isoformat().replace("+00:00", "Z")
    values = {name: at if value == "now" else value for name, value in values.items()}
    lead = next(one for one in in_campaigns(selective) if "lt_interest_status" not in one)["id"]
    selective.mutate({"op": "update", "collection": "leads", "id": lead, "set": values})
    selective.sync(*STREAMS, full=True)
    assert_mirrors(selective, ("leads",))
    assert any("edited manually" in text for text in selective.said) == holds
    assert (lead_requests(selective) == TAIL) == holds


def test_a_filter_the_server_does_not_look_at_is_not_used_and_everything_is_read(selective: Bench) -> None:
    one, other = (next(x for x in in_campaigns(selective) if x["campaign"] == c) for c in campaigns(selective)[:2])
    selective.mutate({"op": "delete_lead", "id": one["id"]})
    selective.fault(LEADS, "status", status=200, body={"items": [other]}, match={"contains": one["campaign"]})
    report = selective.sync(*STREAMS)
    assert stream_result(report, "leads").changes.deleted == 1
    assert_mirrors(selective, ("leads",))
    assert any("returned leads of another campaign or list" in text for text in selective.said)


def campaigns(at: Bench) -> list[str]:
    return sorted({lead["campaign"] for lead in in_campaigns(at)})
