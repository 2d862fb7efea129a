"""Capacity and runway: what is due and how long leads last, from rows one can work out by hand.

Monday is 2026-03-02; the workspace was last read on Sunday, so the days to come begin on it.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.warehouse.marts.given import Row, expect

pytestmark = pytest.mark.medium

W = {"workspace_id": "w"}
READ = W | {"as_of": "2026-03-01 18:00:00"}
GONE = {"_deleted_at": "2026-02-01 00:00:00+00"}
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


def capacity(
    accounts: list[Row], leads: list[Row], select: str, *, model: str = "rpt_capacity", **given: Any
) -> list[tuple[Any, ...]]:
    row, version = campaign(5)
    every = {
        "raw.accounts": accounts,
        "raw.leads": leads,
        "raw.campaigns": [row],
        "history.campaigns": [version],
        "intermediate.int_workspace_clock": [READ],
    } | given
    order = "email, date" if model == "rpt_capacity" else "date"
    return [tuple(row.values()) for row in expect(model, every, select, order=order)]


def workspace(accounts: list[Row], leads: list[Row], select: str, **given: Any) -> list[tuple[Any, ...]]:
    return capacity(accounts, leads, select, model="rpt_workspace_capacity", **given)


def test_headroom_is_what_can_be_used_of_the_limit_less_what_falls_due() -> None:
    leads = [lead(n, 0, "2026-02-25") for n in range(7)] + [lead(9, 0, "2026-02-25", last_step_from="gone@s.example")]
    accounts = [account("ann@s.example"), account("bo@s.example", daily_limit=5), account("off@s.example", status=-1)]
    select = "date::varchar, daily_limit, usable_limit, unusable_because, follow_ups_due, headroom, is_over_limit"
    found = capacity(accounts, leads, f"email, {select}")
    assert len(found) == 3 * 14
    assert {row[1] for row in found} == {str(date(2026, 3, 2) + timedelta(days=n)) for n in range(14)}
    assert [row[:1] + row[2:] for row in found if row[1] == "2026-03-02"] == [
        ("ann@s.example", 30, 30, None, 7, 23, False),
        ("bo@s.example", 5, 0, "no active campaign", 0, 0, False),
        ("off@s.example", 30, 0, "in error", 0, 0, False),
    ]
    saturday = next(row[2:] for row in found if row[:2] == ("ann@s.example", "2026-03-07"))
    assert saturday == (30, 0, "no sending day", 0, 0, False)
    figures = "date::varchar, mailboxes, mailboxes_usable, daily_limit, usable_limit, limit_in_error, "
    figures += "limit_without_campaign, limit_without_sending_day, follow_ups_due, headroom"
    days = {row[0]: row[1:] for row in workspace(accounts, leads, figures)}
    assert len(days) == 14
    # the follow-up of the mailbox that is gone is another one's to send, but nobody's room is known to shrink
    assert days["2026-03-02"] == (3, 1, 65, 30, 30, 5, 0, 8, 23)
    assert days["2026-03-07"] == (3, 0, 65, 0, 30, 5, 30, 0, 0)


@pytest.mark.parametrize(
    ("more", "because"),
    [
        ({"status": -3}, "in error"),
        ({"status": 2}, "paused"),
        ({"status": 3}, "paused"),
        ({"warmup_status": -1}, "red"),
        ({"stat_warmup_score": 60}, "red"),
        ({"setup_pending": True}, "not ready"),
        ({"timestamp_warmup_start": "2026-02-20 08:00:00+00"}, "not ready"),
        ({"timestamp_warmup_start": "2026-02-15 08:00:00+00"}, None),
        ({"stat_warmup_score": 80, "warmup_status": 1}, None),  # amber, and not known to be idle
        ({"status": None}, "not known"),
        ({"email": "bo@s.example"}, "no active campaign"),
    ],
)
def test_what_keeps_a_mailbox_from_being_used_is_named(more: Row, because: str | None) -> None:
    leads = [lead(1, 1, "2026-02-25")]  # that gets nothing more
    told = set(capacity([account("ann@s.example") | more], leads, "unusable_because, usable_limit, headroom"))
    limit = {None: 30, "not known": None}.get(because, 0)
    weekend = "no sending day" if limit != 0 else because
    assert told == {(because, limit, limit), (weekend, 0, 0)}


def test_a_mailbox_whose_campaigns_may_have_other_senders_is_not_said_to_have_none() -> None:
    row, _ = campaign(5, email_list=None)
    told = capacity([account("ann@s.example")], [], "unusable_because, headroom", **{"raw.campaigns": [row]})
    assert set(told) == {("not known", None)}


def test_more_follow_ups_than_may_be_sent_are_over_the_limit() -> None:
    leads = [lead(n, 0, "2026-02-25") for n in range(7)]
    ann = account("ann@s.example", daily_limit=6)
    select = "is_over_limit, headroom, follow_up_load"
    for found in (capacity([ann], leads, select), workspace([ann], leads, select)):
        assert found[0] == (True, 0, 7 / 6)
        assert found[1] == (False, 6, 0)
    assert capacity([ann | {"status": 2}], leads, select)[0] == (True, 0, None)


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
    accounts, given = [account("ann@s.example"), account("bo@s.example")], {"intermediate.int_account_day": days}
    found = capacity(accounts, [], "email, sent_per_sending_day_7d", **given)
    assert set(found) == {("ann@s.example", 15), ("bo@s.example", None)}
    assert set(workspace(accounts, [], "sent_per_sending_day_7d", **given)) == {(15,)}


def test_the_campaigns_scheduled_follow_the_weekday_and_the_tags() -> None:
    tagged = account("bo@s.example", tags='[{"id": "t", "label": "Pool"}]')
    row, _ = campaign(5, email_tag_list='["t"]')
    accounts, given = [account("ann@s.example"), tagged, account("idle@s.example")], {"raw.campaigns": [row]}
    found = capacity(accounts, [], "email, date::varchar, campaigns_scheduled", **given)
    monday = {email: n for email, day, n in found if day == "2026-03-02"}
    assert monday == {"ann@s.example": 1, "bo@s.example": 1, "idle@s.example": 0}
    assert {n for _, day, n in found if day == "2026-03-07"} == {0}
    assert workspace(accounts, [], "campaigns_scheduled", **given)[:6] == [(1,)] * 5 + [(0,)]


def test_a_campaign_sends_from_its_first_day_to_its_last() -> None:
    dates = {"start_date": "2026-03-04", "end_date": "2026-03-06T00:00:00.000Z"}
    row, _ = campaign(5, campaign_schedule=json.dumps(dates | {"schedules": [{"days": WORKDAYS}]}))
    given = {"raw.campaigns": [row]}
    found = workspace([account("ann@s.example")], [], "date::varchar, usable_limit", **given)
    assert [day for day, limit in found if limit] == ["2026-03-04", "2026-03-05", "2026-03-06"]
    overdue = [lead(1, 0, "2026-02-20"), lead(2, 1, "2026-02-20")]
    schedule = {"campaign_schedule": row["campaign_schedule"]}
    assert follow_ups(overdue, 5, 2, **schedule) == {"2026-03-04": 2, "2026-03-06": 1}
    assert follow_ups(overdue, 5, 3, **schedule) == {"2026-03-04": 2}  # the next one would go out on the 7th


def rooms(*campaigns: tuple[list[str], int | None, int | None]) -> int:
    """The headroom of a Monday: four mailboxes of 30; campaigns by mailboxes, daily limit, new leads a day."""
    accounts = [account(f"{name}@s.example") for name in "abcd"]
    made = [
        campaign(5, id=f"c{n}", _key=f"c{n}", daily_limit=limit, daily_max_leads=leads,
                 email_list=json.dumps([f"{name}@s.example" for name in names]))[0]
        for n, (names, limit, leads) in enumerate(campaigns)
    ]  # fmt: skip
    read = {"meta.stream_status": [W | {"stream": "leads", "last_success_at": "2026-03-01 18:00:00+00"}]}
    return int(workspace(accounts, [], "headroom", **{"raw.campaigns": made, **read})[0][0])


@pytest.mark.parametrize(
    ("campaigns", "room"),
    [
        ([(["a", "b"], None, None)], 60),
        ([(["a", "b"], 180, None)], 60),
        ([(["a", "b"], 40, None)], 40),
        ([(["a", "b"], 180, 25)], 25),
        ([(["a", "b"], 10, None), (["c", "d"], 180, None)], 70),
        ([(["a", "b", "c", "d"], 10, None), (["a", "b", "c", "d"], 180, None)], 120),
        ([(["a", "b", "c", "d"], 10, None), (["a"], None, None), (["a"], 30, None)], 40),
        ([(["a", "b"], 10, None), (["b", "c"], 5, None)], 15),
        ([(["a"], 100, None), (["a", "b"], 10, None)], 40),
        ([(["a"], 0, None)], 0),
    ],
)
def test_limits_of_campaigns_bound_what_their_mailboxes_have(
    campaigns: list[tuple[list[str], int | None, int | None]], room: int
) -> None:
    assert rooms(*campaigns) == room


Campaigns = list[tuple[set[str], int | None]]  # mailboxes, daily limit


def _most(limits: dict[str, int], campaigns: Campaigns) -> float:
    """The most that all campaigns together can send: the least cut between them and their mailboxes."""
    return min(
        sum(math.inf if limit is None else limit for n, (_, limit) in enumerate(campaigns) if cut >> n & 1)
        + sum(limits[name] for name in set().union(*(m for n, (m, _) in enumerate(campaigns) if not cut >> n & 1)))
        for cut in range(2 ** len(campaigns))
    )


@hypothesis.given(
    st.lists(
        st.tuples(
            st.fixed_dictionaries({name: st.integers(0, 40) for name in "abcd"}),
            st.lists(st.tuples(st.sets(st.sampled_from("abcd")), st.none() | st.integers(0, 90)), max_size=4),
        ),
        min_size=30, max_size=30,
    )
)  # fmt: skip
@hypothesis.settings(max_examples=5, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
def test_room_is_never_less_than_campaigns_can_send_and_just_that_without_shared_mailboxes(
    made: list[tuple[dict[str, int], Campaigns]],
) -> None:
    rows: dict[str, list[Row]] = {"raw.accounts": [], "raw.campaigns": [], "meta.stream_status": []}
    for w, (limits, campaigns) in enumerate(made):  # each a workspace of its own
        ws = {"workspace_id": f"w{w:02}"}
        rows["raw.accounts"] += [account(name, daily_limit=limit, **ws) for name, limit in limits.items()]
        rows["raw.campaigns"] += [
            campaign(5, id=f"c{n}", _key=f"c{n}", email_list=json.dumps(sorted(names)), daily_limit=limit, **ws)[0]
            for n, (names, limit) in enumerate(campaigns)
        ]
        for stream in ("leads", "campaigns"):
            rows["meta.stream_status"].append(ws | {"stream": stream, "last_success_at": "2026-03-01 18:00:00+00"})
    rows["intermediate.int_workspace_clock"] = [READ | {"workspace_id": f"w{w:02}"} for w in range(len(made))]
    select = "headroom, headroom_of_mailboxes"
    found = expect("rpt_workspace_capacity", rows, f"workspace_id, {select}", "workspace_id, date")[::14]  # Mondays
    assert len(found) == len(made)
    for row, (limits, campaigns) in zip(found, made, strict=True):
        most = _most(limits, campaigns)
        served = set().union(*(names for names, _ in campaigns))
        assert row["headroom_of_mailboxes"] == sum(limits[name] for name in served)
        assert most <= row["headroom"] <= row["headroom_of_mailboxes"]
        if sum(len(names) for names, _ in campaigns) == len(served):
            assert row["headroom"] == most


def test_follow_ups_of_a_campaign_take_of_its_own_limit() -> None:
    row, _ = campaign(5, daily_limit=10)
    leads = [lead(n, 0, "2026-02-25") for n in range(7)]
    select = "headroom_of_mailboxes, headroom"
    found = workspace([account("ann@s.example")], leads, select, **{"raw.campaigns": [row]})
    assert found[:2] == [(23, 3), (30, 10)]


# --- campaigns and their mailboxes


def bridge(mappings: list[Row], *, read: bool, **more: Any) -> list[tuple[Any, ...]]:
    row, _ = campaign(5, **more)
    status = [W | {"stream": stream, "last_success_at": "2026-03-01 18:00:00+00"}
              for stream in ("accounts", *(["account_campaign_mappings"] if read else []))]  # fmt: skip
    tagged = account("bo@s.example", tags='[{"id": "t", "label": "Pool"}]')
    rows = {
        "raw.campaigns": [row],
        "raw.accounts": [account("ann@s.example"), tagged, account("cy@s.example")],
        "raw.account_campaign_mappings": [W | {"campaign_id": "c", "_key": str(n)} | m for n, m in enumerate(mappings)],
        "meta.stream_status": status,
    }
    select = "email, by_address, by_tag, by_mapping, is_account_listed"
    return [tuple(r.values()) for r in expect("bridge_campaign_account", rows, select, order="email")]


def test_a_campaign_has_the_mailboxes_it_names_those_of_its_tags_and_those_that_the_api_maps_to_it() -> None:
    tags = {"email_tag_list": '["t"]', "email_list": '["Ann@s.example", "gone@s.example"]'}
    assert bridge([], read=False, **tags) == [
        ("ann@s.example", True, False, None, True),
        ("bo@s.example", False, True, None, True),
        ("gone@s.example", True, False, None, False),
    ]
    mapped = [{"email": "Bo@s.example"}, {"email": "cy@s.example"}, {"email": "old@s.example"} | GONE]
    assert bridge(mapped, read=True, **tags) == [
        ("ann@s.example", True, False, False, True),
        ("bo@s.example", False, True, True, True),
        ("cy@s.example", False, False, True, True),
        ("gone@s.example", True, False, False, False),
    ]


def test_a_mapping_read_before_its_campaign_was_edited_no_longer_counts() -> None:
    edited = {"timestamp_updated": "2026-02-20 08:00:00+00"}
    for verified, counts in (("2026-02-19 08:00:00+00", False), ("2026-02-21 08:00:00+00", True)):
        found = bridge([{"email": "cy@s.example", "_verified_at": verified}], read=True, **edited)
        assert ("cy@s.example" in [row[0] for row in found]) == counts


@pytest.mark.parametrize("more", [GONE])
def test_a_campaign_that_was_deleted_has_no_mailboxes(more: Row) -> None:
    assert bridge([{"email": "cy@s.example"}], read=True, **more) == []


# --- runway


def runway(
    sends: list[tuple[str, int, int]], uncontacted: int, select: str, *, as_of: str = "2026-03-01 18:00:00", **more: Any
) -> Any:
    row, version = campaign(5, **more)
    days = [W | {"campaign_id": "c", "date": day, "sent": sent, "new_leads_contacted": new} for day, sent, new in sends]
    given: dict[str, Any] = {
        "raw.campaigns": [row],
        "history.campaigns": [version],
        "meta.stream_status": [W | {"stream": "daily_analytics", "last_success_at": "2026-03-01 18:00:00+00"}],
        "intermediate.int_workspace_clock": [W | {"as_of": as_of}],
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


def test_the_day_it_runs_dry_is_the_sending_day_of_its_last_new_lead() -> None:
    dates = "runs_dry_on_low::varchar, runs_dry_on::varchar, runs_dry_on_high::varchar"
    assert runway(WEEKS, 100, dates) == ("2026-03-13",) * 3  # 10 sending days from Monday, two weeks of five
    every_day = {str(n): True for n in range(7)}
    assert runway(WEEKS, 100, "runs_dry_on::varchar", days=every_day) == ("2026-03-10",)  # from Sunday, today
    low_mid_high = runway(
        [("2026-02-24", 9, 0), ("2026-02-25", 9, 5), ("2026-02-26", 9, 20)],
        100,
        f"days_left_low, days_left, days_left_high, {dates}",
    )
    assert low_mid_high == (8, 20, 40, "2026-03-11", "2026-03-27", "2026-04-24")


FRIDAY = [("2026-02-25", 10, 10), ("2026-02-26", 10, 10)]  # a pace of 10; Friday is the 27th


@pytest.mark.parametrize(
    ("as_of", "today", "dry_on"),
    [
        ("2026-02-27 06:00:00", None, "2026-03-04"),  # 32 leads: Friday, Monday, Tuesday, Wednesday
        ("2026-02-27 13:00:00", 5, "2026-03-04"),  # half of Friday's are done, 5 more fit
        ("2026-02-27 13:00:00", 9, "2026-03-05"),
        ("2026-02-27 13:00:00", 14, "2026-03-05"),
        ("2026-02-27 16:59:59", None, "2026-03-04"),
        ("2026-02-27 17:00:00", None, "2026-03-05"),  # its hours are over
        ("2026-02-28 12:00:00", None, "2026-03-05"),
    ],
)
def test_today_counts_while_its_hours_last_with_what_is_left_of_the_pace(
    as_of: str, today: int | None, dry_on: str
) -> None:
    schedule = {"schedules": [{"days": WORKDAYS, "timing": {"from": "09:00", "to": "17:00"}}]}
    sends = FRIDAY + ([("2026-02-27", today, today)] if today else [])
    found = runway(sends, 32, "runs_dry_on::varchar", as_of=as_of, campaign_schedule=json.dumps(schedule))
    assert found == (dry_on,)


@pytest.mark.parametrize("status", [3, 4])
def test_today_is_over_once_instantly_says_that_its_limit_is_reached(status: int) -> None:
    found = runway(FRIDAY, 32, "runs_dry_on::varchar", as_of="2026-02-27 06:00:00", not_sending_status=status)
    assert found == ("2026-03-05",)


def test_today_is_the_day_of_the_campaign_s_own_time_zone() -> None:
    def dry_on(zone: str, as_of: str) -> Any:
        hours = {"days": WORKDAYS, "timing": {"from": "09:00", "to": "17:00"}, "timezone": zone}
        more = {"campaign_schedule": json.dumps({"schedules": [hours]})}
        return runway(FRIDAY, 10, "runs_dry_on::varchar", as_of=as_of, **more)[0]

    assert dry_on("America/Chicago", "2026-02-27 22:30:00") == "2026-02-27"  # 16:30 there
    assert dry_on("America/Chicago", "2026-02-27 23:30:00") == "2026-03-02"
    assert dry_on("America/Chicago", "2026-02-28 01:00:00") == "2026-03-02"  # still Friday, too late
    assert dry_on("Pacific/Auckland", "2026-03-01 21:00:00") == "2026-03-02"  # already Monday
    assert dry_on("Nowhere/Else", "2026-02-27 16:30:00") == "2026-02-27"  # as UTC
    assert dry_on("Nowhere/Else", "2026-02-27 17:30:00") == "2026-03-02"


def test_a_campaign_that_ends_before_its_leads_do_has_no_day() -> None:
    def dates(end: str) -> Any:
        more = {"campaign_schedule": json.dumps({"start_date": "", "end_date": end, "schedules": [{"days": WORKDAYS}]})}
        return runway(WEEKS, 100, "runs_dry_on::varchar, end_date::varchar, days_left", **more)

    assert dates("2026-03-13") == ("2026-03-13", "2026-03-13", 10)
    assert dates("2026-03-12") == (None, "2026-03-12", 10)
    assert dates("") == ("2026-03-13", None, 10)


def test_the_walk_begins_on_the_first_day_of_the_schedule() -> None:
    more = {"campaign_schedule": json.dumps({"start_date": "2026-03-11", "schedules": [{"days": WORKDAYS}]})}
    assert runway(WEEKS, 30, "runs_dry_on::varchar", **more) == ("2026-03-13",)


ZONES = ["America/Detroit", "Europe/Belgrade", "Pacific/Auckland", "America/Los_Angeles", None]


@st.composite
def _window(draw: st.DrawFn) -> Row:
    days = {str(day): draw(st.booleans()) for day in range(7)}
    opens, closes = draw(st.integers(0, 23)), draw(st.integers(0, 23))
    return {"days": days, "timing": {"from": f"{opens:02}:00", "to": f"{closes:02}:30"}} | (
        {"timezone": zone} if (zone := draw(st.sampled_from(ZONES))) else {}
    )


@st.composite
def _campaign(draw: st.DrawFn) -> Row:
    dates = st.none() | st.integers(-20, 40).map(lambda n: str(date(2026, 3, 1) + timedelta(days=n)))
    return {
        "schedule": {
            "start_date": draw(dates), "end_date": draw(dates),
            "schedules": draw(st.lists(_window(), min_size=1, max_size=3)),
        },
        "uncontacted": draw(st.integers(0, 60)),
        "pace": draw(st.lists(st.integers(0, 12), min_size=1, max_size=7)),
        "today": draw(st.none() | st.integers(0, 12)),
    }  # fmt: skip


def _walk(made: Row, pace: float, as_of: datetime) -> date | None:
    """The day on which the last lead is contacted, day by day."""
    windows = made["schedule"]["schedules"]
    named = {int(day) for window in windows for day, on in window["days"].items() if on} or set(range(7))
    local = as_of.astimezone(ZoneInfo(windows[0].get("timezone", "UTC")))
    begins, ends = (made["schedule"][end] for end in ("start_date", "end_date"))

    def is_open(window: Row, day: date) -> bool:
        opens, closes = (time.fromisoformat(window["timing"][end]) for end in ("from", "to"))
        until = datetime.combine(day, closes) if closes > opens else datetime.combine(day + timedelta(days=1), time())
        is_on = window["days"][str(day.isoweekday() % 7)] or not any(window["days"].values())
        return is_on and until.replace(tzinfo=ZoneInfo(window.get("timezone", "UTC"))) > as_of

    left, day = float(made["uncontacted"]), local.date()
    for _ in range(2000):  # 240 sending days of the slowest pace, one a week
        sends = day.isoweekday() % 7 in named and (not begins or str(day) >= begins) and (not ends or str(day) <= ends)
        if day == local.date():
            if sends and any(is_open(window, day) for window in windows):
                left -= max(pace - (made["today"] or 0), 0)
        elif sends:
            left -= pace
        if left <= 1e-9:
            return day if not ends or str(day) <= ends else None
        day += timedelta(days=1)
    return None


@hypothesis.given(
    st.lists(_campaign(), min_size=20, max_size=20),
    st.integers(0, 8 * 24 * 3600).map(lambda n: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=n)),
)
@hypothesis.settings(max_examples=6, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
def test_the_day_it_runs_dry_is_that_of_a_walk_day_by_day(made: list[Row], as_of: datetime) -> None:
    rows, metrics, days = [], [], []
    for n, one in enumerate(made):
        row, _ = campaign(5, id=f"c{n}", _key=f"c{n}", campaign_schedule=json.dumps(one["schedule"]))
        rows.append(row)
        metrics.append(W | {"campaign_id": f"c{n}", "uncontacted": one["uncontacted"]})
        past = [(date(2026, 2, 1) + timedelta(days=d), 9, new) for d, new in enumerate(one["pace"])]
        zone = ZoneInfo(one["schedule"]["schedules"][0].get("timezone", "UTC"))
        if one["today"] is not None:
            past.append((as_of.astimezone(zone).date(), 0, one["today"]))  # no sends, so that it counts for no pace
        days += [W | {"campaign_id": f"c{n}", "date": day, "sent": sent, "new_leads_contacted": new}
                 for day, sent, new in past]  # fmt: skip
    given_rows = {
        "raw.campaigns": rows,
        "intermediate.int_workspace_clock": [W | {"as_of": as_of.replace(tzinfo=None)}],
        "intermediate.int_campaign_day": days,
        "intermediate.int_campaign_metrics": metrics,
    }
    select = "campaign_id, new_leads_per_day_low, new_leads_per_day, new_leads_per_day_high, "
    for row in expect("rpt_runway", given_rows, f"{select} runs_dry_on_low, runs_dry_on, runs_dry_on_high"):
        one = made[int(row["campaign_id"][1:])]
        for pace, dry_on in (("_high", "_low"), ("", ""), ("_low", "_high")):
            at = row[f"new_leads_per_day{pace}"]
            expected = _walk(one, at, as_of) if at else None
            assert row[f"runs_dry_on{dry_on}"] == expected, (one, at)


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
    assert len(expect("rpt_capacity", given)) == 14
    assert len(expect("rpt_workspace_capacity", given)) == 14
    expect("bridge_campaign_account", given)
    assert len(expect("rpt_runway", given)) == 1
    expect("dim_tag", given)
