"""Which campaigns' days are read again on a day on which they were read."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.results import SyncReport
from tests.sync.harness import Bench, bench, stream_result

pytestmark = pytest.mark.medium

DAILY = "/api/v2/campaigns/analytics/daily"
COUNTERS = "/api/v2/campaigns/analytics"
STREAMS = ("campaigns", "campaign_analytics", "daily_analytics", "workspace_daily_analytics")
Key = tuple[str, str]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    """A small world whose days were read today."""
    with bench(tmp_path / "data") as made:
        made.sync(*STREAMS)
        yield made


def asked(at: Bench, *streams: str, **request: Any) -> list[str]:
    """The campaigns whose days a sync asks for, sorted; of the workspace's own `own`."""
    at.forget_requests()
    at.sync(*(streams or STREAMS), **request)
    return sorted(r.get("campaign_id", "own") for r in at.requests() if r["path"] == DAILY)


def campaigns(at: Bench) -> list[str]:
    return sorted(row["campaign_id"] for row in at.state("campaign_analytics"))


def every(at: Bench) -> list[str]:
    return [*sorted(row["id"] for row in at.state("campaigns")), "own"]


def days_of(at: Bench, campaign: str) -> list[dict[str, Any]]:
    """Days of a campaign within the lookback that have figures, oldest first."""
    rows = at.state("daily_analytics", campaign_id=campaign)
    return [{**row, "campaign_id": campaign} for row in rows if row["date"] >= "2026-05-18" and row["sent"]]


def restate(at: Bench, row: dict[str, Any], opened: int) -> None:
    change = {"campaign_id": row["campaign_id"], "date": row["date"], "set": {"opened": opened}}
    at.mutate({"op": "restate_daily", **change})


def move_counters(at: Bench, campaign: str) -> None:
    assert at.mutate({"op": "delete_leads", "campaign": campaign, "count": 1}) == 1


def opened(at: Bench, row: dict[str, Any]) -> int:
    key = json.dumps([row["campaign_id"], row["date"]], separators=(",", ":"))
    return int(at.alive("daily_analytics")[key]["opened"])


def test_days_that_did_not_move_are_not_asked_for_twice_a_day(at: Bench) -> None:
    assert asked(at) == ["own"]


def test_days_are_asked_for_once_a_day_whatever_moved(at: Bench) -> None:
    at.wait(hours=13)
    assert asked(at) == every(at)
    assert asked(at) == ["own"]


def test_a_day_is_read_for_good_by_the_first_sync_after_it_closed(at: Bench) -> None:
    row = max(at.state("daily_analytics"), key=lambda one: str(one["date"]))
    key = json.dumps([row["campaign_id"], row["date"]], separators=(",", ":"))
    closed = datetime.fromisoformat(row["date"]).replace(tzinfo=UTC) + timedelta(days=2)

    def last_verified() -> datetime:
        ranges = [r for r in at.log("verified") if r["stream"] == "daily_analytics"]
        found: list[datetime] = [
            r["verified_at"] for r in ranges if (r["key_from"] or "") < key <= (r["key_to"] or "~")
        ]
        return max(found)

    at.wait(seconds=(closed - at.clock.start).total_seconds() - 60)
    at.sync(*STREAMS)
    assert last_verified() < closed
    at.wait(minutes=2)
    at.sync(*STREAMS)
    assert last_verified() >= closed


def test_days_of_a_campaign_whose_counters_moved_are_asked_for(at: Bench) -> None:
    one = campaigns(at)[0]
    row = days_of(at, one)[0]
    move_counters(at, one)
    restate(at, row, 777)
    assert asked(at) == [one, "own"]
    assert opened(at, row) == 777
    assert asked(at) == ["own"]


def test_a_day_that_no_counter_explains_is_found_by_the_workspaces_own_days(at: Bench) -> None:
    one, other = campaigns(at)[:2]
    row = days_of(at, one)[0]
    restate(at, row, 777)
    move_counters(at, other)
    assert asked(at) == every(at)
    assert opened(at, row) == 777
    assert asked(at) == ["own"]


