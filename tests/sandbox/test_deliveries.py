"""Payloads are posted to webhooks on loopback: which, how often, and what is told of it."""

import itertools
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from instantly_sandbox.deliveries import is_loopback
from tests.sandbox.conftest import Api
from tests.sandbox.receiver import listening
from tests.sandbox.schemas import faults

pytestmark = pytest.mark.whole
SINCE = {"after": "2026-09-06T00:00:00Z"}  # ten days before the world's clock
EVENTS = "GET /api/v2/webhook-events"


@pytest.fixture
def api(make: Callable[..., Api]) -> Api:
    """A small world that does not wait between attempts."""
    api = make(leads=1500)
    api.switch(webhook_retry_seconds=0.01)
    return api


def hook(api: Api, url: str, **body: Any) -> str:
    return str(api.post("webhooks", {"target_hook_url": url, "event_type": "all_events", **body})["id"])


def advance(api: Api, **by: float) -> Any:
    api.switch(deliver_webhooks=True)
    return api.control("POST", "advance", by)


def told(api: Api, **between: str) -> list[Any]:
    """What happened between two instants, as the control plane lists it."""
    answer = api.http.get("/_sandbox/payloads", params=between)
    return [orjson.loads(line) for line in answer.content.splitlines()]


def in_order(payloads: list[Any]) -> list[bytes]:
    return sorted(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS) for payload in payloads)


def attempts(api: Api, url: str) -> list[Any]:
    """Attempts to reach a target, oldest first."""
    return api.items("webhook-events", search=url)[::-1]


def test_what_happens_while_the_clock_moves_is_posted_once_per_webhook(api: Api) -> None:
    before = api.control("GET", "clock")["now"]
    with listening() as target:
        hook(api, target.url, headers={"X-Webhook-Secret": "wh-secret"})
        happened = advance(api, days=1)
    expected = told(api, after=before)
    assert len(expected) > 20
    assert in_order(target.payloads) == in_order(expected)
    assert (happened["delivered"], happened["lost"]) == (len(expected), 0)
    assert {headers["x-webhook-secret"] for headers, _ in target.posts} == {"wh-secret"}


def test_nothing_is_posted_unless_the_switch_is_on(api: Api) -> None:
    with listening() as target:
        hook(api, target.url)
        assert "delivered" not in api.control("POST", "advance", {"days": 1})
    assert target.posts == []


def test_what_happened_between_two_instants_is_posted_when_asked_for(api: Api) -> None:
    between = {"after": "2026-09-14T00:00:00Z", "until": "2026-09-15T12:00:00Z"}
    with listening() as target:
        hook(api, target.url)
        counts = api.control("POST", "deliver", between)
    assert in_order(target.payloads) == in_order(told(api, **between))
    assert counts == {"delivered": len(target.posts), "lost": 0, "not_tried": 0}
    assert {row["timestamp_created_date"] for row in attempts(api, target.url)} == {"2026-09-16"}


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("reply_received", "reply_received"),
        ("email_link_clicked", "link_clicked"),
        ("email_bounced", "email_bounced"),
        ("lead_interested", "lead_interested"),
    ],
)
def test_a_webhook_gets_the_type_of_event_that_it_asks_for(api: Api, asked: str, name: str) -> None:
    with listening() as target:
        hook(api, target.url, event_type=asked)
        api.control("POST", "deliver", {})
    expected = [payload for payload in told(api) if payload["event_type"] == name]
    assert expected
    assert in_order(target.payloads) == in_order(expected)


def test_a_webhook_without_a_type_gets_its_custom_label(api: Api) -> None:
    names = {payload["event_type"] for payload in told(api)}
    label = next(r for r in api.items("lead-labels") if r["label"] in names)
    with listening() as target:
        hook(api, target.url, event_type=None, custom_interest_value=label["interest_status"])
        api.control("POST", "deliver", {})
    expected = [payload for payload in told(api) if payload["event_type"] == label["label"]]
    assert expected
    assert in_order(target.payloads) == in_order(expected)


