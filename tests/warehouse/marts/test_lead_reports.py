"""Funnel, cohorts, time to reply and mail providers, from rows that can be counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.warehouse.marts.given import expect

pytestmark = pytest.mark.medium

Row = dict[str, Any]
READ = datetime(2026, 3, 18, 12, tzinfo=UTC)  # a Wednesday


def at(day: int, hour: int = 0, month: int = 3) -> datetime:
    """A time in 2026."""
    return datetime(2026, month, day, hour, tzinfo=UTC)


def lead(lead_id: str, **values: Any) -> Row:
    """A row of raw.leads in campaign c1, created on Monday the 2nd of March."""
    given = {
        "workspace_id": "w", "id": lead_id, "campaign": "c1", "status": 1, "email_reply_count": 0,
        "timestamp_created": at(2, 8), "_first_seen_at": at(3), "_verified_at": READ, "_key": f'["{lead_id}"]',
    }  # fmt: skip
    return given | values


def event(lead_id: str, kind: str, occurred_at: datetime, **values: Any) -> Row:
    """A row of fct_lead_event in campaign c1, with the API's time."""
    given = {
        "workspace_id": "w", "lead_id": lead_id, "event": kind, "occurred_at": occurred_at.replace(tzinfo=None),
        "campaign_id": "c1", "time_source": "api", "times": 1 if kind in ("opened", "clicked", "replied") else None,
    } | values  # fmt: skip
    return {"is_exact": given["time_source"] in ("api", "mail", "event")} | given


# --- funnel

METRICS = {
    "workspace_id": "w", "campaign_id": "c1", "leads_count": 80, "leads_reached": 60, "uncontacted": 30,
    "unique_opens": 30, "repliers": 6, "positive_leads": 3, "ever_positive_leads": 3, "meetings": 2, "sent": 150,
}  # fmt: skip


def funnel(leads: list[Row], select: str, *, metrics: Row = METRICS, overview: tuple[Row, ...] = ()) -> Row:
    given = {
        "intermediate.int_campaign_metrics": [metrics], "raw.leads": leads, "raw.campaign_analytics_overview": overview,
    }  # fmt: skip
    return expect("rpt_funnel", given, select)[0]


def test_a_funnel_begins_with_all_leads_there_were_and_ends_with_those_won() -> None:
    statuses = [1, 1, 1, -1, -3, 0, 11, None]
    leads = [lead(f"l{i}", verification_status=value) for i, value in enumerate(statuses)]
    leads += [lead("gone", verification_status=1, _deleted_at=at(9)), lead("won", lt_interest_status=4)]
    stages = (
        "leads, checked_leads, verified_leads, leads_reached, unique_opens, repliers, positive_leads, meetings, won"
    )
    found = funnel(leads, stages)
    # 60 reached and 30 waiting are more than the 80 listed now
    assert list(found.values()) == [90, 6, 4, 60, 30, 6, 3, 2, 1]


def test_the_rates_of_a_funnel_are_those_between_its_stages() -> None:
    found = funnel(
        [lead("a", verification_status=1), lead("b", verification_status=-1), lead("c", lt_interest_status=4)],
        "verified_rate, reached_rate, open_rate, reply_rate, positive_per_reply, meetings_per_positive, "
        "won_per_meeting, meeting_rate, won_rate",
    )
    assert list(found.values()) == pytest.approx([1 / 2, 60 / 90, 30 / 60, 6 / 60, 3 / 6, 2 / 3, 1 / 2, 2 / 60, 1 / 60])