def test_a_day_that_moved_in_the_shadow_of_another_campaign_is_found_the_next_day(at: Bench) -> None:
    one, other = campaigns(at)[:2]
    both = sorted({row["date"] for row in days_of(at, one)} & {row["date"] for row in days_of(at, other)})
    mine, others = ({**days_of(at, c)[0], "date": both[0], "campaign_id": c} for c in (one, other))
    restate(at, mine, 777)
    restate(at, others, 778)
    move_counters(at, other)
    assert asked(at) == [other, "own"]
    assert (opened(at, mine), opened(at, others)) != (777, 778)
    at.wait(hours=12)
    asked(at)
    assert (opened(at, mine), opened(at, others)) == (777, 778)


def test_the_workspaces_own_days_speak_for_campaigns_without_counters(at: Bench) -> None:
    one = campaigns(at)[0]
    rows = days_of(at, one)
    at.mutate({"op": "delete_campaign", "id": one})
    assert one not in campaigns(at)
    at.sync(*STREAMS)
    assert asked(at) == ["own"]
    restate(at, rows[0], 777)
    assert asked(at) == [one, "own"]
    assert opened(at, rows[0]) == 777


def test_own_days_that_no_campaign_explains_cost_one_reading_a_day(at: Bench) -> None:
    own = at.alive("workspace_daily_analytics").values()
    rows = [{"date": str(row["date"]), "sent": row["sent"]} for row in own]

    def asked_after(opens: int) -> list[str]:
        """Only the first request, which is that for the workspace's own days, is answered so."""
        at.fault(DAILY, "status", status=200, body=[row | {"opened": opens} for row in rows], times=1)
        return asked(at)

    assert asked_after(1) == every(at)
    assert [asked_after(opens) for opens in (2, 3)] == [["own"]] * 2
    at.wait(hours=13)
    assert asked_after(3) == every(at)
    assert asked_after(3) == ["own"]
    assert asked_after(4) == every(at)
    assert asked_after(5) == ["own"]


def test_without_counters_all_days_are_asked_for(at: Bench) -> None:
    at.fault(COUNTERS, "status", status=403)
    assert asked(at) == every(at)
    at.control.request("DELETE", "/faults")
    assert asked(at) == ["own"]


def test_without_the_workspaces_own_days_all_days_are_asked_for(at: Bench) -> None:
    assert asked(at, "campaigns", "campaign_analytics", "daily_analytics") == every(at)[:-1]
    assert asked(at, "daily_analytics") == every(at)[:-1]
    assert asked(at) == ["own"]


def test_full_asks_for_all_days(at: Bench) -> None:
    assert asked(at, full=True) == every(at)


def test_a_checkpoint_without_fingerprints_costs_one_reading(at: Bench) -> None:
    [path] = at.data_dir.glob("lake/state/*/daily_analytics.json")
    old = {campaign: found["last"] for campaign, found in json.loads(path.read_bytes()).items() if "last" in found}
    assert len(old) >= 3
    path.write_text(json.dumps(old))
    assert {*asked(at)} >= {*old, "own"}
    assert asked(at) == ["own"]


def test_a_day_that_vanished_is_asked_for_until_three_syncs_have_seen_it(at: Bench) -> None:
    row = days_of(at, campaigns(at)[0])[0]
    at.mutate({"op": "vanish_day", "campaign_id": row["campaign_id"], "date": row["date"]})
    at.sync(*STREAMS)
    assert [row["campaign_id"] in asked(at) for _ in range(3)] == [True, True, False]
    assert [r["syncs"] for r in at.log("collapsed_days") if r["stream"] == "daily_analytics"] == [1, 2, 3]


def test_a_campaign_that_was_not_read_is_asked_for_again(at: Bench) -> None:
    one, other = campaigns(at)[:2]
    move_counters(at, one)
    at.fault(DAILY, "status", status=400, match={"contains": one})
    assert one in asked(at)
    at.control.request("DELETE", "/faults")
    assert asked(at) == [one, "own"]
    assert asked(at) == ["own"]
    assert other in campaigns(at)