def test_a_webhook_of_a_campaign_gets_only_that_campaigns_events(api: Api) -> None:
    campaign = next(p["campaign_id"] for p in told(api, **SINCE) if "campaign_id" in p)
    with listening() as target:
        hook(api, target.url, campaign=campaign)
        api.control("POST", "deliver", SINCE)
    assert {payload.get("campaign_id") for payload in target.payloads} == {campaign}
    assert len(target.posts) == sum(p.get("campaign_id") == campaign for p in told(api, **SINCE))


def test_a_failed_attempt_is_made_again_twice(api: Api) -> None:
    statuses = iter([500, 503, 200])
    with listening(lambda n: next(statuses)) as target:
        hook(api, target.url, event_type="reply_received")
        api.control("POST", "deliver", _of_one_reply(api))
    rows = attempts(api, target.url)
    assert [row["retry_count"] for row in rows] == [0, 1, 2]
    assert [row["status_code"] for row in rows] == [500, 503, 200]
    assert [row["success"] for row in rows] == [False, False, True]
    assert [row.get("retry_successful") for row in rows] == [True, True, None]
    assert not any(row["will_retry"] for row in rows)
    assert len({row["retry_group_id"] for row in rows}) == 1
    assert target.payloads == [rows[0]["payload"]] * 3


def _of_one_reply(api: Api) -> dict[str, str]:
    """An interval with a single reply in it."""
    hours = [f"2026-09-{day:02d}T{hour:02d}:00:00Z" for day in range(1, 16) for hour in range(24)]
    for after, until in itertools.pairwise(hours):
        if sum(payload["event_type"] == "reply_received" for payload in told(api, after=after, until=until)) == 1:
            return {"after": after, "until": until}
    raise AssertionError("no hour of the month has a single reply")


def test_a_webhook_that_keeps_failing_is_switched_off_until_it_is_resumed(api: Api) -> None:
    with listening(lambda n: 500) as target:
        key = hook(api, target.url)
        counts = api.control("POST", "deliver", SINCE)
        assert counts["lost"] >= 5
        assert counts["not_tried"] > 0
        assert len(target.posts) <= 3 * counts["lost"]
        off = api.get(f"webhooks/{key}")
        assert (off["status"], off["timestamp_error"]) == (-1, "2026-09-16T14:30:00.000Z")
        assert api.control("POST", "deliver", SINCE) == {"delivered": 0, "lost": 0, "not_tried": 0}
        target.answers = lambda n: 200
        api.post(f"webhooks/{key}/resume", None)
        assert api.control("POST", "deliver", SINCE)["delivered"] > 0


def test_a_success_between_failures_keeps_a_webhook_on(api: Api) -> None:
    turns = itertools.cycle([500] * 3 + [200])
    with listening(lambda n: next(turns)) as target:
        key = hook(api, target.url)
        api.switch(webhook_retry_seconds=0)
        counts = api.control("POST", "deliver", {"after": "2026-09-15T00:00:00Z"})
    assert counts["delivered"] > counts["lost"]
    assert api.get(f"webhooks/{key}")["status"] == 1


def test_a_target_that_is_not_there_costs_its_attempts(api: Api) -> None:
    with listening() as target:
        pass
    hook(api, target.url, event_type="reply_received")
    assert api.control("POST", "deliver", _of_one_reply(api)) == {"delivered": 0, "lost": 1, "not_tried": 0}
    rows = attempts(api, target.url)
    assert [row["error_message"] for row in rows] == ["ClientConnectorError"] * 3
    assert [row.get("retry_successful") for row in rows] == [False, False, None]
    assert all("status_code" not in row for row in rows)