def test_leads_are_not_people() -> None:
    wrote = {"timestamp_last_contact": at(4)}
    leads = [
        lead("a", email="bo@x.example", **wrote), lead("b", email=" Bo@X.example", **wrote, _deleted_at=at(9)),
        lead("c", email="ann@x.example", **wrote), lead("d", email="eve@x.example"), lead("e", email=None, **wrote),
        lead("f", email="ian@x.example", campaign="c2", **wrote),
    ]  # fmt: skip
    assert funnel(leads, "contacts, contacts_reached") == {"contacts": 3, "contacts_reached": 2}
    nobody = [lead("a"), lead("b", email="x@x.example", **wrote, campaign="c2")]
    assert funnel(nobody, "contacts, contacts_reached") == {"contacts": None, "contacts_reached": 0}
    assert funnel([lead("a", **wrote)], "contacts_reached") == {"contacts_reached": None}  # reached, without addresses


def test_leads_that_were_deleted_are_in_the_funnel_of_their_campaign() -> None:
    leads = [lead(f"l{i}", _deleted_at=at(9)) for i in range(100)]
    assert funnel(leads, "leads")["leads"] == 100


def test_instantlys_own_count_of_the_won_comes_first() -> None:
    overview = {"workspace_id": "w", "campaign_id": "c1", "total_closed": 2, "_key": "k"}
    assert funnel([lead("a", lt_interest_status=4)], "won", overview=(overview,)) == {"won": 2}


def test_what_needs_leads_is_unknown_where_they_are_not_synced() -> None:
    metrics = METRICS | {"positive_leads": None, "uncontacted": 20}
    found = funnel([], "leads, checked_leads, verified_leads, won, verified_rate, reached_rate", metrics=metrics)
    assert list(found.values()) == [80, None, None, None, None, 0.75]


def test_more_meetings_than_positive_leads_are_a_ratio_without_an_interval() -> None:
    found = funnel([], "meetings_per_positive, meetings_per_positive_high", metrics=METRICS | {"meetings": 6})
    assert found == {"meetings_per_positive": 2.0, "meetings_per_positive_high": None}


# --- cohorts


def cohorts(leads: list[Row], events: list[Row], select: str) -> list[tuple[Any, ...]]:
    found = expect("rpt_cohort_weekly", {"raw.leads": leads, "marts.fct_lead_event": events}, select,
                   "campaign_id, cohort_week, weeks_since")  # fmt: skip
    return [tuple(row.values()) for row in found]


def test_a_cohort_is_followed_week_by_week_to_the_week_it_was_last_read() -> None:
    leads = [lead("a"), lead("b", timestamp_created=at(8, 23)), lead("c", _deleted_at=at(17)), lead("d")]
    events = [
        event("a", "contacted", at(3)), event("a", "contacted", at(10)), event("a", "replied", at(11)),
        event("a", "replied", at(17)), event("a", "interest changed", at(12), interest_kind="negative"),
        event("a", "interest changed", at(16), interest_kind="positive"),
        event("b", "contacted", at(9)), event("c", "contacted", at(8, 23)), event("d", "bounced", at(3)),
    ]  # fmt: skip
    found = cohorts(leads, events, "cohort_week::varchar as week, weeks_since, leads, contacted, replied, positive, "
                    "contacted_so_far, replied_so_far, positive_so_far, contacted_rate, is_right_censored")  # fmt: skip
    assert found == [
        ("2026-03-02", 0, 4, 2, 0, 0, 2, 0, 0, 0.5, False),
        ("2026-03-02", 1, 4, 1, 1, 0, 3, 1, 0, 0.75, False),
        ("2026-03-02", 2, 4, 0, 0, 1, 3, 1, 1, 0.75, True),
    ]


def test_a_reply_shows_that_there_was_an_e_mail_before_it() -> None:
    events = [event("a", "replied", at(4)), event("a", "contacted", at(16))]
    found = cohorts([lead("a")], events, "weeks_since, contacted_so_far, replied_so_far")
    assert found == [(0, 1, 1), (1, 1, 1), (2, 1, 1)]


def test_events_of_the_campaign_a_lead_was_moved_from_are_not_those_of_its_new_one() -> None:
    moved = lead("a", campaign="c2")
    events = [event("a", "contacted", at(3)), event("a", "contacted", at(16), campaign_id="c2")]
    found = cohorts([moved], events, "campaign_id, weeks_since, contacted")
    assert found == [("c2", 0, 0), ("c2", 1, 0), ("c2", 2, 1)]


