"""Random worlds, mutations, faults and interrupted syncs: after each sync that ends well the lake equals the world."""

from __future__ import annotations

import json
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from instantly_pipeline.lake.record import digest
from instantly_pipeline.sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

LISTS = ("campaigns", "leads", "accounts", "lead_lists", "custom_tags", "campaign_analytics")
STREAMS = (*LISTS, "daily_analytics")
FAULTS = ("status", "reset", "truncate", "bad_json", "html", "empty")
ODD_VALUES = st.sampled_from(["", "x", "\\N", 7, 1.5, True, {"a": None}, ["b"], "2026-01-01", "ünï ✓"])
FIELDS = st.sampled_from(["first_name", "email_open_count", "timestamp_last_open", "payload", "mood", "status_summary"])


class Machine(RuleBasedStateMachine):
    """One sandbox, one data directory; `snapshots` remembers what the API said at each sync."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.snapshots: list[dict[str, dict[str, str]]] = []

    @initialize(seed=st.integers(0, 99), leads=st.sampled_from([0, 3, 130, 260]), campaigns=st.integers(1, 3))
    def begin(self, seed: int, leads: int, campaigns: int) -> None:
        config = SandboxConfig(
            leads=leads, campaigns=campaigns, accounts=3, days=12, rate_limited=False, now=NOON, seed=seed
        )
        self.opened = bench(self.root, config)
        self.at: Bench = self.opened.__enter__()

    @rule(hours=st.sampled_from([1, 7, 26, 80]))
    def time_passes(self, hours: int) -> None:
        self.at.advance(hours=hours)

    @rule(data=st.data(), field=FIELDS, value=ODD_VALUES)
    def a_lead_changes(self, data: st.DataObject, field: str, value: Any) -> None:
        lead = self._some(data, "leads")
        if lead:
            self.at.mutate({"op": "update", "collection": "leads", "id": lead, "set": {field: value}})

    @rule(data=st.data(), share=st.sampled_from([1, 5, 60]))
    def leads_are_deleted(self, data: st.DataObject, share: int) -> None:
        lead = self._some(data, "leads")
        ids = [row["id"] for row in self.at.state("leads")]
        if lead and len(ids) > share:
            start = ids.index(lead)
            self.at.mutate({"op": "delete_leads", "ids": ids[start : start + share]})

    @rule(data=st.data())
    def a_lead_moves_to_a_list(self, data: st.DataObject) -> None:
        lead, target = self._some(data, "leads"), self._some(data, "lead_lists")
        if lead and target:
            self.at.mutate({"op": "move_lead", "id": lead, "list_id": target})

    @rule(data=st.data(), collection=st.sampled_from(["campaigns", "custom_tags", "lead_lists"]))
    def a_record_is_renamed(self, data: st.DataObject, collection: str) -> None:
        key = self._some(data, collection)
        if key:
            name = "label" if collection == "custom_tags" else "name"
            self.at.mutate({"op": "update", "collection": collection, "id": key, "set": {name: "renamed"}})

    @rule(data=st.data())
    def a_campaign_is_deleted(self, data: st.DataObject) -> None:
        rows = self.at.state("campaigns")
        if len(rows) > 1:
            self.at.mutate({"op": "delete_campaign", "id": data.draw(st.sampled_from(rows))["id"]})

    @rule(kind=st.sampled_from(FAULTS), times=st.integers(1, 3), skip=st.integers(0, 12))
    def something_will_go_wrong(self, kind: str, times: int, skip: int) -> None:
        self.at.fault("*", kind, times=times, skip=skip)

    @rule(skip=st.integers(0, 14), path=st.sampled_from(["*", "/api/v2/leads/list", "/api/v2/campaigns"]))
    def a_sync_breaks_off(self, skip: int, path: str) -> None:
        self._remember()
        self.at.fault(path, "status", status=500, skip=skip)
        self.at.sync(*STREAMS)
        self.at.control.request("DELETE", "/faults")

    @rule()
    def the_caches_are_lost(self) -> None:
        shutil.rmtree(self.root / "lake" / "index", ignore_errors=True)

    @rule()
    def a_sync_ends_well(self) -> None:
        self._remember()
        report = self.at.sync(*STREAMS)
        reasons = [(s.stream, s.reason) for w in report.workspaces for s in w.streams if s.reason]
        if stream_result(report, "leads").held_deletes:
            report = self.at.sync(*STREAMS, accept_deletes=True)
        assert report.exit_code == 0, reasons
        assert_mirrors(self.at, LISTS)
        for stream in ("campaigns", "leads", "lead_lists", "custom_tags"):
            self._versions_are_the_recorded_past(stream)

    def teardown(self) -> None:
        if hasattr(self, "opened"):
            self.opened.__exit__(None, None, None)
        shutil.rmtree(self.root)

    def _some(self, data: st.DataObject, collection: str) -> str | None:
        rows = self.at.state(collection)
        return data.draw(st.sampled_from(rows))["id"] if rows else None

    def _remember(self) -> None:
        said = {stream: {r["id"]: digest(r) for r in self.at.state(stream)} for stream in LISTS[:2] + LISTS[3:5]}
        self.snapshots.append(said)

    def _versions_are_the_recorded_past(self, stream: str) -> None:
        """Every version was once what the API said, in that order, and adjacent ones differ."""
        versions: dict[str, list[str | None]] = {}
        for row in self.at.rows(stream):
            found = row["_row_hash"].split(":")[1] if row["_row_hash"] else None
            versions.setdefault(json.loads(row["_key"])[0], []).append(found)
        for key, found in versions.items():
            past = iter([snapshot[stream].get(key) for snapshot in self.snapshots])
            assert all(version in past for version in found), f"{stream} {key}: a version that never was"
            assert all(a != b for a, b in pairwise(found))


def play(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True,
            phases=[Phase.generate],  # shrinking replays whole worlds: minutes
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_the_lake_equals_the_world_after_every_sync() -> None:
    play(examples=6, steps=10)


@pytest.mark.slow
def test_the_lake_equals_the_world_after_every_sync_of_long_plays() -> None:
    play(examples=60, steps=25)
