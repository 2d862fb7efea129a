"""Whole worlds: synced from the local API over HTTP, and what that API's own log and state say about them.

The figures a test compares with are counted here in plain Python from the control plane (`/_sandbox/...`), never from
tables of the warehouse.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import duckdb
import httpx

from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.checks.checks import CheckResult
from instantly_pipeline.warehouse.warehouse import Warehouse
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, bench
from tests.warehouse.lake_writer import SQL, begin_with_tables, shipped_models

Row = dict[str, Any]
ODD = "Ünïcode, \"quotes\" & ✂ 'Ω'"


@dataclass
class Space:
    """One workspace as the API has it."""

    bench: Bench
    id: str
    key: str
    edited: bool  # somebody changed leads behind the log's back

    def state(self, collection: str) -> list[Row]:
        return self.bench.state(collection, workspace=self.id)

    @cached_property
    def events(self) -> list[Row]:
        return self.state("events")

    @cached_property
    def campaigns(self) -> list[Row]:
        return self.state("campaigns")

    @cached_property
    def leads(self) -> list[Row]:
        return self.state("leads")

    @cached_property
    def accounts(self) -> list[Row]:
        return self.state("accounts")

    @cached_property
    def counters(self) -> dict[str, Row]:
        return {row["campaign_id"]: row for row in self.state("campaign_analytics")}

    @cached_property
    def days(self) -> dict[str, dict[str, Row]]:
        """Campaign -> date -> figures."""
        found: dict[str, dict[str, Row]] = defaultdict(dict)
        for row in self.state("daily_analytics"):
            found[row["campaign_id"]][row["date"]] = row
        return found

    def asked(self, path: str, **params: str) -> list[Row]:
        """What the API answers to a path: all pages of a list, or a bare array."""
        found: list[Row] = []
        while True:
            answer = httpx.get(
                f"{self.bench.url}/api/v2/{path}", params=params, headers={"Authorization": f"Bearer {self.key}",
                "User-Agent": "test"}, timeout=60,
            )  # fmt: skip
            page = answer.raise_for_status().json()
            if isinstance(page, list):
                return page
            found += page["items"]
            if not page["items"] or not page.get("next_starting_after"):
                return found
            params["starting_after"] = page["next_starting_after"]

    def sent(self, *by: str) -> Counter[tuple[Any, ...]]:
        """E-mails sent, counted by fields of the log."""
        return Counter(tuple(e[name] for name in by) for e in self.events if e["kind"] == "sent")

    def people(self, kind: str, *by: str) -> dict[tuple[Any, ...], int]:
        """Different leads an event happened to, by fields of the log."""
        found: dict[tuple[Any, ...], set[str]] = defaultdict(set)
        for event in self.events:
            if event["kind"] == kind:
                found[tuple(event[name] for name in by)].add(event["lead"])
        return {key: len(leads) for key, leads in found.items()}


@dataclass
class Synced:
    """A world, the warehouse made of it, and what the checks said."""

    name: str
    bench: Bench
    con: duckdb.DuckDBPyConnection
    checks: list[CheckResult]
    requests: int  # those the API saw until the last sync ended

    @cached_property
    def spaces(self) -> list[Space]:
        listed = self.bench.control.get("/state").json()["workspaces"]
        return [Space(self.bench, space["id"], space["key"], edited=self.name == "nasty") for space in listed]

    @property
    def today(self) -> date:
        return self.bench.clock.start.date()

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.con.execute(sql, list(values)).fetchall()

    def dicts(self, sql: str, *values: Any) -> list[Row]:
        answer = self.con.execute(sql, list(values))
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def small(made: Bench, _sync: Callable[[], None]) -> None:
    """Two campaigns in twenty days: few enough to be read through."""


def believable(made: Bench, sync: Callable[[], None]) -> None:
    """A quarter of work, three more days, and one of everything a user does in between."""
    sync()
    made.advance(days=3)
    enter_subsequence(made)
    campaign = made.state("campaigns")[0]
    made.mutate(
        {"op": "rename_campaign", "id": campaign["id"], "name": "Renamed"},
        {"op": "update", "collection": "accounts", "id": made.state("accounts")[0]["email"], "set": {"daily_limit": 7}},
    )


def enter_subsequence(made: Bench) -> None:
    """Leads that are done with their campaign enter its subsequence: some wait, one got its step, one was answered."""
    [sub] = [s for s in made.state("subsequences") if s["status"] == 1][:1]
    leads = [lead for lead in made.state("leads") if lead.get("campaign") == sub["parent_campaign"]]
    done = [lead["id"] for lead in leads if lead["status"] == 3 and not lead.get("timestamp_last_reply")]
    before, after = (f"{(NOON + timedelta(days=3, hours=h)).isoformat()[:19]}.000Z" for h in (-48, -24))
    entered = {"subsequence_id": sub["id"], "timestamp_added_subsequence": before, "timestamp_last_contact": before}
    sent = {"from": made.state("accounts")[1]["email"], "stepID": "0_0_0", "timestampExecuted": after}
    made.mutate(
        *({"op": "update", "collection": "leads", "id": one, "set": entered} for one in done[:5]),
        {"op": "update", "collection": "leads", "id": done[5], "set": entered | {"status_summary_subseq": sent}},
        {"op": "update", "collection": "leads", "id": done[6], "set": entered | {"timestamp_last_reply": after}},
    )


def nasty(made: Bench, sync: Callable[[], None]) -> None:
    """Two workspaces; deletions, moves, tracking off, labels of one's own, odd texts and shapes."""
    sync()
    made.advance(days=2)
    campaigns, leads = made.state("campaigns"), made.state("leads")
    label = made.state("lead_labels")[0]
    touched = [lead["id"] for lead in leads[:8]]
    odd = {
        "id": "00000000-0000-7000-8000-000000000dd1", "name": ODD, "status": 1, "campaign_schedule": {"schedules": []},
        "sequences": None, "email_list": ["nobody@nowhere.example"], "organization": campaigns[0]["organization"],
        "timestamp_created": "2026-05-30T00:00:00.000Z", "timestamp_updated": "2026-05-30T00:00:00.000Z",
    }  # fmt: skip
    made.mutate(
        {"op": "insert", "collection": "campaigns", "record": odd},
        {"op": "update", "collection": "campaigns", "id": campaigns[0]["id"],
         "set": {"open_tracking": False, "link_tracking": False, "name": ODD, "email_tag_list": None}},
        {"op": "delete_campaign", "id": campaigns[1]["id"]},
        {"op": "delete_account", "email": made.state("accounts")[0]["email"]},
        {"op": "delete", "collection": "lead_lists", "id": made.state("lead_lists")[0]["id"]},
        {"op": "delete", "collection": "custom_tags", "id": made.state("custom_tags")[0]["id"]},
        *({"op": "update", "collection": "leads", "id": one, "set": {"lt_interest_status": label["interest_status"]}}
          for one in touched),
    )  # fmt: skip
    gone = {lead["id"] for lead in leads if lead.get("campaign") == campaigns[1]["id"]}
    left = [lead for lead in leads if lead["id"] not in gone and lead["id"] not in touched]
    made.mutate({"op": "delete_lead", "id": left[0]["id"]})
    made.mutate({"op": "move_lead", "id": left[1]["id"], "campaign": campaigns[0]["id"]})


