"""What the audit log says of leads is read first: in campaigns whose counters stand still, in lists, or everywhere."""

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

STREAMS = ("campaigns", "campaign_analytics", "lead_lists", "leads")
LEADS = "/api/v2/leads/list"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    """A world whose leads are read in part."""
    config = SandboxConfig(leads=350, campaigns=4, accounts=3, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as made:
        made.sizes = Sizes(few_pages=0, leads_per_segment=100, worth_a_sweep=9)
        made.sync(*STREAMS, "audit_logs")
        yield made


def lead_requests(at: Bench, *streams: str) -> list[dict[str, Any]]:
    at.forget_requests()
    at.sync(*STREAMS, *streams)
    return [request for request in at.requests() if request["path"] == LEADS]


def of_a_list(at: Bench) -> dict[str, Any]:
    """A lead of a list and of no campaign."""
    return next(row for row in at.state("leads") if not row.get("campaign") and row.get("list_id"))


def exchanged(at: Bench) -> str:
    """The id of a lead of a campaign that was never contacted; it is deleted, and a new one put in its place."""
    lead = next(row for row in at.state("leads") if row.get("campaign") and not row.get("timestamp_last_contact"))
    new = {"id": "019fffff-0000-7000-8000-000000000001", "email": "new@new.example", "campaign": lead["campaign"]}
    at.mutate(
        {"op": "delete_lead", "id": lead["id"]},
        {"op": "insert", "collection": "leads", "record": new | {"status": lead["status"]}},
    )
    return str(lead["id"])


def test_a_deletion_that_no_counter_shows_is_found_by_the_audit_log(at: Bench) -> None:
    at.advance(hours=1)
    at.sync(*STREAMS, "audit_logs")
    gone = exchanged(at)
    lead_requests(at)
    assert json.dumps([gone]) in at.alive("leads")
    lead_requests(at, "audit_logs")
    assert json.dumps([gone]) not in at.alive("leads")


def test_a_lead_that_is_deleted_from_a_list_is_found_by_the_audit_log(at: Bench) -> None:
    lead = of_a_list(at)
    at.mutate({"op": "delete_lead", "id": lead["id"]})
    asked = lead_requests(at, "audit_logs")
    assert lead["list_id"] in [request.get("list_id") for request in asked]
    assert_mirrors(at, ("leads",))


def test_the_first_entries_of_a_log_that_was_empty_at_the_first_sync_are_looked_at(tmp_path: Path) -> None:
    config = SandboxConfig(leads=350, campaigns=4, accounts=3, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sizes = Sizes(few_pages=0, leads_per_segment=100, worth_a_sweep=9)
        at.fault("/api/v2/audit-logs", "status", status=200, body={"items": []})
        at.sync(*STREAMS, "audit_logs")
        lead = of_a_list(at)
        at.mutate({"op": "delete_lead", "id": lead["id"]})
        entry = {"id": "a", "timestamp": NOON.isoformat(), "organization_id": "w", "activity_type": 2,
                 "ip_address": "203.0.113.1", "from_api": True, "list_id": lead["list_id"]}  # fmt: skip
        at.control.request("DELETE", "/faults")
        at.fault("/api/v2/audit-logs", "status", status=200, body={"items": [entry]})
        asked = lead_requests(at, "audit_logs")
        assert lead["list_id"] in [request.get("list_id") for request in asked]


def test_what_the_audit_log_has_named_is_read_once(at: Bench) -> None:
    lead = of_a_list(at)
    at.mutate({"op": "delete_lead", "id": lead["id"]})
    lead_requests(at, "audit_logs")
    assert len(lead_requests(at, "audit_logs")) == 1  # the tail


@pytest.mark.parametrize(("leads", "is_sweep"), [(2, False), (3, False), (400, True)])
def test_leads_without_a_campaign_are_a_reason_to_sweep_if_they_are_worth_it(
    at: Bench, leads: int, is_sweep: bool
) -> None:
    entry = {"id": "a", "timestamp": "2026-06-01T11:00:00.000Z", "organization_id": "w", "activity_type": 10,
             "ip_address": "203.0.113.1", "from_api": True, "affected_count": leads}  # fmt: skip
    at.fault("/api/v2/audit-logs", "status", status=200, body={"items": [entry]})
    assert (len(lead_requests(at, "audit_logs")) > 1) == is_sweep


@pytest.mark.whole
def test_what_was_named_in_a_run_that_was_killed_is_read_by_the_next(at: Bench, tmp_path: Path) -> None:
    for kill in range(0, 100, 4):
        at.mutate({"op": "delete_lead", "id": of_a_list(at)["id"]})
        if at.killed_sync(tmp_path / f"{kill}", kill, "state", *STREAMS, "audit_logs") is not None:
            break
        at.sync(*STREAMS, "audit_logs")
        assert_mirrors(at, ("leads",))
    assert kill >= 8


def test_a_damaged_audit_log_does_not_keep_leads_from_being_read(at: Bench) -> None:
    for file in at.layout.files(at.layout.changes, "audit_logs"):
        file.path.chmod(0o600)
        file.path.write_bytes(b"damaged")
    report = at.sync(*STREAMS)
    assert stream_result(report, "leads").outcome is Outcome.OK
    assert any("without the audit log" in said for said in at.said)