def test_weeks_before_the_first_sync_of_leads_say_so() -> None:
    leads = [lead("a", timestamp_created=at(23, month=2)), lead("b", timestamp_created=at(16))]
    found = cohorts(leads, [], "cohort_week::varchar as week, weeks_since, is_before_first_read")
    # the first sync was on the 3rd, in the middle of a week
    assert found == [
        ("2026-02-23", 0, True), ("2026-02-23", 1, True), ("2026-02-23", 2, False), ("2026-02-23", 3, False),
        ("2026-03-16", 0, False),
    ]  # fmt: skip


@pytest.mark.parametrize(("kinds", "marked"), [(("contacted", "replied"), False), (("contacted",), True)])
def test_weeks_that_e_mails_or_events_cover_are_known(kinds: tuple[str, ...], marked: bool) -> None:
    reach = [{"workspace_id": "w", "event": kind, "since": at(1, month=2).replace(tzinfo=None)} for kind in kinds]
    given = {"raw.leads": [lead("a", timestamp_created=at(23, month=2))], "intermediate.int_event_reach": reach}
    found = expect("rpt_cohort_weekly", given, "bool_or(is_before_first_read) as marked")
    assert found == [{"marked": marked}]


def reading(*days: int, outcome: str = "ok") -> list[Row]:
    """Rows of meta.stream_runs: leads read on these days of March."""
    return [{"workspace_id": "w", "stream": "leads", "outcome": outcome, "ended_at": at(day)} for day in days]


def fully_read(given: dict[str, Any]) -> dict[str, tuple[bool, str | None]]:
    """Monday -> whether the cohort is fully read, and why not; the same in every week of it."""
    found = expect("rpt_cohort_weekly", given, "distinct cohort_week::varchar as week, is_fully_read, "
                   "not_fully_read_because as why")  # fmt: skip
    assert len({row["week"] for row in found}) == len(found)
    return {row["week"]: (row["is_fully_read"], row["why"]) for row in found}


def test_only_cohorts_that_began_after_leads_were_first_read_are_fully_read() -> None:
    leads = [lead("old", timestamp_created=at(23, month=2)), lead("then"), lead("new", timestamp_created=at(9, 1))]
    # the first sync was on Tuesday the 3rd
    why = "it began before leads were first read, on 2026-03-03"
    assert fully_read({"raw.leads": leads}) == {
        "2026-02-23": (False, why), "2026-03-02": (False, why), "2026-03-09": (True, None),
    }  # fmt: skip


def test_a_pause_of_more_than_a_week_hides_first_contacts_like_the_time_before_the_first_sync() -> None:
    leads = [lead("a", timestamp_created=at(2), _first_seen_at=at(1)), lead("b", timestamp_created=at(16))]
    paused = {"raw.leads": leads, "meta.stream_runs": [*reading(1, 12, 14), *reading(5, outcome="failed")]}
    assert fully_read(paused) == {
        "2026-03-02": (False, "leads were not read for more than a week before 2026-03-12"), "2026-03-16": (True, None),
    }  # fmt: skip
    steady = {"raw.leads": leads, "meta.stream_runs": reading(1, 8, 12, 14)}
    assert fully_read(steady) == {"2026-03-02": (True, None), "2026-03-16": (True, None)}


