"""Ranges that are too long for the server, and accounts that it refuses: everything else arrives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.sync.results import Outcome, SyncReport
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, Pace, bench, stream_result

pytestmark = pytest.mark.medium

DAILY = "/api/v2/campaigns/analytics/daily"
STEPS = "/api/v2/campaigns/analytics/steps"
ACCOUNT_DAILY = "/api/v2/accounts/analytics/daily"
WARMUP = "/api/v2/accounts/warmup-analytics"
A_YEAR = {"start_date": date(2025, 6, 1)}
BOTH = ("daily_analytics", "workspace_daily_analytics")
ACCOUNTS = SandboxConfig(leads=60, campaigns=1, accounts=118, days=20, rate_limited=False, now=NOON)
OF_ACCOUNTS = ("account_daily_analytics", "warmup_analytics", "warmup_summary")


def limit(at: Bench, days: int, path: str = DAILY) -> None:
    at.post("/switches", {"max_campaign_days": {path: days}})


def statuses(at: Bench, path: str) -> list[int]:
    return [request["status"] for request in at.requests() if request["path"] == path]


def sent(at: Bench) -> dict[str, int]:
    """The API's own figures, and what arrived, as sums over all days."""
    return {stream: sum(row["sent"] for row in at.alive(stream).values()) for stream in BOTH}


def outcome(report: SyncReport, stream: str) -> tuple[Outcome, str]:
    result = stream_result(report, stream)
    return result.outcome, result.reason or ""


def elsewhere(at: Bench) -> None:
    """Start over with an empty data directory."""
    at.data_dir = at.data_dir.parent / "anew"
    at.layout = Layout(at.data_dir)


def is_verified(at: Bench, stream: str, key: str) -> bool:
    """Whether the range of some log says that the key was compared with the API."""
    return any(
        row["key_from"] < key <= row["key_to"]
        for row in at.log("verified")
        if row["stream"] == stream and row["key_from"] and row["key_to"]
    )


@pytest.mark.parametrize("days", [31, 30, 7, 1])
def test_a_range_that_is_too_long_is_read_in_parts(at: Bench, days: int) -> None:
    at.sync(*BOTH)
    whole = sent(at)
    elsewhere(at)
    limit(at, days)
    start = {"start_date": date(2026, 2, 1)}
    assert at.sync(*BOTH, settings=start).exit_code == 0
    assert sent(at) == whole
    assert min(whole.values()) > 0
    at.forget_requests()
    said = at.plan(*BOTH, settings=start)
    report = at.sync(*BOTH, settings=start)
    assert set(statuses(at, DAILY)) == {200}
    [workspace] = said.workspaces
    assert workspace.plan is not None
    assert {name: workspace.plan.of(name) for name in BOTH} == {
        name: stream_result(report, name).requests for name in BOTH
    }


def test_one_campaign_finds_out_for_the_others_though_another_is_refused_whatever_is_asked(at: Bench) -> None:
    at.sync("campaigns")
    limit(at, 7)
    first = min(row["id"] for row in at.state("campaigns"))  # the one that is asked for first
    at.fault(DAILY, "status", status=400, match={"contains": first})
    at.sync("daily_analytics", settings=A_YEAR)
    assert statuses(at, DAILY).count(400) <= 3 + 7  # 366 days, 365, 31, 28, 14, and the rests of these
    assert statuses(at, DAILY).count(200) <= 3 * 54 + 6


def test_days_that_lie_too_far_back_are_left_out_and_the_others_arrive(at: Bench) -> None:
    old = [str(date(2025, 6, 1) + timedelta(days=n)) for n in range(350)]
    at.post("/switches", {"refused_days": old})
    report = at.sync("daily_analytics", settings=A_YEAR)
    assert "the API refuses 1,400 days" in outcome(report, "daily_analytics")[1]  # of four campaigns
    asked = statuses(at, DAILY)
    assert len(asked) <= 4 * 35
    campaign = at.state("campaigns")[0]["id"]
    assert is_verified(at, "daily_analytics", f'["{campaign}","2026-05-17"]')
    assert not is_verified(at, "daily_analytics", f'["{campaign}","2026-05-16"]')
    at.forget_requests()
    at.sync("daily_analytics", settings=A_YEAR)
    assert statuses(at, DAILY) == [200] * 4