def test_attempts_are_listed_counted_and_read_like_any_other(api: Api) -> None:
    generated = api.items("webhook-events")
    summary = api.get("webhook-events/summary")
    with listening(lambda n: 500 if n < 2 else 200) as target:
        hook(api, target.url)
        advance(api, hours=6)
    made = attempts(api, target.url)
    every = api.items("webhook-events")
    assert {row["id"] for row in every} >= {row["id"] for row in made} | {row["id"] for row in generated}
    assert [row["id"] for row in every] == sorted((row["id"] for row in every), reverse=True)
    assert faults(EVENTS, {"items": every})[0] == []
    assert all(api.get(f"webhook-events/{row['id']}") == row for row in made[:5])
    failed = api.items("webhook-events", search=target.url, success="false")
    assert len(failed) == 2
    assert api.get("webhook-events/summary", search=target.url)["total_events"] == len(made)
    days = api.get("webhook-events/summary-by-date")["items"]
    assert sum(day["total_events"] for day in days) == len(every) > summary["total_events"]
    assert {row["id"] for row in api.state("webhook_events")} == {row["id"] for row in every}


def test_the_same_event_delivered_twice_is_told_twice(api: Api) -> None:
    between = _of_one_reply(api)
    with listening() as target:
        hook(api, target.url, event_type="reply_received")
        for _ in range(2):
            api.control("POST", "deliver", between)
    rows = attempts(api, target.url)
    assert len({row["id"] for row in rows}) == len({row["retry_group_id"] for row in rows}) == 2


def test_pages_of_attempts_in_no_order_hold_each_once(api: Api) -> None:
    with listening() as target:
        hook(api, target.url)
        api.control("POST", "deliver", {"after": "2026-09-15T00:00:00Z"})
    ordered = [row["id"] for row in api.items("webhook-events")]
    api.switch(shuffled_events=True)
    shuffled = [row["id"] for row in api.items("webhook-events")]
    assert shuffled != ordered
    assert sorted(shuffled) == sorted(ordered)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8787/in", True),
        ("http://localhost/in", True),
        ("http://[::1]:8787/in", True),
        ("https://hooks.example/in", False),
        ("http://127.0.0.1.example/in", False),
        ("http://localhost@hooks.example/in", False),
        ("http://127.0.0.1:80@hooks.example/in", False),
        ("http://0.0.0.0/in", False),
        ("http://[::1/in", False),
    ],
)
def test_only_this_machine_is_a_target(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_webhooks_that_lead_away_get_nothing_and_have_no_attempts(api: Api) -> None:
    hook(api, "http://127.0.0.1.example/in")
    before = len(api.items("webhook-events", search="http://127.0.0.1.example/in"))
    assert api.control("POST", "deliver", SINCE) == {"delivered": 0, "lost": 0, "not_tried": 0}
    assert len(api.items("webhook-events", search="http://127.0.0.1.example/in")) == before == 0


def test_a_redirect_is_a_failure_and_is_not_followed(api: Api) -> None:
    with listening(lambda n: 307) as target:
        hook(api, target.url, event_type="reply_received")
        assert api.control("POST", "deliver", _of_one_reply(api))["lost"] == 1
    assert [row["status_code"] for row in attempts(api, target.url)] == [307] * 3


def test_a_webhook_that_is_deleted_while_it_fails_is_left_alone(api: Api) -> None:
    with listening(lambda n: _deleted(api, key)) as target:
        key = hook(api, target.url, event_type="reply_received")
        api.control("POST", "deliver", _of_one_reply(api))
    assert len(target.posts) == 1


def _deleted(api: Api, key: str) -> int:
    api.http.delete(f"/api/v2/webhooks/{key}")
    return 500


def test_a_wrong_interval_is_named(api: Api) -> None:
    answer = api.http.post("/_sandbox/deliver", json={"after": "yesterday"})
    assert answer.status_code == 400
    assert "yesterday" in answer.json()["error"]


def test_each_workspace_posts_its_own(make: Callable[..., Api]) -> None:
    api = make(workspaces=2, leads=200)
    other = Api(api.url, "sandbox-key-2")
    with listening() as target:
        hook(other, target.url)
        counts = advance(api, days=1)
    assert {payload["workspace"] for payload in target.payloads} == {other.get("workspaces/current")["id"]}
    assert counts["delivered"] == len(target.posts) > 0
    other.http.close()
