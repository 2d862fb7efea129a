"""The marts about leads against the sandbox's own world, on three worlds: believable, nasty and young."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.sync.harness import SMALL
from tests.warehouse.marts import lead_world as expected
from tests.warehouse.marts.lead_world import LeadWorld, Row, Space, contact, instant, lead_world

pytestmark = pytest.mark.whole

WORLDS = {
    "believable": replace(SMALL, leads=700, campaigns=5),
    "nasty": replace(SMALL, leads=700, campaigns=8, workspaces=2, seed=11),
    "young": replace(SMALL, leads=60, campaigns=2, days=1),
}


def live(made: LeadWorld, name: str) -> None:
    """Looks at the world while it moves on."""
    made.look()
    for number in range(3 if name == "believable" else 2):
        if name == "nasty":
            spoil(made, number)
        made.bench.advance(days=2, hours=5)
        made.look()


def spoil(made: LeadWorld, number: int) -> None:
    """What happens to workspaces of people: deletions, moves, odd names and values, late suppressions."""
    space, now = made.spaces[0], made.bench.clock.start
    leads, campaigns = list(made.bench.state("leads")), list(made.bench.state("campaigns"))
    sent = [r for r in leads if r.get("timestamp_last_contact")]
    lists = made.bench.state("lead_lists")

    def change(row: Row, **values: Any) -> Row:
        return {"op": "update", "collection": "leads", "id": row["id"], "set": values}

    def entry(value: str, *, domain: bool) -> Row:
        made_at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        key = str(uuid.uuid5(uuid.NAMESPACE_URL, value))
        record = {"id": key, "organization_id": space.id, "bl_value": value, "is_domain": domain,
                  "timestamp_created": made_at}  # fmt: skip
        return {"op": "insert", "collection": "block_list_entries", "record": record}

    if number == 0:
        busiest = Counter(r["campaign"] for r in leads if r.get("campaign")).most_common()
        in_first = [r for r in leads if r.get("campaign") == busiest[0][0]]
        mailed = [r for r in sent if r.get("campaign") == busiest[0][0]]
        active = [r for r in mailed if r["status"] == 1]
        made.bench.mutate(
            {"op": "delete_campaign", "id": busiest[-1][0]},
            {"op": "delete_campaign", "id": busiest[-2][0], "keep_leads": True},
            {"op": "update", "collection": "campaigns", "id": busiest[0][0], "set": {"open_tracking": False}},
            {"op": "rename_campaign", "id": busiest[1][0], "name": "Ünïcode 🦷 'quoted\" campaign"},
            {"op": "delete_leads", "campaign": busiest[1][0], "count": 5},
            {"op": "delete", "collection": "lead_lists", "id": lists[0]["id"]},
            {"op": "delete_account", "email": expected.last_step(mailed[0])["from"]},
            {"op": "move_lead", "ids": [r["id"] for r in in_first[:4]], "campaign": busiest[1][0]},
            {"op": "move_lead", "ids": [r["id"] for r in in_first[4:6]], "list_id": lists[1]["id"]},
            change(
                mailed[-1], lt_interest_status=10231, timestamp_last_interest_change=mailed[-1]["timestamp_created"]
            ),
            change(mailed[-2], lt_interest_status=-31999, first_name="", email="  Mixed.Case@Ünïcode.Example "),
            change(mailed[-3], lt_interest_status=4, verification_status=-4),
            *(entry(str(contact(r)), domain=False) for r in active[:30]),
            *(entry(str(contact(r)).partition("@")[2].upper(), domain=True) for r in active[30:60]),
        )
        assert campaigns
    else:
        entries = made.bench.state("block_list_entries")
        ours = [r for r in entries if r["timestamp_created"] == max(e["timestamp_created"] for e in entries)]
        made.bench.mutate(*({"op": "delete", "collection": "block_list_entries", "id": r["id"]} for r in ours[:10]))


@pytest.fixture(scope="module", params=WORLDS)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, empty_build: Path
) -> Iterator[LeadWorld]:
    """A world after some syncs, with its marts."""
    with lead_world(tmp_path_factory.mktemp(request.param), WORLDS[request.param], empty_build) as made:
        live(made, request.param)
        made.build()
        yield made


def by(rows: list[Row], *key: str) -> dict[Any, Row]:
    """Rows by their key."""
    return {tuple(row[name] for name in key) if len(key) > 1 else row[key[0]]: row for row in rows}


def is_rich(made: LeadWorld) -> bool:
    """Whether the world is one in which something must be found."""
    return len(made.spaces[0].last("leads")) > 300


def test_no_blocking_check_fails(world: LeadWorld) -> None:
    failed = [result for result in world.warehouse.run_checks() if not result.passed]
    assert [result.name for result in failed if result.blocking] == []


def test_events_with_a_time_of_the_api_are_those_the_api_showed(world: LeadWorld) -> None:
    for space in world.spaces:
        rows = world.rows("fct_lead_event", space)
        found = {
            (r["lead_id"], r["event"], r["occurred_at"]): (r["campaign_id"], r["email"])
            for r in rows if r["time_source"] == "api" and r["event"] in expected.TIMES
        }  # fmt: skip
        assert found == space.seen_events()
        assert bool(found) == bool(space.last("leads"))


def test_every_event_of_a_lead_nobody_edited_happened_in_the_world(world: LeadWorld) -> None:
    names = {"contacted": "sent", "interest changed": "interest"}
    for space in world.spaces:
        happened = {(e["lead"], e["kind"], instant(e["at"])) for look in space.looks for e in look.log}
        rows = [r for r in world.rows("fct_lead_event", space) if r["time_source"] == "api"]
        made_up = [r for r in rows
                   if (r["lead_id"], names.get(r["event"], r["event"]), r["occurred_at"]) not in happened]  # fmt: skip
        assert all(r["event"] == "interest changed" and r["lt_interest_status"] in (10231,) for r in made_up)


def test_opens_clicks_and_replies_add_up_to_the_leads_own_counters(world: LeadWorld) -> None:
    for space in world.spaces:
        added: Counter[tuple[str, str]] = Counter()
        for row in world.rows("fct_lead_event", space):
            added[row["lead_id"], row["event"]] += row["times"] or 0
        for key, record in space.last("leads").items():
            counts = (record["email_open_count"], record["email_click_count"], record["email_reply_count"])
            assert (added[key, "opened"], added[key, "clicked"], added[key, "replied"]) == counts


@pytest.mark.parametrize(
    ("event", "status", "kind"), [("bounced", -1, "bounced"), ("unsubscribed", -2, "unsubscribed")]
)
def test_bounces_and_unsubscriptions_are_dated_between_their_bounds(
    world: LeadWorld, event: str, status: int, kind: str
) -> None:
    for space in world.spaces:
        rows = by([r for r in world.rows("fct_lead_event", space) if r["event"] == event], "lead_id")
        shown = {k for look in space.looks for k, r in look.lists["leads"].items() if r["status"] == status}
        assert set(rows) == shown
        truth = {e["lead"]: instant(e["at"]) for look in space.looks for e in look.log if e["kind"] == kind}
        for key, row in rows.items():
            happened = truth[key]
            assert happened is not None
            if row["time_source"] == "last contact":
                assert row["occurred_at"] <= happened <= row["first_seen_at"]
            else:
                before = [look.at for look in space.looks if look.at < row["first_seen_at"].replace(microsecond=0)]
                assert max(before) < happened <= row["occurred_at"]


def test_the_funnel_is_instantlys_own_counters_and_the_leads(world: LeadWorld) -> None:
    for space in world.spaces:
        found = by(world.rows("rpt_funnel", space), "campaign_id")
        wanted = expected.funnel(space)
        assert {key: {name: row[name] for name in wanted[key]} for key, row in found.items()} == wanted
        summary = by(world.rows("rpt_campaign_summary", space), "campaign_id")
        for key, row in found.items():  # one definition of each metric
            assert [row[n] for n in ("open_rate", "reply_rate", "meeting_rate", "leads_reached")] == [
                summary[key][n] for n in ("open_rate", "reply_rate", "meeting_rate", "leads_reached")
            ]


def test_cohorts_are_what_became_of_the_leads_of_each_week(world: LeadWorld) -> None:
    for space in world.spaces:
        rows = by(world.rows("rpt_cohort_weekly", space), "campaign_id", "cohort_week", "weeks_since")
        names = ("leads", "contacted_so_far", "replied_so_far", "positive_so_far")
        assert {key: tuple(row[name] for name in names) for key, row in rows.items()} == expected.cohorts(space)


def test_times_to_reply_are_those_between_the_e_mail_and_the_reply(world: LeadWorld) -> None:
    for space in world.spaces:
        rows = world.rows("rpt_time_to_reply", space, "campaign_id, from_hours")
        hours, untimed = expected.hours_to_reply(space)
        assert {r["campaign_id"] for r in rows} == {*hours, *untimed}
        for row in rows:
            known = hours.get(row["campaign_id"], [])
            upto = row["to_hours"] if row["to_hours"] is not None else float("inf")
            assert row["repliers"] == sum(row["from_hours"] <= h < upto for h in known)
            assert (row["timed_repliers"], row["untimed_repliers"]) == (len(known), untimed[row["campaign_id"]])
            if known:
                quantiles = [row[name] for name in ("hours_p25", "hours_median", "hours_p75", "hours_p90")]
                assert quantiles == pytest.approx(list(np.quantile(known, [0.25, 0.5, 0.75, 0.9])))
        assert not is_rich(world) or any(hours.values()) or space is not world.spaces[0]


def test_the_matrix_counts_leads_by_both_providers(world: LeadWorld) -> None:
    for space in world.spaces:
        keys = ("campaign_id", "recipient_provider", "sender_provider", "sending_domain")
        rows = by(world.rows("rpt_esp_matrix", space), *keys)
        found = {key: (row["contacted_leads"], row["replied_leads"], row["bounced_leads"]) for key, row in rows.items()}
        assert found == expected.providers(space)
        pairs = by(world.rows("rpt_provider_pair", space), *keys[1:])
        for key, row in pairs.items():
            assert row["contacted_leads"] == sum(n for (_, *place), (n, _, _) in found.items() if tuple(place) == key)


def test_people_are_the_different_addresses_of_the_leads(world: LeadWorld) -> None:
    for space in world.spaces:
        for row in world.rows("rpt_funnel", space):
            leads = [r for r in space.last("leads").values() if r.get("campaign") == row["campaign_id"]]
            reached = {contact(r) for r in leads if r.get("timestamp_last_contact")} - {None}
            assert (row["contacts"] or 0) == len({contact(r) for r in leads} - {None})
            if leads:
                assert row["contacts_reached"] == len(reached)
        [row] = world.rows("rpt_stored_contacts", space)
        alive = list(space.now.lists["leads"].values())
        people = {contact(r) for r in alive} - {None}
        ever = [r for r in space.last("leads").values() if r.get("timestamp_last_contact")]
        found = [row[name] for name in ("stored_leads", "contacts", "surplus_leads", "completed_leads")]
        named = sum(contact(r) is not None for r in alive)
        assert found == [len(alive), len(people), named - len(people), sum(r["status"] == 3 for r in alive)]
        assert row["contacted_leads"] == len(ever)
        assert (row["contacts_reached"] or 0) == len({contact(r) for r in ever} - {None})
        assert row["lead_limit"] is None  # billing is of the group admin


def test_sources_bring_what_became_of_their_leads(world: LeadWorld) -> None:
    fields = {"list": "list_id", "upload method": "upload_method"}
    for space in world.spaces:
        ever = {key for look in space.looks for key, r in look.lists["leads"].items() if space.positive(r)}
        wanted: dict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
        for key, lead in space.last("leads").items():
            wrote = bool(lead.get("timestamp_last_contact"))
            for source, field in fields.items():
                wanted[source, lead.get(field)] += Counter(
                    leads=1, contacted_leads=wrote, replied_leads=wrote and lead["email_reply_count"] > 0,
                    became_positive_leads=wrote and key in ever, bounced_leads=wrote and lead["status"] == -1,
                    meeting_leads=wrote and lead.get("lt_interest_status") in (2, 3, 4),
                )  # fmt: skip
        rows = by(world.rows("rpt_source_performance", space), "source", "source_value")
        names = ("leads", "contacted_leads", "replied_leads", "became_positive_leads", "bounced_leads", "meeting_leads")
        assert {key: [row[n] for n in names] for key, row in rows.items()} == {
            key: [counts[n] for n in names] for key, counts in wanted.items()
        }


def test_lists_hold_what_the_api_says(world: LeadWorld) -> None:
    for space in world.spaces:
        wanted = expected.list_quality(space)
        rows = by(world.rows("rpt_list_quality", space), "list_id")
        assert {key: {name: row[name] for name in wanted[key]} for key, row in rows.items()} == wanted


def test_blocked_contacts_that_were_written_to_are_found(world: LeadWorld) -> None:
    for space in world.spaces:
        rows = world.rows("rpt_suppression_audit", space)
        found = {row["email"] for row in rows if "block list" in row["suppressed_by"]}
        assert found == expected.written_to_though_blocked(space)
        left = {contact(r) for look in space.looks for r in look.lists["leads"].values() if r["status"] == -2}
        assert {row["email"] for row in rows if "unsubscribed" in row["suppressed_by"]} <= left
    if len(world.spaces) > 1:  # the nasty one, in which contacts were blocked while their campaigns ran
        found = {row["suppressed_by"] for row in world.rows("rpt_suppression_audit", world.spaces[0])}
        assert {"address on the block list", "domain on the block list"} <= found


def test_pressure_is_counted_per_contact(world: LeadWorld) -> None:
    for space in world.spaces:
        rows = by(world.rows("rpt_contact_pressure", space), "email")
        found = {key: (row["active_campaigns"], row["campaigns_contacted_30d"]) for key, row in rows.items()}
        assert found == expected.pressure(space)


def test_a_lead_is_described_as_the_api_last_showed_it(world: LeadWorld) -> None:
    for space in world.spaces:
        rows = by(world.rows("dim_lead", space), "lead_id")
        names = {**{k: r["name"] for k, r in space.last("campaigns").items()}}
        assert set(rows) == set(space.last("leads"))
        for key, record in space.last("leads").items():
            row = rows[key]
            assert row["is_deleted"] == (key not in space.now.lists["leads"])
            assert (row["email"], row["first_name"]) == (record.get("email"), record.get("first_name"))
            assert row["is_positive"] == space.positive(record)
            assert row["timestamp_last_contact"] == instant(record.get("timestamp_last_contact"))
            if record.get("campaign") in names:
                assert row["campaign_name"] == names[record["campaign"]]


def test_custom_variables_are_those_of_the_leads_there_are(world: LeadWorld) -> None:
    for space in world.spaces:
        found = {(r["lead_id"], r["name"]) for r in world.rows("lead_custom_variables", space)}
        assert found == {(key, name) for key, r in space.now.lists["leads"].items() for name in r.get("payload", {})}


def test_the_worlds_are_what_they_are_called(world: LeadWorld) -> None:
    """Otherwise the tests above would compare nothing with nothing."""
    space: Space = world.spaces[0]
    if not is_rich(world):
        return
    kinds = {row["event"] for row in world.rows("fct_lead_event", space)}
    assert kinds == {"contacted", "opened", "clicked", "replied", "interest changed", "bounced", "unsubscribed"}
    assert any(key not in space.now.lists["leads"] for key in space.last("leads"))
    assert space.now.at > datetime(2026, 6, 5, tzinfo=UTC).replace(tzinfo=None)
