"""What was not read is not made up: pauses, odd answers with a 200, half-broken servers, honest reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.results import Outcome
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

pytestmark = pytest.mark.medium

LEADS = "/api/v2/leads/list"
DAILY = "/api/v2/campaigns/analytics/daily"
WINDOWS = ("daily_analytics", "workspace_daily_analytics", "account_daily_analytics")


def answers(at: Bench, path: str, body: Any, **more: Any) -> None:
    """From now on `path` answers 200 with `body`."""
    at.fault(path, "status", status=200, body=body, **more)


def well_again(at: Bench) -> None:
    at.control.request("DELETE", "/faults")


def figures(at: Bench, stream: str) -> set[str]:
    return {key for key, row in at.alive(stream).items() if row["sent"]}


def test_a_pause_longer_than_the_lookback_leaves_no_hole(at: Bench, tmp_path: Path) -> None:
    at.sync(*WINDOWS)
    at.advance(days=40)
    at.sync(*WINDOWS)
    fresh = Bench(at.url, at.key, tmp_path / "fresh")
    fresh.clock = at.clock
    fresh.sync(*WINDOWS)
    fresh.control.close()
    for stream in WINDOWS:
        assert figures(at, stream) >= figures(fresh, stream)
    assert len(figures(at, "daily_analytics")) > 60


@pytest.mark.parametrize("body", [{"error": "try later"}, {"statusCode": 500, "message": "x"}, {"items": []}, [None]])
@pytest.mark.parametrize(
    ("stream", "path"),
    [
        ("daily_analytics", DAILY),
        ("workspace_daily_analytics", DAILY),
        ("account_daily_analytics", "/api/v2/accounts/analytics/daily"),
        ("campaign_analytics", "/api/v2/campaigns/analytics"),
        ("workspace_analytics_overview", "/api/v2/campaigns/analytics/overview"),
    ],
)
def test_an_error_that_comes_with_a_200_is_no_data(at: Bench, stream: str, path: str, body: Any) -> None:
    at.sync(stream)
    before = at.rows(stream)
    answers(at, path, body)
    report = at.sync(stream)
    assert stream_result(report, stream).outcome is Outcome.FAILED
    assert at.rows(stream) == before
    well_again(at)
    at.advance(days=3)
    assert at.sync(stream).exit_code == 0


def test_an_entry_that_is_no_record_deletes_nothing(at: Bench) -> None:
    at.sync("custom_tags")
    tags = at.state("custom_tags")
    answers(at, "/api/v2/custom-tags", {"items": [tags[0], None, *tags[2:]]})
    at.sync("custom_tags")
    assert len(at.alive("custom_tags")) == len(tags)
    assert "not records" in at.log("quarantine")[0]["reason"]


def test_a_list_that_lost_most_of_its_records_is_read_again(at: Bench) -> None:
    at.sync("block_list_entries")
    entries = at.state("block_list_entries")
    answers(at, "/api/v2/block-lists-entries", {"items": entries[:5]}, times=1)
    at.sync("block_list_entries")
    assert len(at.alive("block_list_entries")) == len(entries) > 20


def test_one_campaign_that_cannot_be_read_does_not_cost_the_others(at: Bench) -> None:
    broken = at.state("campaign_analytics")[0]["campaign_id"]
    at.fault(DAILY, "status", status=400, match={"contains": broken})
    report = at.sync("daily_analytics")
    result = stream_result(report, "daily_analytics")
    assert (result.outcome, report.exit_code) == (Outcome.FAILED, 3)
    assert (result.reason or "").startswith("1 of ")
    assert len({row["campaign_id"] for row in at.alive("daily_analytics").values()}) >= 2
    well_again(at)
    assert at.sync("daily_analytics").exit_code == 0
    assert broken in {row["campaign_id"] for row in at.alive("daily_analytics").values()}


def test_a_row_without_its_date_is_rejected(at: Bench) -> None:
    answers(at, DAILY, [{"sent": 3}, {"date": "2026-05-30", "sent": 1}])
    assert at.sync("step_analytics").exit_code == 0
    assert len(at.log("rejected")) > 0
    assert {str(row["date"]) for row in at.alive("daily_analytics").values()} == {"2026-05-30"}


def test_one_404_is_not_taken_for_history_that_was_read(at: Bench) -> None:
    campaign = max(at.state("campaign_analytics"), key=lambda row: row["emails_sent_count"])["campaign_id"]
    at.fault(DAILY, "status", status=404, match={"contains": campaign})
    at.sync("daily_analytics")
    well_again(at)
    at.sync("daily_analytics")
    days = [row["date"] for row in at.alive("daily_analytics").values() if row["campaign_id"] == campaign]
    assert str(min(days)) < "2026-05-15"


def test_full_reads_the_steps_of_recent_days_again(at: Bench) -> None:
    at.sync("step_analytics")
    at.forget_requests()
    at.sync("daily_analytics", "step_analytics")
    assert not [r for r in at.requests() if r["path"].endswith("/steps")]
    at.sync("daily_analytics", "step_analytics", full=True)
    asked = {r["start_date"][:10] for r in at.requests() if r["path"].endswith("/steps")}
    recent = {str(row["date"]) for row in at.alive("daily_analytics").values() if str(row["date"]) >= "2026-05-18"}
    assert asked == recent


def test_a_lead_that_came_back_before_a_sweep_was_resumed_is_not_deleted(tmp_path: Path) -> None:
    config = SandboxConfig(leads=6_000, campaigns=3, accounts=2, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sync("leads")
        lead = at.state("leads")[10]["id"]
        at.mutate({"op": "delete_lead", "id": lead})
        at.fault(LEADS, "status", status=500, skip=56)
        at.sync("leads", full=True)
        well_again(at)
        at.mutate({"op": "restore", "collection": "leads", "id": lead})
        assert at.sync("leads", full=True).exit_code == 0
        assert_mirrors(at, ("leads",))
        assert len([row for row in at.rows("leads") if row["_key"] == json.dumps([lead])]) == 1


def test_a_lead_gone_before_a_sweep_was_interrupted_is_deleted_when_it_is_resumed(tmp_path: Path) -> None:
    config = SandboxConfig(leads=6_000, campaigns=3, accounts=2, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sync("leads")
        at.mutate({"op": "delete_lead", "id": at.state("leads")[10]["id"]})
        at.fault(LEADS, "status", status=500, skip=56)
        at.sync("leads", full=True)
        well_again(at)
        report = at.sync("leads", full=True)
        assert (report.exit_code, stream_result(report, "leads").changes.deleted) == (0, 1)
        assert_mirrors(at, ("leads",))


def test_a_cursor_the_server_forgot_starts_the_sweep_again(tmp_path: Path) -> None:
    config = SandboxConfig(leads=5_600, campaigns=3, accounts=2, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.fault(LEADS, "status", status=500, skip=53)
        at.sync("leads")
        well_again(at)
        at.fault(LEADS, "status", status=400, times=1)
        assert at.sync("leads").exit_code == 0
        assert_mirrors(at, ("leads",))


def test_what_was_read_before_a_list_ended_early_is_kept(at: Bench) -> None:
    at.sync("leads")
    lead = at.state("leads")[0]["id"]
    at.mutate({"op": "update", "collection": "leads", "id": lead, "set": {"first_name": "Renamed"}})
    at.fault(LEADS, "status", status=200, body={"items": []}, skip=1, times=1)
    assert stream_result(at.sync("leads"), "leads").outcome is Outcome.FAILED
    assert at.alive("leads")[json.dumps([lead])]["first_name"] == "Renamed"


def test_accepting_deletes_accepts_what_was_held_and_nothing_else(at: Bench) -> None:
    at.sync("custom_tags", "lead_lists")
    answers(at, "/api/v2/custom-tags", {"items": []})
    at.fault("/api/v2/custom-tags/{id}", "status", status=404)
    at.sync("custom_tags")
    answers(at, "/api/v2/lead-lists", {"items": []})
    at.fault("/api/v2/lead-lists/{id}", "status", status=404)
    report = at.sync("custom_tags", "lead_lists", accept_deletes=True)
    assert at.alive("custom_tags") == {}
    assert len(at.alive("lead_lists")) == len(at.state("lead_lists"))
    assert stream_result(report, "lead_lists").outcome is Outcome.HELD


def test_held_deletions_that_come_back_are_released(at: Bench) -> None:
    at.sync("custom_tags")
    answers(at, "/api/v2/custom-tags", {"items": []})
    at.fault("/api/v2/custom-tags/{id}", "status", status=404)
    at.sync("custom_tags")
    well_again(at)
    assert at.sync("custom_tags").exit_code == 0
    last = {row["key"]: row["state"] for row in at.log("held_deletes")}
    assert set(last.values()) == {"released"}


def test_streams_cut_off_by_a_revoked_key_are_not_reported_as_well(at: Bench) -> None:
    at.fault("/api/v2/custom-tags", "status", status=401)
    at.post("/switches", {"latency_by_path": {"/api/v2/lead-lists": 0.5}})
    at.sync("custom_tags", "lead_lists")
    ends = {row["stream"]: row["outcome"] for row in at.log("stream_status")}
    assert ends == {"custom_tags": "failed", "lead_lists": "failed"}


def test_a_stream_alone_that_is_refused_is_skipped_not_fatal(at: Bench) -> None:
    at.post("/switches", {"stream_status": {"/api/v2/custom-tags": 403}})
    report = at.sync("custom_tags")
    assert (stream_result(report, "custom_tags").outcome, report.exit_code) == (Outcome.SKIPPED, 3)


def test_a_wrong_key_of_one_workspace_leaves_the_others_alone(tmp_path: Path) -> None:
    config = SandboxConfig(leads=120, campaigns=2, accounts=2, days=10, rate_limited=False, now=NOON, workspaces=2)
    with bench(tmp_path / "data", config) as at:
        keys = {"a": at.key, "b": f"{at.key}-2"}
        at.sync(settings={"api_keys": json.dumps(keys)})
        swapped = {"a": at.key, "b": "spaces are not allowed"}
        report = at.sync(settings={"api_keys": json.dumps(swapped)})
        assert {w.name: w.outcome for w in report.workspaces} == {"a": Outcome.OK, "b": Outcome.FAILED}
        assert report.exit_code == 3


@pytest.mark.whole
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("leads", b'{"sweep": {"started_at": 3, "cursor": []}}'),
        ("leads.sweep", b'{"started_at": 3, "ranges": [[]]}'),
        ("leads.fingerprints", b'{"a": "b", "c": {"counters": 3}}'),
        ("leads.scans", b'{"scans": [{"kind": "campaign"}, 3]}'),
        ("leads.segments", b'{"rolled_at": 3, "segments": [[1]]}'),
        ("leads.held", b'{"keys": null}'),
        ("leads.missing.000000", b'{"confirmed": 5}'),
        ("step_analytics.days.2026-05", b'{"x": "y"}'),
        ("daily_analytics", b"[]"),
        ("daily_analytics", b'{"c": 7}'),
        ("daily_analytics", b'{"c": {"last": "2026-06-01", "missing": [], "fingerprint": 7}}'),
        ("daily_analytics.own_days", b'{"days": {"2026-05-30": [1]}}'),
        ("daily_analytics.own_days", b'{"days": 7}'),
        ("daily_analytics.collapsed", b'{"a": "b"'),
        ("campaign_analytics_overview", b"\xff\xfe"),
    ],
)
def test_a_damaged_checkpoint_is_rebuilt(at: Bench, name: str, content: bytes) -> None:
    at.sync()
    workspace = at.control.get("/state").json()["workspaces"][0]["id"]
    at.layout.state(workspace, name).write_bytes(content)
    assert at.sync().exit_code == 0
    assert_mirrors(at)