@pytest.mark.parametrize(
    ("since", "step", "expected"),
    [
        (1, "0", (True, None)), (1, None, (True, None)),
        (25, "0", (False, "it began before leads were first read, on 2026-03-03")),
        (1, "1", (False, "1 of its leads had an e-mail before the first that was read")),
    ],
)  # fmt: skip
def test_reports_make_an_older_cohort_known_if_they_have_its_first_e_mails(
    since: int, step: str | None, expected: tuple[bool, str | None]
) -> None:
    reach = [{"workspace_id": "w", "event": kind, "since": at(since, month=2).replace(tzinfo=None)}
             for kind in ("contacted", "replied")]  # fmt: skip
    given = {
        "raw.leads": [lead("a", timestamp_created=at(23, month=2)), lead("b", timestamp_created=at(23, month=2))],
        "intermediate.int_event_reach": reach,
        "marts.fct_lead_event": [
            event("a", "contacted", at(24, month=2), step=step), event("a", "contacted", at(2), step="2"),
        ],
    }  # fmt: skip
    assert fully_read(given) == {"2026-02-23": expected}


def test_a_year_later_is_in_the_open_ended_last_week() -> None:
    old = lead("a", timestamp_created=datetime(2025, 1, 1, tzinfo=UTC))
    found = cohorts([old], [event("a", "contacted", at(10))], "weeks_since, contacted, is_right_censored")
    assert len(found) == 27
    assert found[-2:] == [(25, 0, False), (26, 1, True)]


def test_leads_of_lists_are_in_no_cohort() -> None:
    assert cohorts([lead("a", campaign=None, list_id="l")], [], "leads") == []


# --- time to reply


def test_replies_are_grouped_by_the_hours_since_the_e_mail_before_them() -> None:
    events = [
        event("a", "contacted", at(2, 9)), event("a", "contacted", at(5, 9)), event("a", "replied", at(5, 10)),
        event("a", "contacted", at(6, 9)), event("a", "replied", at(6, 10)),  # the first reply counts
        event("b", "contacted", at(2)), event("b", "replied", at(4)),
        event("c", "contacted", at(2)), event("c", "replied", at(12)),
        event("d", "contacted", at(2)), event("d", "replied", at(4, 1), times=2),  # the first of two is not known
        event("e", "contacted", at(2)), event("e", "replied", at(4, 1), time_source="seen"),
        event("f", "replied", at(4)),
    ]  # fmt: skip
    found = expect("rpt_time_to_reply", {"marts.fct_lead_event": events},
                   "bucket, repliers, share, share_so_far", "from_hours")  # fmt: skip
    assert [tuple(row.values()) for row in found] == [
        ("under 1 hour", 0, 0.0, 0.0),
        ("1 to 4 hours", 1, pytest.approx(1 / 3), pytest.approx(1 / 3)),
        ("4 to 12 hours", 0, 0.0, pytest.approx(1 / 3)),
        ("12 to 24 hours", 0, 0.0, pytest.approx(1 / 3)),
        ("1 to 2 days", 0, 0.0, pytest.approx(1 / 3)),
        ("2 to 4 days", 1, pytest.approx(1 / 3), pytest.approx(2 / 3)),
        ("4 to 7 days", 0, 0.0, pytest.approx(2 / 3)),
        ("over 7 days", 1, pytest.approx(1 / 3), 1.0),
    ]
    whole = expect("rpt_time_to_reply", {"marts.fct_lead_event": events},
                   "distinct timed_repliers, untimed_repliers, hours_p25, hours_median, hours_p75")  # fmt: skip
    assert [tuple(row.values()) for row in whole] == [(3, 3, 24.5, 48.0, 144.0)]


def test_a_reply_is_not_the_first_where_more_are_known_from_before_the_reports() -> None:
    told = {"time_source": "mail"}
    events = [
        event("a", "contacted", at(2), **told), event("a", "replied", at(3), **told),
        event("a", "replied", at(4), time_source="before"),
        event("b", "contacted", at(2), **told), event("b", "replied", at(3), **told), event("b", "replied", at(4)),
        event("c", "contacted", at(2), **told), event("c", "auto replied", at(2, 1)),
    ]  # fmt: skip
    found = expect("rpt_time_to_reply", {"marts.fct_lead_event": events},
                   "distinct timed_repliers, untimed_repliers, hours_median")  # fmt: skip
    assert [tuple(row.values()) for row in found] == [(1, 1, 24.0)]


