"""What keeps campaigns from sending, since when and what it costs, and the health of campaigns that stand still."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from tests.warehouse.marts.given import Given, Row, expect

pytestmark = pytest.mark.medium

W = {"workspace_id": "w"}
TODAY = date(2026, 3, 30)  # a Monday
FIRST = "2026-03-02 06:00:00+00"  # the first version that was read
WEEKDAYS = {str(day): True for day in range(1, 6)}
MAIL = json.dumps(["a@s.example", "b@s.example"])


def campaign(**more: Any) -> Row:
    schedule = json.dumps({"schedules": [{"days": WEEKDAYS}], **more.pop("dates", {})})
    return W | {
        "id": "c", "_key": '["c"]', "name": "C", "status": 1, "email_list": MAIL, "campaign_schedule": schedule,
        "daily_limit": 50,
    } | more  # fmt: skip


def account(email: str, **more: Any) -> Row:
    return W | {"email": email, "_key": f'["{email}"]', "status": 1, "daily_limit": 30} | more


def version(row: Row, since: str, until: str | None = None, op: str = "upsert") -> Row:
    return row | {"_valid_from": since, "_valid_to": until, "_op": op}


def days(*sent: int, last: date = date(2026, 3, 27), **more: Any) -> list[Row]:
    """Days of the campaign up to the last one, the last number for the last day."""
    return [
        W | {"campaign_id": "c", "date": last - timedelta(days=len(sent) - 1 - n), "sent": count} | more
        for n, count in enumerate(sent)
    ]


def world(now: Row, *before: Row, accounts: list[Row] | None = None, **more: list[Row]) -> dict[str, list[Row]]:
    """A workspace with one campaign, as it is now and in its versions; two ready mailboxes unless given."""
    accounts = [account("a@s.example"), account("b@s.example")] if accounts is None else accounts
    streams = ("campaigns", "accounts", "daily_analytics", "campaign_analytics")
    given: dict[str, list[Row]] = {
        "intermediate.int_workspace_clock": [
            W | {"today": TODAY, "as_of": f"{TODAY} 12:00:00", "name_in_settings": "W"}
        ],
        "intermediate.int_stream_read": [W | {"stream": stream} for stream in streams],
        "intermediate.int_campaign_day": days(10, 10, 10, 10, 10, new_leads_contacted=4),
        "raw.campaigns": [now],
        "history.campaigns": list(before) or [version({k: v for k, v in now.items() if k != "_deleted_at"}, FIRST)],
        "raw.accounts": accounts,
        "history.accounts": [version(one, FIRST) for one in accounts if "_deleted_at" not in one],
        "raw.campaign_analytics": [
            W | {"campaign_id": "c", "leads_count": 40, "new_leads_contacted_count": 20, "emails_sent_count": 50}
        ],
    }
    return given | {name.replace("__", "."): rows for name, rows in more.items()}


def blockers(given: Given, select: str = "blocker, blocks, is_passing, costs_sends_per_day") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in expect("rpt_sending_blockers", given, select, "blocker")]


def health(given: Given) -> tuple[str, str]:
    [found] = expect("rpt_campaign_summary", given | {"seeds.thresholds": []}, "health, health_reason")
    return found["health"], found["health_reason"]


def test_a_campaign_that_sends_has_no_blocker() -> None:
    assert blockers(world(campaign())) == []
    assert health(world(campaign())) == ("grey", "too little sent to judge")


@pytest.mark.parametrize(
    ("status", "said"),
    [(-1, "accounts unhealthy"), (-2, "bounce protect"), (-99, "account suspended"), (-7, "unknown (-7)")],
)
def test_what_the_platform_stopped_is_red_and_costs_the_pace_of_its_last_seven_sending_days(
    status: int, said: str
) -> None:
    now = campaign(status=status)
    stopped = "2026-03-24 06:00:00+00"
    given = world(
        now, version(campaign(), FIRST, stopped), version(now, stopped),
        # 7 sending days before the 24th with 12 each; days without a send and later days do not count
        intermediate__int_campaign_day=days(99, 12, 12, 12, 0, 12, 12, 12, 12, 3, last=date(2026, 3, 24)),
    )  # fmt: skip
    assert blockers(given, "blocker, detail, blocks, costs_sends_per_day, since::varchar, is_since_or_earlier") == [
        ("campaign status", said, "everything", 12.0, "2026-03-24 06:00:00", False)
    ]
    assert health(given) == ("red", f"{said} since 24 Mar 2026")


def test_what_held_in_the_first_version_may_have_begun_earlier() -> None:
    given = world(campaign(status=-1))
    assert blockers(given, "since::varchar, is_since_or_earlier") == [("2026-03-02 06:00:00", True)]
    assert health(given) == ("red", "accounts unhealthy since 2 Mar 2026 or earlier")


def test_since_is_the_last_time_that_it_began() -> None:
    now = campaign(status=-1)
    times = [FIRST, "2026-03-10 06:00:00+00", "2026-03-20 06:00:00+00", "2026-03-22 06:00:00+00"]
    given = world(
        now, version(now, times[0], times[1]), version(campaign(), times[1], times[2]),
        version(now, times[2], times[3]), version(now | {"name": "D"}, times[3]),
    )  # fmt: skip
    assert blockers(given, "since::varchar, is_since_or_earlier") == [("2026-03-20 06:00:00", False)]


@pytest.mark.parametrize(
    ("status", "said"), [(0, "draft, not launched"), (2, "paused"), (3, "finished"), (1, "deleted")]
)
def test_what_rests_is_grey_whatever_its_rates_and_has_no_blocker(status: int, said: str) -> None:
    gone = {"_deleted_at": "2026-03-20 00:00:00+00"} if said == "deleted" else {}
    given = world(campaign(status=status, email_list="[]", daily_limit=0, **gone))
    bounced = {"raw.campaign_analytics": [given["raw.campaign_analytics"][0] | {"bounced_count": 50}]}
    [found] = expect("rpt_campaign_summary", given | bounced, "health, health_reason")
    assert (found["health"], found["health_reason"]) == ("grey", said)
    assert blockers(given) == []


def test_a_campaign_that_only_figures_name_is_no_longer_listed_where_campaigns_were_read() -> None:
    given = world(campaign()) | {"raw.campaigns": [], "history.campaigns": []}
    assert health(given) == ("grey", "no longer listed")
    unread = given | {"intermediate.int_stream_read": [W | {"stream": "campaign_analytics"}]}
    assert health(unread) == ("grey", "too little sent to judge")


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_hours_limits_and_a_wait_for_leads_pass_unless_the_last_day_of_the_schedule_had_no_send(code: int) -> None:
    now = campaign(not_sending_status=code)
    assert blockers(world(now)) == [("not sending status", "everything", True, None)]
    still = world(now, intermediate__int_campaign_day=days(10, 10, last=date(2026, 3, 26)))  # none on Friday
    assert blockers(still) == [("not sending status", "everything", False, 10.0)]
    assert health(still)[0] == "red"


def test_an_error_of_the_platform_stops_a_campaign_at_once() -> None:
    given = world(campaign(not_sending_status=99))
    assert blockers(given) == [("not sending status", "everything", False, 10.0)]
    assert health(given) == ("red", "not sending: error since 28 Mar 2026")  # it was read on 2 March, and sent since


@pytest.mark.parametrize(
    ("text", "code", "status", "found"),
    [
        ("healthy", None, 1, []),
        ("out_of_schedule", 1, 1, ["not sending status"]),
        ("waiting_for_leads", None, 1, ["sending status"]),
        ("campaign_accounts_unhealthy", None, -1, ["campaign status"]),
        ("domain_blocked", None, 1, ["sending status"]),
        (None, None, 1, []),
    ],
)
def test_the_sending_status_counts_where_it_says_more_than_the_campaign(
    text: str | None, code: int | None, status: int, found: list[str]
) -> None:
    row = W | {"campaign_id": "c", "_key": '["c"]', "status": text}
    given = world(campaign(status=status, not_sending_status=code)) | {
        "raw.campaign_sending_status": [row],
        "history.campaign_sending_status": [version(row, FIRST)],
    }
    assert [reason for (reason,) in blockers(given, "blocker")] == found


def test_some_mailboxes_cost_their_share_and_all_of_them_everything() -> None:
    def sends(a: int, b: int) -> list[Row]:
        return [
            W | {"email": f"{name}@s.example", "date": day["date"], "sent": count}
            for day in days(10, 10, 10, 10, 10)
            for name, count in (("a", a), ("b", b))
        ]

    bad = account("a@s.example", status=-1)
    failed = "2026-03-28 06:00:00+00"
    some = world(campaign(), accounts=[bad, account("b@s.example")], intermediate__int_account_day=sends(6, 18)) | {
        "history.accounts": [
            version(account("a@s.example"), FIRST, failed), version(bad, failed), version(account("b@s.example"), FIRST)
        ]
    }  # fmt: skip
    select = "blocker, detail, blocks, costs_sends_per_day, since::varchar, is_since_or_earlier"
    assert blockers(some, select) == [
        (
            "mailboxes in error",
            "1 of 2 mailboxes in error (connection error)",
            "part",
            2.5,
            "2026-03-28 06:00:00",
            False,
        )
    ]
    assert health(some) == ("amber", "1 of 2 mailboxes in error (connection error) since 28 Mar 2026")
    both = world(campaign(), accounts=[bad, account("b@s.example", status=2)])
    assert blockers(both, "blocker, blocks") == [
        ("mailboxes in error", "everything"), ("mailboxes paused", "everything")
    ]  # fmt: skip
    assert health(both)[0] == "red"


def test_what_a_blocked_mailbox_sent_is_shared_among_its_campaigns_as_these_sent() -> None:
    """Mailbox a sent 20 a day, half of them for this campaign; b sent 10 for it alone. So a brought half of the 20."""
    other = campaign(id="d", _key='["d"]', email_list=json.dumps(["a@s.example"]))
    bad, well, failed = account("a@s.example", status=-1), account("b@s.example"), "2026-03-28 06:00:00+00"
    sends = [
        W | {"email": f"{name}@s.example", "date": row["date"], "sent": count}
        for row in days(*[20] * 5) for name, count in (("a", 20), ("b", 10))
    ]  # fmt: skip
    given = world(campaign(), accounts=[bad, well], intermediate__int_account_day=sends) | {
        "raw.campaigns": [campaign(), other],
        "history.campaigns": [version(campaign(), FIRST), version(other, FIRST)],
        "history.accounts": [
            version(account("a@s.example"), FIRST, failed),
            version(bad, failed),
            version(well, FIRST),
        ],
        "intermediate.int_campaign_day": days(*[20] * 5) + days(*[20] * 5, campaign_id="d"),
    }
    found = blockers(given, "campaign_id, blocks, costs_sends_per_day")
    assert ("c", "part", 10.0) in found
    assert ("d", "everything", 20.0) in found


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (account("b@s.example", status=2), "mailboxes paused"),
        (account("b@s.example", daily_limit=0), "mailboxes with a daily limit of 0"),
        (account("b@s.example", _deleted_at="2026-03-20 00:00:00+00"), "mailboxes no longer there"),
        (account("other@s.example"), "mailboxes no longer there"),
    ],
)
def test_a_mailbox_that_cannot_send_blocks_a_part(other: Row, reason: str) -> None:
    given = world(campaign(), accounts=[account("a@s.example"), other])
    assert blockers(given, "blocker, blocks, mailboxes_blocked, mailboxes") == [(reason, "part", 1, 2)]


def test_of_mailboxes_that_were_not_read_nothing_is_said() -> None:
    read = [W | {"stream": "campaigns"}, W | {"stream": "daily_analytics"}]
    assert blockers(world(campaign(), accounts=[], intermediate__int_stream_read=read)) == []


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"email_list": "[]"}, ("no mailbox", "everything", False)),
        ({"daily_limit": 0}, ("daily limit is 0", "everything", False)),
        ({"dates": {"end_date": "2026-03-29"}}, ("schedule ended", "everything", False)),
        ({"dates": {"end_date": "2026-03-30"}}, None),
        ({"dates": {"start_date": "2026-04-02"}}, ("schedule not started", "everything", True)),
        ({"dates": {"start_date": "2026-03-30", "end_date": ""}}, None),
    ],
)
def test_settings_that_leave_nothing_to_send(more: dict[str, Any], found: tuple[str, str, bool] | None) -> None:
    assert blockers(world(campaign(**more)), "blocker, blocks, is_passing") == ([found] if found else [])


def test_a_campaign_without_leads_left_costs_its_new_leads() -> None:
    given = world(campaign())
    used_up = {"raw.campaign_analytics": [given["raw.campaign_analytics"][0] | {"new_leads_contacted_count": 40}]}
    select = "blocker, blocks, costs_sends_per_day, since::varchar"
    assert blockers(given | used_up, select) == [("no leads left", "new leads", 4.0, "2026-03-28 00:00:00")]
    assert health(given | used_up) == ("amber", "no leads left to contact since 28 Mar 2026")


def test_one_of_several_reasons_is_the_main_one() -> None:
    bad = [account("a@s.example", status=-1), account("b@s.example", status=-1)]
    found = blockers(world(campaign(status=-1, not_sending_status=1), accounts=bad), "blocker, is_main")
    assert found == [("campaign status", True), ("mailboxes in error", False), ("not sending status", False)]
