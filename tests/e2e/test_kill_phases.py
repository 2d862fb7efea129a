"""Runs killed (SIGKILL) in a phase of choice: fetch, rename, checkpoint, load, models, publish.

The run says when a phase begins (see `child`); a random moment later it is killed. It counts as killed in a phase where
that was the last it had said. After each round a run may go on to its end: then the published file equals the world,
field by field, and its history is what the API said, round by round. A reader opens the file in a loop meanwhile.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from instantly_sandbox.config import SandboxConfig
from tests.e2e.test_kill import Reader
from tests.sync.harness import Bench, bench
from tests.sync.truth import STREAMS, Chronicle, Snapshot, Tables, assert_mirrored

CONFIG = SandboxConfig(leads=1_000, campaigns=4, accounts=3, days=10, rate_limited=False)
PHASES = {"rename": 3, "fetch": 100, "checkpoint": 40, "load": 1, "models": 1, "publish": 1}  # how often at most
TRIES = 3  # a round, to hit a phase


class Runs:
    """Runs of the child; `spans` are the seconds each phase took in the last run that ended."""

    def __init__(self, at: Bench, chance: random.Random) -> None:
        self._command = [sys.executable, "-m", "tests.e2e.child", at.url, at.key, str(at.data_dir)]
        self._chance = chance
        self.spans: dict[str, float] = {}

    @contextmanager
    def _started(self) -> Iterator[subprocess.Popen[str]]:
        child = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        try:
            yield child
        finally:
            child.kill()
            child.communicate()

    def finish(self) -> None:
        """One run to its end."""
        took, times = defaultdict[str, float](float), Counter[str]()
        with self._started() as child:
            assert child.stdout is not None
            phase, since = "start", time.monotonic()
            for line in child.stdout:
                now = time.monotonic()
                took[phase] += now - since
                times[phase] += 1
                phase, since = line.strip(), now
            assert (child.wait(timeout=60), phase) == (0, "end")
        self.spans = {phase: seconds / times[phase] for phase, seconds in took.items()}

    def kill_in(self, phase: str) -> str | None:
        """Kill a run somewhat after `phase` began for a random time; the phase it died in, None where it had ended."""
        wanted = self._chance.randint(1, PHASES[phase])
        with self._started() as child:
            assert child.stdout is not None
            said = "start"
            while wanted and (line := child.stdout.readline()):
                said = line.strip()
                wanted -= said == phase
            if not wanted:
                time.sleep(self._chance.uniform(0, self.spans.get(phase, 0.005) * 0.7))
            child.send_signal(signal.SIGKILL)
            rest = [line for line in child.stdout.read().split() if line != "fetch"]  # goes on beside the others
            child.wait(timeout=60)
            return (rest or [said])[-1] if child.returncode == -signal.SIGKILL else None


def move(at: Bench, chance: random.Random) -> None:
    """The world goes on: mail, changes, deletions, moves, sometimes a whole campaign."""
    at.advance(hours=chance.choice([1, 5]))
    leads = [row["id"] for row in chance.sample(at.state("leads"), 50)]
    lists = [row["id"] for row in at.state("lead_lists")]
    at.mutate(
        {"op": "delete_leads", "ids": leads[:5]},
        {"op": "move_lead", "ids": leads[5:10], "list_id": chance.choice(lists)},
        *({"op": "update", "collection": "leads", "id": lead, "set": {"mood": chance.random()}} for lead in leads[10:]),
    )
    campaigns = at.state("campaigns")
    if len(campaigns) > 2 and len(at.state("leads")) > 800 and chance.random() < 0.15:
        at.mutate({"op": "delete_campaign", "id": chance.choice(campaigns)["id"]})


def storm(root: Path, kills: int, seed: int) -> Counter[str]:
    """Rounds of a kill in each phase, as many as `kills`; how many hit which, and how many runs ended."""
    chance, hits = random.Random(seed), Counter[str]()
    with bench(root / "data", CONFIG, apart=True) as at:
        spaces = [space["id"] for space in at.control.get("/state").json()["workspaces"]]
        runs, chronicle, reader = Runs(at, chance), Chronicle(), Reader(at.layout.published_file, pause=0.5)
        reader.start()
        for number in range(1, kills + 1):
            at.clock.start = datetime.now(UTC)
            now = Snapshot(at, spaces, STREAMS)
            chronicle.may_be_read(now)
            for phase in PHASES:
                tries = iter(range(TRIES))
                while next(tries, None) is not None and hits[phase] < number:
                    hits[runs.kill_in(phase) or "ended"] += 1
            runs.finish()
            hits["ended"] += 1
            tables = Tables(at, at.layout.published_file)
            assert_mirrored(now, tables)
            chronicle.assert_told(now, tables)
            print(number, dict(hits), f"{reader.reads} reads")
            move(at, chance)  # only now: a sweep that goes on does not look again at what it has read
        reader.over.set()
        reader.join(timeout=30)
        assert reader.problems == []
        assert reader.reads > 0
    return hits


@pytest.mark.slow
def test_a_run_killed_in_every_phase_is_taken_up(tmp_path: Path) -> None:
    hits = storm(tmp_path, kills=1, seed=4)
    assert sum(hits[phase] for phase in PHASES) >= 3, hits


@pytest.mark.slow
def test_a_run_killed_thirty_times_in_every_phase_is_taken_up(tmp_path: Path) -> None:
    hits = storm(tmp_path, kills=32, seed=5)
    assert all(hits[phase] >= 30 for phase in PHASES), hits
