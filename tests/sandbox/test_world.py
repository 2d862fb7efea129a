"""The world is the same for the same seed, moves on by its clock, and looks like somebody's business."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from instantly_sandbox.world.world import World
from tests.sandbox.conftest import NOW, Api

START = int(NOW.timestamp() * 1000)
DAY = 86_400_000


def world(**more: Any) -> World:
    values: dict[str, Any] = {"seed": 7, "workspace": 0, "now": START, "days": 90}
    return World(**{**values, "campaigns": 12, "leads": 800, "accounts": 12, **more})


def bytes_of(made: World) -> list[bytes]:
    view = made.leads.everything()
    return made.leads.record_bytes(view, 0, len(view.rows))


def test_the_same_seed_gives_the_same_world() -> None:
    assert bytes_of(world()) == bytes_of(world())
    assert bytes_of(world()) != bytes_of(world(seed=8))
    assert world().records("campaigns") == world().records("campaigns")


def test_two_single_days_are_one_double_day() -> None:
    once, twice = world(), world()
    once.advance_to(START + 2 * DAY)
    twice.advance_to(START + DAY)
    twice.advance_to(START + 2 * DAY)
    assert bytes_of(once) == bytes_of(twice)
    assert once.daily(0) == twice.daily(0)


def test_records_rendered_before_the_clock_moved_are_not_stale() -> None:
    warm, cold = world(), world()
    bytes_of(warm)
    for made in (warm, cold):
        made.advance_to(START + 3 * DAY)
    assert bytes_of(warm) == bytes_of(cold)


def test_the_api_lists_as_many_leads_as_asked_for(still: Api) -> None:
    assert len(still.leads()) == 1500
    assert len(still.items("campaigns")) == 12
    assert len(still.items("accounts")) == 12


@pytest.mark.parametrize(
    "size",
    [
        {"leads": 0},
        {"campaigns": 0},
        {"accounts": 0},
        {"days": 1},
        {"leads": 1, "campaigns": 1, "accounts": 1, "days": 1},
        {"leads": 0, "campaigns": 0, "accounts": 0},
    ],
)
def test_very_small_worlds_work(make: Callable[..., Api], size: dict[str, int]) -> None:
    api = make(**size)
    api.control("POST", "advance", {"days": 3})
    for path in ("campaigns", "accounts", "lead-lists", "custom-tags", "emails", "audit-logs"):
        api.items(path)
    for path in ("campaigns/analytics", "campaigns/analytics/daily", "campaigns/analytics/steps"):
        api.get(path)
    assert api.get("campaigns/analytics/overview")["emails_sent_count"] >= 0
    api.get("accounts/analytics/daily")
    assert len(api.leads()) >= size.get("leads", 0)


def test_ids_are_of_both_kinds_in_ascending_order(still: Api) -> None:
    leads = still.leads()
    ids = [lead["id"] for lead in leads]
    assert ids == sorted(ids)
    kinds = {(lead["id"][14], lead["timestamp_created"] >= "2025-10-15") for lead in leads}
    assert kinds == {("4", False), ("7", True)}


def test_leads_have_campaigns_lists_both_or_neither(still: Api) -> None:
    kinds = Counter(("campaign" in lead, "list_id" in lead) for lead in still.leads())
    assert kinds.keys() == {(True, True), (True, False), (False, True), (False, False)}
    assert kinds[True, False] > kinds[False, True] > kinds[False, False]


def test_some_people_are_in_several_campaigns_under_different_ids(still: Api) -> None:
    emails = Counter(lead["email"] for lead in still.leads() if "email" in lead)
    assert sum(n > 1 for n in emails.values()) > 20


def test_null_fields_are_left_out_and_payloads_are_odd(still: Api) -> None:
    leads = still.leads()
    assert all(v is not None for lead in leads for v in lead.values())
    sizes = {len(lead) for lead in leads}
    assert min(sizes) <= 18
    assert max(sizes) >= 28
    values = [v for lead in leads for v in lead["payload"].values()]
    assert {type(v) for v in values} == {str, int, float, bool, dict, type(None)}
    assert any(not str(lead.get("first_name", "")).isascii() for lead in leads)


def test_every_address_is_of_the_example_domain(still: Api) -> None:
    text = still.http.get("/_sandbox/state/leads").text + still.http.get("/_sandbox/state/accounts").text
    domains = set(re.findall(r"@[\w.-]+", text))
    assert len(domains) > 300
    assert all(d.endswith(".example") for d in domains)


def test_rates_are_those_of_a_believable_agency(make: Callable[..., Api]) -> None:
    api = make(leads=8000, accounts=24)
    rows = [r for r in api.get("campaigns/analytics") if r["contacted_count"] > 200]
    rates = [r["reply_count_unique"] / r["contacted_count"] for r in rows]
    assert all(0.005 < rate < 0.08 for rate in rates)
    assert max(rates) > 1.7 * min(rates)
    total = {k: sum(r[k] for r in rows) for k in ("contacted_count", "bounced_count", "reply_count_unique")}
    total["opportunities"] = sum(r["total_opportunities"] for r in rows)
    assert 0.008 < total["bounced_count"] / total["contacted_count"] < 0.04
    assert 0.12 < total["opportunities"] / total["reply_count_unique"] < 0.4
    bounced: Counter[bool] = Counter()
    sent: Counter[bool] = Counter()
    for row in api.get("accounts/analytics/daily"):
        bad = "getacme-now" in row["email_account"]
        bounced[bad] += row["bounced"]
        sent[bad] += row["sent"]
    assert bounced[True] / sent[True] > 2.5 * bounced[False] / sent[False]


def test_sends_are_on_weekdays(still: Api) -> None:
    from datetime import date

    days: Counter[int] = Counter()
    for row in still.get("campaigns/analytics/daily"):
        days[date.fromisoformat(row["date"]).weekday()] += row["sent"]
    assert days[5] + days[6] == 0
    assert min(days[d] for d in range(5)) > 0


def test_campaigns_have_every_status_and_drafts_are_bare(still: Api) -> None:
    campaigns = still.items("campaigns")
    assert {c["status"] for c in campaigns} == {0, 1, 2, 3, 4, -1, -2}
    assert all(len(c) == 7 for c in campaigns if c["status"] == 0)
    steps = [len(c["sequences"][0]["steps"]) for c in campaigns if "sequences" in c]
    assert min(steps) == 2
    assert max(steps) == 4


def test_a_day_brings_a_believable_amount_of_change(make: Callable[..., Api]) -> None:
    api = make(leads=3000)
    before = {lead["id"]: lead for lead in api.leads()}
    happened = api.control("POST", "advance", {"days": 1})
    after = {lead["id"]: lead for lead in api.leads()}
    new, gone = after.keys() - before.keys(), before.keys() - after.keys()
    changed = {k for k in after.keys() & before.keys() if after[k] != before[k]}
    assert happened["new_leads"] == len(new) > 5
    assert happened["deleted_leads"] == len(gone)
    assert 0.01 < len(changed) / len(before) < 0.1
    assert happened["sent"] > 20


def test_over_some_weeks_leads_are_deleted_and_moved_and_campaigns_renamed(make: Callable[..., Api]) -> None:
    api = make(leads=2000)
    names = {c["id"]: c["name"] for c in api.items("campaigns")}
    before = {lead["id"]: lead for lead in api.leads()}
    happened = api.control("POST", "advance", {"days": 30})
    after = {lead["id"]: lead for lead in api.leads()}
    moved = [k for k in after.keys() & before.keys() if after[k].get("campaign") != before[k].get("campaign")]
    assert happened["deleted_leads"] > 10
    assert len(moved) > 5
    assert happened["deleted_campaigns"] == 1
    assert happened["new_accounts"] >= 2
    renamed = [c["id"] for c in api.items("campaigns") if c["name"] != names[c["id"]]]
    assert len(renamed) == happened["renamed_campaigns"] >= 2


def test_activity_does_not_move_timestamp_updated(make: Callable[..., Api]) -> None:
    api = make(leads=2000)
    before = {lead["id"]: lead for lead in api.leads()}
    api.control("POST", "advance", {"days": 1})
    same, touched = 0, 0
    for lead in api.leads():
        old = before.get(lead["id"])
        if old and old.get("timestamp_last_touch") != lead.get("timestamp_last_touch"):
            touched += 1
            same += old["timestamp_updated"] == lead["timestamp_updated"]
    assert touched > 20
    assert same / touched > 0.9


def test_the_clock_only_moves_when_asked(api: Api) -> None:
    assert api.control("GET", "clock")["now"] == "2026-09-16T14:30:00.000Z"
    assert api.control("POST", "advance", {"hours": 9.5})["now"] == "2026-09-17T00:00:00.000Z"
    assert api.http.post("/_sandbox/advance", json={"days": -1}).status_code == 400


def test_workspaces_have_ids_keys_and_worlds_of_their_own(make: Callable[..., Api]) -> None:
    api = make(workspaces=3, leads=200)
    spaces = api.control("GET", "state")["workspaces"]
    assert [s["key"] for s in spaces] == ["sandbox-key", "sandbox-key-2", "sandbox-key-3"]
    assert len({s["id"] for s in spaces}) == len({s["name"] for s in spaces}) == 3
    second = Api(api.url, "sandbox-key-2")
    assert second.get("workspaces/current")["id"] == spaces[1]["id"]
    mine = {lead["id"] for lead in second.leads()}
    assert not mine & {lead["id"] for lead in api.leads()}
    assert {a["organization"] for a in second.items("accounts")} == {spaces[1]["id"]}
    second.http.close()
