"""What the marts say about small worlds whose figures can be worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from instantly_pipeline.streams.registry import all_streams
from tests.warehouse import world
from tests.warehouse.lake_writer import LakeWriter, Opener, at

pytestmark = pytest.mark.medium

STREAMS = all_streams()
Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def ask(lake: LakeWriter, opener: Opener) -> Ask:
    """Load, make the models of the marts named in the question, and answer it."""

    def answer(sql: str, *, zone: str = "UTC", models: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        warehouse = opener(load=True)
        con = warehouse.connection
        con.execute(f"set TimeZone = '{zone}'")
        warehouse.run_models(models or [name for name in warehouse.models() if name in sql] or None)
        found = con.execute(sql).fetchall()
        warehouse.close()
        return found

    return answer


def put(lake: LakeWriter, stream: str, *records: dict[str, Any], hours: float = 0, ws: str = "ws-1") -> None:
    """Records of a stream, synced that many hours after 2026-03-01 06:00 UTC."""
    lake.upsert(STREAMS[stream], records, hours, ws)


def summary(lake: LakeWriter, ask: Ask, columns: str, **changes: Any) -> tuple[Any, ...]:
    """Columns of the summary of campaign c1, whose counters are changed."""
    put(lake, "workspaces", world.workspace())
    put(lake, "campaigns", world.campaign("c1"))
    put(lake, "campaign_analytics", world.counters("c1", **changes))
    return ask(f"select {columns} from marts.rpt_campaign_summary where campaign_id = 'c1'")[0]


# --- rates


def test_every_rate_is_its_numerator_over_its_denominator(lake: LakeWriter, ask: Ask) -> None:
    found = summary(
        lake, ask, "workspace_name, sent, leads_reached, open_rate, reply_rate, click_rate, bounce_rate, "
        "unsubscribe_rate, auto_reply_share, opportunity_value_per_1000_sent",
    )  # fmt: skip
    assert found == ("Acme Öutbound", 2000, 1000, 0.5, 0.04, 0.03, 0.01, 0.005, 0.2, 2000.25)


def test_the_interval_is_wilsons(lake: LakeWriter, ask: Ask) -> None:
    low, high = summary(lake, ask, "reply_rate_low, reply_rate_high")
    z, n, p = 1.959963984540054, 1000, 0.04
    middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert low == pytest.approx((middle - spread) / (1 + z * z / n))
    assert high == pytest.approx((middle + spread) / (1 + z * z / n))


def test_no_reply_at_all_has_an_interval_that_begins_at_zero(lake: LakeWriter, ask: Ask) -> None:
    low, high = summary(lake, ask, "reply_rate_low, reply_rate_high", reply_count_unique=0)
    assert low == 0
    assert 0.003 < high < 0.004


def test_a_campaign_that_sent_nothing_has_counts_of_zero_and_no_rates(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "campaigns", world.campaign("c1"), world.campaign("c2", status=0))
    put(lake, "campaign_analytics", world.counters("c1"))
    found = ask(
        "select sent, leads_reached, repliers, reply_rate, bounce_rate, rank_in_workspace, health, health_reason "
        "from marts.rpt_campaign_summary where campaign_id = 'c2'"
    )
    assert found == [(0, 0, 0, None, None, None, "grey", "draft, not launched")]


def test_counters_that_a_campaign_with_sends_has_no_row_of_are_unknown_not_zero(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "campaigns", world.campaign("days"), world.campaign("leads"))
    put(lake, "campaign_analytics", world.counters("other"))
    put(lake, "daily_analytics", world.day("days", "2026-02-01"))
    put(lake, "leads", world.lead("a", "leads"), world.lead("b", "gone"))
    found = ask(
        "select campaign_id, sent, leads_reached, bounced, bounce_rate from marts.rpt_campaign_summary "
        "where campaign_id <> 'other' order by 1"
    )
    assert found == [
        ("days", 100, None, None, None),
        ("gone", None, None, None, None),
        ("leads", None, None, None, None),
    ]


def test_counters_that_were_never_read_are_unknown_not_zero(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "campaigns", world.campaign("c1"))
    assert ask("select sent, leads_reached, repliers from marts.rpt_campaign_summary") == [(None, None, None)]


@pytest.mark.parametrize(("tracking", "rate"), [("open_tracking", "open_rate"), ("link_tracking", "click_rate")])
def test_a_rate_is_null_where_it_is_not_tracked(lake: LakeWriter, ask: Ask, tracking: str, rate: str) -> None:
    put(lake, "campaigns", world.campaign("c1", **{tracking: False}), world.campaign("c2"))
    put(lake, "campaign_analytics", world.counters("c1"), world.counters("c2"))
    found = ask(f"select {rate} is null, reply_rate from marts.rpt_campaign_summary order by campaign_id")
    assert found == [(True, 0.04), (False, 0.04)]


def test_opens_of_an_older_api_are_unknown_and_do_not_break_the_rest(lake: LakeWriter, ask: Ask) -> None:
    found = summary(lake, ask, "open_rate, reply_rate, bounce_rate", open_count_unique=None, reply_count_unique=None)
    assert found == (None, None, 0.01)


def test_a_numerator_above_its_denominator_has_a_rate_and_no_interval(lake: LakeWriter, ask: Ask) -> None:
    assert summary(lake, ask, "open_rate, open_rate_low", open_count_unique=1200) == (1.2, None)


def test_health_follows_the_thresholds_and_says_why(lake: LakeWriter, ask: Ask) -> None:
    cases: dict[str, tuple[dict[str, int], str, str]] = {
        "good": ({}, "green", "all metrics in range"),
        "bounced": ({"bounced_count": 60}, "amber", "bounce rate 3.0 % (60 of 2000, 2.3 to 3.8 %) is amber"),
        "bad": (
            {"bounced_count": 200, "reply_count_unique": 15},
            "red",
            "bounce rate 10.0 % (200 of 2000, 8.8 to 11.4 %) is red; "
            "reply rate 1.5 % (15 of 1000, 0.9 to 2.5 %) is amber",
        ),
        "small": (
            {
                "new_leads_contacted_count": 50,
                "emails_sent_count": 56,
                "bounced_count": 3,
                "unsubscribed_count": 2,
                "reply_count_unique": 0,
                "open_count_unique": 15,
            },
            "grey",
            "too little sent to judge",
        ),
    }
    put(lake, "campaigns", *map(world.campaign, cases))
    put(lake, "campaign_analytics", *(world.counters(name, **changes) for name, (changes, _, _) in cases.items()))
    found = ask("select campaign_id, health, health_reason from marts.rpt_campaign_summary")
    assert sorted(found) == sorted((name, health, reason) for name, (_, health, reason) in cases.items())


def test_campaigns_are_ranked_within_their_workspace_by_the_lower_bound_of_the_reply_rate(
    lake: LakeWriter, ask: Ask
) -> None:
    put(
        lake, "campaign_analytics",
        world.counters("lucky", new_leads_contacted_count=10, reply_count_unique=1),
        world.counters("steady", reply_count_unique=60),
        world.counters("poor", reply_count_unique=1),
    )  # fmt: skip
    put(lake, "campaign_analytics", world.counters("other"), ws="ws-2")
    found = ask("select campaign_id, rank_in_workspace from marts.rpt_campaign_summary order by workspace_id, 2")
    assert found == [("steady", 1), ("lucky", 2), ("poor", 3), ("other", 1)]


def test_campaigns_whose_leads_were_read_are_ranked_by_their_positive_leads_first(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "campaign_analytics", world.counters("talked"), world.counters("wanted", reply_count_unique=5))
    put(
        lake,
        "leads",
        *(world.lead(f"{n}", "wanted", lt_interest_status=1) for n in range(3)),
        world.lead("x", "talked"),
    )
    found = ask("select campaign_id, rank_in_workspace from marts.rpt_campaign_summary order by 2")
    assert found == [("wanted", 1), ("talked", 2)]


# --- leads


def test_positive_leads_are_counted_with_the_workspaces_own_labels_and_over_time(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "lead_labels", world.label(10231, "Send pricing 💶", "positive"), world.label(-99, "Rude", "negative"))
    put(
        lake, "leads",
        world.lead("a", "c1", lt_interest_status=1),
        world.lead("b", "c1", lt_interest_status=10231),
        world.lead("c", "c1", lt_interest_status=-99),
        world.lead("d", "c1", lt_interest_status=2),
        world.lead("e", "c1", lt_interest_status=77777),
        world.lead("f", "c1", timestamp_last_contact=None),
        world.lead("g", None),
    )  # fmt: skip
    put(lake, "leads", world.lead("a", "c1", lt_interest_status=-1), hours=1)
    put(lake, "campaign_analytics", world.counters("c1"))
    found = ask("select positive_leads, ever_positive_leads, meetings, uncontacted from marts.rpt_campaign_summary")
    assert found == [(2, 3, 1, 1)]
    leads = ask("select lead_id, interest_label, interest_kind, ever_positive from marts.dim_lead order by lead_id")
    assert leads == [
        ("a", "not interested", "negative", True),
        ("b", "Send pricing 💶", "positive", True),
        ("c", "Rude", "negative", False),
        ("d", "meeting booked", "positive", True),
        ("e", "unknown (77777)", "neutral", False),
        ("f", None, None, False),
        ("g", None, None, False),
    ]


def test_a_deleted_label_still_decodes(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "lead_labels", world.label(5001, "Old", "positive"))
    lake.delete(STREAMS["lead_labels"], [{"id": "label-5001"}], 1)
    put(lake, "leads", world.lead("a", "c1", lt_interest_status=5001))
    assert ask("select interest_label, is_positive from marts.dim_lead") == [("Old", True)]


def test_leads_that_are_not_synced_leave_the_positives_unknown(lake: LakeWriter, ask: Ask) -> None:
    found = summary(lake, ask, "positive_leads, uncontacted, positive_per_sent")
    assert found == (None, 500, None)


def test_a_deleted_lead_stays_flagged_and_counts_no_more(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "leads", world.lead("a", "c1", lt_interest_status=1, payload={"city": "Lund"}), world.lead("b", "c1"))
    lake.delete(STREAMS["leads"], [{"id": "a"}], 5)
    assert ask("select lead_id, is_deleted, deleted_at::varchar from marts.dim_lead order by 1") == [
        ("a", True, "2026-03-01 11:00:00"),
        ("b", False, None),
    ]
    assert ask("select positive_leads from marts.rpt_campaign_summary") == [(0,)]
    assert ask("select count(*) from marts.lead_custom_variables") == [(0,)]


def test_custom_variables_are_one_a_row_whatever_their_names_and_types(lake: LakeWriter, ask: Ask) -> None:
    payload = {"City of birth": "Lünd", "": "empty", 'q"uo.te$': "x", "n": 1.5, "yes": True, "none": None,
               "l": [1, {"a": 2}], "firstName": "Bo"}  # fmt: skip
    put(lake, "leads", world.lead("a", "c1", payload=payload), world.lead("b", "c1", payload={}), world.lead("c", None))
    found = ask("select name, value, type, is_copy from marts.lead_custom_variables order by name")
    assert found == [
        ("", "empty", "string", False),
        ("City of birth", "Lünd", "string", False),
        ("firstName", "Bo", "string", True),
        ("l", '[1,{"a":2}]', "array", False),
        ("n", "1.5", "number", False),
        ("none", None, "null", False),
        ('q"uo.te$', "x", "string", False),
        ("yes", "true", "boolean", False),
    ]


# --- campaigns


def test_a_deleted_campaign_stays_with_its_name_figures_and_days(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "campaigns", world.campaign("c1", name="Gone ✂"))
    put(lake, "campaign_analytics", world.counters("c1"))
    put(lake, "daily_analytics", world.day("c1", "2026-02-20"))
    lake.delete(STREAMS["campaigns"], [{"id": "c1"}], 3)
    assert ask("select campaign_name, is_deleted, is_listed, sent from marts.rpt_campaign_summary") == [
        ("Gone ✂", True, False, 2000)
    ]
    assert ask("select campaign_name, sent from marts.fct_campaign_daily") == [("Gone ✂", 100)]


def test_a_campaign_known_only_from_figures_is_in_the_dimension(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "daily_analytics", world.day("never-listed", "2026-02-20"))
    assert ask("select campaign_id, campaign_name, is_listed, is_deleted from marts.dim_campaign") == [
        ("never-listed", "never-listed", False, False)
    ]


def test_settings_of_a_campaign_are_read_out_of_its_json(lake: LakeWriter, ask: Ask) -> None:
    odd = world.campaign("c2", sequences="none", email_list={"a": 1}, campaign_schedule=[])
    put(lake, "campaigns", world.campaign("c1"), odd)
    found = ask(
        "select timezone, steps, variants, senders, start_date, end_date::varchar from marts.dim_campaign "
        "order by campaign_id"
    )
    assert found[0] == ("Europe/Belgrade", 2, 3, 1, None, "2026-12-31")
    assert found[1][0] is None


def test_steps_of_an_older_form_are_one_variant_each(lake: LakeWriter, ask: Ask) -> None:
    flat = [{"steps": [{"subject": "Hi", "body": "b", "delay_days": 2}, {"subject": "", "body": "b"}]}]
    put(lake, "campaigns", world.campaign("c1", sequences=flat))
    assert ask("select steps, variants from marts.dim_campaign") == [(2, 2)]


def test_enums_are_decoded_and_unknown_numbers_say_so(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "campaigns", world.campaign("c1", status=-2), world.campaign("c2", status=7))
    assert ask("select status, status_label from marts.dim_campaign order by campaign_id") == [
        (-2, "bounce protect"),
        (7, "unknown (7)"),
    ]


# --- days


def test_rolling_sums_go_by_the_calendar_not_by_rows(lake: LakeWriter, ask: Ask) -> None:
    days = ["2026-02-01", "2026-02-02", "2026-02-08", "2026-02-20"]
    put(lake, "daily_analytics", *(world.day("c1", date) for date in days))
    found = ask(
        "select date::varchar, sent_7d, replies_7d, replies_per_sent_7d from marts.fct_campaign_daily order by date"
    )
    assert found == [
        ("2026-02-01", 100, 5, 0.05), ("2026-02-02", 200, 10, 0.05), ("2026-02-08", 200, 10, 0.05),
        ("2026-02-20", 100, 5, 0.05),
    ]  # fmt: skip


def test_a_day_is_partial_until_24_hours_after_its_end_by_the_time_it_was_read(lake: LakeWriter, ask: Ask) -> None:
    dates = ["2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01"]
    put(lake, "daily_analytics", *(world.day("c1", date) for date in dates))
    question = "select date::varchar, is_partial from marts.fct_campaign_daily order by date"
    expected = [(dates[0], False), (dates[1], False), (dates[2], True), (dates[3], True)]
    assert ask(question) == expected
    lake.log("verified", [{"stream": "daily_analytics", "verified_at": at(18)}])  # midnight: the 28th closes
    assert ask(question) == [*expected[:2], (dates[2], False), (dates[3], True)]


def test_restatements_are_counted_and_the_first_value_is_kept(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "daily_analytics", world.day("c1", "2026-02-28", sent=50), hours=0)  # open
    put(lake, "daily_analytics", world.day("c1", "2026-02-28", sent=100), hours=10)  # still open
    put(lake, "daily_analytics", world.day("c1", "2026-02-28", sent=90), hours=60)
    found = ask(
        "select sent, sent_first_seen, times_restated, times_restated_after_close, first_seen_at::varchar "
        "from marts.fct_campaign_daily"
    )
    assert found == [(90, 50, 2, 1, "2026-03-01 06:00:00")]


def flag(lake: LakeWriter, key: str, syncs: int, hours: float, stream: str = "daily_analytics") -> None:
    """What the sync notes about a day that is gone."""
    lake.log(
        "collapsed_days",
        [{"stream": stream, "key": key, "kind": "vanished", "syncs": syncs, "seen_at": at(hours)}],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("syncs", "sent", "state"), [(1, 100, "last good"), (2, 100, "last good"), (3, 0, "withdrawn"), (4, 0, "withdrawn")]
)
@pytest.mark.parametrize("how", ["vanished", "zero"])
def test_a_day_that_vanished_or_fell_to_zero_keeps_its_last_figures_for_two_syncs(
    lake: LakeWriter, ask: Ask, how: str, syncs: int, sent: int, state: str
) -> None:
    row = world.day("c1", "2026-02-20")
    put(lake, "daily_analytics", row, world.day("c1", "2026-02-21"))
    if how == "zero":
        zero = {name: 0 for name, value in row.items() if isinstance(value, int)}
        put(lake, "daily_analytics", row | zero, hours=5)
    else:
        lake.delete(STREAMS["daily_analytics"], [row], 5)
    for number in range(1, syncs + 1):
        flag(lake, '["c1","2026-02-20"]', number, 5 + number)
    found = ask(
        "select date::varchar, sent, replies, figures_state, is_vanished from marts.fct_campaign_daily order by date"
    )
    gone = how == "vanished"
    assert found == [("2026-02-20", sent, sent // 20, state, gone), ("2026-02-21", 100, 5, "as read", False)]


def test_a_day_that_came_back_is_as_read(lake: LakeWriter, ask: Ask) -> None:
    row = world.day(None, "2026-02-20")
    put(lake, "workspace_daily_analytics", row)
    lake.delete(STREAMS["workspace_daily_analytics"], [row], 5)
    flag(lake, '["2026-02-20"]', 3, 6, "workspace_daily_analytics")
    put(lake, "workspace_daily_analytics", row | {"sent": 70}, hours=9)
    assert ask("select sent, figures_state from marts.rpt_workspace_daily") == [(70, "as read")]


def test_steps_without_a_number_are_a_row_of_their_own(lake: LakeWriter, ask: Ask) -> None:
    put(
        lake, "step_analytics",
        world.step("c1", "2026-02-20", "0", "1"), world.step("c1", "2026-02-20", "1", "0"),
        world.step("c1", "2026-02-20", "null", "null", sent=0, replies=3),
    )  # fmt: skip
    found = ask(
        "select step, variant, step_number, variant_letter, is_unmatched, sent, replies "
        "from marts.fct_campaign_step_daily"
    )
    assert found == [
        ("0", "1", 1, "B", False, 50, 2), ("1", "0", 2, "A", False, 50, 2), (None, None, None, None, True, 0, 3)
    ]  # fmt: skip


def test_the_workspace_counts_deleted_campaigns_and_shows_quiet_days(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "workspace_daily_analytics", world.day(None, "2026-02-01", sent=300), world.day(None, "2026-02-03"))
    put(lake, "daily_analytics", world.day("c1", "2026-02-01", sent=100))
    found = ask(
        "select date::varchar, sent, sent_in_known_campaigns, campaigns_sending, sent_7d, figures_from, is_partial "
        "from marts.rpt_workspace_daily order by date"
    )
    assert found == [
        ("2026-02-01", 300, 100, 1, 300, "workspace", False), ("2026-02-02", 0, 0, 0, 300, "workspace", False),
        ("2026-02-03", 100, 0, 0, 400, "workspace", False),
    ]  # fmt: skip


def test_days_outside_of_the_workspaces_own_figures_are_sums_over_its_campaigns(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "workspace_daily_analytics", world.day(None, "2026-02-02", sent=300))
    put(lake, "daily_analytics", *(world.day("c1", f"2026-02-0{n}", sent=n) for n in (1, 2, 3)))
    found = ask("select date::varchar, sent, figures_from from marts.rpt_workspace_daily order by date")
    assert found == [("2026-02-01", 1, "campaigns"), ("2026-02-02", 300, "workspace"), ("2026-02-03", 3, "campaigns")]


def test_without_figures_of_its_own_the_workspace_is_the_sum_of_its_campaigns(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "daily_analytics", world.day("c1", "2026-02-01"), world.day("c2", "2026-02-01", sent=60))
    assert ask("select sent, replies, figures_from from marts.rpt_workspace_daily") == [(160, 8, "campaigns")]


# --- accounts


def test_sends_and_warmup_of_an_account_meet_whatever_the_spelling_of_the_address(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "accounts", world.account("Ann@Send.example"))
    put(lake, "account_daily_analytics", world.account_day("ANN@send.example", "2026-02-20"))
    warm = {"email": "ann@send.example", "sent": 10, "landed_inbox": 8, "received": 9}
    put(lake, "warmup_analytics", warm | {"date": "2026-02-20"}, warm | {"date": "2026-02-21"})
    found = ask(
        "select email, domain, date::varchar, sent, bounced, bounce_rate, warmup_sent, warmup_inbox, warmup_spam, "
        "warmup_inbox_rate, daily_limit, utilisation_rate from marts.fct_account_daily"
    )
    who = ("ann@send.example", "send.example")
    assert found == [
        (*who, "2026-02-20", 40, 1, 0.025, 10, 8, 0, 0.8, 50, 0.8),
        (*who, "2026-02-21", None, None, None, 10, 8, 0, 0.8, 50, None),
    ]
    assert ask("select email, tags, warmup_limit, provider_code_label from marts.dim_account") == [
        ("ann@send.example", "A, Pool B", 10, "google")
    ]


def test_a_day_takes_the_limit_and_score_that_were_known_on_it(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "accounts", world.account("a@s.example", daily_limit=50, stat_warmup_score=90), hours=0)
    put(lake, "accounts", world.account("a@s.example", daily_limit=80, stat_warmup_score=95), hours=24)
    dates = ["2026-02-01", "2026-03-01", "2026-03-02"]
    put(lake, "account_daily_analytics", *(world.account_day("a@s.example", date) for date in dates), hours=48)
    found = ask("select daily_limit, stat_warmup_score from marts.fct_account_daily order by date")
    assert found == [(50, 90), (50, 90), (80, 95)]


def test_a_sender_is_judged_by_its_last_days_and_its_state(lake: LakeWriter, ask: Ask) -> None:
    put(
        lake, "accounts", world.account("good@s.example"), world.account("broken@s.example", status=-1),
        world.account("idle@s.example", stat_warmup_score=None), world.account("bouncing@s.example"),
    )  # fmt: skip
    for day in range(20, 28):
        date = f"2026-02-{day}"
        put(
            lake, "account_daily_analytics", world.account_day("good@s.example", date, bounced=0),
            world.account_day("bouncing@s.example", date, bounced=4),
        )  # fmt: skip
    found = ask(
        "select email, health, health_reason, sent_7d, limit_7d, utilisation_rate, sent_30d, bounced_30d "
        "from marts.rpt_sender_health order by email"
    )
    assert found == [
        (
            "bouncing@s.example", "red", "bounce rate 10.0 % (32 of 320, 7.2 to 13.8 %) is red; bounce rate 10.0 % "
            "(32 of 320, 7.2 to 13.8 %) in 28 days, against 0.0 % of the others, is amber", 200, 250, 0.8, 320, 32,
        ),
        ("broken@s.example", "red", "status: connection error is red", 0, 0, None, 0, 0),
        ("good@s.example", "green", "all metrics in range", 200, 250, 0.8, 320, 0),
        ("idle@s.example", "grey", "too little sent to judge", 0, 0, None, 0, 0),
    ]  # fmt: skip


# --- everywhere


def test_two_workspaces_stay_apart_and_each_has_its_name(lake: LakeWriter, ask: Ask) -> None:
    put(lake, "workspaces", world.workspace())
    put(lake, "campaigns", world.campaign("c1"))
    put(lake, "campaigns", world.campaign("c1", name="Same id elsewhere"), ws="ws-2")
    put(lake, "campaign_analytics", world.counters("c1"))
    lake.log("sync_runs", [{"workspace_name": "second", "started_at": at(0), "outcome": "running"}], ws="ws-2")
    found = ask("select workspace_id, workspace_name, campaign_name, sent from marts.rpt_campaign_summary order by 1")
    assert found == [("ws-1", "Acme Öutbound", "Campaign c1", 2000), ("ws-2", "second", "Same id elsewhere", None)]


def full_world(lake: LakeWriter) -> None:
    """A bit of everything, with instants around midnight."""
    put(lake, "workspaces", world.workspace())
    steps = [{"delay": 3, "variants": [{"subject": "Hi", "body": "Hello"}, {"subject": "Ho"}]}]
    created = "2026-01-05T23:30:00.000Z"
    put(lake, "campaigns", world.campaign("c1", timestamp_created=created, sequences=[{"steps": steps}]))
    put(lake, "campaign_analytics", world.counters("c1"))
    put(lake, "daily_analytics", world.day("c1", "2026-02-28"), world.day("c1", "2026-02-27"))
    put(lake, "daily_analytics", world.day("c1", "2026-02-28", sent=120), hours=18)
    put(lake, "workspace_daily_analytics", world.day(None, "2026-02-27"), world.day(None, "2026-02-28"))
    put(lake, "step_analytics", world.step("c1", "2026-02-28", "0", "0"))
    put(lake, "accounts", world.account("a@s.example"))
    put(lake, "accounts", world.account("a@s.example", daily_limit=60), hours=17.5)
    put(lake, "account_daily_analytics", world.account_day("a@s.example", "2026-03-01"), hours=20)
    put(lake, "leads", world.lead("a", "c1", timestamp_last_contact="2026-02-28T23:59:59.999Z", payload={"city": "x"}))
    put(lake, "block_list_entries", {"id": "b", "bl_value": "b@clinic.example", "timestamp_created": world.CREATED})
    put(lake, "leads", world.lead("b", "c1", email_reply_count=1, timestamp_last_reply="2026-02-01T23:30:00.000Z"))
    put(lake, "custom_tags", {"id": "t", "organization_id": "ws-1", "label": "Pool B"})
    put(
        lake, "custom_tag_mappings",
        {"id": "m", "organization_id": "ws-1", "tag_id": "t", "resource_id": "c1", "resource_type": 2},
    )  # fmt: skip
    put(lake, "lead_lists", {"id": "l", "organization_id": "ws-1", "name": "List"})
    put(lake, "step_analytics_lifetime", world.step("c1", "", "0", "0") | {"date": None})
    put(lake, "emails", world.email("sent", "b", timestamp_email="2026-02-01T08:30:00.000Z"))
    put(lake, "webhook_events", world.event("email_bounced", "a", 2))
    put(lake, "emails", world.email("answer", "b", ue_type=2, i_status=1, timestamp_email="2026-02-01T23:30:00.000Z"))
    put(
        lake, "inbox_placement_analytics",
        {"id": "p", "test_id": "t", "record_type": 2, "sender_email": "a@s.example", "recipient_esp": 1,
         "is_spam": False, "timestamp_created": "2026-02-28T23:30:00.000Z", "timestamp_created_date": "2026-02-28"},
    )  # fmt: skip
    lake.log("verified", [{"stream": "daily_analytics", "verified_at": at(18)},
                          {"stream": "workspace_daily_analytics", "verified_at": at(18)}])  # fmt: skip
    lake.log("sync_runs", [{"started_at": at(0), "ended_at": at(1), "outcome": "ok", "requests": 9}])
    lake.log("stream_status", [{"stream": "leads", "outcome": "ok", "ended_at": at(1), "started_at": at(0)}])


@pytest.mark.whole
def test_the_session_time_zone_changes_nothing(lake: LakeWriter, opener: Opener) -> None:
    full_world(lake)
    warehouse = opener(load=True)
    con = warehouse.connection
    made = warehouse.run_models()
    expected = dump(con, warehouse.models())
    empty = {name for name, rows in expected.items() if name.startswith("marts.") and not rows}
    assert empty == {"marts.dim_client", "marts.bridge_campaign_client"}  # the seed names no client
    for zone in ("America/Los_Angeles", "Asia/Kolkata"):
        con.execute(f"set TimeZone = '{zone}'")
        warehouse.run_models()
        assert dump(con, warehouse.models()) == expected
    con.execute("set TimeZone = 'UTC'")
    zoned = [(name, column) for name, result in made.items() for column, kind in result.columns if "ZONE" in kind]
    assert zoned == []
    failed = [result.name for result in warehouse.run_checks() if not result.passed and result.blocking]
    assert failed == []


def dump(con: duckdb.DuckDBPyConnection, models: dict[str, Any]) -> dict[str, list[Any]]:
    """Every model as text, read in the session as it is."""
    return {
        model.full_name: con.execute(f"select columns(*)::varchar from {model.full_name} order by all").fetchall()
        for model in models.values()
    }


def test_every_mart_names_its_workspace_and_begins_with_its_key(lake: LakeWriter, opener: Opener) -> None:
    warehouse = opener()
    marts = [model for model in warehouse.models().values() if model.schema == "marts"]
    assert len(marts) >= 11
    for model in marts:
        names = [column.name for column in model.columns]
        # a day is the same day in every workspace, and a client can have several
        if model.name not in {"dim_date", "dim_client", "rpt_client_weekly"}:
            assert {"workspace_id", "workspace_name"} <= set(names), model.name
            assert names[0] == "workspace_id", model.name
        assert model.key, model.name
        assert all(column.description for column in model.columns), model.name
