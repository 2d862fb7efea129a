"""Killed at any instant (`kill -9`), the next sync goes on, and the lake equals the API.

A sync that reads leads in part is held to what it promises: what counters show, what is new, and what it has swept is
exact; other leads may be as they were. A sync of everything is exact.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import LISTS, NOON, Bench, assert_equal, assert_mirrors, bench

pytestmark = pytest.mark.whole

CONFIG = SandboxConfig(leads=12_000, campaigns=5, accounts=8, days=40, rate_limited=False, now=NOON)
Rows = dict[str, dict[str, Any]]


class Syncs:
    """Syncs of one data directory, each a process whose clock goes with the world's."""

    def __init__(self, at: Bench) -> None:
        self._at = at
        self.set_clock()

    def set_clock(self) -> None:
        """The world has moved on."""
        self._ahead = (self._at.clock.start - datetime.now(UTC)).total_seconds()

    def finish(self, *words: str) -> float:
        """A sync to its end; its seconds."""
        begun = time.monotonic()
        child = self._start(*words)
        _, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors
        return time.monotonic() - begun

    def kill_after(self, seconds: float) -> bool:
        """Whether the child was still at it."""
        child = self._start()
        try:
            child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        child.communicate()
        return child.returncode == -signal.SIGKILL

    def _start(self, *words: str) -> subprocess.Popen[str]:
        at = self._at
        command = [sys.executable, "-m", "tests.sync.child", at.url, at.key, str(at.data_dir), str(self._ahead), *words]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n", child.communicate()[1]
        return child


@dataclass(frozen=True)
class Known:
    """The campaigns, with their counters, and the live leads of the lake when a sync came to its end."""

    campaigns: dict[str, tuple[object, object]] = field(default_factory=dict)
    leads: Rows = field(default_factory=dict)


def known(at: Bench) -> Known:
    counters = {row["campaign_id"]: row for row in at.state("campaign_analytics")}
    campaigns = {row["id"]: (row, counters.get(row["id"])) for row in at.state("campaigns")}
    return Known(campaigns, at.alive("leads"))


def unseen(at: Bench, before: Known, now: Known, api: Rows) -> set[str]:
    """The keys of leads that the lake has as before, and that nothing made the sync look at.

    Not among them: a lead of a campaign that differs, counters included, and one in a range that was swept since.
    """
    both = before.campaigns.keys() | now.campaigns.keys()
    moved = {one for one in both if before.campaigns.get(one) != now.campaigns.get(one)}
    swept = [
        (row["key_from"] or "", row["key_to"] or "~")
        for row in at.log("verified")
        if row["stream"] == "leads" and row["verified_at"] >= at.clock.start
    ]
    return {
        key
        for key, lead in now.leads.items()
        if before.leads.get(key) == lead
        and not {lead["campaign"], api.get(key, {}).get("campaign")} & moved
        and not any(low < key <= high for low, high in swept)
    }


def assert_in_step(at: Bench, before: Known) -> Known:
    """The lake mirrors the API, but for leads that could not be seen to have changed; what it knows now."""
    assert_mirrors(at, tuple(stream for stream in LISTS if stream != "leads"))
    now, api = known(at), {json.dumps([lead["id"]]): lead for lead in at.state("leads")}
    excused = unseen(at, before, now, api)
    stored = {key: lead for key, lead in now.leads.items() if key not in excused}
    assert_equal("leads", [lead for key, lead in api.items() if key not in excused], stored)
    versions = [(row["_key"], row["_synced_at"]) for row in at.rows("leads")]
    assert len(versions) == len(set(versions))
    return now


def storm(data_dir: Path, kills: int, seed: int) -> int:
    """Kill syncs of a moving world, and look at what those leave that run to their end. Returns the kills that hit."""
    chance = random.Random(seed)
    with bench(data_dir, CONFIG, apart=True) as at:
        syncs, before = Syncs(at), Known()
        whole, hit = 4.0, 0
        for number in range(kills):
            hit += syncs.kill_after(chance.uniform(0.05, whole))
            if chance.random() < 0.6 or number == kills - 1:
                whole = syncs.finish()
                before = assert_in_step(at, before)
                # only now: a sweep that goes on does not look again at what it has read before it was killed
                at.advance(hours=chance.choice([1, 30]))
                ids = [row["id"] for row in chance.sample(at.state("leads"), 40)]
                at.mutate({"op": "delete_leads", "ids": ids})
                syncs.set_clock()
        syncs.finish("--full")
        assert_mirrors(at)
    return hit


def test_a_killed_sync_is_taken_up_by_the_next(tmp_path: Path) -> None:
    assert storm(tmp_path / "data", kills=5, seed=1) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_many_killed_syncs_are_taken_up(tmp_path: Path, seed: int) -> None:
    assert storm(tmp_path / "data", kills=30, seed=seed) >= 15
