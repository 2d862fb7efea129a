"""`GET /emails`: what is listed, in which order, and its parameters."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.conftest import NOW, Api

Record = dict[str, Any]
pytestmark = pytest.mark.medium


def key(record: Record) -> tuple[str, str]:
    return record["timestamp_created"], record["id"]


def test_the_newest_stored_comes_first_and_the_oldest_with_asc(still: Api) -> None:
    found = still.items("emails")
    assert found == sorted(found, key=key, reverse=True)
    assert still.items("emails", sort_order="asc") == found[::-1]
    assert len({record["id"] for record in found}) == len(found)
    assert still.state("emails") == found


def test_received_sent_and_manual_ones_are_all_there_are(still: Api) -> None:
    kinds = {name: still.items("emails", email_type=name) for name in ("received", "sent", "manual")}
    assert {name: {r["ue_type"] for r in found} for name, found in kinds.items()} == {
        "received": {2}, "sent": {1}, "manual": {3},
    }  # fmt: skip
    assert sorted((r for found in kinds.values() for r in found), key=key, reverse=True) == still.items("emails")
    assert still.items("emails", scheduled_only="true") == []
    assert still.status("emails", email_type="other") == 400


def test_some_are_stored_hours_after_they_were_sent_and_some_headers_are_wrong(make: Any) -> None:
    received = make(leads=4000).items("emails", email_type="received")
    assert any(r["timestamp_email"] < r["timestamp_created"] for r in received)
    assert any(r["timestamp_email"] > NOW.isoformat() for r in received)


def test_half_of_the_replies_are_answered_by_hand_in_their_thread_after_they_were_stored(still: Api) -> None:
    manual = still.items("emails", email_type="manual")
    replies = [r for r in still.items("emails", email_type="received") if not r["is_auto_reply"]]
    assert 0.25 < len(manual) / len(replies) < 0.75
    for answer in manual:
        thread = [r for r in replies if r["thread_id"] == answer["thread_id"]]
        before = [r for r in thread if r["timestamp_created"] < answer["timestamp_created"]]
        assert before
        assert answer["to_address_email_list"] == before[0]["from_address_email"]


def test_a_thread_has_its_sends_too_and_its_newest_is_its_latest(still: Api) -> None:
    reply = still.items("emails", email_type="received")[0]
    thread = still.items("emails", search=f"thread:{reply['thread_id']}")
    assert {1, 2} <= {r["ue_type"] for r in thread}
    assert {r["thread_id"] for r in thread} == {reply["thread_id"]}
    latest = still.items("emails", latest_of_thread="true")
    assert max(Counter(r["thread_id"] for r in latest).values()) == 1
    assert max(thread, key=key) in latest


@pytest.mark.parametrize(
    ("params", "check"),
    [
        ({"is_unread": "true"}, lambda r: r["is_unread"] == 1),
        ({"i_status": "1"}, lambda r: r.get("i_status") == 1),
        ({"mode": "emode_focused"}, lambda r: r["is_focused"] == 1),
        ({"has_reminder": "true"}, lambda r: "reminder_ts" in r),
    ],
)
def test_a_filter_shows_what_it_names_and_nothing_else(still: Api, params: dict[str, str], check: Any) -> None:
    everything = still.items("emails")
    assert still.items("emails", **params) == [r for r in everything if check(r)]


def test_lead_mailbox_campaign_and_company_can_be_asked_for(still: Api) -> None:
    everything = still.items("emails")
    one = everything[5]
    for name, field in (("lead", "lead"), ("eaccount", "eaccount"), ("campaign_id", "campaign_id"), ("search", "lead")):
        assert still.items("emails", **{name: one[field]}) == [r for r in everything if r[field] == one[field]]
    domain = one["lead"].partition("@")[2]
    assert one in still.items("emails", company_domain=domain)
    assert still.items("emails", lead="nobody@nowhere.example") == []


def test_bounds_of_the_time_are_inclusive_or_exclusive(api: Api) -> None:
    found = api.items("emails")
    low, high = found[20]["timestamp_created"], found[10]["timestamp_created"]
    bounds = {"min_timestamp_created": low, "max_timestamp_created": high}
    assert [r for r in found if low <= r["timestamp_created"] <= high] == api.items("emails", **bounds)
    api.switch(email_bounds="exclusive")
    assert [r for r in found if low < r["timestamp_created"] < high] == api.items("emails", **bounds)


def test_one_in_ten_is_visible_late_where_the_switch_says_so(api: Api) -> None:
    before = api.items("emails")
    api.switch(late_emails=86_400)
    shown = api.items("emails")
    hidden = [r for r in before if r not in shown]
    assert hidden
    assert all(datetime.fromisoformat(r["timestamp_created"]) > NOW - timedelta(days=1) for r in hidden)
    api.control("POST", "advance", {"days": 2})
    assert {r["id"] for r in before} <= {r["id"] for r in api.items("emails")}


def test_previews_have_no_body_and_flags_can_be_truth_values(api: Api) -> None:
    assert {str(r["body"]) for r in api.items("emails", preview_only="true")} == {"{}"}
    api.switch(email_previews=False, email_booleans=True)
    assert all(r["body"] and isinstance(r["is_unread"], bool) for r in api.items("emails", preview_only="true"))


def test_what_a_user_does_later_shows_in_emails_of_before(make: Any) -> None:
    api = make(leads=4000)
    before = {r["id"]: r for r in api.items("emails")}
    api.control("POST", "advance", {"days": 10})
    after = {r["id"]: r for r in api.items("emails")}
    pairs = [(old, after[key]) for key, old in before.items()]
    changed = {name for old, new in pairs for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    assert {"is_unread", "i_status"} <= changed <= {"is_unread", "i_status", "ai_interest_value", "reminder_ts"}


def test_emails_can_be_inserted_changed_hidden_and_shown_again(api: Api) -> None:
    new = {"id": "0199f400-0000-7000-8000-000000000001", "timestamp_created": "2026-09-16T14:00:00.000Z"}
    record = api.items("emails")[0] | new
    api.mutate({"op": "insert", "collection": "emails", "record": record})
    assert record in api.items("emails")
    api.mutate({"op": "update", "collection": "emails", "id": record["id"], "set": {"i_status": 4}})
    assert api.get(f"emails/{record['id']}")["i_status"] == 4
    api.mutate({"op": "delete", "collection": "emails", "id": record["id"]})
    assert api.status(f"emails/{record['id']}") == 404
    assert api.get("emails", starting_after=record["id"])["items"]  # a cursor all the same
    api.mutate({"op": "restore", "collection": "emails", "id": record["id"]})
    assert api.status(f"emails/{record['id']}") == 200


def test_deep_cursors_fail_where_the_switch_says_so(api: Api) -> None:
    api.switch(max_email_depth=150)
    first = api.get("emails", limit=100)
    second = api.get("emails", limit=100, starting_after=first["next_starting_after"])
    assert api.status("emails", limit=100, starting_after=second["next_starting_after"]) == 500


def test_a_cursor_that_is_no_email_is_refused(api: Api) -> None:
    assert api.status("emails", starting_after="0199f400-0000-7000-8000-00000000dead") == 400
