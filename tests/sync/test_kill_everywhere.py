"""A sync killed before each operation on a file, one after the other: the next ends as if nothing had been."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

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