OLDER = [("2026-04-09", "2026-04-10"), ("2026-04-01", "2026-04-03")]
NEWEST = ("2026-05-16", "2026-06-01")
WHOLE = ("2025-06-01", "2026-06-01")
MISSING = [
    ["2026-04-01", "2026-04-03", None],
    ["2026-04-07", "2026-04-07", "2026-05-30"],
    ["2026-04-09", "2026-04-10", "2026-05-02"],
    ["2024-01-01", "2024-02-01", None],
]


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ("2026-05-30", [NEWEST]),
        ({"last": "2026-05-30", "missing": MISSING}, [NEWEST, *OLDER]),
        ({"last": "2026-05-30", "missing": [["2026-04-01", None]]}, [WHOLE]),
        (7, [WHOLE]),
    ],
)
def test_what_earlier_versions_noted_about_days_is_still_understood(
    at: Bench, kept: Any, asked: list[tuple[str, str]]
) -> None:
    at.sync("campaigns")
    workspace = at.control.get("/state").json()["workspaces"][0]["id"]
    at.layout.state(workspace, "workspace_daily_analytics").write_text(json.dumps({"last": kept}))
    at.sync("workspace_daily_analytics", settings=A_YEAR)
    assert [(r["start_date"], r["end_date"]) for r in at.requests() if r["path"] == DAILY] == asked


def test_every_day_of_the_range_is_verified_though_it_was_read_in_parts(at: Bench) -> None:
    limit(at, 31)
    at.sync(*BOTH, settings=A_YEAR)
    days = [date(2025, 6, 1) + timedelta(days=n) for n in range(366)]
    assert all(is_verified(at, "workspace_daily_analytics", f'["{day}"]') for day in days)


def test_the_limit_of_one_stream_serves_the_other_of_the_same_endpoint(at: Bench) -> None:
    limit(at, 31)
    at.sync("workspace_daily_analytics", settings=A_YEAR)
    at.forget_requests()
    at.sync("daily_analytics", settings=A_YEAR)
    assert set(statuses(at, DAILY)) == {200}


def test_a_server_that_grows_stricter_and_then_generous_is_followed(at: Bench) -> None:
    limit(at, 14)
    at.sync("daily_analytics")
    limit(at, 7)
    assert at.sync("daily_analytics").exit_code == 0
    at.post("/switches", {"max_campaign_days": {}})
    at.forget_requests()
    at.sync("daily_analytics")
    assert len(statuses(at, DAILY)) == 3 * 4  # 15 days by 7, of four campaigns
    at.clock.start += timedelta(days=7)
    at.forget_requests()
    at.sync("daily_analytics")
    assert statuses(at, DAILY) == [200] * 4


def test_a_part_that_cannot_be_read_is_not_verified_and_the_only_one_asked_for_again(at: Bench) -> None:
    limit(at, 31)
    at.fault(DAILY, "status", status=500, match={"contains": "start_date=2026-02-28"})
    report = at.sync("workspace_daily_analytics", settings=A_YEAR)
    assert outcome(report, "workspace_daily_analytics")[0] is Outcome.FAILED
    read = [
        is_verified(at, "workspace_daily_analytics", f'["2026-{day}"]') for day in ("02-27", "02-28", "03-30", "03-31")
    ]
    assert read == [True, False, False, True]
    at.control.request("DELETE", "/faults")
    at.forget_requests()
    assert at.sync("workspace_daily_analytics", settings=A_YEAR).exit_code == 0
    asked = [(r["start_date"], r["end_date"]) for r in at.requests() if r["path"] == DAILY]
    assert asked == [("2026-05-18", "2026-06-01"), ("2026-02-28", "2026-03-30")]


def test_a_day_that_is_always_refused_costs_that_day_alone_and_is_asked_for_again_after_a_week(at: Bench) -> None:
    bad = "2026-05-20"
    at.post("/switches", {"refused_days": [bad]})
    report = at.sync("workspace_daily_analytics")
    assert outcome(report, "workspace_daily_analytics")[0] is Outcome.PARTIAL
    assert "1 days" in outcome(report, "workspace_daily_analytics")[1]
    assert [row["notice"] for row in at.log("notices")] == [
        f"The API refuses {bad} of the workspace but answers others."
    ]
    assert at.log("collapsed_days") == at.log("quarantine") == []
    assert is_verified(at, "workspace_daily_analytics", '["2026-05-21"]')
    assert is_verified(at, "workspace_daily_analytics", '["2026-05-19"]')
    assert not is_verified(at, "workspace_daily_analytics", f'["{bad}"]')
    at.forget_requests()
    report = at.sync("workspace_daily_analytics")
    assert statuses(at, DAILY) == [200, 200]
    assert outcome(report, "workspace_daily_analytics")[0] is Outcome.PARTIAL
    at.post("/switches", {"refused_days": []})
    at.clock.start += timedelta(days=7)
    report = at.sync("workspace_daily_analytics")
    assert outcome(report, "workspace_daily_analytics") == (Outcome.OK, "")
    assert f'["{bad}"]' in at.alive("workspace_daily_analytics")


