"""Tags, subsequences, placement tests and the audit log against the local API's own answers, on whole worlds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.warehouse.marts.worlds import CORE_ALONE, Row, Space, Synced

pytestmark = pytest.mark.whole


@pytest.fixture(params=["believable", "nasty"])
def whole(request: pytest.FixtureRequest, world_of: Callable[[str], Synced]) -> Synced:
    """A world of which every stream was read."""
    return world_of(request.param)


def _of(world: Synced, mart: str, space: Space) -> list[Row]:
    return world.dicts(f"select * from marts.{mart} where workspace_id = ?", space.id)


def test_by_default_none_of_these_streams_is_read_and_their_marts_say_nothing(world_of: Any) -> None:
    for name in CORE_ALONE:
        world = world_of(name)
        assert world.rows("select count(*) from marts.rpt_inbox_placement") == [(0,)]
        assert world.rows("select count(*) from marts.rpt_step_dropoff where subsequence_id is not null") == [(0,)]
        assert world.rows("select distinct tags from marts.dim_campaign") == [(None,)]
        assert world.rows("select distinct campaigns from marts.dim_tag") == [(None,)]
        for mart in ("dim_campaign_history", "dim_account_history"):
            assert world.rows(f"select distinct change_made_at, changed_by from marts.{mart}") == [(None, None)]


def test_tags_are_on_the_campaigns_and_accounts_that_the_api_maps_them_to(whole: Synced) -> None:
    for space in whole.spaces:
        campaigns, accounts = Counter[str](), Counter[str]()
        labels = {tag["id"]: tag["label"] for tag in space.state("custom_tags")}
        on = defaultdict(set)
        for mapping in space.asked("custom-tag-mappings"):
            if mapping["tag_id"] in labels and mapping["resource_id"] in {c["id"] for c in space.campaigns}:
                campaigns[mapping["tag_id"]] += 1
                on[mapping["resource_id"]].add(labels[mapping["tag_id"]])
            if mapping["tag_id"] in labels and mapping["resource_id"] in {a["email"] for a in space.accounts}:
                accounts[mapping["tag_id"]] += 1
        found = {r["tag_id"]: r for r in _of(whole, "dim_tag", space) if r["is_listed"]}
        assert found.keys() == labels.keys()
        assert {k: r["campaigns"] for k, r in found.items() if r["campaigns"]} == campaigns
        assert {k: r["accounts"] for k, r in found.items() if r["accounts"]} == accounts
        for row in _of(whole, "dim_campaign", space):
            if row["is_listed"]:
                assert row["tags"] == ", ".join(sorted(on[row["campaign_id"]]))


def test_steps_of_subsequences_are_those_the_api_counts_and_no_others(whole: Synced) -> None:
    for space in whole.spaces:
        counted = {}
        for sub in space.state("subsequences"):
            for row in space.asked(f"subsequences/{sub['id']}/analytics/steps"):
                if row["sent"]:
                    counted[sub["id"], row["step"]] = (sub["parent_campaign"], row["sent"], row["unique_replies"])
        assert counted or whole.name == "nasty"
        for mart in ("rpt_step_dropoff", "rpt_variant_performance"):  # one variant a step
            rows = [r for r in _of(whole, mart, space) if r["subsequence_id"]]
            found = {(r["subsequence_id"], r["step"]): r for r in rows}
            assert {k: (r["campaign_id"], r["sent"], r["unique_replies"]) for k, r in found.items()} == counted
            assert {r["subsequence_name"] for r in rows} <= {"Interested follow-up"}


def test_placement_is_what_the_api_lists_by_account_domain_provider_and_week(whole: Synced) -> None:
    for space in whole.spaces:
        expected: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
        results = [
            result
            for test in space.state("inbox_placement_tests")
            for result in space.asked("inbox-placement-analytics", test_id=test["id"])
        ]
        for result in results:
            on = date.fromisoformat(result["timestamp_created_date"])
            sender = result["sender_email"].lower()
            for email in (sender, None):
                counts = expected[sender.split("@")[1], email, result["recipient_esp"], on - timedelta(on.weekday())]
                counts["received"] += 1
                counts["spam" if result["is_spam"] else "inbox"] += 1
                counts["spf"] += result["spf_pass"]
                counts["dkim"] += result["dkim_pass"]
                counts["dmarc"] += result["dmarc_pass"]
        found = {
            (r["domain"], r["email"], r["recipient_esp"], r["week_start"]): r
            for r in _of(whole, "rpt_inbox_placement", space)
        }
        assert results
        assert found.keys() == expected.keys()
        for key, row in found.items():
            counts = expected[key]
            assert (row["received"], row["inbox"], row["spam"]) == (counts["received"], counts["inbox"], counts["spam"])
            assert [row[f"{x}_passed"] for x in ("spf", "dkim", "dmarc")] == [
                counts[x] for x in ("spf", "dkim", "dmarc")
            ]
            assert row["spam_rate"] == counts["spam"] / counts["received"]
            assert row["spam_rate_low"] <= row["spam_rate"] <= row["spam_rate_high"]
        whole_domain = sum(r["spam"] for r in found.values() if r["email"] is None)
        assert (
            whole_domain == sum(r["spam"] for r in found.values() if r["email"]) == sum(r["is_spam"] for r in results)
        )
        for row in _of(whole, "rpt_domain_health", space):
            days = {str(row["date"] - timedelta(days=n)) for n in range(7)}
            week = [r for r in results if r["timestamp_created_date"] in days
                    and r["sender_email"].endswith("@" + row["domain"])]  # fmt: skip
            assert (row["test_placed_7d"] or 0, row["test_spam_7d"] or 0) == (
                len(week),
                sum(r["is_spam"] for r in week),
            )


def test_a_deleted_campaign_has_the_time_and_user_of_its_entry_in_the_audit_log(whole: Synced) -> None:
    deletions = 0
    for space in whole.spaces:
        entries = [e for e in space.asked("audit-logs", limit="1000") if e["activity_type"] == 3]
        by_campaign = {e["campaign_id"]: e for e in entries}
        members = {m["user_id"]: f"{m['name']['first']} {m['name']['last']}" for m in space.state("workspace_members")}
        for row in _of(whole, "dim_campaign_history", space):
            if row["event"] != "deleted":
                continue
            entry = by_campaign[row["campaign_id"]]
            deletions += 1
            assert row["change_made_at"] == datetime.fromisoformat(entry["timestamp"]).replace(tzinfo=None)
            assert row["changed_by_user_id"] == entry.get("user_id")
            assert row["changed_by"] == members.get(entry.get("user_id"))
            assert (row["changed_by_api_key"] is None) == (entry.get("api_key_id") is None)
    assert deletions or whole.name != "nasty"


def test_lists_have_the_statistics_of_the_api_which_agree_with_their_leads(whole: Synced) -> None:
    for space in whole.spaces:
        rows = {r["list_id"]: r for r in _of(whole, "rpt_list_quality", space)}
        statistics = whole.dicts("select * from intermediate.int_list_verification where workspace_id = ?", space.id)
        assert {r["list_id"] for r in statistics} == {one["id"] for one in space.state("lead_lists")}
        for stats in statistics:
            row = rows[stats["list_id"]]
            assert (row["total_leads"], row["verification_pending"]) == (stats["total_leads"], stats["pending"])
            assert row["total_leads"] == row["leads"]
            assert [row[x] for x in ("checked_leads", "verified", "risky", "catch_all", "invalid")] == [
                stats[x] for x in ("checked_leads", "verified", "risky", "catch_all", "invalid")
            ]
