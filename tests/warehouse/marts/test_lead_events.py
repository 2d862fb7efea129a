"""Versions of a lead in, events out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from instantly_pipeline.streams.enums import INTEREST_STATUS
from tests.warehouse.marts.given import expect

pytestmark = pytest.mark.medium

Row = dict[str, Any]


def at(day: int, hour: int = 0) -> datetime:
    """A time in March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def version(day: int, **values: Any) -> Row:
    """A version of lead `a` in campaign `c1`, first seen on that day."""
    given = {
        "workspace_id": "w", "id": "a", "campaign": "c1", "email": " Bo@Clinic.example", "status": 1, "_op": "upsert",
        "_key": '["a"]', "_valid_from": at(day),
    }  # fmt: skip
    return given | values


def events(*versions: Row, select: str = "event, occurred_at::varchar as at, time_source", **more: Any) -> list[Row]:
    """The events of these versions, in order of time."""
    given = {"history.leads": versions, "raw.lead_labels": more.pop("labels", ())}
    return expect("fct_lead_event", given, select, more.pop("order", "occurred_at, event"))


def events_of(*versions: Row) -> list[tuple[Any, ...]]:
    """Event, time and source of each."""
    return [tuple(row.values()) for row in events(*versions)]


CONTACT = {"timestamp_last_contact": at(1, 9), "last_step_id": "0_0_1", "last_contacted_from": "ann@send.example"}


def test_a_lead_that_nothing_happened_to_has_no_events() -> None:
    assert events_of(version(2), version(3, first_name="Bo")) == []


def test_each_e_mail_seen_is_a_contact_with_its_step_and_mailbox() -> None:
    second = {"timestamp_last_contact": at(4, 9), "last_step_id": "0_1_0"}
    found = events(
        version(2, **CONTACT), version(3, **CONTACT), version(5, **CONTACT | second),
        select="event, occurred_at::varchar as at, step, variant, step_number, variant_letter, last_contacted_from, "
        "email, times, first_seen_at::varchar as seen",
    )  # fmt: skip
    both = {
        "event": "contacted",
        "last_contacted_from": "ann@send.example",
        "email": "bo@clinic.example",
        "times": None,
    }
    assert found == [
        both | {"at": "2026-03-01 09:00:00", "step": "0", "variant": "1", "step_number": 1, "variant_letter": "B",
                "seen": "2026-03-02 00:00:00"},
        both | {"at": "2026-03-04 09:00:00", "step": "1", "variant": "0", "step_number": 2, "variant_letter": "A",
                "seen": "2026-03-05 00:00:00"},
    ]  # fmt: skip


def test_opens_between_two_syncs_are_one_event_that_says_how_many() -> None:
    first = {"email_open_count": 2, "timestamp_last_open": at(1, 10)}
    later = {"email_open_count": 5, "timestamp_last_open": at(3, 10)}
    found = events(version(2, **first), version(4, **later), select="event, occurred_at::varchar as at, times")
    assert found == [
        {"event": "opened", "at": "2026-03-01 10:00:00", "times": 2},
        {"event": "opened", "at": "2026-03-03 10:00:00", "times": 3},
    ]


def test_an_open_noticed_late_counts_though_its_time_is_not_given() -> None:
    opened = {"email_open_count": 1, "timestamp_last_open": at(1, 10)}
    found = events_of(version(2, **opened), version(4, **opened | {"email_open_count": 2}))
    assert found == [("opened", "2026-03-01 10:00:00", "api"), ("opened", "2026-03-04 00:00:00", "seen")]


def test_a_counter_that_falls_makes_no_event_and_no_negative_number() -> None:
    found = events(
        version(2, email_reply_count=3, timestamp_last_reply=at(1)),
        version(3, email_reply_count=1, timestamp_last_reply=at(1)),
        version(4, email_reply_count=1, timestamp_last_reply=at(3)),
        select="event, occurred_at::varchar as at, times",
    )
    assert found == [
        {"event": "replied", "at": "2026-03-01 00:00:00", "times": 3},
        {"event": "replied", "at": "2026-03-03 00:00:00", "times": 0},
    ]


