"""Leads read in part: what the gate lets through, what it leaves, and how a sweep finds out that it does not hold.

The worlds are small; the sizes passed in turn the gate on for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.context import Sizes
from instantly_pipeline.sync.reset import reset
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

LEADS = "/api/v2/leads/list"
STREAMS = ("campaigns", "campaign_analytics", "leads")
TAIL = 1  # request, where nothing is new


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Bench]:
    """A world whose leads were read once, swept since in parts of 100."""
    config = SandboxConfig(leads=350, campaigns=4, accounts=3, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sizes = Sizes(few_pages=0, leads_per_slice=100)
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


def test_campaigns_that_have_not_moved_are_not_read(gated: Bench) -> None:
    assert lead_requests(gated) == TAIL


def test_of_the_campaigns_those_that_moved_are_read(gated: Bench) -> None:
    lead = in_campaigns(gated)[0]
    size = sum(one["campaign"] == lead["campaign"] for one in in_campaigns(gated))
    made = {"id": "00000000-0000-4000-8000-000000000001", "email": "new@new.example", "campaign": lead["campaign"]}
    gated.mutate({"op": "insert", "collection": "leads", "record": made | {"status": 1}})
    edit(gated, lead["id"])  # within a campaign that is read it is seen
    assert lead_requests(gated) == TAIL + (size + 1) // 100 + 1
    assert_mirrors(gated, ("leads",))


def test_a_lead_that_is_gone_from_a_campaign_that_moved_is_buried(gated: Bench) -> None:
    lead = in_campaigns(gated)[0]
    gated.mutate({"op": "delete_lead", "id": lead["id"]})
    gated.sync(*STREAMS)
    assert_mirrors(gated, ("leads",))


def test_new_leads_outside_campaigns_come_at_the_tail(gated: Bench) -> None:
    made = {"id": "019e8330-0000-7000-8000-000000000001", "email": "new@new.example", "status": 1}
    gated.mutate({"op": "insert", "collection": "leads", "record": made})
    assert lead_requests(gated) == TAIL
    assert_mirrors(gated, ("leads",))


def test_within_the_sweep_days_every_lead_is_read_again(gated: Bench) -> None:
    outside = next(lead for lead in gated.state("leads") if not lead.get("campaign"))
    edit(gated, outside["id"])
    gated.sync(*STREAMS)
    assert gated.alive("leads")[json.dumps([outside["id"]])]["first_name"] != "Edited"
    for _ in range(5):
        gated.wait(days=3)
        gated.sync(*STREAMS)
    assert_mirrors(gated, ("leads",))
    assert lead_requests(gated) == TAIL  # what no counter is there for does not speak against the gate


def test_a_gate_that_a_sweep_finds_wanting_is_off_until_it_is_reset(gated: Bench) -> None:
    edit(gated, in_campaigns(gated)[0]["id"])
    assert lead_requests(gated) == TAIL
    gated.sync(*STREAMS, full=True)
    assert_mirrors(gated, ("leads",))
    assert any("counters had not moved; every sync sweeps all leads" in row["notice"] for row in gated.log("notices"))
    assert gated.log("quarantine") == []
    assert lead_requests(gated) > TAIL
    reset(gated.layout, ["leads"])
    gated.sync(*STREAMS)
    assert lead_requests(gated) == TAIL


INTEREST = {"timestamp_last_interest_change": "now", "timestamp_last_touch": "now"}


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ({"first_name": "Edited", "timestamp_updated": "now"}, True),
        ({"lt_interest_status": -1, **INTEREST}, True),
        ({"lt_interest_status": 2, **INTEREST, "timestamp_updated": "now"}, True),
        ({"email_reply_count": 9, "timestamp_last_reply": "now", "timestamp_last_touch": "now"}, False),
        ({"email_open_count": 9, "timestamp_last_open": "now", "timestamp_updated": "now"}, False),
        ({"status": -3}, False),
    ],
    ids=["edited", "not interested", "meeting booked", "replied", "opened and edited", "skipped"],
)
def test_what_people_do_by_hand_is_not_held_against_the_gate(
    gated: Bench, values: dict[str, Any], *, holds: bool
) -> None:
    gated.wait(hours=1)
    at = gated.clock.start.isoformat().replace("+00:00", "Z")
    values = {name: at if value == "now" else value for name, value in values.items()}
    lead = next(one for one in in_campaigns(gated) if "lt_interest_status" not in one)["id"]
    gated.mutate({"op": "update", "collection": "leads", "id": lead, "set": values})
    gated.sync(*STREAMS, full=True)
    assert_mirrors(gated, ("leads",))
    assert any("by hand" in text for text in gated.said) == holds
    assert (lead_requests(gated) == TAIL) == holds


def test_a_filter_the_server_does_not_look_at_turns_the_gate_off_and_everything_is_read(gated: Bench) -> None:
    one, other = (next(x for x in in_campaigns(gated) if x["campaign"] == c) for c in campaigns(gated)[:2])
    gated.mutate({"op": "delete_lead", "id": one["id"]})
    gated.fault(LEADS, "status", status=200, body={"items": [other]}, match={"contains": one["campaign"]})
    report = gated.sync(*STREAMS)
    assert stream_result(report, "leads").changes.deleted == 1
    assert_mirrors(gated, ("leads",))
    assert any("answered with leads of another campaign or list" in text for text in gated.said)


def campaigns(at: Bench) -> list[str]:
    return sorted({lead["campaign"] for lead in in_campaigns(at)})
