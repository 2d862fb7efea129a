"""Rates that turned: what is named, what is not, and how often something is named although nothing changed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from tests.warehouse.marts.given import Row, expect

pytestmark = pytest.mark.medium

W = {"workspace_id": "w"}
LAST = date(2026, 2, 27)
READ = "2026-03-01 18:00:00+00"


def streams(*names: str) -> list[Row]:
    return [W | {"stream": name, "last_success_at": READ} for name in names]


def sends(email: str, week: tuple[int, int, int], before: tuple[int, int, int], **more: Any) -> list[Row]:
    """E-mails, bounces and replies of the last week and of the four before, over five days each."""
    rows: list[Row] = []
    for (sent, bounced, replies), first, last in ((week, 0, 6), (before, 7, 34)):
        days = [LAST - timedelta(days=n) for n in range(first, last + 1)][:5]
        for n, day in enumerate(days):
            part = [value // 5 + (n < value % 5) for value in (sent, bounced, replies)]
            rows.append(
                W | {"email": email, "date": day, "sent": part[0], "bounced": part[1], "unique_replies": part[2]} | more
            )
    return rows


def changes(*days: Row, select: str, **given: Any) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    tables = {"intermediate.int_account_day": days, "meta.stream_status": streams("account_daily_analytics")} | given
    found = expect("rpt_rate_changes", tables, f"entity, entity_id, metric, {select}")
    return {tuple(row.values())[:3]: tuple(row.values())[3:] for row in found}


def test_a_week_with_ten_of_141_bounced_is_named_in_mailbox_and_domain() -> None:
    found = changes(
        *sends("a@x.example", (141, 10, 2), (564, 11, 9)), *sends("b@y.example", (141, 3, 3), (564, 11, 9)),
        select="verdict, verdict_reason, is_worse",
    )  # fmt: skip
    said = ("worse", "10 of 141 (7.1 %) in 7 days after 11 of 564 (2.0 %) in the 28 before", True)
    assert found["account", "a@x.example", "bounces"] == found["domain", "x.example", "bounces"] == said
    assert found["account", "a@x.example", "replies"] == ("too small to judge", None, False)
    assert {found[one][0] for one in found if "y.example" in one[1]} == {"too small to judge"}


@pytest.mark.parametrize(
    ("week", "before", "bounces", "replies"),
    [
        ((500, 10, 10), (2000, 40, 40), "usual", "usual"),
        ((500, 30, 1), (2000, 40, 60), "worse", "worse"),
        ((2000, 5, 90), (8000, 160, 160), "better", "better"),
        ((100, 4, 4), (400, 8, 8), "too small to judge", "too small to judge"),
        ((500, 10, 10), (0, 0, 0), "too small to judge", "too small to judge"),
        ((0, 0, 0), (2000, 40, 40), "too small to judge", "too small to judge"),
        ((500, 501, 10), (2000, 40, 40), "unknown", "usual"),
    ],
)
def test_more_bounces_and_fewer_replies_are_worse(
    week: tuple[int, int, int], before: tuple[int, int, int], bounces: str, replies: str
) -> None:
    found = changes(*sends("a@x.example", week, before), select="verdict")
    assert (found["account", "a@x.example", "bounces"], found["account", "a@x.example", "replies"]) == (
        (bounces,), (replies,),
    )  # fmt: skip


def test_only_closed_days_count_and_each_in_its_window() -> None:
    days = [
        W | {"email": "a@x.example", "date": LAST - timedelta(days=n), "sent": 10**k, "bounced": 0, "unique_replies": 0}
        for k, n in enumerate((-1, 0, 6, 7, 27, 28, 34, 35))
    ]
    found = changes(*days, select="sent, sent_before, sent_28d, last_date")
    assert found["account", "a@x.example", "bounces"] == (110, 1_111_000, 11_110, LAST)


def test_newcombes_interval_is_that_of_his_paper() -> None:
    """Newcombe 1998, table II (a), method 10: 56/70 - 48/80 is 0.0524 to 0.3339."""
    found = changes(
        *sends("a@x.example", (70, 56, 0), (80, 48, 0)),
        select="rate_difference, rate_difference_low, rate_difference_high",
        **{"seeds.rules": [{"mart": "rpt_rate_changes", "rule": rule, "value": 1.959963984540054}
                           for rule in ("quantile", "quantile_of_domains")]},
    )  # fmt: skip
    assert found["account", "a@x.example", "bounces"] == (
        pytest.approx(0.2), pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5),
    )  # fmt: skip


# --- neighbours


def test_a_domain_with_half_the_replies_of_its_neighbours_is_named_though_nothing_changed() -> None:
    found = changes(
        *sends("a@x.example", (294, 2, 3), (882, 6, 7)), *sends("b@y.example", (700, 5, 13), (2188, 16, 41)),
        select="verdict, verdict_neighbours, verdict_neighbours_reason, neighbours, rate_28d, rate_neighbours",
    )  # fmt: skip
    assert found["domain", "x.example", "replies"] == (
        "too small to judge", "worse", "10 of 1176 (0.9 %) in 28 days, 54 of 2888 (1.9 %) in 1 other", 1,
        pytest.approx(10 / 1176), pytest.approx(54 / 2888),
    )  # fmt: skip
    assert found["domain", "x.example", "bounces"][:2] == ("too small to judge", "usual")


def test_a_burnt_domain_does_not_excuse_another() -> None:
    """Two of three domains get no replies: beside each other and the third they would look usual, and it better."""
    good = sends("c@z.example", (1500, 0, 45), (2500, 0, 75))
    found = changes(
        *sends("a@x.example", (300, 0, 1), (900, 0, 3)), *sends("b@y.example", (300, 0, 2), (900, 0, 2)), *good,
        select="verdict_neighbours, neighbours, sent_neighbours",
    )  # fmt: skip
    assert found["domain", "x.example", "replies"] == ("worse", 1, 4000)
    assert found["domain", "y.example", "replies"] == ("worse", 1, 4000)
    assert found["domain", "z.example", "replies"] == (None, 0, 0)


def test_a_workspace_with_one_domain_and_a_domain_with_unknown_figures_have_no_neighbours() -> None:
    alone = changes(*sends("a@x.example", (300, 5, 5), (900, 15, 15)), select="verdict_neighbours, neighbours")
    assert alone["domain", "x.example", "bounces"] == (None, 0)
    assert alone["account", "a@x.example", "bounces"] == (None, 0)
    unknown = sends("b@y.example", (300, 5, 5), (900, 15, 15), bounced=None)
    found = changes(*sends("a@x.example", (300, 5, 5), (900, 15, 15)), *unknown, select="verdict, verdict_neighbours")
    assert found["domain", "x.example", "bounces"] == ("usual", None)
    assert found["domain", "x.example", "replies"] == ("usual", "usual")
    assert found["domain", "y.example", "bounces"] == ("unknown", None)


# --- campaigns and the workspace


def counters(day: date, sent: int | None, bounced: int | None, unsubscribed: int | None) -> Row:
    return W | {
        "campaign_id": "c", "_op": "upsert", "_key": "c", "_valid_from": f"{day} 06:00:00+00",
        "emails_sent_count": sent, "bounced_count": bounced, "unsubscribed_count": unsubscribed,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "before"), [((100, 2, 0), (600, 11, 3)), (None, (700, 13, 3)), ((100, None, 0), (600, None, 3))]
)
def test_bounces_and_unsubscribes_of_a_campaign_are_differences_of_its_counters(
    first: tuple[int, int | None, int] | None, before: tuple[int, int | None, int]
) -> None:
    versions = [
        *([counters(LAST - timedelta(days=36), *first)] if first else []),
        counters(LAST - timedelta(days=9), 700, 13, 3), counters(LAST, 841, 23, 3),
        counters(LAST + timedelta(days=1), 900, 90, 90),  # of an open day
    ]  # fmt: skip
    found = changes(
        select="events, sent, events_before, sent_before, verdict",
        **{"history.campaign_analytics": versions, "meta.stream_status": streams("campaign_analytics")},
    )
    sent, bounced, unsubscribed = before
    assert found["campaign", "c", "bounces"] == (10, 141, bounced, sent, "worse" if bounced else "unknown")
    assert found["campaign", "c", "unsubscribes"] == (0, 141, unsubscribed, sent, "too small to judge")


def test_replies_of_campaigns_and_of_the_workspace_come_from_their_days() -> None:
    day: dict[str, Any] = {"sent": 900, "unique_replies": 3, "opportunities": 9}
    old: dict[str, Any] = {"sent": 3600, "unique_replies": 72, "opportunities": 36}
    days = [W | {"date": LAST} | day, W | {"date": LAST - timedelta(days=20)} | old]
    found = changes(
        select="entity_name, verdict, events, sent, events_before, sent_before",
        **{
            "intermediate.int_campaign_day": [row | {"campaign_id": "c"} for row in days],
            "intermediate.int_campaign": [W | {"campaign_id": "c", "campaign_name": "Mine"}],
            "marts.rpt_workspace_daily": [
                row | {"figures_from": kind} for row, kind in zip(days, ("workspace", "campaigns"), strict=True)
            ],
            "intermediate.int_account_day": [
                W | {"email": f"{n}@x.example", "date": row["date"], "sent": row["sent"], "bounced": 9}
                for row in days
                for n in range(2)
            ],
            "marts.dim_workspace": [W | {"workspace_name": "Acme"}],
            "meta.stream_status": streams("daily_analytics", "workspace_daily_analytics", "account_daily_analytics"),
        },
    )
    assert {key: value for key, value in found.items() if key[0] in ("campaign", "workspace")} == {
        ("campaign", "c", "replies"): ("Mine", "worse", 3, 900, 72, 3600),
        ("campaign", "c", "opportunities"): ("Mine", "usual", 9, 900, 36, 3600),
        ("workspace", "w", "replies"): ("Acme", "worse", 3, 900, 72, 3600),
        ("workspace", "w", "opportunities"): ("Acme", "usual", 9, 900, 36, 3600),
        ("workspace", "w", "bounces"): ("Acme", "worse", 18, 1800, 18, 7200),
    }


def test_a_day_that_lacks_a_figure_leaves_its_rate_unknown_and_no_other() -> None:
    rows = sends("a@x.example", (500, 10, 10), (2000, 40, 40))
    rows[0] = {**rows[0], "bounced": None}
    found = changes(*rows, select="verdict, events, events_before")
    assert found["account", "a@x.example", "bounces"] == ("unknown", None, 40)
    assert found["account", "a@x.example", "replies"][0] == "usual"


# --- false alarms


def weeks_without_change(weeks: int, *, seed: int) -> list[Row]:
    """Each week a workspace: 6 domains with 4 mailboxes of 25 to 130 e-mails a week; 1.5 % bounce, 1.6 % reply."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for week in range(weeks):
        sent = rng.integers(25, 131, 24)
        for metric, rate in (("bounces", 0.015), ("replies", 0.016)):
            now, before = rng.binomial(sent, rate), rng.binomial(4 * sent, rate)
            for kind, size in (("account", 1), ("domain", 4)):
                n, x, x0 = (values.reshape(-1, size).sum(axis=1) for values in (sent, now, before))
                rows += [
                    {
                        "workspace_id": f"{week}", "entity": kind, "entity_id": f"{i}", "metric": metric,
                        "events": int(x[i]), "sent": int(n[i]),
                        "events_before": int(x0[i]), "sent_before": int(4 * n[i]),
                        "events_28d": int(x0[i]), "sent_28d": int(4 * n[i]),
                    }
                    for i in range(len(n))
                ]  # fmt: skip
    return rows


