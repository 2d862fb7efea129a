"""Servers that leave out the last day of a range of dates: noticed, and asked for one day more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from instantly_pipeline.sync.results import Outcome
from tests.sync.harness import Bench, bench, stream_result
from tests.sync.test_api_facts import DAILY, STEPS, sent_by_day, statuses

pytestmark = pytest.mark.medium

ACCOUNTS = "/api/v2/accounts/analytics/daily"


class Exclusive(httpx.AsyncHTTPTransport):
    """The real transport; the answers of a path lack the last day that was asked for."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if request.url.path != self._path or response.status_code != 200:
            return response
        rows, end = json.loads(await response.aread()), request.url.params.get("end_date")
        return httpx.Response(200, json=[row for row in rows if row["date"] != end])


def through(at: Bench, path: str) -> None:
    at.transport = lambda: Exclusive(path)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def days_of(at: Bench, stream: str) -> dict[str, set[date]]:
    found: dict[str, set[date]] = {}
    for row in at.alive(stream).values():
        found.setdefault(row.get("campaign_id") or row.get("email") or "", set()).add(row["date"])
    return found


@pytest.mark.parametrize("inclusive", [True, False])
def test_steps_by_day_arrive_where_only_plain_dates_are_taken(at: Bench, inclusive: bool) -> None:
    at.post("/switches", {"full_timestamps": False, "end_date_inclusive": inclusive})
    report = at.sync("campaigns", "daily_analytics", "step_analytics", full=True)
    assert report.exit_code == 0
    assert sent_by_day(at, "step_analytics") == sent_by_day(at, "daily_analytics") != {}
    assert any("without its last day" in text for text in at.said) is not inclusive
    at.forget_requests()
    at.advance(days=1)
    at.sync("campaigns", "daily_analytics", "step_analytics", full=True)
    assert sent_by_day(at, "step_analytics") == sent_by_day(at, "daily_analytics")
    assert statuses(at, STEPS) == {200}  # what was found out is remembered


def test_steps_that_are_empty_on_days_with_emails_fail_in_words_and_are_asked_for_again(at: Bench) -> None:
    at.fault(STEPS, "status", status=200, body=[])
    report = at.sync("campaigns", "daily_analytics", "step_analytics")
    result = stream_result(report, "step_analytics")
    assert (report.exit_code, result.outcome) == (3, Outcome.FAILED)
    assert "instantly-pipeline doctor --probe" in (result.reason or "")
    assert "INSTANTLY_PROBE_FILE" in (result.reason or "")
    at.control.request("DELETE", "/faults")
    assert at.sync("step_analytics").exit_code == 0
    assert sent_by_day(at, "step_analytics") == sent_by_day(at, "daily_analytics") != {}


@pytest.mark.parametrize(
    ("path", "streams", "switches"),
    [
        (DAILY, ("campaigns", "daily_analytics"), {"max_campaign_days": {DAILY: 8}}),
        (DAILY, ("workspace_daily_analytics",), {"max_campaign_days": {DAILY: 8}}),
        (ACCOUNTS, ("accounts", "account_daily_analytics"), {"max_account_days": 7}),
    ],
)
def test_no_day_of_a_range_is_missing_where_the_last_one_is_left_out(
    at: Bench, tmp_path: Path, path: str, streams: tuple[str, ...], switches: dict[str, Any]
) -> None:
    at.sync(*streams)
    expected = days_of(at, streams[-1])
    assert expected
    at.data_dir = tmp_path / "other"
    at.layout = type(at.layout)(at.data_dir)
    through(at, path)
    at.post("/switches", switches)
    at.forget_requests()
    assert at.sync(*streams).exit_code == 0
    assert any("without its last day" in text for text in at.said)
    at.sync(*streams)  # reads again what was read before that was found out
    assert days_of(at, streams[-1]) == expected
    at.forget_requests()
    at.sync(*streams, full=True)
    asked = [request for request in at.requests() if request["path"] == path]
    assert not any(request["start_date"] == request["end_date"] for request in asked)  # it is remembered


def test_a_range_whose_last_day_is_quiet_costs_no_request(at: Bench) -> None:
    at.advance(days=1)
    at.sync("campaigns", "daily_analytics")
    for _ in range(2):
        at.sync("campaigns", "daily_analytics", full=True)
    alone = [one for one in at.requests() if one["path"] == DAILY and one["start_date"] == one["end_date"]]
    assert alone == []
