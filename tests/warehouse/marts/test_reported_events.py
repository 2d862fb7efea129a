"""E-mails and webhook events beside the versions of a lead: each real event once, at the most exact time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.warehouse.marts.given import expect

pytestmark = pytest.mark.medium

Row = dict[str, Any]
LABEL = {"workspace_id": "w", "id": "l", "interest_status": 10231, "label": "Send pricing 💶",
         "interest_status_label": "positive"}  # fmt: skip


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A time in March 2026."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def lead(**values: Any) -> Row:
    """The row of lead `a` in campaign `c1`."""
    return {"workspace_id": "w", "id": "a", "campaign": "c1", "email": " Bo@Clinic.example", "_key": '["a"]',
            "timestamp_created": at(1), "_first_seen_at": at(2)} | values  # fmt: skip


def version(day: int, **values: Any) -> Row:
    """A version of that lead, first seen on that day."""
    given = {"workspace_id": "w", "id": "a", "campaign": "c1", "email": " Bo@Clinic.example", "status": 1,
             "_op": "upsert", "_key": '["a"]', "_valid_from": at(day)}  # fmt: skip
    return given | values


def email(day: int, hour: int = 9, kind: int = 1, **values: Any) -> Row:
    """An e-mail of that lead, stored 12 seconds after it was sent."""
    sent = at(day, hour)
    return {"workspace_id": "w", "id": f"m{day}-{hour}", "_key": f"m{day}-{hour}", "lead_id": "a", "campaign_id": "c1",
            "lead": "bo@clinic.example", "eaccount": "Ann@send.example", "ue_type": kind, "step": "0_0_1",
            "timestamp_email": sent, "timestamp_created": sent + timedelta(seconds=12), "_first_seen_at": at(28)
            } | values  # fmt: skip


def told(kind: str, day: int, hour: int = 9, **values: Any) -> Row:
    """A webhook event about that lead."""
    key = f"{kind}-{day}-{hour}"
    return {"workspace_id": "w", "event_id": key, "_key": key, "event_type": kind, "campaign_id": "c1",
            "lead_email": "BO@clinic.example", "email_account": "ann@send.example", "step": 1, "variant": 2,
            "timestamp": at(day, hour), "_first_seen_at": at(28)} | values  # fmt: skip


SHOWN = "event, occurred_at::varchar as at, time_source, source"


def events(
    versions: tuple[Row, ...] = (),
    *,
    emails: tuple[Row, ...] = (),
    webhooks: tuple[Row, ...] = (),
    leads: tuple[Row, ...] = (lead(),),
    select: str = SHOWN,
    order: str = "occurred_at, event, source",
) -> list[tuple[Any, ...]]:
    """The events of these leads, in order of time."""
    given = {"history.leads": versions, "raw.leads": leads, "raw.emails": emails, "raw.webhook_events": webhooks,
             "raw.lead_labels": [LABEL]}  # fmt: skip
    return [tuple(row.values()) for row in expect("fct_lead_event", given, select, order)]


CONTACT = {"timestamp_last_contact": at(4, 9), "last_step_id": "0_1_0", "last_contacted_from": "ann@send.example"}


# --- one row a real event


def test_a_send_that_all_three_tell_of_is_one_row_of_the_e_mail() -> None:
    found = events(
        (version(2), version(5, **CONTACT)),
        emails=(email(4, step="0_1_0"),),
        webhooks=(told("email_sent", 4, email_id="m4-9"),),
        select=f"{SHOWN}, is_exact, email_id, step, variant, last_contacted_from, campaign_id, email",
    )
    assert found == [
        ("contacted", "2026-03-04 09:00:00", "mail", "emails", True, "m4-9", "1", "0", "ann@send.example", "c1",
         "bo@clinic.example")
    ]  # fmt: skip


def test_every_send_and_reply_between_two_syncs_has_its_own_row() -> None:
    replied = {"timestamp_last_reply": at(5, 9), "email_reply_count": 2}
    found = events(
        (version(2), version(6, **CONTACT | replied)),
        emails=(email(3), email(4), email(4, 10, 2), email(5, 9, 2)),
        select="event, occurred_at::varchar as at, times",
    )
    assert found == [
        ("contacted", "2026-03-03 09:00:00", None),
        ("contacted", "2026-03-04 09:00:00", None),
        ("replied", "2026-03-04 10:00:00", 1),
        ("replied", "2026-03-05 09:00:00", 1),
    ]


def test_automatic_replies_and_answers_by_hand_are_kinds_of_their_own() -> None:
    moved = {"timestamp_last_reply": at(5, 9), "email_reply_count": 1, "timestamp_last_contact": at(6, 9)}
    found = events(
        (version(7, **moved),),
        emails=(email(4), email(5, 9, 2, is_auto_reply=True), email(5, 20, 2), email(6, 9, 3)),
        select="event, occurred_at::varchar as at",
    )
    assert found == [
        ("contacted", "2026-03-04 09:00:00"),
        ("auto replied", "2026-03-05 09:00:00"),
        ("replied", "2026-03-05 20:00:00"),
        ("answered", "2026-03-06 09:00:00"),
    ]


def test_an_e_mail_that_is_only_scheduled_is_no_event() -> None:
    assert events((version(2),), emails=(email(9, kind=4),)) == []


def test_opens_clicks_bounces_and_unsubscriptions_are_those_of_webhook_events() -> None:
    opened = {"email_open_count": 3, "timestamp_last_open": at(5, 9), "email_click_count": 1, "status": -2}
    found = events(
        (version(2, status=1), version(6, timestamp_last_click=at(5, 9), **opened)),
        webhooks=(
            told("email_opened", 3), told("email_opened", 4), told("email_opened", 5), told("link_clicked", 5),
            told("lead_unsubscribed", 5, 11), told("email_bounced", 5, 12),
        ),
        select="event, occurred_at::varchar as at, is_exact, times, step, variant",
    )  # fmt: skip
    assert found == [
        ("opened", "2026-03-03 09:00:00", True, 1, "0", "1"),
        ("opened", "2026-03-04 09:00:00", True, 1, "0", "1"),
        ("clicked", "2026-03-05 09:00:00", True, 1, "0", "1"),
        ("opened", "2026-03-05 09:00:00", True, 1, "0", "1"),
        ("unsubscribed", "2026-03-05 11:00:00", True, None, "0", "1"),
        ("bounced", "2026-03-05 12:00:00", True, None, "0", "1"),
    ]


def test_a_bounce_of_the_history_is_the_reported_one_though_it_is_dated_by_the_e_mail() -> None:
    found = events((version(2), version(6, status=-1, **CONTACT)), webhooks=(told("email_bounced", 4, 15),))
    assert found == [
        ("contacted", "2026-03-04 09:00:00", "api", "lead history"),
        ("bounced", "2026-03-04 15:00:00", "event", "webhook_events"),
    ]


def test_an_open_that_a_counter_showed_late_is_the_reported_one() -> None:
    first = {"email_open_count": 1, "timestamp_last_open": at(3, 9)}
    found = events(
        (version(4, **first), version(8, **first | {"email_open_count": 2})),
        webhooks=(told("email_opened", 2), told("email_opened", 3)),
    )
    assert [row[1] for row in found] == ["2026-03-02 09:00:00", "2026-03-03 09:00:00"]


def test_changes_of_interest_are_reported_in_instantlys_and_the_workspaces_words() -> None:
    found = events(
        (version(6, lt_interest_status=2, timestamp_last_interest_change=at(5)),),
        webhooks=(
            told("lead_interested", 3), told("Send pricing 💶", 4), told("lead_meeting_booked", 5, 0),
            told("lead_neutral", 7),
        ),
        select="occurred_at::varchar as at, lt_interest_status as value, interest_label as label, "
        "interest_kind as kind, lt_interest_status_before as before",
    )  # fmt: skip
    assert found == [
        ("2026-03-03 09:00:00", 1, "interested", "positive", None),
        ("2026-03-04 09:00:00", 10231, "Send pricing 💶", "positive", 1),
        ("2026-03-05 00:00:00", 2, "meeting booked", "positive", 10231),
        ("2026-03-07 09:00:00", None, None, None, 2),
    ]


def test_events_about_campaigns_and_accounts_are_none_of_leads() -> None:
    nobody = {"lead_email": None}
    webhooks = (told("campaign_completed", 3), told("account_error", 3, **nobody), told("no such label", 4))
    assert events((version(2),), webhooks=webhooks) == []


def test_one_event_with_two_texts_is_one_row() -> None:
    again = told("email_opened", 3, event_id="other", _key="other")
    assert len(events((version(2),), webhooks=(told("email_opened", 3), again))) == 1


# --- where each begins and ends


def test_without_both_streams_the_history_is_as_it_was() -> None:
    assert events((version(5, **CONTACT),)) == [("contacted", "2026-03-04 09:00:00", "api", "lead history")]


def test_what_happened_before_the_e_mails_that_were_read_stays_from_the_history() -> None:
    earlier = CONTACT | {"timestamp_last_contact": at(3, 9)}
    found = events((version(3, **earlier), version(5, **CONTACT)), emails=(email(4),))
    assert found == [
        ("contacted", "2026-03-03 09:00:00", "api", "lead history"),
        ("contacted", "2026-03-04 09:00:00", "mail", "emails"),
    ]


def test_what_the_lead_shows_before_the_e_mail_was_read_is_there() -> None:
    assert events((version(5, **CONTACT),), emails=(email(2), email(3)))[-1] == (
        "contacted", "2026-03-04 09:00:00", "api", "lead history",
    )  # fmt: skip


def test_opens_before_the_first_event_are_counted_apart() -> None:
    opened = {"email_open_count": 5, "timestamp_last_open": at(6, 9)}
    found = events(
        (version(7, **opened),),
        webhooks=(told("email_opened", 5), told("email_opened", 6)),
        select=f"{SHOWN}, is_exact, times",
    )
    assert found == [
        ("opened", "2026-03-05 09:00:00", "event", "webhook_events", True, 1),
        ("opened", "2026-03-06 09:00:00", "before", "lead history", False, 3),
        ("opened", "2026-03-06 09:00:00", "event", "webhook_events", True, 1),
    ]


def test_opens_of_earlier_syncs_stay_as_they_were_and_later_ones_are_reported() -> None:
    first, then = {"email_open_count": 3, "timestamp_last_open": at(3, 9)}, {"email_open_count": 5}
    found = events(
        (version(4, **first), version(7, **then, timestamp_last_open=at(6, 9))),
        webhooks=(told("email_opened", 5), told("email_opened", 6)),
        select="occurred_at::varchar as at, source, times",
    )
    assert found == [
        ("2026-03-03 09:00:00", "lead history", 3),
        ("2026-03-05 09:00:00", "webhook_events", 1),
        ("2026-03-06 09:00:00", "webhook_events", 1),
    ]


def test_events_stand_alone_where_e_mails_are_not_read() -> None:
    assert events((version(5, **CONTACT),), webhooks=(told("email_sent", 4), told("reply_received", 4, 12))) == [
        ("contacted", "2026-03-04 09:00:00", "event", "webhook_events"),
        ("replied", "2026-03-04 12:00:00", "event", "webhook_events"),
    ]


def test_an_event_without_the_e_mails_id_is_known_by_its_moment_and_campaign() -> None:
    found = events(
        (version(2),),
        emails=(email(4),),
        webhooks=(told("email_sent", 4), told("email_sent", 4, campaign_id="c2", event_id="o", _key="o")),
        select="source, campaign_id",
    )
    assert found == [("emails", "c1"), ("webhook_events", "c2")]


# --- times


@pytest.mark.parametrize("days", [400, -9000])
def test_a_reply_with_a_wrong_date_has_the_time_it_was_stored(days: int) -> None:
    wrong = email(4, 9, 2, timestamp_email=at(4, 9) + timedelta(days=days))
    replied = {"timestamp_last_reply": at(4, 9), "email_reply_count": 1}
    found = events((version(5, **replied),), emails=(wrong,), select=f"{SHOWN}, is_exact")
    assert found == [("replied", "2026-03-04 09:00:12", "stored", "emails", False)]


def test_a_reply_that_was_stored_two_days_later_has_its_own_time() -> None:
    late = email(4, 9, 2, timestamp_created=at(6, 9))
    found = events((version(5, timestamp_last_reply=at(4, 9), email_reply_count=1),), emails=(late,))
    assert found == [("replied", "2026-03-04 09:00:00", "mail", "emails")]


def test_a_clock_a_little_ahead_makes_no_time_after_the_e_mail_was_stored() -> None:
    ahead = email(4, 9, 2, timestamp_email=at(4, 9, 20))
    assert events((version(2),), emails=(ahead,)) == [("replied", "2026-03-04 09:00:12", "mail", "emails")]


# --- whose event it is


def test_an_event_is_of_the_contacts_lead_in_its_campaign() -> None:
    other = lead(id="b", campaign="c2", _key='["b"]')
    webhooks = (told("email_opened", 3), told("email_opened", 4, campaign_id="c2"),
                told("email_opened", 5, campaign_id="gone"))  # fmt: skip
    younger = other | {"timestamp_created": at(3)}
    found = events(leads=(lead(), younger), webhooks=webhooks, select="lead_id, campaign_id")
    assert found == [("a", "c1"), ("b", "c2"), ("b", "gone")]


def test_an_event_from_before_a_lead_was_created_is_not_its_own() -> None:
    assert events(leads=(lead(timestamp_created=at(5)),), webhooks=(told("email_opened", 4),)) == []


def test_of_two_leads_of_a_contact_in_a_campaign_it_is_the_one_that_shows_the_moment() -> None:
    first = lead(timestamp_last_open=at(3, 9), timestamp_created=at(1))
    second = lead(id="b", _key='["b"]', timestamp_created=at(2))
    found = events(leads=(first, second), webhooks=(told("email_opened", 3), told("email_opened", 4)), select="lead_id")
    assert found == [("a",), ("b",)]


def test_what_is_about_no_known_lead_has_no_row() -> None:
    stranger = told("email_opened", 3, lead_email="other@clinic.example")
    assert events((version(2),), emails=(email(3, lead_id="gone"),), webhooks=(stranger,)) == []


def test_an_e_mail_of_a_subsequence_is_no_step_of_the_campaign() -> None:
    assert events((version(2),), emails=(email(3, subsequence_id="s"),), select="step, variant") == [(None, None)]
