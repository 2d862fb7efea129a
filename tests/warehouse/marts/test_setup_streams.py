"""What the streams outside of `core` bring to the marts, from rows that can be counted by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.warehouse.marts.given import Given, Row, expect

pytestmark = pytest.mark.medium

W = {"workspace_id": "w"}
GONE = {"_deleted_at": "2026-02-01 00:00:00+00"}


def read(*streams: str) -> list[Row]:
    """Rows of meta.stream_status: these streams were read."""
    return [W | {"stream": stream, "last_success_at": "2026-03-01 18:00:00+00"} for stream in streams]


def rows(model: str, given: Given, select: str, order: str = "all") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in expect(model, given, select, order)]


# --- tags


def mapping(tag: str, resource: str, kind: int, **more: Any) -> Row:
    return W | {"id": tag + resource, "_key": tag + resource, "tag_id": tag, "resource_id": resource,
                "resource_type": kind} | more  # fmt: skip


def tagged(*, mappings: list[Row], are_read: bool = True, tags: str | None = None) -> Given:
    return {
        "raw.custom_tags": [W | {"id": "t", "label": "Pool", "_key": "t"}, W | {"id": "u", "label": "Ads", "_key": "u"},
                            W | {"id": "gone", "label": "Old", "_key": "gone"} | GONE],
        "raw.accounts": [W | {"email": "a@x.example", "tags": tags}, W | {"email": "b@x.example", "tags": tags},
                         W | {"email": "gone@x.example", "tags": tags} | GONE],
        "raw.campaigns": [W | {"id": "c", "name": "C", "email_tag_list": '["t"]'}, W | {"id": "d", "name": "D"},
                          W | {"id": "e", "name": "E"} | GONE],
        "raw.custom_tag_mappings": mappings,
        "meta.stream_status": read("custom_tag_mappings", "accounts", "campaigns") if are_read else [],
    }  # fmt: skip


MAPPINGS = [
    mapping("t", "A@x.example", 1), mapping("t", "c", 2), mapping("u", "c", 2), mapping("u", "d", 2),
    mapping("u", "b@x.example", 1, **GONE), mapping("u", "gone@x.example", 1), mapping("u", "e", 2),
    mapping("u", "nobody@x.example", 1), mapping("u", "never", 2), mapping("gone", "c", 2), mapping("never", "c", 2),
]  # fmt: skip


def test_campaigns_and_accounts_carry_a_tag_by_themselves_and_what_no_longer_exists_does_not_count() -> None:
    found = rows("dim_tag", tagged(mappings=MAPPINGS), "tag_id, accounts, campaigns, campaigns_sending_with_it")
    assert found == [("gone", 0, 0, 0), ("t", 1, 1, 1), ("u", 0, 2, 0)]


def test_the_tags_that_accounts_show_come_before_mappings() -> None:
    shown = '[{"id": "u", "label": "Ads"}]'
    assert rows("dim_tag", tagged(mappings=MAPPINGS, tags=shown), "tag_id, accounts, campaigns") == [
        ("gone", 0, 0), ("t", 0, 1), ("u", 2, 2)]  # fmt: skip


def test_without_mappings_nothing_is_said_of_campaigns_and_accounts_count_by_their_own_tags() -> None:
    given = tagged(mappings=[], are_read=False, tags='[{"id": "t"}]')
    assert rows("dim_tag", given, "tag_id, accounts, campaigns") == [("gone", 0, None), ("t", 2, None), ("u", 0, None)]
    assert rows("dim_campaign", given, "tags") == [(None,)] * 3
    unknown = tagged(mappings=[], are_read=False)
    assert {row[0] for row in rows("dim_tag", unknown, "accounts")} == {None}


def test_mappings_to_accounts_that_were_not_read_say_nothing_of_them() -> None:
    given = tagged(mappings=MAPPINGS) | {"raw.accounts": [], "meta.stream_status": read("custom_tag_mappings")}
    assert rows("dim_tag", given, "accounts, campaigns", "tag_id")[1] == (None, 1)


def test_a_mapping_is_told_by_what_it_names_and_not_by_its_number() -> None:
    swapped = [mapping("t", "a@x.example", 2), mapping("t", "c", 1)]
    assert rows("dim_tag", tagged(mappings=swapped), "accounts, campaigns", "tag_id")[1] == (1, 1)


def test_a_campaign_has_the_labels_of_its_tags() -> None:
    found = rows("dim_campaign", tagged(mappings=MAPPINGS), "campaign_id, tags")
    assert found == [("c", "Ads, Pool, never"), ("d", "Ads"), ("e", None)]


def test_accounts_that_show_no_tags_send_by_their_mappings() -> None:
    found = rows("int_campaign_sender", tagged(mappings=MAPPINGS), "campaign_id, email")
    assert found == [("c", "a@x.example")]


# --- subsequences: figures

SUB = W | {"id": "s", "_key": "s", "parent_campaign": "c", "name": "After interest", "status": 1}


def own(step: str, sent: int, replies: int, variant: str = "0") -> Row:
    return W | {"campaign_id": "c", "step": step, "variant": variant, "sent": sent, "unique_replies": replies,
                "unique_opportunities": 1, "_key": step + variant}  # fmt: skip


def followed(step: str | None, sent: int, replies: int, variant: str | None = "0", sub: str = "s") -> Row:
    return W | {"subsequence_id": sub, "step": step, "variant": variant, "sent": sent, "unique_replies": replies,
                "_key": f"{sub}{step}{variant}"}  # fmt: skip


FIGURES = {
    "raw.campaigns": [W | {"id": "c", "name": "C", "_key": "c"}],
    "raw.step_analytics_lifetime": [own("0", 400, 12), own("0", 380, 5, "1"), own("1", 300, 2)],
    "raw.subsequences": [SUB],
    "raw.subsequence_step_analytics": [
        followed("0", 40, 20), followed("0", 40, 4, "1"), followed("1", 20, 5), followed(None, 0, 9, None),
    ],
}  # fmt: skip


def test_the_steps_of_a_subsequence_have_rows_and_shares_of_their_own() -> None:
    found = rows("rpt_step_dropoff", FIGURES, "subsequence_name, step, sent, unique_replies, share_of_first_step, "
                 "cumulative_share_of_replies, unique_opportunities", "subsequence_name nulls first, step")  # fmt: skip
    assert found == [
        (None, "0", 780, 17, 1, 17 / 19, 2),
        (None, "1", 300, 2, 300 / 780, 1, 1),
        ("After interest", "0", 80, 24, 1, 24 / 29, None),
        ("After interest", "1", 20, 5, 0.25, 1, None),
    ]


@pytest.mark.parametrize("model", ["rpt_step_dropoff", "rpt_variant_performance"])
def test_subsequences_change_no_row_of_their_campaign(model: str) -> None:
    without = {name: given for name, given in FIGURES.items() if "subsequence" not in name}
    found = expect(model, FIGURES, order="step, sent")
    assert [row for row in found if row["subsequence_id"] is None] == expect(model, without, order="step, sent")


def test_variants_of_a_subsequence_are_compared_among_themselves_by_a_prior_of_subsequences() -> None:
    found = expect("rpt_variant_performance", FIGURES, order="subsequence_id nulls first, step, variant")
    assert [(row["subsequence_name"], row["variants"]) for row in found] == [
        *[(None, 2)] * 2, (None, 1), *[("After interest", 2)] * 2, ("After interest", 1)]  # fmt: skip
    campaign, sub = found[0], found[3]
    assert sub["share_of_sent"] == 0.5
    assert sub["prior_a"] / (sub["prior_a"] + sub["prior_b"]) > 5 * campaign["prior_a"] / (
        campaign["prior_a"] + campaign["prior_b"]
    )


def test_a_subsequence_that_was_deleted_keeps_its_figures() -> None:
    found = rows("rpt_step_dropoff", FIGURES | {"raw.subsequences": [SUB | GONE]}, "subsequence_name, sent")
    assert ("After interest", 80) in found


def test_the_campaign_of_a_subsequence_is_known_even_if_no_other_stream_has_it() -> None:
    assert rows("dim_campaign", {"raw.subsequences": [SUB]}, "campaign_id, is_listed") == [("c", False)]


def test_texts_of_a_subsequence_and_the_wait_before_its_first_step_are_read() -> None:
    steps = [{"pre_delay": 12, "pre_delay_unit": "hours", "delay": 3, "variants": [{"subject": "Hi"}]}, {"delay": 1}]
    version = {"workspace_id": "w", "id": "s", "parent_campaign": "c", "_key": "s", "_op": "upsert",
               "_valid_from": "2026-01-01 00:00:00+00", "sequences": json.dumps([{"steps": steps}])}  # fmt: skip
    given = FIGURES | {"history.subsequences": [version]}
    found = rows("rpt_step_dropoff", given, "step, days_after_step_before", "subsequence_id nulls first, step")
    assert found == [("0", None), ("1", None), ("0", 0.5), ("1", 3)]
    found = rows("rpt_variant_performance", given, "subject, is_in_use", "subsequence_id nulls first, step, variant")
    assert found[3:] == [("Hi", True), (None, False), (None, True)]


# --- subsequences: follow-ups; Monday is 2026-03-02, and the workspace was last read on Sunday

WEEKDAYS = json.dumps({"schedules": [{"days": {str(day): True for day in range(1, 6)}}]})


def sequence(*delays: float, **first: Any) -> str:
    steps: list[dict[str, Any]] = [{"delay": delay, "variants": [{}]} for delay in (*delays, 1)]
    steps[0] |= first
    return json.dumps([{"steps": steps}])


def lead(entered: str | None, step: tuple[int, str] | None = None, **more: Any) -> Row:
    """A lead of campaign c that has had its steps, in subsequence s since `entered`; its last step and when."""
    summary = None
    if step is not None:
        summary = {"from": "Bo@s.example", "stepID": f"0_{step[0]}_0", "timestampExecuted": f"{step[1]}T09:00:00.000Z"}
    return W | {
        "id": "l", "_key": "l", "campaign": "c", "status": 3, "subsequence_id": "s", "last_step_id": "0_0_0",
        "last_step_from": "Ann@s.example", "last_step_timestamp_executed": "2026-02-10 09:00:00+00",
        "timestamp_added_subsequence": entered and f"{entered} 10:00:00+00",
        "status_summary_subseq": summary and json.dumps(summary),
    } | more  # fmt: skip


def owed(leads: list[Row], campaign: Row | None = None, sub: Row | None = None) -> Given:
    plan = sequence(3, pre_delay=2)
    version = {"workspace_id": "w", "_op": "upsert", "_valid_from": "2026-01-01 00:00:00+00"}
    return {
        "raw.leads": leads,
        "raw.campaigns": [W | {"id": "c", "_key": "c", "status": 1, "stop_on_reply": True, "email_list": "[]",
                               "campaign_schedule": WEEKDAYS} | (campaign or {})],
        "raw.subsequences": [SUB | (sub or {})],
        "raw.accounts": [W | {"email": e, "_key": e, "status": 1, "daily_limit": 30} for e in ("ann@s.example",
                                                                                               "bo@s.example")],
        "history.campaigns": [version | {"id": "c", "_key": "c", "sequences": sequence(5)}],
        "history.subsequences": [version | {"id": "s", "_key": "s", "parent_campaign": "c", "sequences": plan}],
        "intermediate.int_workspace_clock": [W | {"as_of": "2026-03-01 18:00:00"}],
        "meta.stream_status": read("subsequences", "leads", "campaigns"),
    }  # fmt: skip


def due(*leads: Row, **more: Any) -> list[tuple[Any, ...]]:
    return rows("int_follow_up", owed(list(leads), **more), "date::varchar, email, subsequence_id, follow_ups", "date")


def test_a_lead_that_entered_gets_each_step_after_its_wait() -> None:
    assert due(lead("2026-02-28")) == [("2026-03-02", "ann@s.example", "s", 1), ("2026-03-05", "ann@s.example", "s", 1)]


def test_a_lead_at_a_step_gets_the_ones_after_it_from_the_mailbox_of_the_subsequence() -> None:
    assert due(lead("2026-02-20", (0, "2026-03-01"))) == [("2026-03-04", "bo@s.example", "s", 1)]
    assert due(lead("2026-02-20", (1, "2026-03-01"))) == []


def test_a_step_of_an_earlier_subsequence_is_not_one_of_this() -> None:
    found = due(lead("2026-02-28", (1, "2026-02-25")))
    assert [row[0] for row in found] == ["2026-03-02", "2026-03-05"]


@pytest.mark.parametrize(
    "more",
    [
        {"status": -1}, {"status": -2}, {"status": 2}, GONE, {"subsequence_id": "unknown"},
        {"timestamp_last_reply": "2026-03-01 09:00:00+00"},
    ],
)  # fmt: skip
def test_who_gets_nothing_more_in_a_subsequence_has_no_follow_up(more: Row) -> None:
    assert due(lead("2026-02-28", **more)) == []


def test_a_reply_that_led_into_the_subsequence_stops_nothing() -> None:
    assert len(due(lead("2026-02-28", timestamp_last_reply="2026-02-28 09:00:00+00"))) == 2


@pytest.mark.parametrize(
    ("campaign", "sub", "sends"),
    [
        ({}, {}, True), ({"status": 4}, {}, True), ({"status": 2}, {}, False), (GONE, {}, False),
        ({}, {"status": 2}, False), ({}, GONE, False),
    ],
)  # fmt: skip
def test_a_subsequence_sends_while_it_and_its_campaign_do(campaign: Row, sub: Row, sends: bool) -> None:
    assert bool(due(lead("2026-02-28"), campaign=campaign, sub=sub)) == sends


def test_a_subsequence_sends_on_its_own_days_or_else_on_those_of_its_campaign() -> None:
    sundays = json.dumps({"schedules": [{"days": {"0": True}}]})
    assert due(lead("2026-02-28"), sub={"subsequence_schedule": sundays})[0][0] == "2026-03-08"


def test_a_lead_in_a_subsequence_waits_for_its_steps_and_not_for_those_of_the_campaign() -> None:
    active = {"status": 1, "last_step_timestamp_executed": "2026-02-28 09:00:00+00"}
    assert {row[2] for row in due(lead("2026-02-28", **active))} == {"s"}
    assert {row[2] for row in due(lead(None, subsequence_id=None, **active))} == {None}


def test_a_lead_whose_step_is_not_shown_is_not_placed() -> None:
    given = owed([lead("2026-02-28", timestamp_last_contact="2026-03-01 09:00:00+00")])
    assert rows("int_follow_up", given, "date") == []
    assert rows("rpt_workspace_capacity", given, "distinct leads_not_placed") == [(1,)]


def test_capacity_counts_follow_ups_of_subsequences_and_tells_them_apart() -> None:
    campaigns_own = lead(None, id="m", _key="m", subsequence_id=None, status=1,
                         last_step_timestamp_executed="2026-02-25 09:00:00+00")  # fmt: skip
    given = owed([lead("2026-02-28"), campaigns_own], campaign={"email_list": '["ann@s.example", "bo@s.example"]'})
    select = "date::varchar, follow_ups_due, subsequence_follow_ups_due, headroom"
    found = [row for row in rows("rpt_capacity", given, f"email, {select}", "email, date") if row[2]]
    assert found == [("ann@s.example", "2026-03-02", 2, 1, 28), ("ann@s.example", "2026-03-05", 1, 1, 29)]
    found = [row for row in rows("rpt_workspace_capacity", given, select, "date") if row[1]]
    assert found == [("2026-03-02", 2, 1, 58), ("2026-03-05", 1, 1, 59)]


def test_capacity_says_nothing_of_subsequences_that_were_not_read() -> None:
    given = owed([lead(None, subsequence_id=None)]) | {"raw.subsequences": [], "meta.stream_status": read("leads")}
    assert rows("rpt_capacity", given, "distinct subsequence_follow_ups_due") == [(None,)]


# --- inbox placement


def placed(n: int, sender: str = "Ann@s.example", day: str = "2026-03-03", **more: Any) -> Row:
    return W | {"id": f"{sender}{n}{day}", "_key": f"{sender}{n}{day}", "sender_email": sender, "recipient_esp": 1,
                "record_type": 2, "is_spam": False, "spf_pass": True, "dkim_pass": True, "dmarc_pass": None,
                "timestamp_created_date": day} | more  # fmt: skip


def test_test_e_mails_are_counted_by_account_domain_provider_and_week() -> None:
    results = [
        placed(1), placed(2, is_spam=True), placed(3, has_category=True, dkim_pass=False), placed(4, is_spam=None),
        placed(5, record_type=1, is_spam=None, spf_pass=None), placed(6, recipient_esp=2),
        placed(7, "bo@s.example", "2026-03-08"), placed(8, day="2026-03-09"), placed(9, None),
    ]  # fmt: skip
    select = (
        "email, recipient_provider, week_start::varchar, sent, received, placed, inbox, category, spam, dkim_passed"
    )
    found = rows("rpt_inbox_placement", {"raw.inbox_placement_analytics": results}, select, "3, 1 nulls first, 2")
    week, next_week = "2026-03-02", "2026-03-09"
    assert found == [
        (None, "google", week, 1, 5, 4, 2, 1, 1, 4),
        (None, "microsoft", week, None, 1, 1, 1, 0, 0, 1),
        ("ann@s.example", "google", week, 1, 4, 3, 1, 1, 1, 3),
        ("ann@s.example", "microsoft", week, None, 1, 1, 1, 0, 0, 1),
        ("bo@s.example", "google", week, None, 1, 1, 1, 0, 0, 1),
        (None, "google", next_week, None, 1, 1, 1, 0, 0, 1),
        ("ann@s.example", "google", next_week, None, 1, 1, 1, 0, 0, 1),
    ]


def test_rates_of_placement_have_their_interval_and_unknown_results_are_no_failures() -> None:
    results = [placed(n, is_spam=n < 3) for n in range(10)]
    select = "spam_rate, spam_rate_low < 0.3, spam_rate_high > 0.3, spf_rate, dmarc_checked, dmarc_rate"
    found = rows("rpt_inbox_placement", {"raw.inbox_placement_analytics": results}, f"distinct {select}")
    assert found == [(0.3, True, True, 1, 0, None)]


def account_day(day: str, **more: Any) -> Row:
    return W | {"email": "ann@s.example", "date": day, "sent": 100, "bounced": 0} | more


@pytest.mark.parametrize(
    ("spam", "count", "health"),
    [(0, 10, "green"), (4, 10, "grey"), (5, 25, "green"), (6, 25, "amber"), (20, 40, "red"), (2, 9, "grey")],
)
def test_a_domain_is_judged_by_where_test_e_mails_land(spam: int, count: int, health: str) -> None:
    given = {
        "intermediate.int_account_day": [account_day("2026-03-05", sent=0)],
        "raw.inbox_placement_analytics": [placed(n, is_spam=n < spam) for n in range(count)],
    }
    assert rows("rpt_domain_health", given, "health") == [(health,)]


def test_test_e_mails_count_for_seven_days_and_there_are_none_without_tests() -> None:
    given = {
        "intermediate.int_account_day": [account_day(f"2026-03-{day:02}") for day in (2, 3, 9, 10)],
        "raw.inbox_placement_analytics": [placed(1), placed(2, is_spam=True), placed(3, has_category=True)],
    }
    select = "test_placed_7d, test_inbox_7d, test_spam_7d"
    assert rows("rpt_domain_health", given, select, "date") == [(None,) * 3, (3, 1, 1), (3, 1, 1), (None,) * 3]


# --- who changed a setting


def versions(key: str, column: str, *states: Row | None) -> list[Row]:
    """A version a day from 2026-02-02, each by the run of its day; None for a delete."""
    return [
        W | {"_key": json.dumps([key]), "_op": "delete" if state is None else "upsert", "_run_id": f"run-{day:02}",
             "_valid_from": f"2026-02-{day:02} 06:00:00+00",
             "_valid_to": f"2026-02-{day + 1:02} 06:00:00+00" if day <= len(states) else None}
        | ({} if state is None else {column: key} | state)
        for day, state in enumerate(states, 2)
    ]  # fmt: skip


def entry(kind: int, when: str, **more: Any) -> Row:
    return W | {"id": f"{kind}{when}", "_key": f"{kind}{when}", "activity_type": kind, "campaign_id": "c",
                "timestamp": f"2026-02-{when}:00+00", "user_id": "u1", "user_name": "Zoe Lind"} | more  # fmt: skip


CAMPAIGN = versions("c", "id", {"status": 0, "daily_limit": 10}, {"status": 1, "daily_limit": 10},
                    {"status": 1, "daily_limit": 50}, {"status": -1, "daily_limit": 50}, None)  # fmt: skip


def changes(entries: list[Row], history: list[Row] = CAMPAIGN, **more: Any) -> dict[int, tuple[Any, ...]]:
    """Version -> when and by whom, of a campaign."""
    given = {"history.campaigns": history, "raw.audit_logs": entries} | more
    found = rows("dim_campaign_history", given, "version, change_made_at::varchar, changed_by", "version")
    return {row[0]: row[1:] for row in found if row[1]}


def test_a_change_has_the_time_and_user_of_the_entry_that_fits_it() -> None:
    entries = [entry(4, "02 15:00"), entry(11, "04 03:00", user_name="Bo"), entry(3, "05 12:00"), entry(5, "04 12:00")]
    assert changes(entries) == {
        2: ("2026-02-02 15:00:00", "Zoe Lind"),
        3: ("2026-02-04 03:00:00", "Bo"),
        5: ("2026-02-05 12:00:00", "Zoe Lind"),
    }


def test_a_change_by_the_platform_has_no_user() -> None:
    assert changes([entry(11, "04 12:00"), entry(4, "04 12:00")]) == {}


def test_entries_of_other_campaigns_and_times_explain_nothing() -> None:
    assert changes([entry(11, "03 15:00", campaign_id="d"), entry(11, "01 15:00"), entry(11, "04 06:01")]) == {}


def test_of_several_entries_the_last_before_the_change_was_seen_counts() -> None:
    entries = [entry(11, "03 15:00", user_name="Bo"), entry(11, "04 01:00"), entry(11, "04 06:30", user_name="Cy")]
    assert changes(entries)[3] == ("2026-02-04 01:00:00", "Zoe Lind")


def test_an_entry_from_before_a_reading_that_saw_no_change_explains_nothing() -> None:
    runs = [W | {"stream": "campaigns", "outcome": "ok", "run_id": run, "started_at": f"2026-02-03 {hour}:00+00"}
            for run, hour in (("run-03", "06:00"), ("run-03b", "18:00"))]  # fmt: skip
    assert changes([entry(11, "03 15:00")])[3]
    assert changes([entry(11, "03 15:00")], **{"meta.stream_runs": runs}) == {}
    assert changes([entry(11, "03 19:00")], **{"meta.stream_runs": runs})[3]


def test_a_deletion_that_was_held_over_readings_is_explained() -> None:
    runs = [W | {"stream": "campaigns", "outcome": "held", "run_id": "run-05b", "started_at": "2026-02-05 18:00:00+00"}]
    assert 5 in changes([entry(3, "05 12:00")], **{"meta.stream_runs": runs})


def test_a_user_without_a_name_in_the_log_has_the_name_of_the_member_and_a_key_its_own() -> None:
    entries = [entry(11, "04 03:00", user_name=None, api_key_id="k")]
    given = {
        "history.campaigns": CAMPAIGN,
        "raw.audit_logs": entries,
        "raw.workspace_members": [W | {"id": "m", "user_id": "u1", "name": '{"first": "Zoe", "last": "Lind"}'}],
        "raw.api_keys": [W | {"id": "k", "name": "zapier"}],
    }
    select = "changed_by, changed_by_user_id, changed_by_api_key"
    assert rows("dim_campaign_history", given, select, "version")[2] == ("Zoe Lind", "u1", "zapier")


def test_an_account_is_found_by_its_address_in_the_details() -> None:
    key = "Ann@s.example"
    history = versions(key, "email", {"daily_limit": 1, "stat_warmup_score": 90},
                       {"daily_limit": 2, "stat_warmup_score": 90}, {"daily_limit": 2, "stat_warmup_score": 91},
                       None)  # fmt: skip
    details = [json.dumps({"emails": ["bo@s.example", "ann@S.example"]}), json.dumps({"email": "joann@s.example"})]
    entries = [
        entry(36, "02 15:00", campaign_id=None, audit_metadata=details[0]),
        entry(36, "03 15:00", campaign_id=None, audit_metadata=details[0]),  # a score is not changed by a user
        entry(7, "04 15:00", campaign_id=None, audit_metadata=details[1]),  # another address that ends alike
    ]
    given = {"history.accounts": history, "raw.audit_logs": entries}
    found = rows("dim_account_history", given, "version, change_made_at::varchar, changed_by", "version")
    assert found == [(1, None, None), (2, "2026-02-02 15:00:00", "Zoe Lind"), (3, None, None), (4, None, None)]


# --- lists

STATS = {"verified": 60, "invalid": 10, "risky": 5, "catch_all": 20, "job_change": 5,
         "verification_job_pending_leadfinder": 2, "verification_job_pending_user": 1}  # fmt: skip


def quality(*, leads: list[Row], stats: object = STATS, **listed: Any) -> tuple[Any, ...]:
    given = {
        "raw.leads": leads,
        "raw.lead_lists": [W | {"id": "l1", "name": "L", "_key": "l1"} | listed],
        "raw.lead_list_verification": [W | {"list_id": "l1", "total_leads": 110, "stats": json.dumps(stats)}],
    }
    select = "verification_source, checked_leads, verified, invalid, invalid_rate, total_leads, verification_pending"
    [found] = rows("rpt_list_quality", given, select)
    return found


def in_list(n: int, status: int | None) -> Row:
    return W | {"id": str(n), "_key": str(n), "list_id": "l1", "status": 1, "verification_status": status}


def test_a_list_whose_leads_show_no_result_has_those_of_its_statistics() -> None:
    assert quality(leads=[in_list(1, None)]) == ("list", 100, 60, 10, 0.1, 110, 3)
    assert quality(leads=[]) == ("list", 100, 60, 10, 0.1, 110, 3)


def test_results_of_leads_come_before_statistics_which_stand_beside_them() -> None:
    assert quality(leads=[in_list(1, 1), in_list(2, -1)]) == ("leads", 2, 1, 1, 0.5, 110, 3)


@pytest.mark.parametrize("stats", [None, [], "x"])
def test_statistics_of_another_shape_are_none(stats: object) -> None:
    assert quality(leads=[in_list(1, 1)], stats=stats)[5:] == (None, None)


def test_a_deleted_list_has_no_statistics() -> None:
    assert quality(leads=[], **GONE) == (None, None, None, None, None, None, None)
