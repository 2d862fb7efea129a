"""Send times, hot replies and our answers, reply shares, bounces of senders, from rows that can be counted by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.warehouse.marts.given import expect

pytestmark = pytest.mark.medium

Row = dict[str, Any]
READ = datetime(2026, 3, 20, 12, tzinfo=UTC)


def at(day: int, hour: int = 0) -> datetime:
    """A time in March 2026, as the marts hold it; the 2nd is a Monday."""
    return datetime(2026, 3, day, hour)  # noqa: DTZ001 - as the marts hold it


def lead(lead_id: str, **values: Any) -> Row:
    """A row of raw.leads in campaign c1."""
    return {"workspace_id": "w", "id": lead_id, "campaign": "c1", "email": f"{lead_id}@clinic.example", "status": 1,
            "timestamp_created": READ - timedelta(days=30), "_first_seen_at": READ, "_verified_at": READ,
            "_key": f'["{lead_id}"]'} | values  # fmt: skip


def version(lead_id: str, **values: Any) -> Row:
    """A version of that lead."""
    return {"workspace_id": "w", "id": lead_id, "_op": "upsert", "_key": f'["{lead_id}"]', "_valid_from": READ} | values


def event(lead_id: str, kind: str, occurred_at: datetime, **values: Any) -> Row:
    """A row of fct_lead_event, from the e-mails."""
    return {"workspace_id": "w", "lead_id": lead_id, "event": kind, "occurred_at": occurred_at, "campaign_id": "c1",
            "source": "emails", "is_exact": True} | values  # fmt: skip


# --- send times


def campaign(zone: str | None) -> Row:
    schedule = json.dumps({"schedules": [{"timezone": zone}]})
    return {"workspace_id": "w", "id": "c1", "name": "C", "campaign_schedule": schedule, "_key": "c1"}


def send_times(zone: str | None, *events: Row) -> list[tuple[Any, ...]]:
    given = {"raw.campaigns": [campaign(zone)], "marts.fct_lead_event": events}
    select = "time_zone, weekday, weekday_name, hour, sent, sends_replied"
    return [tuple(row.values()) for row in expect("rpt_send_time", given, select, "weekday, hour")]


@pytest.mark.parametrize(
    ("zone", "shown", "weekday", "name", "hour"),
    [
        ("America/Detroit", "America/Detroit", 7, "Sunday", 22), ("Asia/Kolkata", "Asia/Kolkata", 1, "Monday", 8),
        (None, "UTC", 1, "Monday", 3), ("Nowhere/Town", "UTC", 1, "Monday", 3),
    ],
)  # fmt: skip
def test_a_send_is_counted_on_the_clock_of_its_campaign(
    zone: str | None, shown: str, weekday: int, name: str, hour: int
) -> None:
    found = send_times(zone, event("a", "contacted", at(2, 3)))
    assert found == [(shown, weekday, name, hour, 1, 0)]


def test_a_reply_counts_once_for_the_last_e_mail_before_it() -> None:
    events = [
        event("a", "contacted", at(2, 9)), event("a", "contacted", at(3, 10)), event("a", "replied", at(4)),
        event("a", "replied", at(5)), event("b", "contacted", at(2, 9)), event("b", "auto replied", at(2, 10)),
        event("b", "replied", at(9), campaign_id="c2"),
    ]  # fmt: skip
    assert send_times("Etc/UTC", *events) == [
        ("Etc/UTC", 1, "Monday", 9, 2, 0), ("Etc/UTC", 2, "Tuesday", 10, 1, 1),
    ]  # fmt: skip


def test_sends_that_only_the_lead_shows_are_no_sends_by_the_hour() -> None:
    assert send_times("Etc/UTC", event("a", "contacted", at(2, 9), source="lead history")) == []


# --- hot replies


def report(lead_id: str, kind: str, occurred_at: datetime, **values: Any) -> Row:
    """A row of int_reported_event."""
    return {"workspace_id": "w", "lead_id": lead_id, "event": kind, "occurred_at": occurred_at, "source": "emails",
            "report_id": f"{lead_id}{kind}{occurred_at}", "email": f"{lead_id}@clinic.example", "campaign_id": "c1",
            "mailbox": "ann@send.example"} | values  # fmt: skip


def hot(leads: list[Row], *reports: Row, select: str) -> list[tuple[Any, ...]]:
    given = {"raw.leads": leads, "history.leads": [version(r["id"], **_interest(r)) for r in leads],
             "intermediate.int_reported_event": reports}  # fmt: skip
    return [tuple(row.values()) for row in expect("rpt_hot_reply", given, select, "lead_id, replied_at")]


def _interest(row: Row) -> Row:
    return {"lt_interest_status": row.get("lt_interest_status")}


STATE = "lead_id, replied_at, state, answered_at, hours_to_answer, hours_waiting"


def test_replies_before_an_answer_are_one_and_those_after_it_begin_anew() -> None:
    found = hot(
        [lead("a", lt_interest_status=1)],
        report("a", "replied", at(9, 8)), report("a", "replied", at(9, 12)), report("a", "answered", at(10, 8)),
        report("a", "answered", at(11)), report("a", "replied", at(20, 10)), report("a", "auto replied", at(20, 11)),
        select=f"{STATE}, replies, mailbox",
    )  # fmt: skip
    assert found == [
        ("a", at(9, 8), "answered", at(10, 8), 24.0, None, 2, "ann@send.example"),
        ("a", at(20, 10), "waiting", None, None, 2.0, 1, "ann@send.example"),
    ]


def test_an_answer_before_the_reply_does_not_count() -> None:
    found = hot([lead("a", lt_interest_status=1)], report("a", "answered", at(8)), report("a", "replied", at(9)),
                select="state")  # fmt: skip
    assert found == [("waiting",)]


@pytest.mark.parametrize(
    ("values", "reply", "expected"),
    [
        ({"lt_interest_status": 1}, {}, ["waiting"]),
        ({"lt_interest_status": -1}, {}, []),
        ({"lt_interest_status": -1}, {"email_interest_status": 1}, ["settled"]),
        ({}, {"ai_interest_value": 0.9}, ["waiting"]),
        ({}, {"ai_interest_value": 0.4}, []),
        ({}, {}, []),
        ({"lt_interest_status": -1}, {"ai_interest_value": 0.9}, []),
        ({"lt_interest_status": 2, "timestamp_last_interest_change": READ}, {}, ["settled"]),
        ({"lt_interest_status": 2, "timestamp_last_interest_change": READ - timedelta(days=19)}, {}, ["waiting"]),
    ],
)
def test_a_reply_is_hot_by_what_people_or_the_ai_say_of_it(values: Row, reply: Row, expected: list[str]) -> None:
    found = hot([lead("a", **values)], report("a", "replied", at(9), **reply), select="state")
    assert [state for (state,) in found] == expected


def test_without_e_mails_nobody_knows_what_was_answered() -> None:
    found = hot([lead("a", lt_interest_status=1)], report("a", "replied", at(9), source="webhook_events"),
                select="state")  # fmt: skip
    assert found == []


def test_a_reply_that_only_an_event_shows_yet_waits_already() -> None:
    found = hot(
        [lead("a", lt_interest_status=1), lead("b", lt_interest_status=1)],
        report("b", "replied", at(2)), report("a", "replied", at(20), source="webhook_events"), select="lead_id, state",
    )  # fmt: skip
    assert found == [("a", "waiting"), ("b", "waiting")]


def test_response_times_are_those_of_each_mailbox_and_user() -> None:
    def reply(lead_id: str, state: str, **values: Any) -> Row:
        return {"workspace_id": "w", "lead_id": lead_id, "replied_at": at(9), "state": state,
                "mailbox": "ann@send.example", "assigned_to": "u1"} | values  # fmt: skip

    rows = [
        reply("a", "answered", hours_to_answer=2.0), reply("b", "answered", hours_to_answer=30.0),
        reply("c", "waiting", hours_waiting=3.0), reply("d", "waiting", hours_waiting=99.0, replied_at=at(5)),
        reply("e", "settled"), reply("f", "answered", hours_to_answer=24.0, assigned_to=None),
    ]  # fmt: skip
    select = ("assigned_to, hot_replies, answered, waiting, settled, waiting_since, judged_24h, answered_24h, "
              "answered_24h_rate, hours_median")  # fmt: skip
    found = expect("rpt_our_response_time", {"marts.rpt_hot_reply": rows}, select, "assigned_to nulls last")
    assert [tuple(row.values()) for row in found] == [
        ("u1", 5, 2, 2, 1, at(5), 4, 1, 0.25, 16.0),
        (None, 1, 1, 0, 0, None, 1, 1, 1.0, 24.0),
    ]


# --- replies nobody has sorted


def waiting(leads: list[Row], *events: Row, select: str, emails: bool = True) -> list[tuple[Any, ...]]:
    reach = [{"workspace_id": "w", "event": "replied", "since": at(1), "is_by_emails": True}] if emails else []
    given = {"raw.leads": leads, "marts.fct_lead_event": events, "intermediate.int_event_reach": reach}
    return [tuple(row.values()) for row in expect("rpt_replies_waiting", given, select, "lead_id")]


def test_a_reply_without_an_interest_waits_until_it_is_sorted_or_answered() -> None:
    leads = [lead("a"), lead("sorted", lt_interest_status=-1), lead("away", lt_interest_status=0), lead("answered"),
             lead("again"), lead("gone", _deleted_at=READ), lead("silent"), lead("robot")]  # fmt: skip
    found = waiting(
        leads,
        event("a", "replied", at(18), last_contacted_from="Ann@send.example", times=1),
        event("a", "replied", at(19, 12), last_contacted_from="bob@send.example", times=1),
        event("sorted", "replied", at(18)), event("away", "replied", at(18)), event("gone", "replied", at(18)),
        event("answered", "replied", at(18)), event("answered", "answered", at(19)),
        event("again", "answered", at(15)), event("again", "replied", at(14)), event("again", "replied", at(19, 12)),
        event("silent", "contacted", at(18)), event("robot", "auto replied", at(18)),
        select="lead_id, email, mailbox, replied_at, last_replied_at, replies, hours_waiting, answered_before_at",
    )  # fmt: skip
    assert found == [
        ("a", "a@clinic.example", "bob@send.example", at(18), at(19, 12), 2, 60.0, None),
        ("again", "again@clinic.example", None, at(19, 12), at(19, 12), 1, 24.0, at(15)),
    ]


def test_replies_that_only_the_lead_shows_wait_and_it_is_said_that_answers_are_not_known() -> None:
    who = {"assigned_to": "u1", "last_contacted_from": "Ann@send.example", "status": -2}
    history = event("a", "replied", at(19), source="lead history", times=3)
    assert waiting([lead("a", **who)], history, emails=False,
                   select="mailbox, assigned_to, campaign_id, status_label, replies, is_answer_known") == [
        ("ann@send.example", "u1", "c1", "unsubscribed", 3, False)
    ]  # fmt: skip


def test_who_has_to_sort_what_is_counted_by_mailbox_and_user() -> None:
    def one(lead_id: str, hours: float, **values: Any) -> Row:
        return {"workspace_id": "w", "lead_id": lead_id, "mailbox": "ann@send.example", "assigned_to": "u1",
                "replied_at": READ.replace(tzinfo=None) - timedelta(hours=hours), "hours_waiting": hours,
                "is_answer_known": True} | values  # fmt: skip

    rows = [one("a", 24), one("b", 25), one("c", 100), one("d", 5, assigned_to=None)]
    select = "assigned_to, waiting_leads, waiting_over_24h, waiting_since, hours_waiting_median"
    found = expect("rpt_replies_waiting_by_mailbox", {"marts.rpt_replies_waiting": rows}, select,
                   "assigned_to nulls last")  # fmt: skip
    since = READ.replace(tzinfo=None)
    assert [tuple(row.values()) for row in found] == [
        ("u1", 3, 2, since - timedelta(hours=100), 25.0), (None, 1, 0, since - timedelta(hours=5), 5.0),
    ]  # fmt: skip


# --- which replies are positive


def test_each_replier_counts_by_its_first_reply_for_variant_sender_and_list() -> None:
    events = [
        event("a", "replied", at(3), step="0", variant="1", last_contacted_from="Ann@send.example"),
        event("a", "replied", at(4), step="1", variant="0"),
        event("b", "replied", at(3), step="0", variant="1"), event("c", "replied", at(3), step="1", variant="0"),
        event("c", "auto replied", at(2), step="0", variant="0"),
    ]  # fmt: skip
    leads = [lead("a", list_id="l1"), lead("b", list_id="l1", last_contacted_from="bob@send.example"), lead("c")]
    given = {
        "marts.fct_lead_event": events, "raw.leads": leads, "history.leads": [version("a", lt_interest_status=1)],
        "raw.lead_lists": [{"workspace_id": "w", "id": "l1", "name": "Fair", "_key": "l1"}],
    }  # fmt: skip
    select = ("breakdown, coalesce(step_number || variant_letter, email, list_name) as what, replied_leads, "
              "positive_repliers, all_positive_repliers as positive, positive_share, share_of_positive")  # fmt: skip
    found = expect("rpt_reply_share", given, select, "breakdown, what")
    assert [tuple(row.values()) for row in found] == [
        ("list", "Fair", 2, 1, 1, 0.5, 1.0), ("list", None, 1, 0, 1, 0.0, 0.0),
        ("sender", "ann@send.example", 1, 1, 1, 1.0, 1.0), ("sender", "bob@send.example", 1, 0, 1, 0.0, 0.0),
        ("sender", None, 1, 0, 1, 0.0, 0.0),
        ("variant", "1B", 2, 1, 1, 0.5, 1.0), ("variant", "2A", 1, 0, 1, 0.0, 0.0),
    ]  # fmt: skip


# --- bounces


def test_bounces_by_event_stand_beside_the_daily_figures_from_the_first_event_on() -> None:
    def bounce(day: int, mailbox: str = "ann@send.example") -> Row:
        return report("a", "bounced", at(day), mailbox=mailbox, source="webhook_events", report_id=f"{day}{mailbox}")

    def figures(day: int, bounced: int | None) -> Row:
        return {"workspace_id": "w", "email": "ann@send.example", "date": at(day).date(), "sent": 40,
                "bounced": bounced}  # fmt: skip

    given = {
        "intermediate.int_reported_event": [bounce(4), bounce(6), bounce(6, "bob@send.example")],
        "marts.fct_account_daily": [figures(3, 2), figures(4, 1), figures(5, 3), figures(7, 0)],
    }
    select = "email, day(date) as day, sent, bounced, bounce_events, difference"
    found = expect("rpt_sender_bounces", given, select, "email, date")
    assert [tuple(row.values()) for row in found] == [
        ("ann@send.example", 4, 40, 1, 1, 0), ("ann@send.example", 5, 40, 3, 0, -3),
        ("ann@send.example", 6, None, None, 1, None), ("bob@send.example", 6, None, None, 1, None),
    ]  # fmt: skip


# --- since when something is reported


def reach(*reports: Row, status: Row | None = None) -> list[tuple[Any, ...]]:
    given = {"intermediate.int_reported_event": reports, "meta.stream_status": [status] if status else []}
    found = expect("int_event_reach", given, "event, since::varchar as since, is_by_emails", "event")
    return [tuple(row.values()) for row in found]


def test_events_are_reported_since_the_first_of_their_kind() -> None:
    opened = {"source": "webhook_events"}
    assert reach(report("a", "opened", at(5), **opened), report("a", "opened", at(4), **opened)) == [
        ("opened", "2026-03-04 00:00:00", False)
    ]


@pytest.mark.parametrize(("partial", "since"), [(True, "2026-03-04 00:00:00"), (False, "-infinity")])
def test_e_mails_that_were_read_in_full_report_every_send(partial: bool, since: str) -> None:
    status = {"workspace_id": "w", "stream": "emails", "last_success_at": READ, "partial": partial, "chosen": True}
    assert ("contacted", since, True) in reach(report("a", "contacted", at(4)), status=status)


def test_e_mails_that_are_no_longer_read_report_nothing_of_today() -> None:
    status = {"workspace_id": "w", "stream": "emails", "last_success_at": READ, "partial": False, "chosen": False}
    assert reach(report("a", "contacted", at(4)), status=status) == []
