"""Daily figures: windows, restatements, days that vanish."""

from __future__ import annotations

import json
from typing import Any

from tests.sync.harness import Bench, stream_result

DAILY = "/api/v2/campaigns/analytics/daily"


def busiest(at: Bench) -> dict[str, Any]:
    """The row of the campaign-day with most sends, a few days back."""
    return max(at.alive("daily_analytics").values(), key=lambda row: row["sent"])


def key_of(row: dict[str, Any]) -> str:
    return json.dumps([row["campaign_id"], str(row["date"])], separators=(",", ":"))


def flags(at: Bench, key: str) -> list[tuple[str, str]]:
    return [(row["reason"], row["found"]) for row in at.log("quarantine") if row["key"] == key]


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
    assert flags(at, key_of(row)) == [("the day vanished", f"{n} syncs in a row") for n in (1, 2, 3)]
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
    assert flags(at, key_of(row)) == [("the day fell to zero", f"{n} syncs in a row") for n in (1, 2)]
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