CORE_ALONE = ("small", "new")  # read what is read by default; the others read every stream

Story = Callable[[Bench, Callable[[], None]], None]
_world = partial(SandboxConfig, rate_limited=False, now=NOON)
WORLDS: dict[str, tuple[SandboxConfig, Story]] = {
    # the last step of a lead in columns of its own; in the others it stands in the summary alone
    "small": (_world(leads=60, campaigns=2, accounts=3, days=20, switches={"last_step_in_summary": False}), small),
    "believable": (
        _world(leads=1500, campaigns=6, accounts=9, days=90),
        believable,
    ),
    "nasty": (
        _world(leads=400, campaigns=5, accounts=8, days=30, workspaces=2),
        nasty,
    ),
    "new": (_world(leads=0, campaigns=1, accounts=1, days=1), small),
}


@contextmanager
def synced(name: str, folder: Path, empty_build: Path) -> Iterator[Synced]:
    """A world after its last sync, with every model made and every check asked."""
    config, story = WORLDS[name]
    keys = {f"space {n}": key for n, key in enumerate(config.keys)}
    start = {"start_date": (NOON - timedelta(days=config.days + 30)).date(), "api_keys": json.dumps(keys)}
    start |= {} if name in CORE_ALONE else {"streams": "all"}
    with bench(folder, config) as made:

        def sync() -> None:
            report = made.sync(settings=start, full=True)
            assert report.exit_code == 0, report

        story(made, sync)
        sync()
        begin_with_tables(made.layout, empty_build)
        asked = made.control.get("/requests").json()["total"]
        with Warehouse(made.layout, all_streams(), sql_dir=SQL, models=shipped_models()) as warehouse:
            warehouse.load()
            warehouse.run_models()
            yield Synced(name, made, warehouse.connection, warehouse.run_checks(), asked)
