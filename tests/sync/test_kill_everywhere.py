"""A sync killed before each operation on a file, one after the other: the next ends as if nothing had been."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.sync.context import Sizes
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, Pace, assert_mirrors, bench, stream_result

pytestmark = pytest.mark.whole

STREAMS = ("campaigns", "leads", "custom_tags")
CONFIG = SandboxConfig(leads=420, campaigns=2, accounts=1, days=6, rate_limited=False, now=NOON)


def begun(at: Bench) -> tuple[Path, int]:
    """A synced data directory whose world has moved on since: 13 changed leads, 30 deleted ones."""
    at.sync(*STREAMS)
    leads = [row["id"] for row in at.state("leads")]
    tag = at.state("custom_tags")[0]["id"]
    at.mutate(
        {"op": "delete_leads", "ids": leads[::14]},
        *({"op": "update", "collection": "leads", "id": i, "set": {"mood": "new"}} for i in leads[1::35]),
        {"op": "delete", "collection": "custom_tags", "id": tag},
    )
    return at.data_dir, len(at.rows("leads")) + len(leads[::14]) + len(leads[1::35])


def killed_everywhere(root: Path, step: int) -> int:
    """Kill at every `step`th operation; the number of kills."""
    kills = 0
    with bench(root / "data", CONFIG) as at:
        origin, versions = begun(at)
        while True:
            at.data_dir = root / f"{kills}"
            shutil.copytree(origin, at.data_dir)
            at.clock = pace = Pace()
            pace.stride = 7.0
            at.killed_sync(root / f"{kills}-killed", kills * step, "", *STREAMS, full=True)
            if not at.data_dir.name.endswith("killed"):
                return kills
            at.clock = Pace()
            report = at.sync(*STREAMS, full=True)
            assert (report.exit_code, stream_result(report, "leads").held_deletes) == (0, 0), kills
            assert_mirrors(at, STREAMS)
            assert len(at.rows("leads")) == versions, f"killed before operation {kills * step}"
            kills += 1


def test_a_sync_killed_before_every_sixth_operation_is_taken_up(tmp_path: Path) -> None:
    assert killed_everywhere(tmp_path, step=6) >= 10


@pytest.mark.slow
def test_a_sync_killed_before_every_operation_is_taken_up(tmp_path: Path) -> None:
    assert killed_everywhere(tmp_path, step=1) >= 60


GATED = ("campaigns", "campaign_analytics", "leads")
WORLD = SandboxConfig(leads=350, campaigns=4, accounts=3, days=20, rate_limited=False, now=NOON)


@pytest.fixture
def due(tmp_path: Path) -> Iterator[Bench]:
    """Leads that are read in part: one campaign has moved, most segments are due, and in both leads are gone."""
    with bench(tmp_path / "data", WORLD) as at:
        at.sizes = Sizes(few_pages=0, leads_per_segment=50, worth_a_sweep=9, pages_per_step=1)
        at.sync(*GATED)
        at.wait(days=10)
        leads = at.state("leads")
        moved = [lead["id"] for lead in leads if lead.get("campaign") == at.state("campaigns")[0]["id"]]
        outside = [lead["id"] for lead in leads if not lead.get("campaign")]
        at.mutate({"op": "delete_leads", "ids": [*moved[-3:], *outside[::2]]})
        yield at


def go_on_in(at: Bench, folder: Path, *, copy_of: Path) -> None:
    """Use a copy of a data directory from here on, and let every page be a batch of its own."""
    shutil.copytree(copy_of, folder)
    at.data_dir, at.layout = folder, Layout(folder)
    at.clock = pace = Pace(at.clock.start)
    pace.stride = 7.0


def is_killed(at: Bench, after: int, *, full: bool = False) -> bool:
    """Whether a sync was killed before it touched checkpoints of the leads for the `after`th time."""
    [workspace] = at.layout.workspaces()
    into = at.data_dir.with_name(f"{at.data_dir.name}-killed")
    checkpoints = at.layout.state(workspace, "leads").with_suffix("").relative_to(at.layout.lake)
    return at.killed_sync(into, after, str(checkpoints), *GATED, full=full) is None


def gone_by_a_sync(at: Bench, folder: Path) -> set[str]:
    """The keys that a sync which is not killed deletes."""
    origin, before = at.data_dir, at.alive("leads").keys()
    go_on_in(at, folder, copy_of=origin)
    at.sync(*GATED)
    gone = before - at.alive("leads").keys()
    at.data_dir = origin
    assert len(gone) > 10
    return gone


def assert_takes_up(at: Bench, gone: set[str], kill: int) -> None:
    report = at.sync(*GATED)
    assert (report.exit_code, stream_result(report, "leads").held_deletes) == (0, 0), kill
    assert not gone & at.alive("leads").keys(), f"killed before operation {kill}"


def killed_in_part(at: Bench, root: Path, step: int) -> int:
    """Kill a sync that reads leads in part at every `step`th operation on their checkpoints; the number of kills."""
    origin, gone = at.data_dir, gone_by_a_sync(at, root / "whole")
    for kills in count():
        go_on_in(at, root / f"{kills}", copy_of=origin)
        if not is_killed(at, kills * step):
            return kills
        assert_takes_up(at, gone, kills * step)
    raise AssertionError


def test_leads_read_in_part_and_killed_before_every_third_operation_are_taken_up(due: Bench, tmp_path: Path) -> None:
    assert killed_in_part(due, tmp_path, step=3) >= 10


@pytest.mark.slow
def test_leads_read_in_part_and_killed_before_every_operation_are_taken_up(due: Bench, tmp_path: Path) -> None:
    assert killed_in_part(due, tmp_path, step=1) >= 30


@pytest.mark.parametrize("full", [False, True])
def test_what_a_killed_sync_found_missing_outlives_a_second_kill(due: Bench, tmp_path: Path, *, full: bool) -> None:
    origin, gone = due.data_dir, gone_by_a_sync(due, tmp_path / "whole")
    for first in count():
        go_on_in(due, tmp_path / f"first-{first}", copy_of=origin)
        assert is_killed(due, first)
        if any(due.layout.lake.glob("state/*/leads.scans.json")):
            break
    found = due.data_dir
    for kills in count():
        go_on_in(due, tmp_path / f"{kills}", copy_of=found)
        if not is_killed(due, 3 * kills, full=full):
            break
        assert_takes_up(due, gone, 3 * kills)
    assert kills >= 5


OTHERS = (
    "accounts", "account_campaign_mappings", "audit_logs", "campaigns", "custom_tag_mappings",
    "inbox_placement_analytics",
    "inbox_placement_tests", "lead_list_verification", "lead_lists",
)  # fmt: skip


def others_begun(at: Bench) -> dict[str, int]:
    """A synced data directory whose world has moved on; how many versions each stream has after a whole sync."""
    at.sync(*OTHERS)
    at.advance(days=2)
    campaign = next(row for row in at.state("campaigns") if row.get("email_list"))
    at.mutate(
        {"op": "delete_account", "email": at.state("accounts")[0]["email"]},
        {"op": "update", "collection": "campaigns", "id": campaign["id"], "set": {"email_list": []}},
    )
    origin = at.data_dir
    go_on_in(at, origin.with_name("whole"), copy_of=origin)
    assert at.sync(*OTHERS).exit_code == 0
    found = {stream: len(at.rows(stream)) for stream in OTHERS}
    at.data_dir, at.layout = origin, Layout(origin)
    return found


def test_the_other_streams_killed_before_every_eighth_operation_are_taken_up(tmp_path: Path) -> None:
    config = SandboxConfig(leads=60, campaigns=6, accounts=5, days=12, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        versions, origin = others_begun(at), at.data_dir
        for kills in count():
            go_on_in(at, tmp_path / f"{kills}", copy_of=origin)
            done = at.killed_sync(tmp_path / f"{kills}-killed", kills * 8, "", *OTHERS) is not None
            if done:
                break
            assert at.sync(*OTHERS).exit_code == 0
            assert {stream: len(at.rows(stream)) for stream in OTHERS} == versions, f"killed before {kills * 8}"
    assert kills >= 8
