"""Capacity and runway: what is due and how long leads last, from rows one can work out by hand.

Monday is 2026-03-02; the workspace was last read on Sunday, so the days to come begin on it.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from tests.warehouse.marts.given import Row, expect

pytestmark = pytest.mark.medium

W = {"workspace_id": "w"}
READ = W | {"as_of": "2026-03-01 18:00:00"}
WORKDAYS = {str(day): True for day in range(1, 6)}


def campaign(*delays: float, days: dict[str, bool] | None = None, **more: Any) -> tuple[Row, Row]:
    """A campaign as it is, and its one version; a step more than `delays`."""
    steps = [{"delay": delay, "variants": [{}]} for delay in (*delays, 1)]
    row = (
        W
        | {
            "id": "c",
            "_key": "c",
            "name": "C",
            "status": 1,
            "email_list": '["Ann@s.example"]',
            "sequences": json.dumps([{"steps": steps}]),
            "campaign_schedule": json.dumps({"schedules": [{"days": WORKDAYS if days is None else days}]}),
        }
        | more
    )
    version = {
        "workspace_id": "w",
        "id": "c",
        "_key": "c",
        "_op": "upsert",
        "_valid_from": "2026-01-01 00:00:00+00",
        "sequences": row["sequences"],
    }
    return row, version


def lead(number: int, step: int, sent_on: str, **more: Any) -> Row:
    return (
        W
        | {
            "id": str(number),
            "campaign": "c",
            "status": 1,
            "last_step_id": f"0_{step}_0",
            "last_step_from": "Ann@s.example",
            "last_step_timestamp_executed": f"{sent_on} 09:00:00+00",
        }
        | more
    )


def account(email: str, **more: Any) -> Row:
    return W | {"email": email, "_key": email, "status": 1, "daily_limit": 30} | more


def follow_ups(leads: list[Row], *delays: float, **more: Any) -> dict[str, int]:
    row, version = campaign(*delays, **more)
    given = {
        "raw.leads": leads,
        "raw.campaigns": [row],
        "history.campaigns": [version],
        "intermediate.int_workspace_clock": [READ],
    }
    found = expect("int_follow_up", given, "date::varchar as date, follow_ups")
    return {row["date"]: row["follow_ups"] for row in found}


def test_follow_ups_fall_due_after_each_wait() -> None:
    assert follow_ups([lead(1, 0, "2026-02-27")], 5, 3) == {"2026-03-04": 1, "2026-03-09": 1}  # the 7th is a Saturday


def test_what_is_overdue_falls_on_the_first_day_and_moves_the_rest_on() -> None:
    assert follow_ups([lead(1, 0, "2026-01-05"), lead(2, 1, "2026-01-05")], 5, 2) == {"2026-03-02": 2, "2026-03-04": 1}


def test_a_follow_up_waits_for_a_day_its_campaign_sends_on() -> None:
    assert follow_ups([lead(1, 0, "2026-02-27")], 5, days={"0": True}) == {"2026-03-08": 1}
    assert follow_ups([lead(1, 0, "2026-02-27")], 8, days={}) == {"2026-03-07": 1}  # no day named: any


def test_each_weekday_of_a_schedule_is_read_and_false_ones_are_not() -> None:
    rows = [campaign(1, days={str(n): n == on for n in range(7)}, id=str(on))[0] for on in range(7)]
    found = expect("int_campaign_schedule", {"raw.campaigns": rows}, "sequence_id, sending_days")
    assert {row["sequence_id"]: row["sending_days"] for row in found} == {str(on): [on] for on in range(7)}


def test_weekdays_of_an_older_schedule_are_read_by_their_names() -> None:
    row, _ = campaign(1, days={"sunday": False, "monday": True, "friday": True, "saturday": False})
    found = expect("int_campaign_schedule", {"raw.campaigns": [row]}, "sending_days")
    assert found == [{"sending_days": [1, 5]}]


def test_only_fourteen_days_are_looked_at() -> None:
    assert follow_ups([lead(1, 0, "2026-03-01")], 14, days={}) == {"2026-03-15": 1}
    assert follow_ups([lead(1, 0, "2026-03-01")], 15, days={}) == {}


@pytest.mark.parametrize(
    "more",
    [
        {"status": 3},
        {"status": -1},
        {"last_step_id": None},
        {"last_step_id": "0_1_0"},
        {"last_step_id": "odd"},
        {"_deleted_at": "2026-02-28 00:00:00+00"},
        {"campaign": "other"},
        {"last_step_timestamp_executed": None},
    ],
)
def test_a_lead_that_gets_nothing_more_has_no_follow_up(more: Row) -> None:
    assert follow_ups([lead(1, 0, "2026-02-27", **more)], 5) == {}


@pytest.mark.parametrize("more", [{"status": 2}, {"_deleted_at": "2026-02-28 00:00:00+00"}])
def test_a_campaign_that_does_not_send_has_no_follow_ups(more: Row) -> None:
    assert follow_ups([lead(1, 0, "2026-02-27")], 5, **more) == {}


def capacity(accounts: list[Row], leads: list[Row], select: str, **given: Any) -> list[tuple[Any, ...]]:
    row, version = campaign(5)
    every = {
        "raw.accounts": accounts,
        "raw.leads": leads,
        "raw.campaigns": [row],
        "history.campaigns": [version],
        "intermediate.int_workspace_clock": [READ],
    } | given
    found = expect("rpt_capacity", every, f"email, {select}", order="email nulls first, date")
    return [tuple(row.values()) for row in found]


def test_headroom_is_the_limit_less_what_falls_due() -> None:
    leads = [lead(n, 0, "2026-02-25") for n in range(7)] + [lead(9, 0, "2026-02-25", last_step_from="gone@s.example")]
    accounts = [account("ann@s.example"), account("bo@s.example", daily_limit=5), account("off@s.example", status=-1)]
    found = capacity(accounts, leads, "date::varchar, scope, daily_limit, follow_ups_due, headroom, is_over_limit")
    assert len(found) == 4 * 14
    assert {row[1] for row in found} == {str(date(2026, 3, 2) + timedelta(days=n)) for n in range(14)}
    assert [row[:1] + row[2:] for row in found if row[1] == "2026-03-02"] == [
        (None, "workspace", 35, 8, 27, False),
        ("ann@s.example", "account", 30, 7, 23, False),
        ("bo@s.example", "account", 5, 0, 5, False),
        ("off@s.example", "account", 0, 0, 0, False),
    ]
    assert all(row[4] == 0 for row in found if row[1] > "2026-03-02")


def test_more_follow_ups_than_may_be_sent_are_over_the_limit() -> None:
    leads = [lead(n, 0, "2026-02-25") for n in range(7)]
    found = capacity([account("ann@s.example", daily_limit=6)], leads, "is_over_limit, headroom, follow_up_load")
    assert found[0] == (None, True, 0, 7 / 6)
    assert found[1][1:] == (False, 6, 0)


def test_recent_sends_are_per_day_with_sends_in_the_seven_before() -> None:
    days = [
        W | {"email": "ann@s.example", "date": day, "sent": sent}
        for day, sent in (
            ("2026-02-21", 99),
            ("2026-02-22", 10),
            ("2026-02-24", 0),
            ("2026-02-28", 20),
            ("2026-03-01", 99),
        )
    ]
    found = capacity(
        [account("ann@s.example"), account("bo@s.example")],
        [],
        "sent_per_sending_day_7d",
        **{"intermediate.int_account_day": days},
    )
    assert set(found) == {(None, 15), ("ann@s.example", 15), ("bo@s.example", None)}


def test_the_campaigns_scheduled_follow_the_weekday_and_the_tags() -> None:
    tagged = account("bo@s.example", tags='[{"id": "t", "label": "Pool"}]')
    row, _ = campaign(5, email_tag_list='["t"]')
    found = capacity(
        [account("ann@s.example"), tagged, account("idle@s.example")],
        [],
        "date::varchar, campaigns_scheduled",
        **{"raw.campaigns": [row]},
    )
    monday = {email: n for email, day, n in found if day == "2026-03-02"}
    assert monday == {None: 1, "ann@s.example": 1, "bo@s.example": 1, "idle@s.example": 0}
    assert {n for _, day, n in found if day == "2026-03-07"} == {0}


# --- runway


def runway(sends: list[tuple[str, int, int]], uncontacted: int = 100, select: str = "", **more: Any) -> Any:
    row, version = campaign(5, **more)
    days = [W | {"campaign_id": "c", "date": day, "sent": sent, "new_leads_contacted": new} for day, sent, new in sends]
    given: dict[str, Any] = {
        "raw.campaigns": [row],
        "history.campaigns": [version],
        "meta.stream_status": [W | {"stream": "daily_analytics", "last_success_at": "2026-03-01 18:00:00+00"}],
        "intermediate.int_workspace_clock": [READ],
        "intermediate.int_campaign_day": days,
        "intermediate.int_campaign_metrics": [W | {"campaign_id": "c", "uncontacted": uncontacted}],
        "raw.accounts": [account("ann@s.example")],
        "intermediate.int_account_day": [
            W | {"email": "ann@s.example", "date": day, "sent": sent, "daily_limit": 100} for day, sent, _ in sends
        ],
    }
    [found] = expect("rpt_runway", given, select)
    return tuple(found.values())


WEEKS = [
    (f"2026-02-{day:02}", 20, new)
    for day, new in ((16, 999), (18, 999), (19, 10), (20, 12), (23, 8), (24, 20), (25, 10), (26, 10), (27, 10))
]


def test_the_pace_is_that_of_the_last_seven_sending_days() -> None:
    found = runway(
        [*WEEKS, ("2026-02-28", 0, 0), ("2026-03-01", 5, 5)],
        100,
        "sending_days_counted, sent_per_day, new_leads_per_day_low, new_leads_per_day, new_leads_per_day_high, "
        "days_left, last_sent_on::varchar",
    )
    assert found == (7, 20, 10, 10, 11, 10, "2026-02-27")


def test_the_day_it_runs_dry_counts_the_days_the_campaign_sends_on() -> None:
    assert runway(WEEKS, 100, "runs_dry_on::varchar") == ("2026-03-15",)  # 10 sending days, 5 a week
    every_day = {str(n): True for n in range(7)}
    assert runway(WEEKS, 100, "runs_dry_on::varchar", days=every_day) == ("2026-03-11",)
    low_mid_high = runway(
        [("2026-02-24", 9, 0), ("2026-02-25", 9, 5), ("2026-02-26", 9, 20)],
        100,
        "days_left_low, days_left, days_left_high",
    )
    assert low_mid_high == (8, 20, 40)


@pytest.mark.parametrize(
    ("sends", "uncontacted", "more", "limit"),
    [
        (WEEKS, 0, {}, "no uncontacted leads"),
        ([], 10, {}, "nothing sent yet"),
        (WEEKS, 10, {"status": 2}, "not active: paused"),
        (WEEKS, 10, {"daily_max_leads": 11}, "new leads per day of the campaign"),
        (WEEKS, 10, {"daily_max_leads": 12, "daily_limit": 22}, "daily limit of the campaign"),
        ([("2026-02-25", 95, 9)], 10, {}, "daily limits of its accounts"),
        ([("2026-02-25", 95, 9)], 10, {"email_list": "[]"}, "no limit reached"),
        ([("2026-02-25", 5, 0)], 10, {}, "follow-ups only"),
        (WEEKS, 10, {}, "no limit reached"),
    ],
)
def test_what_limits_a_campaign_is_named(
    sends: list[tuple[str, int, int]], uncontacted: int, more: Row, limit: str
) -> None:
    assert runway(sends, uncontacted, "limited_by", **more) == (limit,)


def test_without_a_pace_there_is_no_day() -> None:
    assert runway([("2026-02-25", 5, 0)], 10, "days_left, runs_dry_on") == (None, None)
    assert runway(WEEKS, 10, "days_left is null, runs_dry_on", status=2) == (False, None)


@pytest.mark.parametrize("odd", ["[1, null, {}]", '["x"]', '"text"', "{}", "null", "[[]]"])
def test_settings_of_another_shape_do_not_break_the_outlook(odd: str) -> None:
    row, version = campaign(5, email_list=odd, email_tag_list=odd, campaign_schedule=odd)
    given = {
        "raw.campaigns": [row],
        "history.campaigns": [version],
        "raw.accounts": [account("ann@s.example", tags=odd)],
        "intermediate.int_workspace_clock": [READ],
    }
    assert len(expect("rpt_capacity", given)) == 28
    assert len(expect("rpt_runway", given)) == 1
    expect("dim_tag", given)
