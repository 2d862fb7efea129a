"""Webhook events by pull: each event once, each attempt to deliver it, and what a pull costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from instantly_pipeline.lake.layout import Layout
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_same, bench, stream_result
from tests.sync.inbox import EVENTS, as_text, payloads, told

pytestmark = pytest.mark.medium

WORLD = SandboxConfig(leads=220, campaigns=3, accounts=4, days=20, rate_limited=False, now=NOON)
PATH = "/api/v2/webhook-events"
Attempt = dict[str, Any]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path / "data", WORLD) as made:
        yield made


def pages(at: Bench) -> list[dict[str, Any]]:
    return [request for request in at.requests() if request["path"] == PATH]


def assert_exact(at: Bench) -> None:
    """Every event that the world told is there once, each attempt with every field."""
    assert payloads(at) == sorted(map(as_text, told(at)))
    attempts, stored = at.state("webhook_events"), at.alive("webhook_deliveries")
    by_payload = {as_text(json.loads(row["payload"])): row["event_id"] for row in at.alive("webhook_events").values()}
    assert len(stored) == len(attempts) > len(by_payload)
    for attempt in attempts:
        event_id = by_payload[as_text(attempt.pop("payload"))]
        sent = {**attempt, "event_id": event_id, "webhook_url": "https://hooks.example"}
        assert_same("webhook_deliveries", sent, stored[json.dumps([attempt["id"]])])


def test_every_event_of_the_world_is_one_row_and_every_attempt_is_kept(at: Bench) -> None:
    report = at.sync(*EVENTS)
    assert report.exit_code == 0
    assert_exact(at)
    assert len({row["event_type"] for row in at.alive("webhook_events").values()}) >= 7


def test_the_columns_of_an_event_are_the_fields_of_its_payload(at: Bench) -> None:
    at.sync(*EVENTS)
    for row in at.alive("webhook_events").values():
        sent = json.loads(row["payload"])
        for name in (
            "event_type",
            "campaign_id",
            "lead_email",
            "email_account",
            "email_id",
            "step",
            "variant",
            "is_first",
        ):
            assert row[name] == sent.get(name)
        assert row["timestamp"] == datetime.fromisoformat(sent["timestamp"])
        assert row["received_at"] is None


def test_a_pull_where_nothing_happened_asks_once_and_writes_nothing(at: Bench) -> None:
    at.sync(*EVENTS)
    at.forget_requests()
    report = at.sync(*EVENTS)
    assert len(pages(at)) == 1
    assert not any(s.changes.inserted or s.changes.updated for s in report.workspaces[0].streams)


def test_a_later_pull_reads_what_is_new_and_is_exact_again(at: Bench) -> None:
    at.sync(*EVENTS)
    for hours in (7, 50, 1):
        at.advance(hours=hours)
        at.forget_requests()
        at.sync(*EVENTS)
        assert_exact(at)
        assert len(pages(at)) <= 3


def test_a_list_in_no_order_is_read_to_its_end_and_as_exact(at: Bench) -> None:
    at.post("/switches", {"shuffled_events": True})
    at.sync(*EVENTS)
    at.advance(hours=30)
    at.sync(*EVENTS)
    assert_exact(at)


def test_full_reads_everything_again_and_changes_nothing(at: Bench) -> None:
    at.sync(*EVENTS)
    first, versions = len(pages(at)), len(at.rows("webhook_events")) + len(at.rows("webhook_deliveries"))
    at.forget_requests()
    at.sync(*EVENTS, full=True)
    assert len(pages(at)) == first > 3
    assert len(at.rows("webhook_events")) + len(at.rows("webhook_deliveries")) == versions


def test_a_pull_that_broke_off_goes_on_in_its_week(at: Bench) -> None:
    at.fault(PATH, "status", status=400, match={"contains": "from=2026-05-22"}, times=1)
    assert at.sync(*EVENTS).exit_code == 3
    at.forget_requests()
    assert at.sync(*EVENTS).exit_code == 0
    assert min(request["from"] for request in pages(at)) == "2026-05-21"  # the overlap begins before midnight
    assert_exact(at)


def failed_at(at: Bench) -> list[datetime]:
    """The attempts that failed and are followed by another one."""
    return [
        datetime.fromisoformat(row["timestamp_created"])
        for row in at.state("webhook_events")
        if not row["success"] and "timestamp_next_retry" in row
    ]


def test_an_attempt_that_is_tried_again_is_read_until_that_is_over(tmp_path: Path) -> None:
    with bench(tmp_path / "ahead", WORLD) as ahead:
        ahead.advance(days=4)
        when = next(at for at in failed_at(ahead) if at > NOON + timedelta(days=1))
    with bench(tmp_path / "data", WORLD) as at:
        at.advance(hours=(when - NOON).total_seconds() / 3600 + 1 / 3600)
        at.sync(*EVENTS)
        at.advance(hours=6)
        at.sync(*EVENTS)
        assert_exact(at)
        versions = [row for row in at.rows("webhook_deliveries") if row["timestamp_created"] == when]
        assert [row["will_retry"] for row in versions] == [True, False]


def test_a_key_that_may_not_read_events_skips_both_streams_with_a_reason(at: Bench) -> None:
    at.post("/switches", {"key_scopes": {at.key: ["workspaces:read"]}})
    report = at.sync(*EVENTS)
    assert report.exit_code == 3
    assert {str(stream_result(report, one).outcome) for one in EVENTS} == {"skipped"}


def test_the_plan_of_a_pull_holds_and_writes_nothing(at: Bench) -> None:
    for _ in range(2):
        [workspace] = at.plan(*EVENTS).workspaces
        assert workspace.plan is not None
        cost = next(one for one in workspace.plan.costs if one.stream == "webhook_events")
        at.forget_requests()
        at.sync(*EVENTS)
        assert cost.low <= len(pages(at)) <= cost.high
        assert workspace.plan.of("webhook_deliveries") == 0


def test_no_token_of_a_webhooks_address_reaches_a_file(at: Bench) -> None:
    assert any("SECRET" in row["webhook_url"] for row in at.state("webhook_events"))
    at.sync(*EVENTS)
    for path in at.data_dir.rglob("*"):
        assert not path.is_file() or b"SECRET" not in path.read_bytes()
    assert not any("SECRET" in row["webhook_url"] for row in at.rows("webhook_deliveries"))


def test_of_an_address_in_an_error_only_the_origin_is_kept(at: Bench) -> None:
    altered(
        at,
        lambda attempt: attempt | {"error_message": "refused by https://u:SECRET@hooks.example:99/SECRET?a=1, sorry"},
    )
    at.sync(*EVENTS)
    kept = {row["error_message"] for row in at.alive("webhook_deliveries").values()}
    assert kept == {"refused by https://hooks.example:99 sorry"}


class IgnoresDates(httpx.AsyncHTTPTransport):
    """The real transport; the server does not see the dates of a question about events."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == PATH:
            params = request.url.params.remove("from").remove("to")
            request.url = request.url.copy_with(params=params)
        return await super().handle_async_request(request)


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_list_whose_dates_are_ignored_is_read_once_not_for_every_week(at: Bench, shuffled: bool) -> None:
    at.post("/switches", {"shuffled_events": shuffled})
    at.sync(*EVENTS)
    at.data_dir = at.data_dir.with_name("other")
    at.layout = Layout(at.data_dir)
    at.forget_requests()
    at.transport = IgnoresDates
    assert at.sync(*EVENTS).exit_code == 0
    assert_exact(at)
    whole = -(-len(at.state("webhook_events")) // 100)
    assert len(pages(at)) <= whole + 2
    assert any("does not apply" in text for text in at.said)
    at.advance(hours=30)
    at.forget_requests()
    at.sync(*EVENTS)
    assert_exact(at)
    assert len(pages(at)) <= (whole + 3 if shuffled else 3)


class Altered(httpx.AsyncBaseTransport):
    """The real transport, with the attempts of each answer altered."""

    def __init__(self, alter: Callable[[Attempt], Attempt]) -> None:
        self._alter = alter
        self._real = httpx.AsyncHTTPTransport(verify=False)  # plain http: no certificates

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._real.handle_async_request(request)
        if request.url.path != PATH:
            return answer
        body = orjson.loads(await answer.aread())
        body["items"] = list(map(self._alter, body["items"]))
        return httpx.Response(answer.status_code, content=json.dumps(body).encode())

    async def aclose(self) -> None:
        await self._real.aclose()


def altered(at: Bench, alter: Callable[[Attempt], Attempt]) -> None:
    """Let every answer about events be altered from here on."""
    at.transport = lambda: Altered(alter)


def test_attempts_without_a_payload_are_one_event_per_retry_group(at: Bench) -> None:
    altered(at, lambda attempt: {name: value for name, value in attempt.items() if name != "payload"})
    assert at.sync(*EVENTS).exit_code == 0
    groups = {row["retry_group_id"] for row in at.state("webhook_events")}
    events = at.alive("webhook_events")
    assert {row["event_id"] for row in events.values()} == groups
    assert {row["payload"] for row in events.values()} == {None}
    assert len(at.alive("webhook_deliveries")) == len(at.state("webhook_events"))


@pytest.mark.parametrize(
    "odd",
    [
        ["a list"],
        "text",
        {"event_type": {"nested": 1}, "timestamp": 7, "step": "two", "is_first": "maybe", "lead_email": ["x"]},
        {
            "event_type": "Legal stop",
            "timestamp": "2026-05-20T10:00:00Z",
            "value": 12345678901234567890.5,
            "empty": None,
        },
    ],
    ids=["list", "text", "types", "numbers"],
)
def test_an_odd_payload_is_kept_as_it_was_sent_and_stops_nothing(at: Bench, odd: object) -> None:
    altered(at, lambda attempt: attempt | {"payload": odd})
    assert at.sync(*EVENTS).exit_code == 0
    kept = {row["payload"] for row in at.alive("webhook_events").values()}
    assert [json.loads(text) for text in kept] == [odd]


def test_a_payload_that_is_nested_too_deeply_is_rejected_alone(at: Bench) -> None:
    deep: Any = "x"
    for _ in range(240):
        deep = [deep]
    first = at.state("webhook_events")[0]["id"]
    altered(at, lambda attempt: attempt | {"payload": {"deep": deep}} if attempt["id"] == first else attempt)
    report = at.sync(*EVENTS)
    assert report.exit_code == 0
    assert len(at.alive("webhook_events")) >= len(told(at)) - 1
    assert len(at.alive("webhook_deliveries")) == len(at.state("webhook_events"))


def test_unknown_fields_of_an_attempt_are_kept_and_noted_but_for_secrets(at: Bench) -> None:
    altered(at, lambda attempt: attempt | {"region": "eu", "auth_token": "SECRET"})
    at.sync(*EVENTS)
    assert {row["extra"] for row in at.alive("webhook_deliveries").values()} == {'{"region":"eu"}'}
    assert {row["field"] for row in at.log("schema_drift")} == {"region", "auth_token"}
