"""What webhooks tell: every event of the log once, unchanging, and each attempt to deliver it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import pytest

from tests.sandbox.conftest import NOW, Api

TYPES = {
    "sent": "email_sent",
    "opened": "email_opened",
    "clicked": "link_clicked",
    "replied": "reply_received",
    "auto_replied": "auto_reply_received",
    "bounced": "email_bounced",
    "unsubscribed": "lead_unsubscribed",
}
INTERESTS = {
    0: "lead_out_of_office",
    1: "lead_interested",
    2: "lead_meeting_booked",
    3: "lead_meeting_completed",
    4: "lead_closed",
    -1: "lead_not_interested",
    -2: "lead_wrong_person",
    -4: "lead_no_show",
}


def payloads(api: Api, **params: str) -> list[dict[str, Any]]:
    answer = api.http.get("/_sandbox/payloads", params=params)
    assert answer.status_code == 200, answer.text
    return [orjson.loads(line) for line in answer.content.splitlines()]


def test_every_event_of_the_log_is_told_once(still: Api) -> None:
    labels = {row["interest_status"]: row["label"] for row in still.state("lead_labels")}
    expected = Counter[tuple[str, str]]()
    for event in still.state("events"):
        kind = TYPES.get(event["kind"])
        if event["kind"] == "interest":
            kind = INTERESTS.get(event["value"]) or labels.get(event["value"])
        if kind is not None:
            expected[kind, event["at"]] += 1
    found = payloads(still)
    mails = Counter((p["event_type"], p["timestamp"]) for p in found if "lead_email" in p)
    assert mails == expected
    assert len(set(map(orjson.dumps, found))) == len(found)
    assert {p["event_type"] for p in found if "lead_email" not in p} == {"campaign_completed", "account_error"}
    assert any(label in {p["event_type"] for p in found} for label in labels.values())


def test_steps_and_variants_count_from_one(still: Api) -> None:
    sent = Counter((e["step"], e["variant"]) for e in still.state("events") if e["kind"] == "sent")
    found = Counter((p["step"], p["variant"]) for p in payloads(still) if p["event_type"] == "email_sent")
    assert found == {(step + 1, variant + 1): n for (step, variant), n in sent.items()}


def test_is_first_holds_for_one_event_of_a_kind_and_lead(still: Api) -> None:
    opened = [p for p in payloads(still) if p["event_type"] == "email_opened"]
    first = Counter((p["lead_email"], p["campaign_id"]) for p in opened if p["is_first"])
    assert set(first) == {(p["lead_email"], p["campaign_id"]) for p in opened}
    assert len(opened) > len(first)


def test_an_email_id_is_that_of_the_email(still: Api) -> None:
    ids = {
        mail["id"] for mail in still.items("emails") if mail["ue_type"] in (1, 2)
    }  # no event tells of answers by hand
    told = {p["email_id"] for p in payloads(still) if "email_id" in p}
    assert told == ids


@pytest.mark.medium
def test_what_was_told_stays_as_it_was_and_stretches_add_up(api: Api) -> None:
    before = payloads(api)
    edges = [NOW + timedelta(hours=n) for n in (0, 7, 30, 72)]
    api.control("POST", "advance", {"days": 3})
    api.mutate({"op": "rename_campaign", "id": api.items("campaigns")[0]["id"], "name": "Another"})
    after = payloads(api)
    assert after[: len(before)] == before
    parts = [payloads(api, after=a.isoformat(), until=b.isoformat()) for a, b in pairwise(edges)]
    assert [p for part in parts for p in part] == after[len(before) :]
    assert all(parts)


def by_group(attempts: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    groups = defaultdict(list)
    for attempt in sorted(attempts, key=lambda a: a["timestamp_created"]):
        groups[attempt["retry_group_id"]].append(attempt)
    return groups


def test_attempts_go_on_until_one_succeeds_or_three_have_failed(still: Api) -> None:
    ends = Counter[tuple[int, bool]]()
    for attempts in by_group(still.items("webhook-events")).values():
        assert [a["retry_count"] for a in attempts] == list(range(len(attempts)))
        assert len({orjson.dumps(a["payload"]) for a in attempts}) == 1
        assert not any(a["success"] for a in attempts[:-1])
        assert {a.get("retry_successful") for a in attempts[:-1]} <= {attempts[-1]["success"]}
        assert not any(a["will_retry"] for a in attempts)
        ends[len(attempts), attempts[-1]["success"]] += 1
    assert ends.keys() == {(1, True), (2, True), (3, True), (3, False)}


def test_replies_go_to_both_webhooks_and_all_else_to_one(still: Api) -> None:
    urls = defaultdict(set)
    for attempt in still.items("webhook-events"):
        urls[attempt["payload"]["event_type"] == "reply_received"].add(attempt["webhook_url"].partition("?")[0])
    assert urls[True] == {"https://hooks.example/in/replies", "https://hooks.example/in/all"}
    assert urls[False] == {"https://hooks.example/in/all"}


@pytest.mark.medium
def test_an_attempt_that_failed_just_now_will_be_repeated(make: Callable[..., Api]) -> None:
    ahead = make()
    ahead.control("POST", "advance", {"days": 2})
    failed = next(a for a in ahead.items("webhook-events") if "timestamp_next_retry" in a)
    assert (failed["will_retry"], "retry_successful" in failed) == (False, True)
    when = datetime.fromisoformat(failed["timestamp_created"]) + timedelta(seconds=1)
    api = make()
    api.control("POST", "advance", {"hours": (when - NOW).total_seconds() / 3600})
    now = next(a for a in api.items("webhook-events") if a["id"] == failed["id"])
    assert (now["will_retry"], "retry_successful" in now) == (True, False)


def test_attempts_can_be_asked_for_by_day_outcome_and_address(still: Api) -> None:
    every = still.items("webhook-events")
    some = every[len(every) // 2]
    day, lead = some["timestamp_created_date"], next(a["lead_email"] for a in every if "lead_email" in a)
    filters: list[tuple[dict[str, str], Callable[[dict[str, Any]], bool]]] = [
        ({"from": day, "to": day}, lambda a: a["timestamp_created_date"] == day),
        ({"from": day}, lambda a: a["timestamp_created_date"] >= day),
        ({"success": "false"}, lambda a: not a["success"]),
        ({"search": lead}, lambda a: a.get("lead_email") == lead),
        ({"search": some["webhook_url"]}, lambda a: a["webhook_url"] == some["webhook_url"]),
        ({"search": "hooks.example"}, lambda a: False),
    ]
    for params, chosen in filters:
        assert still.items("webhook-events", **params) == [a for a in every if chosen(a)], params


def test_attempts_come_newest_first_unless_they_are_shuffled(api: Api) -> None:
    every = [a["timestamp_created"] for a in api.items("webhook-events")]
    assert every == sorted(every, reverse=True)
    api.switch(shuffled_events=True)
    shuffled = [a["timestamp_created"] for a in api.items("webhook-events")]
    assert shuffled != every
    assert sorted(shuffled, reverse=True) == every


def test_the_summaries_count_the_attempts(still: Api) -> None:
    every = still.items("webhook-events")
    whole = still.get("webhook-events/summary")
    assert (whole["total_events"], whole["failed_events"]) == (len(every), sum(not a["success"] for a in every))
    days = still.get("webhook-events/summary-by-date")["items"]
    assert {d["date"]: d["total_events"] for d in days} == Counter(a["timestamp_created_date"] for a in every)
