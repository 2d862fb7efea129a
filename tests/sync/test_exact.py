"""What was synced equals what the API says, first and after the world has moved."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest

from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.engine import GC_THRESHOLDS
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

pytestmark = pytest.mark.medium


def test_a_first_sync_mirrors_every_list(at: Bench) -> None:
    report = at.sync()
    assert report.exit_code == 0, [(s.stream, s.reason) for w in report.workspaces for s in w.streams if s.reason]
    assert_mirrors(at)


def test_daily_figures_of_every_campaign_equal_the_worlds_own(at: Bench) -> None:
    at.sync("daily_analytics")
    stored = {key: row for key, row in at.alive("daily_analytics").items() if row["sent"] or row["opened"]}
    listed = {row["id"] for row in at.state("campaigns")}
    rows = [row for row in at.state("daily_analytics") if row["campaign_id"] in listed and row["date"] >= "2026-05-01"]
    sent = {
        json.dumps([r["campaign_id"], r["date"]], separators=(",", ":")): r for r in rows if r["sent"] or r["opened"]
    }
    assert stored.keys() == sent.keys()
    assert {key: (row["sent"], row["unique_replies"]) for key, row in stored.items()} == {
        key: (row["sent"], row["unique_replies"]) for key, row in sent.items()
    }


def test_steps_of_a_day_add_up_to_the_day(at: Bench) -> None:
    at.sync("step_analytics")
    by_day: dict[tuple[str, object], int] = {}
    for row in at.alive("step_analytics").values():
        by_day[row["campaign_id"], row["date"]] = by_day.get((row["campaign_id"], row["date"]), 0) + row["sent"]
    days = {(row["campaign_id"], row["date"]): row["sent"] for row in at.alive("daily_analytics").values()}
    assert by_day == days
    assert sum(days.values()) > 100


def test_warmup_is_flattened_by_account_and_day_from_one_request_for_both_streams(at: Bench) -> None:
    at.sync("warmup_analytics", "warmup_summary")
    assert len(at.alive("warmup_analytics")) > len(at.alive("warmup_summary")) > 1
    asked = [r for r in at.requests() if r["path"].endswith("warmup-analytics")]
    assert len(asked) == 1


def test_warmup_that_was_read_again_is_known_to_be_verified(at: Bench) -> None:
    at.sync("warmup_analytics", "warmup_summary")
    run = at.sync("warmup_analytics", "warmup_summary").run_id
    ranges = [row for row in at.log("verified") if row["run_id"] == run]
    for stream in ("warmup_analytics", "warmup_summary"):
        bounds = [(row["key_from"], row["key_to"]) for row in ranges if row["stream"] == stream]
        assert bounds
        assert all(any(low < key <= high for low, high in bounds) for key in at.alive(stream))


def test_a_second_sync_of_a_world_that_stood_still_appends_nothing(at: Bench) -> None:
    at.sync()
    before = {stream: len(at.rows(stream)) for stream in all_streams()}
    report = at.sync()
    assert {stream: len(at.rows(stream)) for stream in all_streams()} == before
    assert all(s.changes.inserted + s.changes.updated + s.changes.deleted == 0 for s in report.workspaces[0].streams)


def test_after_days_of_activity_the_mirror_is_exact_again(at: Bench) -> None:
    at.sync()
    moved = at.advance(days=3)
    assert moved["touched_leads"] > 20
    report = at.sync()
    assert report.exit_code == 0
    assert stream_result(report, "leads").changes.updated > 20
    assert_mirrors(at)


def test_deleted_records_get_tombstones_and_their_versions_stay(at: Bench) -> None:
    at.sync()
    leads, lists = at.state("leads"), at.state("lead_lists")
    at.mutate(
        {"op": "delete_lead", "id": leads[0]["id"]},
        {"op": "delete_lead", "id": leads[-1]["id"]},
        {"op": "delete_lead", "id": leads[100]["id"]},
        {"op": "delete_account", "email": at.state("accounts")[0]["email"]},
    )
    report = at.sync()
    assert_mirrors(at)
    assert stream_result(report, "leads").changes.deleted == 3
    first = [row for row in at.rows("leads") if row["_key"] == json.dumps([leads[0]["id"]])]
    assert [row["_op"] for row in first] == ["upsert", "delete"]
    assert len(lists) == len(at.alive("lead_lists"))


def test_a_lead_that_moved_is_not_deleted(at: Bench) -> None:
    at.sync()
    lead = next(row for row in at.state("leads") if row.get("campaign"))
    lists = at.state("lead_lists")
    at.mutate({"op": "move_lead", "id": lead["id"], "list_id": lists[0]["id"]})
    report = at.sync()
    assert stream_result(report, "leads").changes.deleted == 0
    assert at.alive("leads")[json.dumps([lead["id"]])]["list_id"] == lists[0]["id"]
    assert_mirrors(at)


def test_a_record_that_comes_back_is_alive_again(at: Bench) -> None:
    at.sync("leads")
    lead = at.state("leads")[5]["id"]
    for op in ("delete_lead", "restore"):
        at.mutate({"op": op, "collection": "leads", "id": lead})
        at.sync("leads")
    assert [row["_op"] for row in at.rows("leads") if row["_key"] == json.dumps([lead])] == [
        "upsert",
        "delete",
        "upsert",
    ]
    assert_mirrors(at, ("leads",))


def test_the_leads_of_a_deleted_campaign_go_and_its_figures_stay(at: Bench) -> None:
    at.sync()
    campaign = max(at.state("campaign_analytics"), key=lambda row: row["emails_sent_count"])["campaign_id"]
    figures = [row for row in at.alive("daily_analytics").values() if row["campaign_id"] == campaign]
    at.mutate({"op": "delete_campaign", "id": campaign})
    at.sync()
    assert_mirrors(at, ("campaigns", "leads"))
    assert [r for r in at.alive("daily_analytics").values() if r["campaign_id"] == campaign] == figures
    asked = [r for r in at.requests() if r["path"].endswith("/daily") and campaign in json.dumps(r)]
    assert len(asked) == 2


def test_the_seeds_shape_fills_the_same_columns(tmp_path: Path) -> None:
    config = SandboxConfig(leads=150, campaigns=3, accounts=4, days=15, rate_limited=False, now=NOON, profile="seed")
    with bench(tmp_path / "data", config) as at:
        report = at.sync()
        assert report.exit_code == 0, [(s.stream, s.reason) for w in report.workspaces for s in w.streams if s.reason]
        assert_mirrors(at, ("campaigns", "leads", "accounts", "custom_tags", "workspaces"))
        leads = at.alive("leads").values()
        assert sum(row["timestamp_last_contact"] is not None for row in leads) > 50
        assert all(row["payload"] for row in leads)
        assert len(at.alive("warmup_analytics")) > 10


def test_an_empty_workspace_syncs(tmp_path: Path) -> None:
    config = SandboxConfig(leads=0, campaigns=0, accounts=0, days=1, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        assert at.sync().exit_code == 0
        assert at.sync().exit_code == 0
        assert at.alive("leads") == {}


def test_a_sync_looks_for_garbage_seldom_and_leaves_the_collector_as_it_was(tmp_path: Path) -> None:
    config = SandboxConfig(leads=0, campaigns=0, accounts=0, days=1, rate_limited=False, now=NOON)
    before, seen = gc.get_threshold(), set()
    with bench(tmp_path / "data", config) as at:
        at.watch = lambda _: seen.add(gc.get_threshold())
        at.sync("campaigns")
    assert seen == {GC_THRESHOLDS}
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_two_workspaces_side_by_side_do_not_mix(tmp_path: Path) -> None:
    config = SandboxConfig(leads=400, campaigns=4, accounts=4, days=15, rate_limited=False, now=NOON, workspaces=2)
    with bench(tmp_path / "data", config) as at:
        keys = json.dumps({"acme": at.key, "globex": f"{at.key}-2"})
        assert at.sync(settings={"api_keys": keys}).exit_code == 0
        spaces = at.control.get("/state").json()["workspaces"]
        assert {row["_ws"] for row in at.rows("leads")} == {space["id"] for space in spaces}
        for space in spaces:
            mine = [row for row in at.rows("leads") if row["_ws"] == space["id"]]
            assert {row["id"] for row in mine} == {row["id"] for row in at.state("leads", workspace=space["id"])}
