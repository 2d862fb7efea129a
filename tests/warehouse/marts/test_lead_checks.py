"""Every check of the marts about leads, lists and contacts passes on good rows and fails on one that breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.warehouse.checks.checks import CheckResult, run_checks
from instantly_pipeline.warehouse.db import build_state
from instantly_pipeline.warehouse.db.sql_text import columns, ident
from tests.warehouse.lake_writer import shipped_models

pytestmark = pytest.mark.medium

Row = dict[str, Any]


def at(day: int, hour: int = 0) -> datetime:
    """A time in March 2026, as the marts hold it."""
    return datetime(2026, 3, day, hour, tzinfo=UTC).replace(tzinfo=None)


NOON = at(2, 12)
KEY = {"workspace_id": "w", "workspace_name": "W"}
OF_CAMPAIGN = KEY | {"campaign_id": "c1", "campaign_name": "C"}
OF_CONTACT = KEY | {"email": "bo@x.example"}

GOOD: dict[str, Row] = {
    "fct_lead_event": OF_CAMPAIGN | {
        "lead_id": "a", "event": "contacted", "occurred_at": NOON, "time_source": "api", "is_exact": True,
        "source": "lead history", "first_seen_at": NOON,
    },
    "rpt_funnel": OF_CAMPAIGN | {
        "leads": 10, "checked_leads": 8, "verified_leads": 6, "leads_reached": 9, "open_rate": 0.5, "reply_rate": 0.1,
        "won_rate": 0.0, "contacts": 9, "contacts_reached": 8,
    },
    "rpt_cohort_weekly": OF_CAMPAIGN | {
        "cohort_week": date(2026, 3, 2), "weeks_since": 0, "leads": 5, "contacted_so_far": 3, "replied_so_far": 2,
        "positive_so_far": 1, "is_right_censored": False, "is_before_first_read": False, "is_fully_read": True,
    },
    "rpt_time_to_reply": OF_CAMPAIGN | {
        "bucket": "soon", "replied_leads": 2, "timed_repliers": 4, "hours_p25": 1.0, "hours_median": 2.0,
        "hours_p75": 3.0, "hours_p90": 4.0,
    },
    "rpt_esp_matrix": OF_CAMPAIGN | {
        "recipient_provider": "google", "sender_provider": "google", "sending_domain": "s.example",
        "contacted_leads": 5, "replied_leads": 1, "bounced_leads": 1,
    },
    "rpt_provider_pair": KEY | {
        "recipient_provider": "google", "sender_provider": "google", "sending_domain": "s.example",
        "contacted_leads": 5, "replied_leads": 1, "bounced_leads": 1, "domain_contacted_leads": 9,
    },
    "rpt_list_quality": KEY | {
        "list_id": "l", "list_name": "L", "grade": "A", "grade_reason": "fine", "is_listed": True, "leads": 10,
        "checked_leads": 8, "verified": 5, "catch_all": 1, "risky": 1, "invalid": 1, "duplicates": 1, "elsewhere": 1,
        "blocked": 0, "missing_names": 0, "without_email": 0, "contacts": 9, "contacted_leads": 5, "replied_leads": 2,
        "became_positive_leads": 1, "bounced_leads": 1,
    },
    "rpt_suppression_audit": OF_CONTACT | {
        "finding": "imported", "is_certain": True, "suppressed_by": "unsubscribed", "suppressed_since": NOON,
        "contacts_after": 0, "imports_after": 1, "last_imported_at": at(3),
    },
    "rpt_suppression_summary": KEY | {
        "finding": "imported", "suppressed_by": "unsubscribed", "is_certain": True, "contacts": 2, "contacts_after": 0,
        "last_at": NOON,
    },
    "rpt_contact_pressure": OF_CONTACT | {
        "pressure": "green", "active_campaigns": 1, "campaigns_contacted_30d": 1, "last_contacted_at": NOON,
        "sent_30d": 2,
    },
    "rpt_send_time": OF_CAMPAIGN | {
        "time_zone": "UTC", "weekday": 1, "weekday_name": "Monday", "hour": 9, "sent": 5, "sends_replied": 1,
    },
    "rpt_hot_reply": OF_CAMPAIGN | {
        "lead_id": "a", "replied_at": NOON, "state": "answered", "replies": 1, "last_replied_at": NOON,
        "answered_at": at(3), "hours_to_answer": 12.0,
    },
    "rpt_replies_waiting": OF_CAMPAIGN | {
        "lead_id": "a", "replied_at": NOON, "last_replied_at": NOON, "replies": 1, "hours_waiting": 5.0,
        "answered_before_at": at(1), "is_answer_known": True,
    },
    "rpt_replies_waiting_by_mailbox": KEY | {
        "mailbox": "ann@s.example", "waiting_leads": 2, "waiting_over_24h": 1, "waiting_since": NOON,
    },
    "rpt_our_response_time": KEY | {
        "hot_replies": 3, "answered": 1, "waiting": 1, "settled": 1, "waiting_since": NOON, "judged_24h": 2,
        "answered_24h": 1, "hours_p25": 1.0, "hours_median": 2.0, "hours_p75": 3.0, "hours_p90": 4.0,
    },
    "rpt_reply_share": OF_CAMPAIGN | {
        "breakdown": "variant", "replied_leads": 4, "positive_repliers": 2, "all_positive_repliers": 3,
    },
    "rpt_sender_bounces": KEY | {"email": "ann@s.example", "date": date(2026, 3, 2), "bounced": 1, "bounce_events": 2},
    "rpt_source_performance": KEY | {
        "source": "list", "source_value": "l", "leads": 9, "deleted_leads": 1, "contacts": 8, "contacted_leads": 5,
        "contacts_reached": 4, "replied_leads": 3, "became_positive_leads": 2, "meeting_leads": 2, "won_leads": 1,
        "bounced_leads": 1,
    },
    "rpt_stored_contacts": KEY | {
        "stored_leads": 9, "contacts": 6, "without_email": 1, "completed_leads": 3, "surplus_leads": 2,
        "deletable_completed": 2, "deletable_surplus": 1, "deletable_leads": 3,
    },
    "rpt_stored_leads": OF_CAMPAIGN | {
        "stored_leads": 9, "deletable_completed": 2, "deletable_surplus": 1, "deletable_leads": 3,
    },
    "rpt_copy_performance": KEY | {
        "copy_key": "k", "in_subsequences": False, "is_in_use": True, "campaigns": 2, "variants": 3,
        "changed_variants": 1,
    },
}  # fmt: skip
OTHER_WORKSPACE = ("workspace_id found in marts.dim_workspace", {"workspace_id": "nobody"})
OTHER_CAMPAIGN = ("workspace_id, campaign_id found in marts.dim_campaign", {"campaign_id": "unknown"})
CONTACTED = {"finding": "contacted", "contacts_after": 1, "last_contacted_at": at(4)}

BAD: dict[str, list[tuple[str, Row]]] = {
    "fct_lead_event": [
        OTHER_WORKSPACE, OTHER_CAMPAIGN,
        ("one row per workspace_id, lead_id, event, occurred_at, lt_interest_status, source, email_id", {}),
        ("the key is not null", {"occurred_at": None}),
        ("workspace_id, lead_id found in marts.dim_lead", {"lead_id": "unknown"}),
        ("event is one of its values", {"event": "sneezed"}),
        ("time_source is one of its values", {"time_source": "guessed"}),
        ("interest_kind is one of its values", {"interest_kind": "mixed"}),
        ("source is one of its values", {"source": "hearsay"}),
        ("time_source, is_exact, first_seen_at not null", {"first_seen_at": None}),
        ("only opens, clicks and replies have a number of times", {"event": "opened"}),
        ("only changes of interest have an interest", {"lt_interest_status": 1}),
        ("no event is seen before it happened", {"occurred_at": at(2, 14)}),
    ],
    "rpt_funnel": [
        OTHER_WORKSPACE, OTHER_CAMPAIGN,
        ("one row per workspace_id, campaign_id", {}),
        ("the key is not null", {"campaign_id": None}),
        ("workspace_id, campaign_id found in marts.rpt_campaign_summary", {"campaign_id": "unknown"}),
        ("each stage is part of the one before", {"verified_leads": 9}),
        ("every lead that was reached is a lead", {"leads_reached": 11}),
        ("people are no more than the leads", {"contacts_reached": 10}),
        ("open_rate is a share", {"open_rate": 1.1}),
        ("reply_rate is a share", {"reply_rate": -0.1}),
        ("won_rate is a share", {"won_rate": 2.0}),
    ],
    "rpt_cohort_weekly": [
        OTHER_WORKSPACE, OTHER_CAMPAIGN,
        ("one row per workspace_id, campaign_id, cohort_week, weeks_since", {}),
        ("the key is not null", {"weeks_since": None}),
        ("leads, is_right_censored, is_before_first_read, is_fully_read not null", {"is_right_censored": None}),
        ("a cohort that is not fully read says why", {"is_fully_read": False}),
        ("weeks_since between 0 and 26", {"weeks_since": 27}),
        ("weeks begin on Monday", {"cohort_week": date(2026, 3, 3)}),
        ("no lead counts twice", {"contacted_so_far": 6}),
        ("every lead that replied was contacted", {"replied_so_far": 4}),
    ],
    "rpt_time_to_reply": [
        OTHER_WORKSPACE, OTHER_CAMPAIGN,
        ("one row per workspace_id, campaign_id, bucket", {}),
        ("the key is not null", {"bucket": None}),
        ("bucket found in seeds.reply_time_buckets", {"bucket": "whenever"}),
        ("a bucket is part of the whole", {"replied_leads": 5}),
        ("quantiles rise", {"hours_median": 9.0}),
    ],
    "rpt_esp_matrix": [
        OTHER_WORKSPACE, OTHER_CAMPAIGN,
        ("one row per workspace_id, campaign_id, recipient_provider, sender_provider, sending_domain", {}),
        ("the key is not null", {"sending_domain": None}),
        ("contacted_leads > 0", {"contacted_leads": 0, "replied_leads": 0, "bounced_leads": 0}),
        ("every lead that replied or bounced was reached", {"bounced_leads": 6}),
    ],
    "rpt_provider_pair": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, recipient_provider, sender_provider, sending_domain", {}),
        ("the key is not null", {"recipient_provider": None}),
        ("every lead that replied or bounced was reached", {"replied_leads": 6}),
        ("a pair is part of its domain", {"domain_contacted_leads": 4}),
    ],
    "rpt_list_quality": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, list_id", {}),
        ("the key is not null", {"list_id": None}),
        ("grade is one of its values", {"grade": "F"}),
        ("verification_source is one of its values", {"verification_source": "hearsay"}),
        ("list_name, grade_reason, is_listed not null", {"grade_reason": None}),
        ("an address has one result", {"verified": 6}),
        ("a part is no more than the whole", {"duplicates": 11}),
        ("every lead that replied or bounced was reached", {"became_positive_leads": 6}),
    ],
    "rpt_suppression_audit": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, email", {}),
        ("the key is not null", {"email": None}),
        ("finding is one of its values", {"finding": "thought of"}),
        ("finding, is_certain, suppressed_by, suppressed_since not null", {"suppressed_by": None}),
        ("every finding has an e-mail or an import", {"imports_after": 0}),
        ("it happened after the suppression", {"last_imported_at": at(1)}),
        ("nobody is contacted after a suppression", CONTACTED),
    ],
    "rpt_suppression_summary": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, finding, suppressed_by, is_certain", {}),
        ("the key is not null", {"is_certain": None}),
        ("finding is one of its values", {"finding": "thought of"}),
        ("contacts, last_at not null", {"last_at": None}),
        ("every finding is about a contact", {"contacts_after": 1}),
    ],
    "rpt_contact_pressure": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, email", {}),
        ("the key is not null", {"email": None}),
        ("pressure is one of its values", {"pressure": "high"}),
        ("pressure not null", {"pressure": None}),
        ("every contact has a reason to be listed", {"active_campaigns": 0, "campaigns_contacted_30d": 0}),
        ("a contact in 30 days has a time", {"last_contacted_at": None}),
        ("every campaign that contacted it sent an e-mail", {"sent_30d": 0}),
    ],
    "rpt_send_time": [
        OTHER_WORKSPACE, OTHER_CAMPAIGN,
        ("one row per workspace_id, campaign_id, weekday, hour", {}),
        ("the key is not null", {"hour": None}),
        ("time_zone, weekday_name, sent not null", {"time_zone": None}),
        ("weekday between 1 and 7 and hour between 0 and 23", {"hour": 24}),
        ("replies are part of the e-mails", {"sends_replied": 6}),
    ],
    "rpt_hot_reply": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, lead_id, replied_at", {}),
        ("the key is not null", {"replied_at": None}),
        ("workspace_id, lead_id found in marts.dim_lead", {"lead_id": "unknown"}),
        ("state is one of its values", {"state": "lost"}),
        ("state, replies, last_replied_at not null", {"replies": None}),
        ("only what was answered has a time of it", {"state": "settled"}),
        ("only what waits has hours of waiting", {"hours_waiting": 1.0}),
        ("answers come after replies", {"hours_to_answer": -1.0}),
    ],
    "rpt_replies_waiting": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, lead_id", {}),
        ("the key is not null", {"lead_id": None}),
        ("workspace_id, lead_id found in marts.dim_lead", {"lead_id": "unknown"}),
        ("replied_at, last_replied_at, replies, is_answer_known not null", {"is_answer_known": None}),
        ("every row has a reply that waits", {"replies": 0}),
        ("an answered reply does not wait", {"answered_before_at": at(3)}),
    ],
    "rpt_replies_waiting_by_mailbox": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, mailbox, assigned_to", {}),
        ("the key is not null", {"workspace_id": None}),
        ("waiting_leads, waiting_since not null", {"waiting_since": None}),
        ("every row has a lead that waits", {"waiting_over_24h": 3}),
    ],
    "rpt_our_response_time": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, mailbox, assigned_to", {}),
        ("the key is not null", {"workspace_id": None}),
        ("every hot reply has one state", {"settled": 2}),
        ("what waits has a time", {"waiting_since": None}),
        ("in time is part of answered", {"answered_24h": 3}),
        ("quantiles rise", {"hours_p75": 9.0}),
    ],
    "rpt_reply_share": [
        OTHER_WORKSPACE, OTHER_CAMPAIGN,
        ("one row per workspace_id, breakdown, campaign_id, step, variant, email, list_id", {}),
        ("the key is not null", {"breakdown": None}),
        ("breakdown is one of its values", {"breakdown": "weather"}),
        ("breakdown, replied_leads not null", {"replied_leads": None}),
        ("positive replies are part of the replies", {"positive_repliers": 5}),
    ],
    "rpt_sender_bounces": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, email, date", {}),
        ("the key is not null", {"date": None}),
        ("workspace_id, email found in marts.dim_account", {"email": "nobody@s.example"}),
        ("bounce_events not null", {"bounce_events": None}),
        ("every row has a bounce", {"bounced": 0, "bounce_events": 0}),
    ],
    "rpt_source_performance": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, source, variable, source_value", {}),
        ("the key is not null", {"workspace_id": None}),
        ("source is one of its values", {"source": "hearsay"}),
        ("source, leads not null", {"leads": None}),
        ("outcomes are part of the leads contacted", {"contacts_reached": 6}),
        ("a part is no more than the whole", {"contacts": 10}),
        ("only variables have a name", {"variable": "city"}),
    ],
    "rpt_stored_contacts": [
        OTHER_WORKSPACE,
        ("one row per workspace_id", {}),
        ("the key is not null", {"workspace_id": None}),
        ("stored_leads, completed_leads, deletable_leads not null", {"completed_leads": None}),
        ("every lead is the one of its contact, surplus, or without an address", {"surplus_leads": 3}),
        ("a lead is counted once among those to delete", {"deletable_leads": 4}),
    ],
    "rpt_stored_leads": [
        OTHER_WORKSPACE, OTHER_CAMPAIGN,
        ("one row per workspace_id, campaign_id, list_id", {}),
        ("the key is not null", {"workspace_id": None}),
        ("stored_leads, deletable_leads not null", {"stored_leads": None}),
        ("a lead is counted once among those to delete", {"deletable_leads": 4}),
    ],
    "rpt_copy_performance": [
        OTHER_WORKSPACE,
        ("one row per workspace_id, copy_key, in_subsequences", {}),
        ("the key is not null", {"copy_key": None}),
        ("is_in_use, campaigns, variants, changed_variants not null", {"is_in_use": None}),
        ("every campaign has a variant with it", {"campaigns": 4}),
    ],
}  # fmt: skip
WARNINGS = {
    "fct_lead_event": {"no event is seen before it happened"},
    "rpt_funnel": {"open_rate is a share", "reply_rate is a share", "won_rate is a share"},
    "rpt_suppression_audit": {"nobody is contacted after a suppression"},
    "rpt_sender_bounces": {"workspace_id, email found in marts.dim_account"},
}
SHAPE = "columns as promised"


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """The marts as their contracts promise them, and the few rows they refer to."""
    with duckdb.connect() as made:
        made.execute(f"create schema {build_state.SCHEMA}")
        made.execute(build_state.TABLES)
        made.execute("create schema marts; create schema seeds")
        for model in shipped_models().values():
            if model.schema == "marts":
                made.execute(f"create table {ident(model.full_name)} ({_columns(model.name)})")
        made.execute("create table seeds.reply_time_buckets as select 'soon' as bucket")
        put(made, "dim_workspace", KEY)
        for name in ("dim_campaign", "rpt_campaign_summary"):
            put(made, name, OF_CAMPAIGN)
        put(made, "dim_lead", OF_CAMPAIGN | {"lead_id": "a"})
        put(made, "dim_account", KEY | {"email": "ann@s.example"})
        yield made


def _columns(mart: str) -> str:
    return ", ".join(f"{ident(column.name)} {column.type}" for column in shipped_models()[mart].columns)


def put(con: duckdb.DuckDBPyConnection, mart: str, row: Mapping[str, Any]) -> None:
    """One row into a mart."""
    marks = ", ".join("?" for _ in row)
    con.execute(f"insert into marts.{mart} ({columns(list(row))}) values ({marks})", list(row.values()))


def ask(con: duckdb.DuckDBPyConnection, mart: str, folder: Path) -> dict[str, CheckResult]:
    """The checks of one mart by what they say, the prefix left out."""
    for name in ("seeds", "checks"):
        (folder / name).mkdir(exist_ok=True)
    results = run_checks(con, folder, {mart: shipped_models()[mart]}, {}, Layout(folder / "none"))
    labels = {f"marts.{mart}: {check.of}": check.description for check in shipped_models()[mart].checks}
    return {labels.get(r.name) or r.name.removeprefix(f"marts.{mart}: "): r for r in results}


def assert_named_and_passed(
    con: duckdb.DuckDBPyConnection,
    mart: str,
    folder: Path,
    good: Row,
    bad: Sequence[tuple[str, Row]],
    warnings: set[str],
) -> None:
    """A good row passes all checks; `bad` names each of them, and `warnings` those that do not block."""
    put(con, mart, good)
    found = ask(con, mart, folder)
    assert [name for name, result in found.items() if not result.passed] == []
    assert found.keys() - {SHAPE, "not emptied"} == {name for name, _ in bad}
    assert {name for name, result in found.items() if not result.blocking} == warnings


def assert_broken(con: duckdb.DuckDBPyConnection, mart: str, folder: Path, good: Row, check: str, change: Row) -> None:
    """The row with that change breaks the check."""
    put(con, mart, good)
    put(con, mart, good | change)
    result = ask(con, mart, folder)[check]
    assert (result.passed, result.failing_rows) == (False, 1)


@pytest.mark.parametrize("mart", GOOD)
def test_every_check_of_a_mart_is_named_here_and_good_rows_pass(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, mart: str
) -> None:
    assert_named_and_passed(con, mart, tmp_path, GOOD[mart], BAD[mart], WARNINGS.get(mart, set()))


@pytest.mark.parametrize(("mart", "check", "change"), [(mart, *case) for mart, cases in BAD.items() for case in cases])
def test_a_check_fails_on_a_row_that_breaks_it(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, mart: str, check: str, change: Row
) -> None:
    assert_broken(con, mart, tmp_path, GOOD[mart], check, change)


@pytest.mark.parametrize("mart", GOOD)
def test_a_column_that_nobody_promised_blocks(con: duckdb.DuckDBPyConnection, tmp_path: Path, mart: str) -> None:
    con.execute(f"alter table marts.{mart} add column more varchar")
    result = ask(con, mart, tmp_path)[SHAPE]
    assert (result.passed, result.blocking) == (False, True)