def test_the_plan_says_what_days_cost(at: Bench) -> None:
    def planned() -> tuple[int, int, int]:
        [workspace] = at.plan(*STREAMS).workspaces
        assert workspace.plan is not None
        [cost] = [cost for cost in workspace.plan.costs if cost.stream == "daily_analytics"]
        return cost.low, cost.requests, cost.high

    def spent(report: SyncReport) -> int:
        return stream_result(report, "daily_analytics").requests

    assert planned() == (0, 0, 0)
    one, other = campaigns(at)[:2]
    move_counters(at, one)
    assert planned() == (1, 1, 1)
    restate(at, days_of(at, one)[0], 777)
    count = len(every(at)) - 1
    assert planned() == (1, 1, count)
    assert spent(at.sync(*STREAMS)) == 1
    restate(at, days_of(at, other)[0], 777)
    assert planned() == (count, count, count)
    assert spent(at.sync(*STREAMS)) == count


@pytest.mark.whole
def test_a_kill_around_a_checkpoint_loses_no_day(at: Bench, tmp_path: Path) -> None:
    one, other = campaigns(at)[:2]
    counted, silent = days_of(at, one)[0], days_of(at, other)[-1]
    for number in range(1, 200, 5):
        move_counters(at, one)
        for row in (counted, silent):
            restate(at, row, 1_000 + number)
        done = at.killed_sync(tmp_path / str(number), number, "state", *STREAMS) is not None
        at.sync(*STREAMS)
        assert opened(at, counted) == 1_000 + number
        if done:
            break
    assert 20 < number < 190
    at.wait(hours=13)
    at.sync(*STREAMS)
    assert opened(at, silent) == 1_000 + number


class Past:
    """What the API said of each campaign-day in the lookback, and when."""

    def __init__(self, at: Bench) -> None:
        self._at = at
        self._seen: list[tuple[Any, dict[Key, dict[str, Any]]]] = []
        self._counters: dict[str, Any] = {}

    def note(self) -> None:
        rows = {(row["campaign_id"], row["date"]): row for row in self._at.state("daily_analytics")}
        self._seen.append((self._at.clock.start, rows))

    def check(self) -> int:
        """After a sync: each day is what the API says now; if its campaign's counters did not move since the last
        sync, what it said within the last 24 hours. The number of days that are not what it says now."""
        now, late = self._at.clock.start, 0
        counters = {row["campaign_id"]: row for row in self._at.state("campaign_analytics")}
        stored = {tuple(json.loads(key)): row for key, row in self._at.alive("daily_analytics").items()}
        first = (now - timedelta(days=14)).date().isoformat()
        before = [rows for when, rows in self._seen if now - when > timedelta(hours=24)][-1:]
        recent = before + [rows for when, rows in self._seen if now - when <= timedelta(hours=24)]
        known = {campaign for campaign, _ in stored}  # one deleted before the first sync is in no list
        keys = {key for rows in [stored, *recent] for key in rows if key[1] >= first and key[0] in known}
        for key in keys:
            ours, theirs = stored.get(key), self._seen[-1][1].get(key)
            if not _same(ours, theirs):
                late += 1
                assert counters.get(key[0]) == self._counters.get(key[0]), f"{key} moved with its counters"
                assert any(_same(ours, rows.get(key)) for rows in recent), f"{key} is late by more than a day"
        self._counters = counters
        return late


def _same(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> bool:
    """A day without a row has no figures."""
    figures = {name for row in (ours, theirs) if row for name, value in row.items() if isinstance(value, int)}
    return all(((ours or {}).get(name) or 0) == ((theirs or {}).get(name) or 0) for name in figures)


@pytest.mark.parametrize("book_on", ["event", "send"])
def test_at_random_hours_every_day_is_exact_or_of_the_last_24_hours(at: Bench, book_on: str) -> None:
    rng, past = random.Random(1), Past(at)
    at.post("/switches", {"book_on": book_on})
    past.note()
    syncs = late = 0
    for _ in range(25):
        if rng.random() < 0.5:
            at.advance(hours=rng.choice((1, 3, 8)))
        if rng.random() < 0.5:
            for row in rng.sample(at.state("daily_analytics"), 3):
                restate(at, row, rng.randrange(500))
        past.note()
        if rng.random() < 0.7:
            at.sync(*STREAMS)
            late += past.check()
            syncs += 1
    assert (syncs > 10, late > 0) == (True, True)
    at.advance(days=1)
    past.note()
    at.sync(*STREAMS)
    assert past.check() == 0
