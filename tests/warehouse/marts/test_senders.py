"""Health of own domains, from rows one can work out by hand."""

from __future__ import annotations

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
    found = health(*days, select="sent_7d, bounced_7d, unique_replies_7d, bounce_rate_7d")
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