def false_alarms(weeks: int, seed: int) -> tuple[float, float, float]:
    """Shares of weeks with any rate that turned worse, and of domains and mailboxes worse than their neighbours."""
    found = expect(
        "int_rate_change", {"intermediate.int_rate_count": weeks_without_change(weeks, seed=seed)},
        "workspace_id, entity, verdict, verdict_neighbours",
    )  # fmt: skip
    turned = {row["workspace_id"] for row in found if row["verdict"] == "worse"}
    beside = {
        kind: [row["verdict_neighbours"] == "worse" for row in found if row["entity"] == kind]
        for kind in ("domain", "account")
    }
    return len(turned) / weeks, float(np.mean(beside["domain"])), float(np.mean(beside["account"]))


def test_a_week_without_change_seldom_has_an_alarm() -> None:
    turned, domains, accounts = false_alarms(40, seed=1)
    assert turned <= 0.2
    assert domains <= 0.05
    assert accounts <= 0.01


@pytest.mark.slow
def test_one_week_of_ten_without_change_has_an_alarm() -> None:
    runs = [false_alarms(100, seed) for seed in range(10)]
    turned, domains, accounts = np.mean(runs, axis=0)
    assert 0.02 < turned <= 0.12
    assert domains <= 0.035
    assert accounts <= 0.008
