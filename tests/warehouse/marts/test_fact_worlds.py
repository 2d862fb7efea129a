"""Facts, dimensions and senders against figures counted from the local API's own log and state, on four worlds."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest

from tests.warehouse.marts.worlds import Row, Space, Synced

pytestmark = pytest.mark.whole

Key = tuple[Any, ...]
Z = 1.959963984540054**2
NORTH_STAR = ("positive_per_sent_low", "reply_rate_low")
KINDS = {"opened": "opened", "replies": "replied", "replies_automatic": "auto_replied", "clicks": "clicked"}


def of(world: Synced, mart: str, space: Space) -> list[Row]:
    return world.dicts(f"select * from marts.{mart} where workspace_id = ?", space.id)


def close(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)


def share(x: float, n: float | None) -> float | None:
    return x / n if n else None


def counted(events: Iterable[Row], *by: str) -> dict[Key, Counter[str]]:
    """Every counter of the API, by fields of its log: plain, and of different leads."""
    found: dict[Key, Counter[str]] = defaultdict(Counter)
    people: dict[tuple[Key, str], set[str]] = defaultdict(set)
    names = {kind: name for name, kind in KINDS.items()}
    for event in events:
        key = tuple(event[name] for name in by)
        if event["kind"] == "sent":
            found[key]["sent"] += 1
            found[key]["new_leads_contacted"] += event["step"] == 0
            people[key, "contacted"].add(event["lead"])
        elif event["kind"] in names:
            found[key][names[event["kind"]]] += 1
            people[key, f"unique_{names[event['kind']]}"].add(event["lead"])
        elif event["kind"] == "bounced":
            found[key]["bounced"] += 1
    for (key, name), leads in people.items():
        found[key][name] = len(leads)
    return found


def assert_counters(row: Row, figures: Counter[str], *names: str) -> None:
    asked = [*names, "sent", *KINDS, *(f"unique_{name}" for name in KINDS)]
    assert {name: row[name] for name in asked if name in row} == {n: figures[n] for n in asked if n in row}


def week(found: dict[Key, Counter[str]], *key: Any, day: date, days: int = 7) -> Counter[str]:
    """The sums of the days that end with `day`."""
    total: Counter[str] = Counter()
    for n in range(days):
        total.update(found.get((*key, str(day - timedelta(days=n))), Counter()))
    return total


def is_partial(world: Synced, day: date) -> bool:
    return day >= world.today - timedelta(days=1)  # the worlds are read at noon


# --- facts


def test_every_counter_of_a_campaigns_day_is_that_of_the_log(world: Synced) -> None:
    for space in world.spaces:
        listed = {campaign["id"] for campaign in space.campaigns}
        found = counted(space.events, "campaign", "date")
        rows = [row for row in of(world, "fct_campaign_daily", space) if row["campaign_id"] in listed]
        keys = {(row["campaign_id"], str(row["date"])) for row in rows}
        assert keys >= {key for key, n in found.items() if n.total() and key[0] in listed}
        for row in rows:
            campaign, day = row["campaign_id"], row["date"]
            assert_counters(row, found[campaign, str(day)], "contacted", "new_leads_contacted")
            sums = week(found, campaign, day=day)
            assert [row[f"{n}_7d"] for n in ("sent", "opened", "replies", "clicks", "new_leads_contacted")] == [
                sums[n] for n in ("sent", "opened", "replies", "clicks", "new_leads_contacted")
            ]
            assert row["replies_per_sent_7d"] == close(share(sums["replies"], sums["sent"]))
            if not row["is_vanished"]:
                assert (row["is_partial"], row["figures_state"]) == (is_partial(world, day), "as read")


def test_every_counter_of_a_steps_day_is_that_of_the_log(world: Synced) -> None:
    for space in world.spaces:
        listed = {campaign["id"] for campaign in space.campaigns}
        found = counted(space.events, "campaign", "date", "step", "variant")
        rows = [row for row in of(world, "fct_campaign_step_daily", space) if row["campaign_id"] in listed]
        seen = set()
        for row in rows:
            step, variant = (None if row[n] is None else int(row[n]) for n in ("step", "variant"))
            key = (row["campaign_id"], str(row["date"]), step, variant)
            seen.add(key)
            assert_counters(row, found[key])
            assert row["is_unmatched"] == (step is None)
            if step is not None and variant is not None:
                assert (row["step_number"], row["variant_letter"]) == (step + 1, "ABCDEFGH"[variant])
        assert seen >= {key for key, n in found.items() if n.total() > n["bounced"] and key[0] in listed}


def test_every_counter_of_an_accounts_day_is_that_of_the_log(world: Synced) -> None:
    for space in world.spaces:
        there = {account["email"].lower(): account for account in space.accounts}
        found = counted((e for e in space.events if e["account"]), "account", "date")
        warmed = _warmup(world, space)
        rows = [row for row in of(world, "fct_account_daily", space) if row["email"] in there]
        keys = {(row["email"], str(row["date"])) for row in rows}
        assert keys >= {key for key, n in found.items() if n.total() and key[0] in there}
        assert keys >= warmed.keys()
        limits = {row["email"] for row in of(world, "dim_account_history", space) if row["version"] > 1}
        for row in rows:
            email, day = row["email"], row["date"]
            if row["sent"] is not None:
                assert_counters(row, found[email, str(day)], "bounced", "contacted", "new_leads_contacted")
                assert row["bounce_rate"] == close(share(row["bounced"], row["sent"]))
                sums = week(found, email, day=day)
                assert [row[f"{n}_7d"] for n in ("sent", "bounced", "replies")] == [
                    sums[n] for n in ("sent", "bounced", "replies")
                ]
                if email not in limits:
                    assert row["daily_limit"] == there[email]["daily_limit"]
                assert row["utilisation_rate"] == close(share(row["sent"], row["daily_limit"]))
            sent, inbox, spam = warmed.get((email, str(day)), (None, None, None))
            if (email, str(day)) in warmed:
                assert (row["warmup_sent"], row["warmup_inbox"], row["warmup_spam"]) == (sent, inbox, spam)


def test_the_days_of_a_workspace_have_every_counter_of_the_log(world: Synced) -> None:
    for space in world.spaces:
        found = counted(space.events, "date")
        rows = of(world, "rpt_workspace_daily", space)
        assert {str(row["date"]) for row in rows} >= {d for (d,), n in found.items() if n.total() > n["bounced"]}
        known = {row["email"] for row in of(world, "fct_account_daily", space)}
        for row in rows:
            day = row["date"]
            assert_counters(row, found[str(day),], "contacted", "new_leads_contacted")
            sums = week(found, day=day)
            assert (row["replies_7d"], row["new_leads_contacted_7d"]) == (sums["replies"], sums["new_leads_contacted"])
            assert [row[f"{name}_target"] for name in ("sent", "replies", "opportunities")] == [None] * 3
            bounced = sum(
                event["kind"] == "bounced" and event["date"] == str(day) and event["account"] in known
                for event in space.events
            )
            assert (row["bounced"] or 0) == bounced


# --- lifetime metrics


def wilson(x: float, n: float) -> tuple[float, float]:
    z, p = 1.959963984540054, x / n
    middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - spread) / (1 + z * z / n)), min(1.0, (middle + spread) / (1 + z * z / n))


def test_the_other_metrics_of_a_campaign_follow_from_its_counters(world: Synced) -> None:
    for space in world.spaces:
        rows = {row["campaign_id"]: row for row in of(world, "rpt_campaign_summary", space)}
        met: dict[str, set[str]] = defaultdict(set)
        for event in space.events:
            if event["kind"] == "interest" and event["value"] == 2:
                met[event["campaign"]].add(event["lead"])
        for campaign in space.campaigns:
            row, n = rows[campaign["id"]], defaultdict(int, space.counters.get(campaign["id"], {}))
            reached, sent, replied = n["new_leads_contacted_count"], n["emails_sent_count"], n["reply_count_unique"]
            automatic, clicks = n["reply_count_automatic_unique"], n["link_click_count_unique"]
            tracked = campaign.get("link_tracking", True)
            assert row["click_rate"] == close(share(clicks, reached) if tracked else None)
            assert row["unsubscribe_rate"] == close(share(n["unsubscribed_count"], reached))
            assert row["auto_reply_share"] == close(share(automatic, automatic + replied))
            assert row["positive_per_reply"] == close(share(row["positive_leads"], replied))
            assert row["opportunity_value_per_1000_sent"] == close(share(1000 * n["total_opportunity_value"], sent))
            assert [row[name] for name in ("cost", "cost_per_positive", "cost_per_meeting")] == [None] * 3
            if campaign["id"] in space.counters and not space.edited:
                assert row["meetings"] == len(met[campaign["id"]])
            assert row["meeting_rate"] == close(share(row["meetings"], reached))
            for name, x, of_ in (("reply_rate", replied, reached), ("bounce_rate", n["bounced_count"], sent)):
                low, high = wilson(x, of_) if of_ else (None, None)
                assert (row[f"{name}_low"], row[f"{name}_high"]) == (close(low), close(high))
        ranked = sorted((r for r in rows.values() if r["rank_in_workspace"]), key=lambda r: r["rank_in_workspace"])
        bounds = [tuple(-1 if r[low] is None else r[low] for low in NORTH_STAR) for r in ranked]
        assert bounds == sorted(bounds, reverse=True)


# --- senders


def _warmup(world: Synced, space: Space) -> dict[Key, tuple[int, int, int]]:
    """What the API itself answers about the warmup: (account, date) -> sent, inbox, spam."""
    emails = [account["email"] for account in space.accounts]
    if not emails:
        return {}
    answer = world.bench.control.post(
        f"{world.bench.url}/api/v2/accounts/warmup-analytics",
        json={"emails": emails},
        headers={"Authorization": f"Bearer {space.key}", "User-Agent": "instantly-pipeline-tests/1"},
    ).json()
    return {
        (email.lower(), day): (n.get("sent", 0), n.get("landed_inbox", 0), n.get("landed_spam", 0))
        for email, days in answer["email_date_data"].items()
        for day, n in days.items()
    }


def test_the_health_of_a_sender_is_that_of_its_last_days(world: Synced) -> None:
    for space in world.spaces:
        rows = {row["email"]: row for row in of(world, "rpt_sender_health", space)}
        turned = {row["entity_id"] for row in of(world, "rpt_rate_changes", space) if row["is_worse"]}
        assert rows.keys() == {account["email"].lower() for account in space.accounts}
        found, warmed = counted((e for e in space.events if e["account"]), "account", "date"), _warmup(world, space)
        for account in space.accounts:
            row, email = rows[account["email"].lower()], account["email"].lower()
            month, last = (week(found, email, day=world.today, days=n) for n in (30, 7))
            assert ((row["sent_7d"] or 0), (row["sent_30d"] or 0)) == (last["sent"], month["sent"])
            assert ((row["bounced_30d"] or 0), (row["daily_unique_replies_sum_30d"] or 0)) == (
                month["bounced"], month["unique_replies"],
            )  # fmt: skip
            assert row["bounce_rate"] == close(share(month["bounced"], month["sent"]))
            days = [str(world.today - timedelta(days=n)) for n in range(7)]
            tried = [warmed[email, day] for day in days if (email, day) in warmed]
            sent, inbox, spam = (sum(one[n] for one in tried) for n in range(3))
            assert ((row["warmup_sent_7d"] or 0), (row["warmup_inbox_7d"] or 0)) == (sent, inbox)
            assert (row["warmup_spam_7d"] or 0) == spam
            assert row["warmup_inbox_rate"] == close(share(inbox, sent))
            assert row["stat_warmup_score"] == account.get("stat_warmup_score")
            light = _light(account, month, sent, inbox)
            assert row["health"] == ("amber" if email in turned and light != "red" else light)
            assert (row["act"] == "reconnect") == (account["status"] < 0)
            begun = date.fromisoformat(account["timestamp_warmup_start"][:10])
            assert (row["warmup_started_on"], row["days_warming"]) == (begun, max((world.today - begun).days, 0))
            sends = [key[1] for key, n in found.items() if key[0] == email and n["sent"]]
            recent = [d for d in sends if date.fromisoformat(d) > world.today - timedelta(days=30)]
            assert (str(row["last_sent_on"]) if row["last_sent_on"] else None) == max(recent, default=None)


def _light(account: Row, month: Counter[str], warmup_sent: int, inbox: int) -> str:
    """The verdict by the shipped thresholds."""
    bounces = _bad_share(month["bounced"], month["sent"], warning=0.02, critical=0.05)
    spam = _bad_share(warmup_sent - inbox, warmup_sent, warning=0.05, critical=0.2)
    lights = [bounces, spam]
    if account.get("stat_warmup_score") is not None:
        score = account["stat_warmup_score"]
        lights.append("red" if score < 70 else "amber" if score < 90 else "green")
    if account["status"] < 0 or account.get("warmup_status", 0) < 0:
        lights.append("red")
    return next((light for light in ("red", "amber", "green") if light in lights), "grey")


def _bad_share(bad: int, n: int, *, warning: float, critical: float) -> str:
    """The light of a share of which more is worse, by Wilson's interval."""
    if not n:
        return "grey"
    middle, half = (2 * bad + Z) / (2 * n + 2 * Z), math.sqrt(Z * Z + 4 * Z * bad * (n - bad) / n) / (2 * n + 2 * Z)
    low, high = middle - half, middle + half
    if bad >= 5 and low > critical:
        return "red"
    if bad / n > warning:
        return "amber" if n * warning >= 5 or (bad >= 5 and low > warning) else "grey"
    return "green" if n * warning >= 5 or high <= critical else "grey"


