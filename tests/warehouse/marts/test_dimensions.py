"""Dimensions and their histories, from rows one can work out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from instantly_pipeline.streams.enums import ACCOUNT_STATUS, CAMPAIGN_STATUS, WARMUP_STATUS
from instantly_pipeline.streams.registry import all_streams
from tests.warehouse.marts.given import Given, Row, database, expect

pytestmark = pytest.mark.medium

W = {"workspace_id": "w"}


def rows(model: str, given: Given, select: str, order: str = "all") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in expect(model, given, select, order)]


def test_a_domain_counts_its_accounts_by_state() -> None:
    def account(email: str, **more: Any) -> Row:
        return (
            W
            | {
                "email": email,
                "_key": email,
                "status": 1,
                "warmup_status": 1,
                "daily_limit": 30,
                "stat_warmup_score": 90,
                "provider_code": 2,
            }
            | more
        )

    given = {
        "raw.accounts": [
            account("a@Send.example", stat_warmup_score=70),
            account("b@send.example", status=2),
            account("c@send.example", status=-1, warmup_status=0, provider_code=3),
            account("d@send.example", daily_limit=999, stat_warmup_score=1, _deleted_at="2026-02-01 00:00:00+00"),
            account("e@gone.example", _deleted_at="2026-02-01 00:00:00+00"),
            account("nothing"),
        ]
    }
    found = rows(
        "dim_domain",
        given,
        "domain, is_listed, accounts, accounts_active, accounts_paused, "
        "accounts_with_errors, accounts_warming_up, accounts_deleted, daily_limit, lowest_warmup_score, providers",
    )
    assert found == [
        ("gone.example", False, 0, 0, 0, 0, 0, 1, 0, None, None),
        ("send.example", True, 3, 1, 1, 1, 2, 1, 30, 70, "google, microsoft"),
    ]


def test_the_calendar_covers_whole_years_and_weeks_begin_on_monday() -> None:
    given = {"intermediate.int_campaign_day": [W | {"date": "2025-12-31"}, W | {"date": "2026-01-01"}]}
    found = rows(
        "dim_date", given, "date::varchar, iso_year, iso_week, week_start::varchar, weekday, is_weekend, year_month"
    )
    assert (found[0][0], found[-1][0], len(found)) == ("2025-01-01", "2027-12-31", 365 * 3)
    by_date = {row[0]: row[1:] for row in found}
    assert by_date["2027-01-03"] == (2026, 53, "2026-12-28", 7, True, "2027-01")
    assert by_date["2026-01-01"] == (2026, 1, "2025-12-29", 4, False, "2026-01")


def test_a_date_that_cannot_be_right_does_not_make_a_calendar_of_centuries() -> None:
    lead = {"workspace_id": "w", "id": "l"}
    given = {
        "raw.leads": [
            lead | {"timestamp_created": "0001-01-01 00:00:00+00"},
            lead | {"timestamp_created": "2026-01-01 00:00:00+00"},
        ]
    }
    assert len(rows("dim_date", given, "date")) < 366 * 13
    assert rows("dim_date", {}, "date") == []


def test_a_tag_counts_the_accounts_that_carry_it_and_the_campaigns_that_send_with_it() -> None:
    given: Given = {
        "raw.custom_tags": [
            W | {"id": "t", "label": "Pool", "_key": "t"},
            W | {"id": "u", "label": "Ö", "_key": "u"},
            W | {"id": "v", "label": "Old", "_key": "v", "_deleted_at": "2026-02-01 00:00:00+00"},
        ],
        "raw.accounts": [
            W | {"email": "a@x.example", "tags": '[{"id": "t", "label": "Pool"}, {"id": "only", "label": "Seen"}]'},
            W | {"email": "b@x.example", "tags": '[{"id": "t", "label": "Pool"}, {"id": "t", "label": "Pool"}]'},
            W | {"email": "c@x.example", "tags": '"odd"'},
            W | {"email": "d@x.example", "tags": None},
            W | {"email": "e@x.example", "tags": '[{"id": "t"}]', "_deleted_at": "2026-02-01 00:00:00+00"},
        ],
        "raw.campaigns": [
            W | {"id": "c", "email_tag_list": '["t", "u"]'},
            W | {"id": "d", "email_tag_list": '{"a": 1}'},
        ],
    }
    found = rows("dim_tag", given, "tag_id, label, is_listed, is_deleted, accounts, campaigns_sending_with_it")
    assert found == [
        ("only", "Seen", False, False, 1, 0),
        ("t", "Pool", True, False, 2, 1),
        ("u", "Ö", True, False, 0, 1),
        ("v", "Old", False, True, 0, 0),
    ]


def test_a_list_counts_its_leads_and_one_without_a_name_has_its_id() -> None:
    def lead(number: int, **more: Any) -> Row:
        return W | {"id": str(number), "list_id": "l"} | more

    given = {
        "raw.lead_lists": [
            W | {"id": "l", "name": "Lüne"},
            W | {"id": "m", "name": "Empty", "_deleted_at": "2026-02-01 00:00:00+00"},
        ],
        "raw.leads": [
            lead(1),
            lead(2, campaign="c"),
            lead(3, campaign="c", timestamp_last_contact="2026-02-01 00:00:00+00"),
            lead(4, _deleted_at="2026-02-01 00:00:00+00"),
            lead(5, list_id="unknown"),
            lead(6, list_id=None),
        ],
    }
    found = rows(
        "dim_lead_list", given, "list_id, list_name, is_listed, is_deleted, leads, leads_in_campaigns, leads_contacted"
    )
    assert found == [
        ("l", "Lüne", True, False, 3, 2, 1),
        ("m", "Empty", False, True, 0, 0, 0),
        ("unknown", "unknown", False, False, 1, 0, 0),
    ]


# --- histories


def versions(stream: str, *states: Row | None) -> list[Row]:
    """A version a day from 2026-02-01, None for a delete."""
    key = all_streams()[stream].key[0]
    return [
        W
        | {
            "_key": '["A@x.example"]',
            "_op": "delete" if state is None else "upsert",
            "_valid_from": f"2026-02-{day:02} 06:00:00+00",
            "_valid_to": f"2026-02-{day + 1:02} 06:00:00+00" if day < len(states) else None,
        }
        | ({} if state is None else {key: "A@x.example"} | state)
        for day, state in enumerate(states, 1)
    ]


def test_each_version_of_a_campaign_says_what_changed() -> None:
    history = versions(
        "campaigns",
        {"name": "Old", "status": 0, "daily_limit": 10},
        {"name": "New", "status": 1, "daily_limit": 10},
        {"name": "New", "status": 1, "timestamp_updated": "2026-02-03 00:00:00+00"},
        None,
        {"name": "New", "status": 77},
    )
    found = rows(
        "dim_campaign_history",
        {"history.campaigns": history},
        "campaign_id, campaign_name, version, event, changed, status_label, is_current, valid_from::varchar",
        order="version",
    )
    who = "A@x.example"
    assert found == [
        (who, "Old", 1, "first seen", None, "draft", False, "2026-02-01 06:00:00"),
        (who, "New", 2, "changed", "name, status", "active", False, "2026-02-02 06:00:00"),
        (who, "New", 3, "changed", "daily_limit", "active", False, "2026-02-03 06:00:00"),
        (who, None, 4, "deleted", None, None, False, "2026-02-04 06:00:00"),
        (who, "New", 5, "came back", None, "unknown (77)", True, "2026-02-05 06:00:00"),
    ]


def test_each_version_of_an_account_says_what_changed() -> None:
    history = versions(
        "accounts", {"status": 1, "daily_limit": 30}, {"status": -1, "daily_limit": 40, "warmup_status": 0}
    )
    found = rows(
        "dim_account_history",
        {"history.accounts": history},
        "email, domain, version, changed, status_label, warmup_status_label, daily_limit",
        order="version",
    )
    who = ("a@x.example", "x.example")
    assert found == [
        (*who, 1, None, "active", None, 30),
        (*who, 2, "status, warmup_status, daily_limit", "connection error", "paused", 40),
    ]


@pytest.mark.parametrize(
    ("model", "stream", "apart"),
    [
        (
            "dim_campaign_history",
            "campaigns",
            {
                "id",
                "organization",
                "created_by",
                "ai_sdr_id",
                "core_variables",
                "custom_variables",
                "timestamp_created",
                "timestamp_updated",
            },
        ),
        (
            "dim_account_history",
            "accounts",
            {
                "email",
                "organization",
                "added_by",
                "modified_by",
                "timestamp_created",
                "timestamp_updated",
                "timestamp_warmup_start",
                "timestamp_last_used",
                "warmup_pool_id",
                "is_ready_made_account",
                "dfy_password_changed",
            },
        ),
    ],
)
def test_every_setting_is_watched_for_changes(model: str, stream: str, apart: set[str]) -> None:
    values = {"VARCHAR": "1", "BIGINT": 1, "DOUBLE": 1, "BOOLEAN": True, "TIMESTAMPTZ": "2026-01-01 00:00:00+00"}
    watched = [column for column in all_streams()[stream].columns if column.name not in apart]
    key = all_streams()[stream].key[0]
    history = versions(stream, {}, {column.name: values[column.type.sql] for column in watched if column.name != key})
    [_, (changed,)] = rows(model, {f"history.{stream}": history}, "changed", order="version")
    assert set(changed.split(", ")) == {column.name for column in watched}


@pytest.mark.parametrize(
    ("macro", "labels"),
    [
        ("campaign_status_label", CAMPAIGN_STATUS),
        ("account_status_label", ACCOUNT_STATUS),
        ("warmup_status_label", WARMUP_STATUS),
    ],
)
def test_states_of_the_past_have_the_words_of_the_present(macro: str, labels: dict[int, str]) -> None:
    con = database()
    for number, label in labels.items():
        assert con.execute(f"select {macro}({number})").fetchall() == [(label,)]
    assert con.execute(f"select {macro}(null), {macro}(4711)").fetchall() == [(None, "unknown (4711)")]


def test_a_campaign_that_only_an_event_an_e_mail_or_an_earlier_version_names_is_known() -> None:
    """It was deleted before the first sync, and the marts of events count it all the same."""
    event = {"workspace_id": "w", "campaign_name": "Old name", "timestamp": "2026-03-01 09:00:00+00"}
    given = {
        "raw.webhook_events": [
            event | {"_key": "1", "event_id": "1", "campaign_id": "from an event"},
            event | {"_key": "2", "event_id": "2", "campaign_id": "from an event", "campaign_name": "Last name",
                     "timestamp": "2026-03-02 09:00:00+00"},
            event | {"_key": "3", "event_id": "3", "campaign_id": None},
        ],
        "raw.emails": [{"workspace_id": "w", "_key": "m", "id": "m", "campaign_id": "from an e-mail"}],
        "history.leads": [{"workspace_id": "w", "_key": "l", "id": "l", "campaign": "left by a lead", "_op": "upsert"}],
    }  # fmt: skip
    found = expect("dim_campaign", given, "campaign_id, campaign_name, is_listed, is_deleted", "campaign_id")
    assert [tuple(row.values()) for row in found] == [
        ("from an e-mail", "from an e-mail", False, False), ("from an event", "Last name", False, False),
        ("left by a lead", "left by a lead", False, False),
    ]  # fmt: skip
