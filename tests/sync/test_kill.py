"""Killed at any instant (`kill -9`), the next sync goes on, and the lake equals the API."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import Bench, assert_mirrors, bench

pytestmark = pytest.mark.whole

CONFIG = SandboxConfig(leads=12_000, campaigns=5, accounts=8, days=40, rate_limited=False)


def start(at: Bench) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.sync.child", at.url, at.key, str(at.data_dir)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "started\n", child.communicate()[1]
    return child


def finish(at: Bench) -> float:
    begun = time.monotonic()
    child = start(at)
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors
    return time.monotonic() - begun


def kill_after(at: Bench, seconds: float) -> bool:
    """Whether the child was still at it."""
    child = start(at)
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
    child.communicate()
    return child.returncode == -signal.SIGKILL


def storm(data_dir: Path, kills: int, seed: int) -> int:
    """Kill syncs of a moving world; after each, one that runs to its end must mirror it. Returns the kills that hit."""
    chance = random.Random(seed)
    with bench(data_dir, CONFIG, apart=True) as at:
        whole, hit = 4.0, 0
        for number in range(kills):
            hit += kill_after(at, chance.uniform(0.05, whole))
            if chance.random() < 0.6 or number == kills - 1:
                whole = finish(at)
                assert_mirrors(at)
                versions = [(row["_key"], row["_synced_at"]) for row in at.rows("leads")]
                assert len(versions) == len(set(versions))
                # only now: a sweep that goes on does not look again at what it has read before it was killed
                at.advance(hours=chance.choice([1, 30]))
                ids = [row["id"] for row in chance.sample(at.state("leads"), 40)]
                at.mutate({"op": "delete_leads", "ids": ids})
    return hit


def test_a_killed_sync_is_taken_up_by_the_next(tmp_path: Path) -> None:
    assert storm(tmp_path / "data", kills=5, seed=1) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_many_killed_syncs_are_taken_up(tmp_path: Path, seed: int) -> None:
    assert storm(tmp_path / "data", kills=30, seed=seed) >= 15