# --- dimensions


def test_workspaces_campaigns_and_accounts_are_described_as_the_api_does(world: Synced) -> None:
    for space in world.spaces:
        [workspace] = of(world, "dim_workspace", space)
        [answered] = space.state("workspaces")
        assert (workspace["workspace_name"], workspace["plan_id"]) == (answered["name"], answered["plan_id"])
        campaigns = {row["campaign_id"]: row for row in of(world, "dim_campaign", space)}
        for campaign in space.campaigns:
            row = campaigns[campaign["id"]]
            assert (row["status"], row["is_listed"], row["is_deleted"]) == (campaign["status"], True, False)
            for name in ("open_tracking", "link_tracking", "daily_limit", "stop_on_reply", "pl_value"):
                assert row[name] == campaign.get(name), name
            steps = campaign["sequences"][0]["steps"] if campaign.get("sequences") else None
            assert row["steps"] == (None if steps is None else len(steps))
            assert row["variants"] == (None if steps is None else sum(len(step["variants"]) for step in steps))
        accounts = {row["email"]: row for row in of(world, "dim_account", space)}
        for account in space.accounts:
            row = accounts[account["email"].lower()]
            assert row["domain"] == account["email"].lower().split("@")[1]
            for name in ("status", "warmup_status", "provider_code", "daily_limit", "stat_warmup_score", "first_name"):
                assert row[name] == account.get(name), name
            assert row["warmup_limit"] == (account.get("warmup") or {}).get("limit")
        listed = {email for email, row in accounts.items() if row["is_listed"]}
        assert listed == {account["email"].lower() for account in space.accounts}


