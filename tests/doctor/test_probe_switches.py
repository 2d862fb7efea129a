"""The probe finds how the sandbox behaves, however it is switched."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.doctor.probe.question import State
from instantly_pipeline.doctor.probe.run import MOST, Probed
from instantly_sandbox.server import running
from tests.doctor.probing import WORLD, Server, by_name

pytestmark = pytest.mark.medium

DAILY = "/api/v2/campaigns/analytics/daily"
LEADS = ["leads"]

USUAL = {
    "accounts_limit_above_100": "refused",
    "last_page_cursor": "if the page is full",
    "campaigns_order": "id descending",
    "accounts_order": "newest first",
    "null_fields": "left out",
    "false_flags": "sent",
    "api_key_values": "shown",
    "leads_without_campaign": "accepted",
    "leads_default_limit": "10",
    "leads_limit_above_100": "refused",
    "leads_order": "id ascending",
    "leads_cursor": "the next page",
    "leads_short_pages": "no",
    "leads_repeated_rows": "no",
    "leads_made_up_cursor": "the rows after it",
    "unknown_parameters": "ignored",
    "leads_recent": "complete",
    "leads_last_step": "in `status_summary` only",
    "daily_days": "365 or more",
    "end_date_analytics": "included",
    "end_date_overview": "included",
    "end_date_steps": "included",
    "end_date_daily": "included",
    "full_timestamps": "accepted",
    "time_zone": "fits UTC",
    "answers_booked_on": "their own day",
    "quiet_days": "no",
    "steps_without_step": "null",
    "step_type": "texts",
    "automatic_replies": "no",
    "min_timestamp_created": "yes",
    "audit_log_kept": "92 days or more",
    "webhook_events_kept": "31 days or more",
    "webhook_retries": "after try 1: 10 to 10 s",
    "deleted_campaign_days": "yes",
    "deleted_campaign_counters": "no",
    "warmup_days": "30",
    "rate_limit_headers": "no",
    "date_header": "no",  # the sandbox sends none while its world stands still
}

# switches that are set together, since each world takes a probe, and the answers that they change
SWITCHED: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "shapes": (
        {"omit_nulls": False, "omit_false": True, "last_step_in_summary": False, "step_text_null": True,
         "step_numbers": True, "account_order": "asc", "trailing_cursor": "always"},
        {"null_fields": "sent", "false_flags": "left out", "leads_last_step": "in fields of its own",
         "steps_without_step": "the text `null`", "step_type": "numbers", "accounts_order": "oldest first",
         "last_page_cursor": "always", "leads_short_pages": "no"},
    ),
    "figures": (
        {"end_date_inclusive": False, "sparse_days": False, "book_on": "send", "reply_count_includes_automatic": True,
         "max_campaign_days": {DAILY: 92}, "list_deleted_campaigns": True, "lead_queries": "ignored"},
        {"end_date_analytics": "not included", "end_date_overview": "not included", "end_date_steps": "not included",
         "end_date_daily": "included", "quiet_days": "yes", "answers_booked_on": "the day of the e-mail",
         "automatic_replies": "yes", "daily_days": "92", "deleted_campaign_counters": "yes",
         "leads_recent": "ignored"},
    ),
    "refusals": (
        {"leads_need_parent": True, "any_lead_cursor": False, "ignore_unknown": False, "lead_queries": "refused",
         "max_campaign_days": {DAILY: 31}, "deleted_daily": False, "full_timestamps": False},
        {"leads_without_campaign": "refused", "leads_made_up_cursor": "refused", "unknown_parameters": "refused",
         "leads_recent": "refused", "daily_days": "31", "deleted_campaign_days": "no", "full_timestamps": "refused"},
    ),
    "empty pages": (
        {"limit_above_100": "empty", "lost_cursor": {"leads": "empty"}, "lead_queries": "partial",
         "trailing_cursor": "never"},
        {"accounts_limit_above_100": "empty page", "leads_limit_above_100": "empty page",
         "leads_cursor": "an empty page with a cursor", "leads_recent": "incomplete", "last_page_cursor": "never"},
    ),
    "short pages": (
        {"short_pages": LEADS, "lead_queries": "calendar"},
        {"leads_short_pages": "yes", "leads_default_limit": "at least 9",
         "leads_recent": "complete, by calendar days in UTC"},
    ),
    "repeated rows": (
        {"duplicate_rows": LEADS, "lead_queries": "hours"},
        {"leads_repeated_rows": "yes", "leads_recent": "days are read as hours"},
    ),
    "repeated cursors": ({"repeat_cursor": LEADS}, {"leads_cursor": "the next page, with the same cursor"}),
    "unknown parameters": (
        {"ignore_unknown": False}, {"unknown_parameters": "refused", "leads_cursor": "the next page"},
    ),
    "absent cursors": ({"lost_cursor": {"leads": "absent"}}, {"leads_cursor": "no cursor"}),
    "renamed cursors": ({"lost_cursor": {"leads": "renamed"}}, {"leads_cursor": "no cursor"}),
    "early ends": ({"lost_cursor": {"leads": "ends"}}, {"leads_cursor": "an empty page without a cursor"}),
}  # fmt: skip
EXPECTED = [(world, question) for world, (_, changed) in SWITCHED.items() for question in changed]


@pytest.fixture(scope="session")
def probes(probed_world: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Probed]:
    """A probe of the sandbox with the switches of a name, made once."""

    @cache
    def probe(world: str) -> Probed:
        probed_world.reset()
        probed_world.switch(**SWITCHED[world][0])
        return probed_world.probe(tmp_path_factory.mktemp("probe"))

    return probe


def test_every_question_that_reading_can_answer_is_answered(server: Server, tmp_path: Path) -> None:
    found = by_name(server.probe(tmp_path))
    assert {name: one.answer for name, one in found.items() if one.answer is not None} == USUAL


@pytest.mark.parametrize(("world", "question"), EXPECTED)
def test_what_is_switched_is_found(probes: Callable[[str], Probed], world: str, question: str) -> None:
    assert by_name(probes(world))[question].answer == SWITCHED[world][1][question]


@pytest.mark.parametrize("world", SWITCHED)
def test_no_switch_makes_a_request_fail(probes: Callable[[str], Probed], world: str) -> None:
    probed = probes(world)
    assert probed.requests <= MOST
    assert [one for one in probed.answers if one.state is State.FAILED] == []


def test_refused_timestamps_are_found_and_leave_the_zone_open(server: Server, tmp_path: Path) -> None:
    server.switch(full_timestamps=False)
    found = by_name(server.probe(tmp_path))
    assert found["full_timestamps"].answer == "refused"
    assert found["time_zone"].state is State.NOT_HERE
    assert "timestamps are refused" in found["time_zone"].how


def test_days_that_are_not_those_of_utc_are_found(tmp_path: Path) -> None:
    with running(WORLD) as box:
        server = Server(box.url, box.key)
        days = [row for row in server.lines("state/daily_analytics") if row["sent"] > 3]
        server.mutate(
            {"op": "restate_daily", "campaign_id": row["campaign_id"], "date": row["date"],
             "set": {"sent": row["sent"] * 3 // 4}}
            for row in days
        )  # fmt: skip
        found = by_name(server.probe(tmp_path))["time_zone"]
    assert found.answer == "not UTC"


def test_headers_are_shown_by_name_and_figure(server: Server, tmp_path: Path) -> None:
    server.switch(rate_limits={"headers": True})
    assert "x-ratelimit-limit: 6000" in by_name(server.probe(tmp_path))["rate_limit_headers"].how


def test_a_date_header_is_seen(server: Server, tmp_path: Path) -> None:
    server.control("POST", "clock", ahead_seconds=0)
    assert by_name(server.probe(tmp_path))["date_header"].answer == "yes"


def test_nothing_is_asked_that_writes_and_no_more_than_announced(server: Server, tmp_path: Path) -> None:
    server.switch(ignore_unknown=False, leads_need_parent=True, max_campaign_days={DAILY: 31})
    probed = server.probe(tmp_path)
    asked = server.control("GET", "requests")["by_path"]
    assert sum(one["count"] for one in asked.values()) == probed.requests <= MOST
    writes = [name for name in asked if not name.startswith("GET ")]
    assert sorted(writes) == ["POST /api/v2/accounts/warmup-analytics", "POST /api/v2/leads/list"]
    assert list(tmp_path.iterdir()) == []
    assert WORLD.key not in str(probed)
