"""Random plays: worlds, changes, faults, broken-off and killed syncs, lost caches, compactions, jumps of the clock.

After each sync that ended well the tables of the warehouse equal the world, field by field, and history is the recorded
past. The rules are few and choose within, so that the play moves on between its kinds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from instantly_pipeline.lake.compact import compact
from instantly_pipeline.sync.context import DEFAULT_SIZES, Sizes
from instantly_pipeline.sync.reset import reset
from instantly_pipeline.sync.results import SyncReport
from instantly_sandbox.config import Profile, SandboxConfig
from tests.sync.harness import NOON, Bench, Pace, bench
from tests.sync.truth import DAILY, SEED, STREAMS, Chronicle, Snapshot, Tables, assert_mirrored

PUT_OFF = re.compile("the next sync sweeps everything|Resuming the sweep")
SYNCED = (*STREAMS, "workspace_daily_analytics")  # with its own days a workspace's campaigns are read in part
WHOLE = {"full": True}  # the request after which everything is expected to be equal
FAULTS = ("status", "reset", "truncate", "bad_json", "html", "empty")
ODD_VALUES = st.sampled_from(["", "x", "\\N", 7, 1.5, True, None, {"a": None}, ["b"], "2026-01-01", "ünï ✓", "null"])
FIELDS = st.sampled_from(["first_name", "email_open_count", "timestamp_last_open", "payload", "mood", "status_summary"])
CHANGES = st.sampled_from(
    [
        "field",
        "field",
        "delete",
        "restore",
        "move",
        "insert",
        "rename",
        "campaign",
        "restate",
        "vanish",
        "small",
        "time",
    ]
)
SWITCHES = st.sampled_from(
    [
        {"omit_nulls": False}, {"omit_nulls": True}, {"short_pages": True}, {"duplicate_rows": True},
        {"trailing_cursor": "always"}, {"trailing_cursor": "never"},
        {"unknown_field": ["leads", "campaigns"]}, {"unknown_enum": ["leads", "campaigns"]},
        {"end_date_inclusive": False}, {"any_lead_cursor": False}, {"limit_above_100": "empty"}, {},
    ]
)  # fmt: skip
DISTURBANCES = st.sampled_from(
    ["insert_during_crawl", "delete_during_crawl", "repeat_cursor", "cursor_loop", "500", "part", "ordinary"]
)
ON_DISK = st.sampled_from(
    ["index", "state", "build", "names", "manifest", "reset", "compact", "old files", "load", "load", "clock"]
)


class Machine(RuleBasedStateMachine):
    """One sandbox with one or two workspaces, one data directory after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.chronicle = Chronicle()
        self.deaths = 0
        self.sound = True
        self.moved = False  # whether the world is another than when the sweep of the leads began

    @initialize(
        seed=st.integers(0, 99), leads=st.sampled_from([0, 3, 130, 460]), campaigns=st.integers(1, 3),
        workspaces=st.sampled_from([1, 2]), profile=st.sampled_from(["live", "live", "seed"]),
        sizes=st.sampled_from([DEFAULT_SIZES, Sizes(0, 60, 9), Sizes(0, 200, 9, pages_per_step=1)]),
    )  # fmt: skip
    def begin(self, profile: Profile, sizes: Sizes, **world: Any) -> None:
        config = SandboxConfig(accounts=3, days=12, rate_limited=False, now=NOON, profile=profile, **world)
        self.compared = SEED if profile == "seed" else STREAMS
        self.opened = bench(self.root / "0", config)
        self.at: Bench = self.opened.__enter__()
        self.at.clock = self.pace = Pace()
        self.at.sizes = sizes  # by the usual ones so few leads are swept each time: the others are read in part
        found = self.at.control.get("/state").json()["workspaces"]
        self.spaces = [space["id"] for space in found]
        self.keys = {"api_keys": json.dumps({space["name"]: space["key"] for space in found})}

    @rule(data=st.data(), change=CHANGES)
    def the_world_moves(self, data: st.DataObject, change: str) -> None:
        self.moved = True
        space = data.draw(st.sampled_from(self.spaces))
        if change == "time":
            self.at.advance(hours=data.draw(st.sampled_from([1, 7, 26, 80])))
        else:
            for op in getattr(self, f"_{change}")(data, space):
                self.at.mutate({"workspace": space, **op})

    @rule(switch=SWITCHES)
    def the_server_behaves(self, switch: dict[str, Any]) -> None:
        self.moved = True
        self.at.control.request("DELETE", "/switches")
        self.at.post("/switches", switch)

    @rule(kind=st.sampled_from(FAULTS), times=st.integers(1, 3), skip=st.integers(0, 12))
    def something_will_go_wrong(self, kind: str, times: int, skip: int) -> None:
        self.at.control.request("DELETE", "/faults")  # more at once would use up the tries
        self.at.fault("*", kind, times=times, skip=skip)

    @rule(data=st.data(), kind=DISTURBANCES, full=st.booleans())
    def a_sync_is_disturbed(self, data: st.DataObject, kind: str, full: bool) -> None:
        """Whatever happens to it, it ends with a report; what it read is good."""
        self._may_be_read()
        streams = SYNCED
        if kind == "500":
            path = data.draw(st.sampled_from(["*", "/api/v2/leads/list", "/api/v2/campaigns"]))
            self.at.fault(path, "status", status=500, skip=data.draw(st.integers(0, 14)))
        elif kind == "part":
            streams = tuple(data.draw(st.sets(st.sampled_from(SYNCED), min_size=1)))
        elif kind != "ordinary":
            self.at.post("/switches", {kind: ["leads", "custom_tags"]})
        self.pace.stride = 7.0
        self._sync(*streams, full=full)
        self.pace.stride = 0.0
        self.at.control.request("DELETE", "/faults")
        self.at.control.request("DELETE", "/switches")
        self.moved |= kind not in ("500", "part", "ordinary")
        self._may_be_read()

    @rule(
        after=st.integers(0, 40), area=st.sampled_from(["", "changes", "changes", "state", "meta"]), full=st.booleans()
    )
    def a_sync_is_killed(self, after: int, area: str, full: bool) -> None:
        self._may_be_read()
        self.deaths += 1
        self.pace.stride = 7.0
        self._begins()
        self.at.killed_sync(self.root / str(self.deaths), after, area, *SYNCED, settings=self.keys, full=full)
        self.pace.stride = 0.0

    @rule(data=st.data(), what=ON_DISK)
    def the_disk_changes(self, data: st.DataObject, what: str) -> None:
        lake, layout = self.at.layout.lake, self.at.layout
        if what in ("index", "state"):
            shutil.rmtree(lake / what, ignore_errors=True)
        elif what == "build":
            layout.build_file.unlink(missing_ok=True)
        elif what == "names":
            (lake / "workspaces.json").unlink(missing_ok=True)
        elif what == "manifest":
            for path in lake.glob("index/leads/*/manifest.json"):
                path.unlink()
        elif what == "reset":
            reset(layout, [data.draw(st.sampled_from(SYNCED))])
        elif what == "load" and lake.exists():
            Tables(self.at)
        elif what == "clock":
            self.at.wait(hours=data.draw(st.sampled_from([-30, -3, 3])))
        elif what in ("compact", "old files"):
            self._compact(old=what == "old files")

    @rule()
    def a_sync_ends_well(self) -> None:
        self.sound = False
        report = self._whole()
        reasons = [(s.stream, s.reason) for w in report.workspaces for s in w.streams if s.reason]
        assert report.exit_code == 0, reasons
        now, tables = self._said(), Tables(self.at)
        assert_mirrored(now, tables)
        self.chronicle.assert_told(now, tables)
        self.sound = True

    @rule()
    def hours_go_by(self) -> None:
        """Syncs by the hour, as a schedule has them: campaigns change and are scanned."""
        for _ in range(3):
            self.at.advance(hours=1)
            self.moved = True
            self._may_be_read()
            self._sync("campaigns", "campaign_analytics", "leads")

    @rule()
    def a_fortnight_goes_by(self) -> None:
        """The parts swept in turn, the campaigns scanned and the tail make the leads equal as a whole sweep does."""
        self.sound = False
        self.at.advance(days=15)
        self.moved = True
        self._may_be_read()
        for _ in range(3):
            self.at.said.clear()
            report = self._sync(*SYNCED)
            if not any(PUT_OFF.search(text) for text in self.at.said):
                break
        if any(stream.held_deletes for space in report.workspaces for stream in space.streams):
            report = self._sync(*SYNCED, accept_deletes=True)
        assert report.exit_code == 0, [(s.stream, s.reason) for w in report.workspaces for s in w.streams if s.reason]
        self._may_be_read()
        assert_mirrored(Snapshot(self.at, self.spaces, ("leads",)), Tables(self.at))
        self.sound = True

    def teardown(self) -> None:
        if hasattr(self, "opened"):
            try:
                if self.sound:
                    self.a_sync_ends_well()
            finally:
                self.opened.__exit__(None, None, None)
        shutil.rmtree(self.root)

    def _whole(self) -> SyncReport:
        """A sync of everything; another one where a sweep went on, which does not look again at what it had read."""
        self.at.said.clear()
        report = self._sync(*SYNCED, **WHOLE)
        if self.moved and any("Resuming the sweep" in text for text in self.at.said):
            report = self._sync(*SYNCED, **WHOLE)
        if any(stream.held_deletes for space in report.workspaces for stream in space.streams):
            report = self._sync(*SYNCED, **WHOLE, accept_deletes=True)
        return report

    def _begins(self) -> None:
        """A sync begins; with it a sweep, where there is none to go on with."""
        self.moved &= any(self.at.layout.lake.glob("state/*/leads.sweep.json"))

    def _sync(self, *streams: str, **request: Any) -> SyncReport:
        self._begins()
        return self.at.sync(*streams, settings=self.keys, **request)

    def _said(self) -> Snapshot:
        return Snapshot(self.at, self.spaces, self.compared)

    def _may_be_read(self) -> None:
        self.chronicle.may_be_read(self._said())

    def _compact(self, *, old: bool) -> None:
        if old:
            for path in self.at.layout.lake.rglob("*.parquet"):
                os.utime(path, (0, 0))
        compact(self.at.layout, now=self.at.clock.now())

    def _some(self, data: st.DataObject, space: str, collection: str, key: str = "id") -> list[str]:
        keys = [row[key] for row in self.at.state(collection, workspace=space)]
        return [data.draw(st.sampled_from(keys))] if keys else []

    def _field(self, data: st.DataObject, space: str) -> list[dict[str, Any]]:
        values = {data.draw(FIELDS): data.draw(ODD_VALUES)}
        touch = data.draw(st.booleans())
        return [
            {"op": "update", "collection": "leads", "id": lead, "set": values, "touch": touch}
            for lead in self._some(data, space, "leads")
        ]

    def _delete(self, data: st.DataObject, space: str) -> list[dict[str, Any]]:
        share = data.draw(st.sampled_from([1, 5, 60, 1000]))
        ids = [row["id"] for row in self.at.state("leads", workspace=space)]
        start = data.draw(st.integers(0, max(len(ids) - 1, 0)))
        self.buried = ids[start : start + share]
        return [{"op": "delete_leads", "ids": self.buried}] if self.buried else []

    def _restore(self, data: st.DataObject, space: str) -> list[dict[str, Any]]:
        buried = getattr(self, "buried", [])
        known = {row["id"] for row in self.at.rows("leads") if row["_ws"] == space}
        return [{"op": "restore", "collection": "leads", "id": lead} for lead in buried[:3] if lead in known]

    def _move(self, data: st.DataObject, space: str) -> list[dict[str, Any]]:
        to, collection = data.draw(st.sampled_from([("campaign", "campaigns"), ("list_id", "lead_lists")]))
        targets = self._some(data, space, collection)
        return [
            {"op": "move_lead", "id": lead, to: target}
            for lead, target in zip(self._some(data, space, "leads"), targets, strict=False)
        ]

    def _insert(self, data: st.DataObject, space: str) -> list[dict[str, Any]]:
        made = data.draw(st.uuids(version=4))
        record = {"id": str(made), "email": f"{made.hex}@new.example", "status": 1, "organization": space}
        return [{"op": "insert", "collection": "leads", "record": record}]

    def _rename(self, data: st.DataObject, space: str) -> list[dict[str, Any]]:
        collection, name = data.draw(
            st.sampled_from([("campaigns", "name"), ("custom_tags", "label"), ("lead_lists", "name")])
        )
        values = {name: data.draw(st.sampled_from(["A", "B"]))}
        return [
            {"op": "update", "collection": collection, "id": key, "set": values}
            for key in self._some(data, space, collection)
        ]

    def _campaign(self, data: st.DataObject, space: str) -> list[dict[str, Any]]:
        keep = data.draw(st.booleans())
        gone = self._some(data, space, "campaigns")
        return [{"op": "delete_campaign", "id": key, "keep_leads": keep} for key in gone]

    def _restate(self, data: st.DataObject, space: str) -> list[dict[str, Any]]:
        op, more = data.draw(
            st.sampled_from([("restate_daily", {"set": {"opened": 999}}), ("restate_daily", {"set": {"sent": 0}}),
                             ("unrestate_daily", {})])
        )  # fmt: skip
        return [{"op": op, **day, **more} for day in self._day(data, space)]

    def _vanish(self, data: st.DataObject, space: str) -> list[dict[str, Any]]:
        return [{"op": "vanish_day", **day} for day in self._day(data, space)]

    def _day(self, data: st.DataObject, space: str) -> list[dict[str, str]]:
        """A day of a campaign that is still listed."""
        listed = {row["id"] for row in self.at.state("campaigns", workspace=space)}
        rows = self.at.state(DAILY, workspace=space)
        days = [(row["campaign_id"], row["date"]) for row in rows if row["campaign_id"] in listed]
        chosen = [data.draw(st.sampled_from(days))] if days else []
        return [{"campaign_id": campaign, "date": day} for campaign, day in chosen]

    def _small(self, data: st.DataObject, space: str) -> list[dict[str, Any]]:
        collection, key = data.draw(
            st.sampled_from([("accounts", "email"), ("custom_tags", "id"), ("lead_labels", "id")])
        )
        op = data.draw(st.sampled_from(["delete", "restore"]))
        last = getattr(self, "removed", (None, None, None))
        if op == "restore" and last[:2] == (space, collection):
            return [{"op": op, "collection": collection, "id": last[2]}]
        ids = self._some(data, space, collection, key)
        self.removed = (space, collection, ids[0]) if ids else last
        return [{"op": "delete", "collection": collection, "id": one} for one in ids]