def test_the_buckets_are_those_of_the_seed() -> None:
    events = [event("a", "contacted", at(2, 9)), event("a", "replied", at(2, 21))]
    seed = [{"bucket": "half a day", "from_hours": 0}, {"bucket": "later", "from_hours": 12}]
    found = expect("rpt_time_to_reply", {"marts.fct_lead_event": events, "seeds.reply_time_buckets": seed},
                   "bucket, from_hours, to_hours, repliers", "from_hours")  # fmt: skip
    assert [tuple(row.values()) for row in found] == [("half a day", 0, 12, 0), ("later", 12, None, 1)]


# --- mail providers


def test_leads_are_counted_by_their_provider_and_that_of_the_mailbox_that_wrote() -> None:
    ann, bob = {"last_contacted_from": "Ann@send.example"}, {"last_contacted_from": "bob@send.example"}
    wrote = {"timestamp_last_contact": at(3)}
    leads = [
        lead("a", esp_code=1, email_reply_count=2, **ann, **wrote), lead("b", esp_code=1, status=-1, **ann, **wrote),
        lead("c", esp_code=1, _deleted_at=at(9), **ann, **wrote), lead("d", esp_code=2, **bob, **wrote),
        lead("e", **wrote), lead("f", esp_code=1), lead("g", campaign=None, esp_code=1, **wrote),
    ]  # fmt: skip
    accounts = [
        {"workspace_id": "w", "email": "ann@send.example", "provider_code": 2, "_deleted_at": at(5), "_key": "a"},
        {"workspace_id": "w", "email": "bob@send.example", "provider_code": 3, "_key": "b"},
    ]
    found = expect(
        "rpt_esp_matrix",
        {"raw.leads": leads, "raw.accounts": accounts},
        "recipient_provider, sender_provider, sending_domain, contacted_leads, replied_leads, bounced_leads, "
        "lead_reply_rate, lead_bounce_rate",
        "contacted_leads desc, recipient_provider",
    )
    third = pytest.approx(1 / 3)
    assert [tuple(row.values()) for row in found] == [
        ("google", "google", "send.example", 3, 1, 1, third, third),
        ("microsoft", "microsoft", "send.example", 1, 0, 0, 0.0, 0.0),
        ("unknown", "unknown", "unknown", 1, 0, 0, 0.0, 0.0),
    ]  # fmt: skip


def test_the_same_pair_of_providers_is_a_row_for_each_sending_domain() -> None:
    wrote = {"timestamp_last_contact": at(4), "esp_code": 1}
    leads = [lead("a", last_contacted_from="ann@one.example", **wrote),
             lead("b", last_contacted_from="Bo@TWO.example ", email_reply_count=1, **wrote)]  # fmt: skip
    found = expect("rpt_esp_matrix", {"raw.leads": leads}, "sending_domain, contacted_leads, replied_leads",
                   "sending_domain")  # fmt: skip
    assert [tuple(row.values()) for row in found] == [("one.example", 1, 0), ("two.example", 1, 1)]


def pair(recipient: str, domain: str, contacted: int, replied: int, bounced: int = 0, **values: Any) -> Row:
    """A row of rpt_esp_matrix."""
    return {"workspace_id": "w", "campaign_id": "c1", "recipient_provider": recipient, "sender_provider": "google",
            "sending_domain": domain, "contacted_leads": contacted, "replied_leads": replied, "bounced_leads": bounced,
            } | values  # fmt: skip


def findings(*rows: Row) -> dict[tuple[str, str], str | None]:
    found = expect("rpt_provider_pair", {"marts.rpt_esp_matrix": rows}, "recipient_provider, sending_domain, finding")
    return {(row["recipient_provider"], row["sending_domain"]): row["finding"] for row in found}