@pytest.mark.parametrize("status", [400, 422])
def test_a_campaign_that_is_refused_whatever_is_asked_costs_a_few_requests(at: Bench, status: int) -> None:
    bad = at.state("campaigns")[0]["id"]
    at.fault(DAILY, "status", status=status, match={"contains": bad})
    report = at.sync("daily_analytics", settings=A_YEAR)
    assert outcome(report, "daily_analytics")[0] is Outcome.FAILED
    assert outcome(report, "daily_analytics")[1].startswith("1 of 4 requests failed")
    assert len({row["campaign_id"] for row in at.alive("daily_analytics").values()}) == 3
    assert statuses(at, DAILY).count(status) == 3
    assert statuses(at, DAILY).count(200) == 3


@pytest.mark.whole
def test_a_first_reading_that_is_killed_goes_on_with_the_parts_it_has_not(at: Bench, tmp_path: Path) -> None:
    at.sync("campaigns", "campaign_analytics")
    limit(at, 1)
    start = {"start_date": date(2026, 4, 1)}
    at.clock = pace = Pace()
    pace.stride = 40.0  # every answer is a batch of its own
    killed = at.killed_sync(tmp_path / "killed", 300, "state", "workspace_daily_analytics", settings=start)
    pace.stride = 0.0
    days = [date(2026, 4, 1) + timedelta(days=n) for n in range(62)]
    landed = {str(day) for day in days if is_verified(at, "workspace_daily_analytics", f'["{day}"]')}
    assert killed is None
    assert 20 < len(landed) < 50
    at.forget_requests()
    at.sync("workspace_daily_analytics", settings=start)
    again = {r["start_date"] for r in at.requests() if r["path"] == DAILY} & landed
    assert sum(day < "2026-05-18" for day in again) <= 1  # the others are of the lookback
    assert all(is_verified(at, "workspace_daily_analytics", f'["{day}"]') for day in days)


def test_steps_are_read_where_their_range_is_limited_and_dates_must_be_plain(at: Bench) -> None:
    at.post("/switches", {"full_timestamps": False, "max_campaign_days": {STEPS: 1, DAILY: 7}})
    assert at.sync("step_analytics").exit_code == 0
    days = {(row["campaign_id"], row["date"]) for row in at.alive("step_analytics").values()}
    assert days == {(row["campaign_id"], row["date"]) for row in at.alive("daily_analytics").values()}
    assert statuses(at, STEPS).count(400) == 1
    at.sync("step_analytics", full=True)
    assert statuses(at, STEPS).count(400) == 1


def test_one_campaign_whose_steps_are_refused_does_not_keep_those_of_the_others_away(at: Bench) -> None:
    at.sync("daily_analytics")
    bad = max(at.state("campaign_analytics"), key=lambda row: row["emails_sent_count"])["campaign_id"]
    at.fault(STEPS, "status", status=400, match={"contains": bad})
    report = at.sync("step_analytics")
    assert outcome(report, "step_analytics")[0] is Outcome.PARTIAL
    wanted = {(r["campaign_id"], r["date"]) for r in at.alive("daily_analytics").values() if r["campaign_id"] != bad}
    assert {(r["campaign_id"], r["date"]) for r in at.alive("step_analytics").values()} == wanted


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path / "data", ACCOUNTS) as made:
        made.sync("accounts")
        yield made


def emails(at: Bench) -> list[str]:
    return [json.loads(key)[0] for key in sorted(at.alive("accounts"))]


def read_accounts(at: Bench, stream: str) -> set[str]:
    return {json.loads(key)[0] for key in at.alive(stream)}


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_accounts_that_are_refused_do_not_cost_the_others_their_figures(many: Bench, status: int) -> None:
    many.sync(*OF_ACCOUNTS)
    whole = {stream: read_accounts(many, stream) for stream in OF_ACCOUNTS}
    elsewhere(many)
    all_of_them = sorted(row["email"] for row in many.state("accounts"))
    bad = {all_of_them[place] for place in (0, 40, 50, 99, 117)}
    many.post("/switches", {"refused_emails": dict.fromkeys(bad, status)})
    report = many.sync(*OF_ACCOUNTS)
    assert report.exit_code == 0
    for stream in OF_ACCOUNTS:
        assert read_accounts(many, stream) == whole[stream] - bad
        end, reason = outcome(report, stream)
        assert end is Outcome.PARTIAL
        assert "5 of 118 accounts" in reason
        assert "@" not in reason
        noted = [row["notice"] for row in many.log("notices") if row["stream"] == stream]
        assert sorted(noted) == [f"The API refuses account {one} but answers others." for one in sorted(bad)]
    assert not any("@" in line for line in many.said)


