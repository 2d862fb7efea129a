"""Every mart against figures counted from the local API's own log and state, on four worlds."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.warehouse.marts.lead_world import last_step
from tests.warehouse.marts.worlds import CORE_ALONE, Row, Space, Synced

pytestmark = pytest.mark.whole

POSITIVE = (1, 2, 3, 4)


def day(text: str) -> date:
    return date.fromisoformat(text[:10])


def close(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)


def share(x: float, n: float) -> float | None:
    return x / n if n else None


def test_no_promise_that_blocks_is_broken(world: Synced) -> None:
    assert [check.name for check in world.checks if not check.passed and check.blocking] == []


# --- campaigns, days, steps


def test_the_summary_of_campaigns_is_what_the_api_counts(world: Synced) -> None:
    for space in world.spaces:
        found = {row["campaign_id"]: row for row in _of(world, "rpt_campaign_summary", space)}
        kinds = {label["interest_status"]: label["interest_status_label"] for label in space.state("lead_labels")}
        assert {c["id"] for c in space.campaigns} <= found.keys()
        for campaign in space.campaigns:
            row, counters = found[campaign["id"]], defaultdict(int, space.counters.get(campaign["id"], {}))
            leads = [lead for lead in space.leads if lead.get("campaign") == campaign["id"]]
            positive = sum(
                lead.get("lt_interest_status") in POSITIVE or kinds.get(lead.get("lt_interest_status")) == "positive"
                for lead in leads
            )
            reached, sent = counters["new_leads_contacted_count"], counters["emails_sent_count"]
            assert (row["sent"], row["leads_reached"], row["positive_leads"]) == (sent, reached, positive)
            assert row["uncontacted"] == sum(
                lead["status"] == 1 and not lead.get("timestamp_last_contact") for lead in leads
            )
            tracked = campaign.get("open_tracking", True)
            assert row["open_rate"] == close(share(counters["open_count_unique"], reached) if tracked else None)
            assert row["reply_rate"] == close(share(counters["reply_count_unique"], reached))
            assert row["bounce_rate"] == close(share(counters["bounced_count"], sent))
            assert row["positive_per_sent"] == close(share(positive, sent))
            assert row["days_active"] == sum(d["sent"] > 0 for d in space.days[campaign["id"]].values())
            assert row["campaign_name"] == campaign["name"]


def test_days_of_campaigns_and_of_the_workspace_are_counted_right(world: Synced) -> None:
    for space in world.spaces:
        rows = _of(world, "dim_campaign", space)  # one deleted before is known from events alone, and not asked for
        known = {r["campaign_id"] for r in rows if r["is_listed"] or r["is_deleted"]}
        assert known >= {c["id"] for c in space.campaigns}
        sent = {key: n for key, n in space.sent("campaign", "date").items() if key[0] in known}
        found = {(r["campaign_id"], str(r["date"])): r["sent"] for r in _of(world, "fct_campaign_daily", space)}
        assert {key: n for key, n in found.items() if n} == sent
        whole = {str(r["date"]): r for r in _of(world, "rpt_workspace_daily", space)}
        assert {d: r["sent"] for d, r in whole.items() if r["sent"]} == {d: n for (d,), n in space.sent("date").items()}
        for row in whole.values():
            window = [str(row["date"] - timedelta(days=n)) for n in range(7)]
            assert row["sent_7d"] == sum(whole[d]["sent"] for d in window if d in whole)


def test_weeks_of_campaigns_are_the_sends_of_the_log_and_count_each_positive_lead_once(world: Synced) -> None:
    for space in world.spaces:
        known = {r["campaign_id"] for r in _of(world, "fct_campaign_daily", space)}
        sent: Counter[tuple[str, str]] = Counter()
        for (campaign, day), n in space.sent("campaign", "date").items():
            if campaign in known:
                monday = date.fromisoformat(day) - timedelta(days=date.fromisoformat(day).weekday())
                sent[campaign, str(monday)] += n
        rows = _of(world, "rpt_campaign_weekly", space)
        assert {(r["campaign_id"], str(r["week"])): r["sent"] for r in rows if r["sent"]} == sent
        positive, meetings, bounced = defaultdict(set), defaultdict(set), defaultdict(set)
        for event in _of(world, "fct_lead_event", space):
            changed = event["event"] == "interest changed"
            if changed and event["interest_kind"] == "positive":
                positive[event["campaign_id"]].add(event["lead_id"])
            if changed and event["lt_interest_status"] in (2, 3, 4):
                meetings[event["campaign_id"]].add(event["lead_id"])
            if event["event"] == "bounced":
                bounced[event["campaign_id"]].add(event["lead_id"])
        counted = {"new_positive_leads": positive, "new_meeting_leads": meetings, "bounced_leads": bounced}
        for name, leads in counted.items():
            sums: Counter[str] = Counter()
            for row in rows:
                sums[row["campaign_id"]] += row[name] or 0
            assert +sums == Counter({k: len(v) for k, v in leads.items() if k is not None})


def test_what_the_platform_stopped_is_a_blocker_and_red_and_what_rests_is_grey(world: Synced) -> None:
    for space in world.spaces:
        stopped = {c["id"] for c in space.campaigns if c["status"] < 0}
        resting = {c["id"] for c in space.campaigns if c["status"] in (0, 2, 3)}
        blockers = _of(world, "rpt_sending_blockers", space)
        assert {r["campaign_id"] for r in blockers if r["blocker"] == "campaign status"} == stopped
        assert not {r["campaign_id"] for r in blockers} & resting
        health = {r["campaign_id"]: r["health"] for r in _of(world, "rpt_campaign_summary", space)}
        assert {health[key] for key in stopped} <= {"red"}
        assert {health[key] for key in resting} <= {"grey"}


def test_variants_have_the_sends_and_replies_of_the_log(world: Synced) -> None:
    for space in world.spaces:
        sent, replies = (
            space.sent("campaign", "step", "variant"),
            space.people("replied", "campaign", "step", "variant"),
        )
        alive = {c["id"] for c in space.campaigns}
        found = {
            (r["campaign_id"], int(r["step"]), int(r["variant"])): r
            for r in _of(world, "rpt_variant_performance", space)
            if r["subsequence_id"] is None
        }
        listed = {key for key in sent if key[0] in alive}
        assert listed <= found.keys() <= sent.keys()
        for key in listed:
            row = found[key]
            assert (row["sent"], row["unique_replies"]) == (sent[key], replies.get(key, 0))
            step = [other for other in sent if other[:2] == key[:2]]
            assert row["variants"] == len(step)
            assert row["share_of_sent"] == close(sent[key] / sum(sent[other] for other in step))
            n, x = row["sent"], row["unique_replies"]
            assert row["posterior_mean"] == close((row["prior_a"] + x) / (row["prior_a"] + row["prior_b"] + n))
            enough = min(sent[o] for o in step) >= 100 and sum(replies.get(o, 0) for o in step) >= 10
            assert (row["verdict"] in ("winner", "worse", "as good", "undecided")) == (enough and len(step) > 1)
            assert row["verdict_reason"]
        by_step: dict[tuple[str, str], float] = defaultdict(float)
        for row in found.values():
            by_step[row["campaign_id"], row["step"]] += row["chance_best"]
        assert all(total == pytest.approx(1) for total in by_step.values())


def test_steps_drop_off_as_the_log_says(world: Synced) -> None:
    for space in world.spaces:
        sent = space.sent("campaign", "step")
        replies: Counter[tuple[Any, ...]] = Counter()
        for (campaign, step, _), people in space.people("replied", "campaign", "step", "variant").items():
            replies[campaign, step] += people
        rows = [
            r
            for r in _of(world, "rpt_step_dropoff", space)
            if r["campaign_id"] in {c["id"] for c in space.campaigns} and r["subsequence_id"] is None
        ]
        assert {(r["campaign_id"], int(r["step"])) for r in rows} == {
            key for key in sent if key[0] in {c["id"] for c in space.campaigns}
        }
        for row in rows:
            key = (row["campaign_id"], int(row["step"]))
            assert (row["sent"], row["unique_replies"]) == (sent[key], replies[key])
            assert row["share_of_first_step"] == close(share(sent[key], sent[key[0], 0]))
            assert row["replies_per_1000"] == close(1000 * replies[key] / sent[key])
            all_replies = sum(
                n for (campaign, step), n in replies.items() if campaign == key[0] and (key[0], step) in sent
            )
            so_far = sum(n for (c, s), n in replies.items() if c == key[0] and s is not None and s <= key[1])
            assert row["cumulative_share_of_replies"] == close(share(so_far, all_replies))


# --- senders


def test_days_of_domains_are_the_sum_of_their_mailboxes(world: Synced) -> None:
    for space in world.spaces:
        sent, bounced = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for event in space.events:
            if event["account"] and event["kind"] in ("sent", "bounced"):
                (sent if event["kind"] == "sent" else bounced)[event["account"].split("@")[1], event["date"]] += 1
        rows = {(r["domain"], str(r["date"])): r for r in _of(world, "rpt_domain_health", space)}
        known = {r["email"] for r in _of(world, "fct_account_daily", space)}
        expected = Counter[tuple[str, str]]()
        for (account, date_), n in space.sent("account", "date").items():
            if account in known:
                expected[account.split("@")[1], date_] += n
        assert {key: r["sent"] for key, r in rows.items() if r["sent"]} == expected
        for (domain, on), row in rows.items():
            window = [(domain, str(day(on) - timedelta(days=n))) for n in range(7)]
            assert row["sent_7d"] == sum(rows[k]["sent"] for k in window if k in rows)
            assert row["bounce_rate"] == close(share(row["bounced"], row["sent"]))
            if expected == sent:  # no mailbox of the log is unknown to the API
                assert row["bounced"] == bounced[domain, on]


def test_domains_count_the_accounts_that_are_there(world: Synced) -> None:
    for space in world.spaces:
        rows = {r["domain"]: r for r in _of(world, "dim_domain", space)}
        there = defaultdict(list)
        for account in space.accounts:
            there[account["email"].split("@")[1].lower()].append(account)
        assert {domain for domain, r in rows.items() if r["is_listed"]} == there.keys()
        for domain, accounts in there.items():
            active = [a for a in accounts if a["status"] == 1]
            assert (rows[domain]["accounts"], rows[domain]["accounts_active"]) == (len(accounts), len(active))
            assert rows[domain]["daily_limit"] == sum(a["daily_limit"] for a in active)


# --- outlook


def _sending_days(campaign: Row) -> list[int]:
    """Weekdays (0 = Sunday) of a campaign."""
    named = {int(d) for s in campaign["campaign_schedule"]["schedules"] for d, on in s["days"].items() if on}
    return sorted(named) or list(range(7))


def _follow_ups(space: Space, first: date) -> Iterator[tuple[str, date]]:
    """Account and day of every e-mail to come, lead by lead."""
    campaigns = {c["id"]: c for c in space.campaigns if c["status"] == 1 and c.get("sequences")}
    for lead in space.leads:
        campaign = campaigns.get(lead.get("campaign"))
        if campaign is None or lead["status"] != 1 or not last_step(lead) or lead.get("subsequence_id"):
            continue
        waits = [step["delay"] for step in campaign["sequences"][0]["steps"]]
        step = int(last_step(lead)["stepID"].split("_")[1])
        due = max(day(last_step(lead)["timestamp_executed"]) + timedelta(days=waits[step]), first)
        for following in range(step + 1, len(waits)):
            on = due
            while on.isoweekday() % 7 not in _sending_days(campaign):
                on += timedelta(days=1)
            if due < first + timedelta(days=14):
                yield last_step(lead)["from"].lower(), on
            due += timedelta(days=waits[following])


def _follow_ups_of_subsequences(space: Space, first: date) -> Iterator[tuple[str, date]]:
    """The same of leads in subsequences; each has one step, after a day."""
    subsequences = {s["id"]: s for s in space.state("subsequences")}
    for lead in space.leads:
        sub = subsequences.get(lead.get("subsequence_id"))
        entered = lead.get("timestamp_added_subsequence", "")
        if sub is None or lead.get("status_summary_subseq") or (lead.get("timestamp_last_reply") or "") > entered:
            continue
        on = max(day(entered) + timedelta(days=1), first)
        while on.isoweekday() % 7 not in _sending_days({"campaign_schedule": sub["subsequence_schedule"]}):
            on += timedelta(days=1)
        yield last_step(lead)["from"].lower(), on


def _serving(space: Space, email: str, on: date | None = None) -> list[Row]:
    """Active campaigns that an account sends for, of them those that send on a day."""
    return [
        campaign
        for campaign in space.campaigns
        if campaign["status"] == 1
        and email in {one.lower() for one in campaign.get("email_list") or ()}
        and (on is None or on.isoweekday() % 7 in _sending_days(campaign))
    ]


def test_capacity_is_what_can_be_used_of_the_limits_less_the_follow_ups_of_every_lead(world: Synced) -> None:
    first = world.today + timedelta(days=1)
    for space in world.spaces:
        rows = {(r["email"], r["date"]): r for r in _of(world, "rpt_capacity", space)}
        whole = {r["date"]: r for r in _of(world, "rpt_workspace_capacity", space)}
        states = {r["email"]: r for r in _of(world, "rpt_sender_health", space)}
        followed = Counter(_follow_ups_of_subsequences(space, first))
        due = Counter(_follow_ups(space, first)) + followed
        emails = [a["email"].lower() for a in space.accounts]
        days = [first + timedelta(days=n) for n in range(14)]
        assert rows.keys() == {(e, d) for e in emails for d in days}
        assert whole.keys() == (set(days) if emails else set())
        for account in space.accounts:
            email = account["email"].lower()
            assert states[email]["active_campaigns"] == len(_serving(space, email))
            works = account["status"] == 1 and states[email]["health"] != "red" and states[email]["is_ready"]
            for on in days:
                row, usable = rows[email, on], works and bool(_serving(space, email, on))
                assert (row["daily_limit"], row["follow_ups_due"]) == (account["daily_limit"], due[email, on])
                assert (row["usable_limit"], row["unusable_because"] is None) == (
                    account["daily_limit"] if usable else 0, usable,
                )  # fmt: skip
                assert row["headroom"] == (max(account["daily_limit"] - row["follow_ups_due"], 0) if usable else 0)
                told = None if world.name in CORE_ALONE else followed[email, on]
                assert row["subsequence_follow_ups_due"] == told
        for on in days if emails else ():
            row, of_day = whole[on], [rows[email, on] for email in emails]
            assert row["follow_ups_due"] == sum(n for (_, d), n in due.items() if d == on)
            assert row["usable_limit"] == sum(r["usable_limit"] for r in of_day)
            assert row["headroom_of_mailboxes"] == sum(r["headroom"] for r in of_day)
            assert row["headroom"] <= row["headroom_of_mailboxes"]


def test_campaigns_have_the_mailboxes_that_the_api_names(world: Synced) -> None:
    for space in world.spaces:
        found = {(r["campaign_id"], r["email"]) for r in _of(world, "bridge_campaign_account", space)}
        assert found == {(c["id"], email.lower()) for c in space.campaigns for email in c.get("email_list") or ()}


def _dry_on(campaign: Row, left: int, pace: float, as_of: datetime) -> date | None:
    """The day on which the last lead is contacted, walked day by day; the pace of today is that of any day."""
    [schedule] = campaign["campaign_schedule"]["schedules"]
    local = as_of.astimezone(ZoneInfo(schedule["timezone"]))
    is_over = local.strftime("%H:%M") >= schedule["timing"]["to"] or campaign.get("not_sending_status") in (3, 4)
    on, days = local.date(), 0
    while days < math.ceil(round(left / pace, 9)):
        days += on.isoweekday() % 7 in _sending_days(campaign) and not (is_over and on == local.date())
        on += timedelta(days=1)
    return on - timedelta(days=1) if days else None


def test_the_runway_is_uncontacted_leads_over_the_pace_of_the_last_sending_days(world: Synced) -> None:
    for space in world.spaces:
        rows = {r["campaign_id"]: r for r in _of(world, "rpt_runway", space)}
        assert rows.keys() == {c["id"] for c in space.campaigns}
        [as_of] = {r["as_of"] for r in _of(world, "dim_workspace", space)}
        for campaign in space.campaigns:
            row, days = rows[campaign["id"]], space.days[campaign["id"]]
            left = sum(
                lead.get("campaign") == campaign["id"]
                and lead["status"] == 1
                and not lead.get("timestamp_last_contact")
                for lead in space.leads
            )
            past = sorted(d for d, r in days.items() if r["sent"] and day(d) < world.today)[-7:]
            pace = [days[d]["new_leads_contacted"] for d in past]
            assert (row["uncontacted"], row["sending_days_counted"] or 0) == (left, len(pace))
            middle = statistics.median(pace) if pace else 0
            assert row["days_left"] == close(share(left, middle))
            if campaign["status"] != 1 or not middle:
                assert row["runs_dry_on"] is None
            elif left and not days.get(str(world.today), {}).get("new_leads_contacted"):
                assert row["runs_dry_on"] == _dry_on(campaign, left, middle, as_of.replace(tzinfo=UTC))


# --- watch


def test_anomalies_are_found_where_a_slow_look_finds_them(world: Synced) -> None:
    for space in world.spaces:
        by_day = {day(d): n for (d,), n in space.sent("date").items()}
        rows = [r for r in _of(world, "rpt_anomalies", space) if (r["entity"], r["metric"]) == ("workspace", "sent")]
        if not by_day:
            assert rows == []
            continue
        last = world.today - timedelta(days=2)  # the last closed day at noon
        first = max(min(by_day), last - timedelta(days=90))
        expected = {last - timedelta(days=n) for n in range(28)} & {
            first + timedelta(days=n) for n in range((last - first).days + 1)
        }
        assert {r["date"] for r in rows} == expected
        for row in rows:
            before = [row["date"] - timedelta(weeks=n) for n in range(1, 9)]
            values = [by_day.get(d, 0) for d in before if d >= first]
            assert (row["value"], row["weeks_known"]) == (by_day.get(row["date"], 0), len(values))
            if len(values) < 4:
                assert (row["score"], row["verdict"]) == (None, "too little history")
                continue
            usual = statistics.median(values)
            spread = max(1.4826 * statistics.median(abs(v - usual) for v in values), math.sqrt(usual), 1)
            assert row["score"] == close((row["value"] - usual) / spread)
            assert row["is_anomaly"] == (abs(row["score"]) >= 3.5 and max(row["value"], usual) >= 20)


def test_the_reconciliation_is_that_of_the_apis_own_leads_and_counters(world: Synced) -> None:
    for space in world.spaces:
        rows = {(r["campaign_id"], r["metric"]): r for r in _of(world, "rpt_reconciliation", space)}
        for campaign, counters in space.counters.items():
            if not space.leads:
                assert not any(metric == "leads" for _, metric in rows)
                continue
            leads = sum(lead.get("campaign") == campaign for lead in space.leads)
            row = rows[campaign, "leads"]
            assert (row["ours"], row["theirs"]) == (leads, counters["leads_count"])
            steps = rows.get((campaign, "sent by step"))
            if steps is not None:
                assert (steps["ours"], steps["theirs"]) == (counters["emails_sent_count"],) * 2


def test_every_stream_is_fresh_after_a_sync_and_its_requests_are_those_the_api_saw(world: Synced) -> None:
    total = 0
    for space in world.spaces:
        fresh = {r["stream"]: r for r in _of(world, "rpt_data_freshness", space)}
        assert {r["state"] for r in fresh.values()} == {"fresh"}
        assert fresh["leads"]["rows"] == len(space.leads)
        assert fresh["campaigns"]["rows"] == len(space.campaigns)
        cost = {r["stream"]: r for r in _of(world, "rpt_sync_cost", space)}
        assert cost.keys() == {*fresh, "*"}
        total += cost["*"]["requests"]
        assert sum(r["requests"] for s, r in cost.items() if s != "*") <= cost["*"]["requests"]
    assert total == world.requests


# --- dimensions


def test_lists_and_tags_are_those_of_the_api(world: Synced) -> None:
    for space in world.spaces:
        lists = {r["list_id"]: r for r in _of(world, "dim_lead_list", space)}
        assert {key for key, r in lists.items() if r["is_listed"]} == {one["id"] for one in space.state("lead_lists")}
        leads = Counter(lead["list_id"] for lead in space.leads if lead.get("list_id"))
        assert {key: r["leads"] for key, r in lists.items() if r["leads"]} == leads
        tags = {r["tag_id"]: r["label"] for r in _of(world, "dim_tag", space) if r["is_listed"]}
        assert tags == {tag["id"]: tag["label"] for tag in space.state("custom_tags")}


def test_the_history_has_each_change_once(world: Synced) -> None:
    for space in world.spaces:
        for mart, key, now in (
            ("dim_campaign_history", "campaign_id", {c["id"]: c["name"] for c in space.campaigns}),
            ("dim_account_history", "email", {a["email"].lower(): a["daily_limit"] for a in space.accounts}),
        ):
            rows = _of(world, mart, space)
            current = {r[key]: r for r in rows if r["is_current"] and r["event"] != "deleted"}
            assert {k: r["campaign_name" if key == "campaign_id" else "daily_limit"] for k, r in current.items()} == now
            by_key = defaultdict(list)
            for row in sorted(rows, key=lambda r: r["version"]):
                by_key[row[key]].append(row)
            for versions in by_key.values():
                assert [v["version"] for v in versions] == list(range(1, len(versions) + 1))
                assert [v["valid_to"] for v in versions[:-1]] == [v["valid_from"] for v in versions[1:]]


def test_the_calendar_has_every_day_of_the_facts(world: Synced) -> None:
    for mart in ("fct_campaign_daily", "fct_account_daily", "rpt_workspace_daily", "rpt_capacity"):
        missing = world.rows(f"select date from marts.{mart} where date not in (select date from marts.dim_date)")
        assert missing == []
    years = world.rows("select min(date), max(date) from marts.dim_date")
    assert [(d.month, d.day) for d in years[0] if d] == [(1, 1), (12, 31)]


def _of(world: Synced, mart: str, space: Space) -> list[Row]:
    return world.dicts(f"select * from marts.{mart} where workspace_id = ?", space.id)