def test_leads_and_their_custom_variables_are_those_of_the_api(world: Synced) -> None:
    for space in world.spaces:
        labels = {label["interest_status"]: label for label in space.state("lead_labels")}
        rows = {row["lead_id"]: row for row in of(world, "dim_lead", space)}
        assert {key for key, row in rows.items() if not row["is_deleted"]} == {lead["id"] for lead in space.leads}
        variables: dict[str, dict[str, str | None]] = defaultdict(dict)
        for row in of(world, "lead_custom_variables", space):
            variables[row["lead_id"]][row["name"]] = row["value"]
        for lead in space.leads:
            row, interest = rows[lead["id"]], lead.get("lt_interest_status")
            for name in ("email", "first_name", "status", "verification_status", "esp_code", "email_open_count"):
                assert row[name] == lead.get(name), name
            assert (row["campaign_id"], row["list_id"]) == (lead.get("campaign"), lead.get("list_id"))
            own = labels.get(interest, {}).get("interest_status_label") == "positive"
            assert row["is_positive"] == (interest in (1, 2, 3, 4) or own)
            assert row["ever_positive"] or not row["is_positive"]
            payload = lead.get("payload") or {}
            assert variables[lead["id"]] == {name: _text(value) for name, value in payload.items()}


def _text(value: Any) -> str | None:
    return (
        value
        if value is None or isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    )