def test_a_refused_account_is_not_asked_for_again_before_a_week_has_passed_and_then_alone(many: Bench) -> None:
    many.sync("account_daily_analytics")
    bad = sorted(read_accounts(many, "account_daily_analytics"))[3]
    elsewhere(many)
    many.post("/switches", {"refused_emails": {bad: 400}})
    many.sync(*OF_ACCOUNTS)
    many.forget_requests()
    report = many.sync(*OF_ACCOUNTS)
    assert set(statuses(many, WARMUP)) == set(statuses(many, ACCOUNT_DAILY)) == {200}
    assert "1 of 118 accounts" in outcome(report, "warmup_summary")[1]
    many.clock.start += timedelta(days=7)
    many.forget_requests()
    many.sync(*OF_ACCOUNTS)
    assert statuses(many, WARMUP).count(400) == 1
    assert statuses(many, ACCOUNT_DAILY).count(400) == 1
    many.post("/switches", {"refused_emails": {}})
    many.clock.start += timedelta(days=7)
    report = many.sync(*OF_ACCOUNTS)
    assert [outcome(report, stream) for stream in OF_ACCOUNTS] == [(Outcome.OK, "")] * 3
    assert bad in read_accounts(many, "account_daily_analytics")


def test_a_batch_of_which_every_account_is_refused_leaves_these_out(many: Bench) -> None:
    many.post("/switches", {"refused_emails": dict.fromkeys(emails(many)[100:], 400)})
    report = many.sync(*OF_ACCOUNTS)
    for stream in OF_ACCOUNTS:
        assert outcome(report, stream)[0] is Outcome.PARTIAL
        assert "18 of 118 accounts" in outcome(report, stream)[1]


def test_a_full_sync_asks_for_refused_accounts_at_once(many: Bench) -> None:
    bad = emails(many)[40]
    many.post("/switches", {"refused_emails": {bad: 400}})
    many.sync("warmup_summary")
    many.post("/switches", {"refused_emails": {}})
    report = many.sync("warmup_summary", full=True)
    assert outcome(report, "warmup_summary") == (Outcome.OK, "")


def test_a_plan_leaves_refused_accounts_out(many: Bench) -> None:
    many.post("/switches", {"refused_emails": {emails(many)[40]: 400}})
    many.sync(*OF_ACCOUNTS)
    [said] = many.plan(*OF_ACCOUNTS).workspaces
    assert said.plan is not None
    report = many.sync(*OF_ACCOUNTS)
    asked: dict[str, Any] = {name: stream_result(report, name).requests for name in OF_ACCOUNTS}
    assert {name: said.plan.of(name) for name in OF_ACCOUNTS} == asked


@pytest.mark.parametrize("status", [400, 404, 413])
def test_a_server_that_refuses_all_accounts_is_asked_a_few_times(many: Bench, status: int) -> None:
    many.fault(WARMUP, "status", status=status)
    many.fault(ACCOUNT_DAILY, "status", status=status)
    many.forget_requests()
    report = many.sync("warmup_summary", "account_daily_analytics", settings=A_YEAR)
    assert outcome(report, "warmup_summary")[0] is Outcome.FAILED
    assert outcome(report, "account_daily_analytics")[0] is Outcome.FAILED
    assert len(statuses(many, WARMUP)) <= 14
    assert len(statuses(many, ACCOUNT_DAILY)) <= 48  # 24 batches of accounts and days
    assert many.log("quarantine") == many.log("notices") == []


@pytest.mark.parametrize("days", [30, 7, 1])
def test_account_days_that_are_too_many_at_once_are_read_in_parts(many: Bench, days: int) -> None:
    many.sync("account_daily_analytics")
    whole = many.alive("account_daily_analytics").keys()
    elsewhere(many)
    many.post(
        "/switches", {"max_account_days": days, "refused_emails": {sorted(json.loads(k)[0] for k in whole)[9]: 400}}
    )
    report = many.sync("account_daily_analytics")
    assert "1 of 118 accounts" in outcome(report, "account_daily_analytics")[1]
    left_out = {key for key in whole if key not in many.alive("account_daily_analytics")}
    assert len({json.loads(key)[0] for key in left_out}) == 1
    many.forget_requests()
    many.sync("account_daily_analytics")
    assert set(statuses(many, ACCOUNT_DAILY)) == {200}
