"""Health of own domains and of mailboxes, and what to do with them, from rows one can work out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.warehouse.marts.given import Row, expect

W = {"workspace_id": "w"}


def day(email: str, date: str, **more: Any) -> Row:
    return W | {"email": email, "date": date, "daily_limit": 50, "verified_at": "2026-03-01 06:00:00"} | more


def health(*days: Row, select: str) -> list[tuple[Any, ...]]:
    found = expect("rpt_domain_health", {"intermediate.int_account_day": days}, select, order="domain, date")
    return [tuple(row.values()) for row in found]


def test_a_domain_is_the_sum_of_its_accounts_on_the_day() -> None:
    found = health(
        day(
            "a@x.example", "2026-02-20", sent=40, bounced=1, replies=3, unique_replies=2, warmup_sent=10, warmup_inbox=9
        ),
        day(
            "b@x.example", "2026-02-20", sent=0, bounced=0, replies=0, unique_replies=0, warmup_sent=10, warmup_inbox=5
        ),
        day("c@x.example", "2026-02-20", warmup_sent=5, warmup_inbox=5),
        day("d@y.example", "2026-02-20", sent=7, bounced=0, unique_replies=0),
        select="domain, accounts_sending, sent, bounced, bounce_rate, unique_replies, daily_limit, utilisation_rate, "
        "warmup_sent, warmup_inbox, warmup_inbox_rate",
    )
    assert found == [
        ("x.example", 1, 40, 1, 0.025, 2, 50, 0.8, 25, 19, 0.76),
        ("y.example", 1, 7, 0, 0, 0, 50, 0.14, None, None, None),
    ]


def test_sums_of_seven_days_go_by_the_calendar() -> None:
    days = [day("a@x.example", f"2026-02-{n}", sent=10, bounced=1, unique_replies=1) for n in (10, 12, 16, 17, 25)]
    found = health(*days, select="sent_7d, bounced_7d, daily_unique_replies_sum_7d, bounce_rate_7d")
    assert found == [(10, 1, 1, 0.1), (20, 2, 2, 0.1), (30, 3, 3, 0.1), (30, 3, 3, 0.1), (10, 1, 1, 0.1)]


@pytest.mark.parametrize(
    ("figures", "light", "reason"),
    [
        ({"sent": 56, "bounced": 3}, "grey", "too little sent to judge"),
        ({"sent": 4, "bounced": 4}, "grey", "too little sent to judge"),
        ({"sent": 250, "bounced": 2}, "green", "all metrics in range"),
        ({"sent": 141, "bounced": 10}, "amber", "bounce rate 7.1 % (10 of 141, 3.9 to 12.6 %) is amber"),
        (
            {"sent": 141, "bounced": 15, "warmup_sent": 100, "warmup_inbox": 90},
            "red",
            "bounce rate 10.6 % (15 of 141, 6.6 to 16.8 %) is red; "
            "warmup inbox rate 90.0 % (90 of 100, 82.6 to 94.5 %) is amber",
        ),
    ],
)
def test_a_domain_is_judged_by_the_thresholds_of_senders(figures: Row, light: str, reason: str) -> None:
    assert health(day("a@x.example", "2026-02-20", **figures), select="health, health_reason") == [(light, reason)]


@pytest.mark.medium
def test_the_worst_mailbox_is_that_with_the_most_bounces_too_many_or_else_the_most_spam() -> None:
    bouncing = [
        day("one-of-one@x.example", "2026-02-20", sent=1, bounced=1),
        day("ten-of-forty@x.example", "2026-02-20", sent=40, bounced=10, warmup_sent=10, warmup_inbox=10),
        day("spam@x.example", "2026-02-20", sent=40, bounced=0, warmup_sent=10, warmup_inbox=1),
    ]
    select = "worst_email, worst_email_bounce_rate_7d, worst_email_warmup_inbox_rate_7d"
    assert health(*bouncing, select=select) == [("ten-of-forty@x.example", 0.25, 1)]
    assert health(bouncing[2], day("fine@x.example", "2026-02-20", sent=9, bounced=0), select=select) == [
        ("spam@x.example", 0, pytest.approx(0.1))
    ]
    assert health(day("fine@x.example", "2026-02-20", sent=9, bounced=0), select=select) == [(None, None, None)]


def test_of_two_mailboxes_alike_the_same_one_is_named_every_time() -> None:
    alike = {
        "workspace_id": "w",
        "domain": "d.example",
        "date": "2026-02-02",
        "sent": 10,
        "sent_7d": 100,
        "bounced_7d": 9,
    }
    days = [alike | {"email": f"{name}@d.example"} for name in ("b", "c", "a")]
    for rows in (days, days[::-1]):
        [found] = expect("rpt_domain_health", {"marts.fct_account_daily": rows}, "worst_email")
        assert found == {"worst_email": "c@d.example"}


# --- mailboxes: the workspace was last read on Sunday, 2026-03-01

OLD = {"timestamp_warmup_start": "2025-11-01 08:00:00+00", "warmup_status": 1, "stat_warmup_score": 97}
NEW = OLD | {"timestamp_warmup_start": "2026-02-24 08:00:00+00"}
SENDS = {"sent": 60, "bounced": 0, "unique_replies": 1}
BOUNCES = {"sent": 100, "bounced": 12, "unique_replies": 1}


def mailbox(
    select: str, account: Row, *, sends: Row | None = None, serves: int = 0, has_senders: bool = True, **given: Any
) -> tuple[Any, ...]:
    """One mailbox, what it sent on the 20th of February, and the active campaigns that it serves."""
    listed = '["a@x.example"]' if has_senders else None
    rows = {
        "raw.accounts": [W | {"email": "a@x.example", "_key": "a", "status": 1, "daily_limit": 30} | account],
        "raw.campaigns": [
            W | {"id": f"c{n}", "_key": f"c{n}", "status": 1, "email_list": listed if n < serves else "[]"}
            for n in range(3)
        ],
        "intermediate.int_workspace_clock": [W | {"as_of": "2026-03-01 18:00:00"}],
        "intermediate.int_account_day": [day("a@x.example", "2026-02-20", **sends)] if sends else [],
        "meta.stream_status": [
            W | {"stream": "account_daily_analytics", "last_success_at": "2026-03-01 18:00:00+00"},
        ],
    } | given
    [found] = expect("rpt_sender_health", rows, select)
    return tuple(found.values())


@pytest.mark.medium
@pytest.mark.parametrize(
    ("account", "sends", "serves", "said"),
    [
        (OLD, SENDS, 2, ("in use", True, "leave", "all metrics in range")),
        (OLD, None, 0, ("idle", True, "use", "ready, serves no active campaign")),
        (OLD, SENDS, 0, ("idle", True, "use", "ready, serves no active campaign")),
        (OLD, None, 2, ("ready", True, "use", "ready, sent nothing in 30 days; active campaigns: 2")),
        (OLD | {"status": -3}, SENDS, 1, ("reconnect", False, "reconnect", "sending error")),
        (OLD | {"status": -1}, BOUNCES, 1, ("reconnect", False, "reconnect", "connection error")),
        (OLD | {"status": 2}, BOUNCES, 1, ("paused", False, "leave", "paused")),
        (OLD | {"status": 3}, None, 0, ("paused", False, "leave", "paused for maintenance")),
        (OLD | {"setup_pending": True}, None, 0, ("setting up", False, "leave", "still being set up")),
        (
            OLD, BOUNCES, 1,
            ("in use", False, "rest", "bounce rate 12.0 % (12 of 100, 7.0 to 19.8 %) is red"),
        ),
        (
            OLD | {"warmup_status": 0, "stat_warmup_score": 60}, SENDS, 1,
            ("in use", False, "rest", "warmup score 60 is red; its warmup is paused"),
        ),
        (OLD | {"warmup_status": -1}, None, 0, ("not warming", False, "rest", "warmup: banned is red")),
        (OLD | {"warmup_status": 0}, SENDS, 1, ("in use", True, "warm up", "its warmup is paused; sent 60 in 30 days")),
        (OLD | {"warmup_status": 0}, None, 0, ("not warming", False, "warm up", "its warmup is paused")),
        (NEW, None, 0, ("warming", False, "warm up", "5 of 14 days of warmup")),
        (NEW | {"stat_warmup_score": 0}, None, 0,
         ("warming", False, "warm up", "5 of 14 days of warmup; warmup score 0 is red")),
        (NEW, SENDS, 1, ("warming", False, "warm up", "5 of 14 days of warmup; sent 60 in 30 days")),
        (NEW | {"warmup_status": 0}, None, 0,
         ("not warming", False, "warm up", "its warmup is paused; 5 of 14 days of warmup")),
        (OLD | {"stat_warmup_score": 80}, None, 0, ("warming", False, "warm up", "warmup score 80 is amber")),
        (OLD | {"stat_warmup_score": 80}, SENDS, 1, ("in use", True, "leave", "warmup score 80 is amber")),
        (OLD | {"stat_warmup_score": 90, "timestamp_warmup_start": "2026-02-15 08:00:00+00"}, None, 0,
         ("idle", True, "use", "ready, serves no active campaign")),
        (OLD | {"stat_warmup_score": 90, "timestamp_warmup_start": "2026-02-16 08:00:00+00"}, None, 0,
         ("warming", False, "warm up", "13 of 14 days of warmup")),
        (OLD | {"status": None}, None, 0, ("not known", None, None, "its state is not known")),
        ({}, None, 0, ("not known", True, "leave", "not known: its warmup, or the campaigns that it serves")),
        ({}, SENDS, 1, ("in use", True, "leave", "too little sent to judge")),
    ],
)  # fmt: skip
def test_what_to_do_with_a_mailbox_is_said_and_why(account: Row, sends: Row | None, serves: int, said: Any) -> None:
    assert mailbox("readiness, is_ready, act, act_reason", account, sends=sends, serves=serves) == said


@pytest.mark.medium
def test_days_of_warmup_count_from_its_start_or_the_first_day_known() -> None:
    select = "warmup_started_on::varchar, days_warming"
    first = {"intermediate.int_account_day": [day("a@x.example", f"2026-02-{n}", warmup_sent=n - 20) for n in (20, 21)]}
    assert mailbox(select, NEW, **first) == ("2026-02-24", 5)
    assert mailbox(select, {}, **first) == ("2026-02-21", 8)
    assert mailbox(select, {}) == (None, None)
    assert mailbox(select, {"timestamp_warmup_start": "2026-03-02 08:00:00+00"}) == ("2026-03-02", 0)


@pytest.mark.medium
def test_whether_a_mailbox_is_used_goes_by_what_is_known() -> None:
    unread = {"meta.stream_status": []}
    assert mailbox("active_campaigns, sent_30d, readiness", OLD, serves=2, **unread) == (2, None, "in use")
    unknown: dict[str, Any] = {"serves": 1, "has_senders": False}
    assert mailbox("active_campaigns, readiness, act", OLD, sends=SENDS, **unknown) == (None, "in use", "leave")
    assert mailbox("active_campaigns, readiness, act", OLD, **unknown) == (None, "idle", "use")


@pytest.mark.medium
def test_the_limits_of_readiness_are_those_of_the_rules() -> None:
    rules = [
        {"mart": "rpt_sender_health", "rule": rule, "value": value}
        for rule, value in (("min_days_warming", 5), ("min_warmup_score", 98))
    ]
    select = "readiness, act_reason"
    assert mailbox(select, NEW | {"stat_warmup_score": 98}, **{"seeds.rules": rules})[0] == "idle"
    assert mailbox(select, NEW, **{"seeds.rules": rules}) == ("warming", "warmup score 97, ready from 98")


# --- rates that turned


def turned(before: tuple[int, int], now: tuple[int, int], others: tuple[int, int]) -> Any:
    """Health of x.example by (sent, replies) a day of its one mailbox, and of y.example's, over 35 closed days."""
    days = []
    for n in range(2, 37):
        on = str(date(2026, 3, 1) - timedelta(days=n))
        x = now if n < 9 else before
        days.append(day("a@x.example", on, sent=x[0], bounced=0, unique_replies=x[1]))
        days.append(day("b@y.example", on, sent=others[0], bounced=0, unique_replies=others[1]))
    given = {
        "raw.accounts": [W | {"email": e, "_key": e, "status": 1} for e in ("a@x.example", "b@y.example")],
        "intermediate.int_workspace_clock": [W | {"as_of": "2026-03-01 18:00:00"}],
        "intermediate.int_account_day": days,
        "meta.stream_status": [W | {"stream": "account_daily_analytics", "last_success_at": "2026-03-01 18:00:00+00"}],
    }
    rows = expect("rpt_domain_health", given, "domain, date::varchar as date, health, health_reason", "domain, date")
    [mine] = expect("rpt_sender_health", given, "health, health_reason", "email")[:1]
    return [row for row in rows if row["domain"] == "x.example"], mine, rows[-1]


