"""Daily figures: windows, restatements, days that vanish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, Pace, bench, stream_result

pytestmark = pytest.mark.medium

DAILY = "/api/v2/campaigns/analytics/daily"


def busiest(at: Bench) -> dict[str, Any]:
    """The row of the campaign-day with most sends, a few days back."""
    return max(at.alive("daily_analytics").values(), key=lambda row: row["sent"])


def key_of(row: dict[str, Any]) -> str:
    return json.dumps([row["campaign_id"], str(row["date"])], separators=(",", ":"))


def flags(at: Bench, row: dict[str, Any]) -> list[tuple[str, int]]:
    found = [one for one in at.log("collapsed_days") if one["key"] == key_of(row)]
    assert {one["date"] for one in found} <= {str(row["date"])}
    return [(one["kind"], one["syncs"]) for one in found]


def test_the_first_window_reaches_back_to_the_start_and_later_ones_over_the_lookback(at: Bench) -> None:
    at.sync("daily_analytics")
    at.sync("daily_analytics", settings={"lookback_days": 5})
    windows = [(r["start_date"], r["end_date"]) for r in at.requests() if r["path"] == DAILY]
    assert set(windows) == {("2026-05-01", "2026-06-01"), ("2026-05-27", "2026-06-01")}


def test_a_restated_day_is_a_new_version(at: Bench) -> None:
    at.sync("daily_analytics")
    row = busiest(at)
    at.mutate(
        {"op": "restate_daily", "campaign_id": row["campaign_id"], "date": str(row["date"]), "set": {"opened": 999}}
    )
    report = at.sync("daily_analytics")
    assert stream_result(report, "daily_analytics").changes.updated == 1
    versions = [version["opened"] for version in at.rows("daily_analytics") if version["_key"] == key_of(row)]
    assert versions == [row["opened"], 999]


def test_a_day_that_vanishes_is_a_flagged_version_counted_sync_by_sync(at: Bench) -> None:
    at.sync("daily_analytics")
    row = busiest(at)
    at.mutate({"op": "vanish_day", "campaign_id": row["campaign_id"], "date": str(row["date"])})
    for _ in range(3):
        at.sync("daily_analytics")
    assert flags(at, row) == [("vanished", 1), ("vanished", 2), ("vanished", 3)]
    versions = [version for version in at.rows("daily_analytics") if version["_key"] == key_of(row)]
    assert [version["_op"] for version in versions] == ["upsert", "delete"]
    assert versions[0]["sent"] == row["sent"]


def test_a_day_that_falls_to_zero_is_flagged_and_one_that_comes_back_is_not(at: Bench) -> None:
    at.sync("daily_analytics")
    row = busiest(at)
    where = {"campaign_id": row["campaign_id"], "date": str(row["date"])}
    zero = {name: 0 for name, value in row.items() if isinstance(value, int)}
    at.mutate({"op": "restate_daily", **where, "set": zero})
    at.sync("daily_analytics")
    at.sync("daily_analytics")
    at.mutate({"op": "unrestate_daily", **where})
    at.sync("daily_analytics")
    assert flags(at, row) == [("zero", 1), ("zero", 2)]
    assert [v["sent"] for v in at.rows("daily_analytics") if v["_key"] == key_of(row)] == [row["sent"], 0, row["sent"]]


def restate(at: Bench, row: dict[str, Any], opened: int) -> None:
    change = {"campaign_id": row["campaign_id"], "date": str(row["date"]), "set": {"opened": opened}}
    at.mutate({"op": "restate_daily", **change})


def days_asked_for_steps(at: Bench) -> list[str]:
    at.forget_requests()
    at.sync("daily_analytics", "step_analytics")
    return [r["start_date"][:10] for r in at.requests() if r["path"].endswith("/steps")]


def test_steps_are_asked_again_only_for_days_whose_daily_row_changed(at: Bench) -> None:
    at.sync("step_analytics")
    assert days_asked_for_steps(at) == []
    newest = max(at.alive("daily_analytics").values(), key=lambda row: row["date"])
    restate(at, newest, 999)
    assert days_asked_for_steps(at) == [str(newest["date"])]


def test_a_closed_day_is_asked_for_its_steps_once_a_day(at: Bench) -> None:
    at.sync("step_analytics")
    days = at.alive("daily_analytics").values()
    closed = max((row for row in days if str(row["date"]) < "2026-05-29"), key=lambda row: row["date"])
    restate(at, closed, 111)
    assert days_asked_for_steps(at) == []
    at.advance(hours=13)
    assert str(closed["date"]) in days_asked_for_steps(at)
    restate(at, closed, 112)
    assert str(closed["date"]) not in days_asked_for_steps(at)


def test_the_steps_of_a_day_that_vanished_are_asked_for_once_more(at: Bench) -> None:
    at.sync("step_analytics")
    row = busiest(at)
    at.mutate({"op": "vanish_day", "campaign_id": row["campaign_id"], "date": str(row["date"])})
    at.wait(days=1)
    assert str(row["date"]) in days_asked_for_steps(at)
    at.wait(days=1)
    assert str(row["date"]) not in days_asked_for_steps(at)


def test_a_day_without_figures_is_not_asked_for_its_steps(at: Bench) -> None:
    row = max(at.state("daily_analytics"), key=lambda one: str(one["date"] < "2026-05-29") + str(one["sent"]))
    zero = {name: 0 for name, value in row.items() if isinstance(value, int)}
    at.mutate({"op": "restate_daily", "campaign_id": row["campaign_id"], "date": row["date"], "set": zero})
    at.sync("step_analytics")
    asked = [(r["campaign_id"], r["start_date"][:10]) for r in at.requests() if r["path"].endswith("/steps")]
    assert len(asked) > 10
    assert (row["campaign_id"], row["date"]) not in asked


def test_steps_that_a_listed_campaign_answers_with_404_are_asked_for_again_the_next_day(at: Bench) -> None:
    at.fault("/api/v2/campaigns/analytics/steps", "status", status=404, match={"contains": "2026-05-20"})
    assert at.sync("step_analytics").exit_code == 0
    at.control.request("DELETE", "/faults")
    assert days_asked_for_steps(at) == []
    at.wait(days=1)
    assert "2026-05-20" in days_asked_for_steps(at)
    assert "2026-05-20" in {str(row["date"]) for row in at.alive("step_analytics").values()}


def test_a_server_that_takes_plain_dates_only_is_found_out_by_one_request(at: Bench) -> None:
    at.post("/switches", {"full_timestamps": False})
    at.sync("step_analytics")
    asked = [r["start_date"] for r in at.requests() if r["path"].endswith("/steps")]
    assert len(asked) > 10
    assert sum("T" in start for start in asked) == 1


def test_steps_that_were_broken_off_go_on_without_a_gap(at: Bench, tmp_path: Path) -> None:
    at.sync("daily_analytics")
    at.clock = pace = Pace()
    pace.stride = 40.0  # every answer is a batch of its own
    for number, area in enumerate(("changes", "state", "state", "changes", "meta")):
        assert at.killed_sync(tmp_path / str(number), 3 + 2 * number, area, "step_analytics") is None
    pace.stride = 0.0
    at.sync("step_analytics")
    days = {(row["campaign_id"], row["date"]): row["sent"] for row in at.alive("daily_analytics").values()}
    by_day = dict.fromkeys(days, 0)
    for row in at.alive("step_analytics").values():
        by_day[row["campaign_id"], row["date"]] += row["sent"]
    assert by_day == days


def test_how_many_accounts_the_server_takes_at_once_is_remembered(tmp_path: Path) -> None:
    config = SandboxConfig(leads=60, campaigns=1, accounts=70, days=5, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.post("/switches", {"max_account_emails": 20})
        assert at.sync("account_daily_analytics").exit_code == 0
        at.forget_requests()
        assert at.sync("account_daily_analytics").exit_code == 0
        assert [r["status"] for r in at.requests() if r["path"].endswith("/daily")] == [200] * 4


def test_lifetime_figures_are_asked_for_campaigns_whose_counters_moved(at: Bench) -> None:
    at.sync("campaign_analytics_overview")
    at.forget_requests()
    at.sync("campaign_analytics", "campaign_analytics_overview")
    assert not [r for r in at.requests() if r["path"].endswith("/overview")]
    moved = at.advance(days=1)
    assert moved["sent"] > 0
    at.forget_requests()
    at.sync("campaign_analytics", "campaign_analytics_overview")
    assert [r for r in at.requests() if r["path"].endswith("/overview")]