def test_a_time_that_left_and_came_back_is_one_event() -> None:
    other = CONTACT | {"timestamp_last_contact": None}
    assert events_of(version(2, **CONTACT), version(3, **other), version(4, **CONTACT)) == [
        ("contacted", "2026-03-01 09:00:00", "api")
    ]


def test_a_lead_that_was_deleted_and_returned_keeps_its_events_and_gets_no_new_ones() -> None:
    before = CONTACT | {"email_open_count": 2, "timestamp_last_open": at(1, 10), "status": -2}
    gone = version(3, _op="delete", status=None, email=None, campaign=None)
    assert events_of(version(2, **before), gone, version(4, **before)) == events_of(version(2, **before))


def test_changes_of_interest_say_from_what_to_what_in_the_workspaces_own_words() -> None:
    label = {"workspace_id": "w", "id": "l", "interest_status": 10231, "label": "Send pricing 💶",
             "interest_status_label": "positive"}  # fmt: skip
    found = events(
        version(2, lt_interest_status=10231, timestamp_last_interest_change=at(1)),
        version(3, lt_interest_status=-1, timestamp_last_interest_change=at(2, 5)),
        version(4, lt_interest_status=None, timestamp_last_interest_change=at(2, 5)),
        select="occurred_at::varchar as at, time_source, lt_interest_status as value, interest_label as label, "
        "interest_kind as kind, lt_interest_status_before as before, interest_label_before as label_before",
        labels=[label],
    )  # fmt: skip
    assert found == [
        {"at": "2026-03-01 00:00:00", "time_source": "api", "value": 10231, "label": "Send pricing 💶",
         "kind": "positive", "before": None, "label_before": None},
        {"at": "2026-03-02 05:00:00", "time_source": "api", "value": -1, "label": "not interested",
         "kind": "negative", "before": 10231, "label_before": "Send pricing 💶"},
        {"at": "2026-03-04 00:00:00", "time_source": "seen", "value": None, "label": None,
         "kind": None, "before": -1, "label_before": "not interested"},
    ]  # fmt: skip


def test_an_interest_of_the_past_reads_as_one_of_the_present() -> None:
    versions = [version(2, id=f"lead{n}", lt_interest_status=n) for n in INTEREST_STATUS]
    found = events(*versions, version(2, id="odd", lt_interest_status=777), select="lt_interest_status, interest_label")
    assert {row["lt_interest_status"]: row["interest_label"] for row in found} == {
        **INTEREST_STATUS, 777: "unknown (777)",
    }  # fmt: skip


def test_a_bounce_has_the_time_of_the_e_mail_that_bounced() -> None:
    assert events_of(version(2), version(6, status=-1, **CONTACT)) == [
        ("bounced", "2026-03-01 09:00:00", "last contact"),
        ("contacted", "2026-03-01 09:00:00", "api"),
    ]
    assert events_of(version(2, status=-1)) == [("bounced", "2026-03-02 00:00:00", "seen")]


def test_an_unsubscription_is_dated_by_the_sync_that_saw_it_or_else_by_the_last_e_mail() -> None:
    assert events_of(version(2, **CONTACT), version(6, status=-2, **CONTACT))[1:] == [
        ("unsubscribed", "2026-03-06 00:00:00", "seen")
    ]
    assert ("unsubscribed", "2026-03-01 09:00:00", "last contact") in events_of(version(6, status=-2, **CONTACT))


def test_an_event_belongs_to_the_campaign_the_lead_was_in() -> None:
    second = {"timestamp_last_contact": at(4), "campaign": "c2"}
    found = events(version(2, **CONTACT), version(3, campaign="c2", **CONTACT), version(5, **CONTACT | second),
                   select="campaign_id, campaign_name")  # fmt: skip
    assert [row["campaign_id"] for row in found] == ["c1", "c2"]


def test_the_same_id_in_two_workspaces_is_two_leads() -> None:
    mine, theirs = version(2, email_open_count=1), version(3, email_open_count=2, workspace_id="v")
    found = events(mine, theirs, select="workspace_id, times", order="workspace_id")
    assert found == [{"workspace_id": "v", "times": 2}, {"workspace_id": "w", "times": 1}]