@pytest.mark.medium
def test_a_domain_with_fewer_replies_than_its_neighbours_is_no_longer_green() -> None:
    mine, mailbox_of_it, other = turned((34, 0), (34, 1), (100, 2))
    assert mailbox_of_it["health"] == "green"  # there are many mailboxes, so one needs more to stand out
    assert mine[-1]["health"] == "amber"
    assert mine[-1]["health_reason"] == (
        "reply rate 0.7 % (7 of 952, 0.4 to 1.5 %) in 28 days, against 2.0 % of the others, is amber"
    )
    assert mine[-2]["health"] == "green"  # what turned is known as of the last closed day
    assert other["health"] == "green"


@pytest.mark.medium
def test_a_domain_whose_replies_fell_is_no_longer_green() -> None:
    mine, mailbox_of_it, _ = turned((50, 2), (50, 0), (50, 1))
    assert (
        "reply rate 0.0 % (0 of 350, 0.0 to 1.1 %) in 7 days, against 4.0 % in the 28 before"
        in mine[-1]["health_reason"]
    )
    assert (mine[-1]["health"], mailbox_of_it["health"]) == ("amber", "amber")


@pytest.mark.medium
def test_a_domain_like_its_neighbours_stays_green() -> None:
    mine, mailbox_of_it, _ = turned((34, 1), (34, 1), (34, 1))
    assert {row["health"] for row in mine[7:]} == {"green"}
    assert mailbox_of_it["health"] == "green"