def test_a_burnt_domain_is_told_from_a_provider_that_filters() -> None:
    # the burnt domain writes to Microsoft most, so that pooled by provider Microsoft would look bad
    burnt = "fewer replies than other domains get there; more bounces than other domains have there"
    assert findings(
        pair("microsoft", "burnt.example", 900, 5, 90), pair("google", "burnt.example", 400, 2, 40),
        pair("microsoft", "good.example", 300, 15, 3), pair("google", "good.example", 900, 45, 9),
    ) == {
        ("microsoft", "burnt.example"): burnt, ("google", "burnt.example"): burnt,
        ("microsoft", "good.example"): None, ("google", "good.example"): None,
    }  # fmt: skip
    filters = "fewer replies than its domain gets elsewhere"
    assert findings(
        pair("microsoft", "one.example", 900, 5, 9), pair("google", "one.example", 900, 45, 9),
        pair("microsoft", "two.example", 900, 6, 9), pair("google", "two.example", 900, 44, 9),
    ) == {
        ("microsoft", "one.example"): filters, ("microsoft", "two.example"): filters,
        ("google", "one.example"): None, ("google", "two.example"): None,
    }  # fmt: skip


def test_pairs_are_pooled_over_campaigns_and_compared_within_their_workspace() -> None:
    rows = [pair("google", "s.example", 30, 2), pair("google", "s.example", 10, 1, 1, campaign_id="c2"),
            pair("other", "s.example", 60, 3), pair("google", "s.example", 7, 0, workspace_id="x")]  # fmt: skip
    found = expect(
        "rpt_provider_pair", {"marts.rpt_esp_matrix": rows},
        "workspace_id, recipient_provider, contacted_leads, replied_leads, bounced_leads, domain_contacted_leads, "
        "domain_lead_reply_rate, finding", "workspace_id, recipient_provider",
    )  # fmt: skip
    assert [tuple(row.values()) for row in found] == [
        ("w", "google", 40, 3, 1, 100, 0.06, None), ("w", "other", 60, 3, 0, 100, 0.06, None),
        ("x", "google", 7, 0, 0, 7, 0.0, None),
    ]  # fmt: skip


def test_leads_of_an_unknown_mailbox_are_no_domain_and_few_bounces_prove_nothing() -> None:
    assert findings(
        pair("other", "unknown", 500, 0, 60), pair("other", "good.example", 1000, 100, 10),
        pair("google", "unknown", 500, 0, 60),
    ) == {("other", "unknown"): None, ("other", "good.example"): None, ("google", "unknown"): None}  # fmt: skip
    few = [pair("other", "a.example", 22, 1, 2), pair("other", "b.example", 4000, 200, 4)]
    assert set(findings(*few).values()) == {None}


def test_what_was_positive_once_counts_although_it_is_lost_and_no_version_shows_it() -> None:
    """Two leads are positive now or by a version, one was by an event alone; one of them had a meeting."""
    was = {"workspace_id": "w", "lead_id": "b", "campaign_id": "c1", "event": "interest changed"}
    given = {
        "raw.leads": [lead("a", lt_interest_status=1), lead("b", lt_interest_status=-3), lead("c")],
        "history.leads": [
            {
                "workspace_id": "w",
                "id": "a",
                "_key": '["a"]',
                "_op": "upsert",
                "_valid_from": at(4),
                "campaign": "c1",
                "lt_interest_status": 1,
            }
        ],
        "marts.fct_lead_event": [
            was | {"interest_kind": "positive", "lt_interest_status": 2},
            was | {"interest_kind": "negative", "lt_interest_status": -3},
            was | {"lead_id": "c", "interest_kind": "negative", "lt_interest_status": -1},
        ],
    }
    found = expect("int_campaign_leads", given, "positive_leads, ever_positive_leads")
    assert [tuple(row.values()) for row in found] == [(1, 2)]
    once = expect("int_lead_interest", given, "lead_id, was_positive, had_meeting", "lead_id")
    assert [tuple(row.values()) for row in once] == [("b", True, True), ("c", False, False)]
