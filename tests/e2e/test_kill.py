"""The whole command killed in every phase: fetch, rename, checkpoint, load, models, publish.

A reader opens the published file in a loop meanwhile; it never fails and never sees a part. After a run that ends, the
published tables equal the world.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import Bench, assert_equal, bench

CONFIG = SandboxConfig(leads=6_000, campaigns=4, accounts=6, days=25, rate_limited=False)
TABLES = ("campaigns", "leads", "accounts", "lead_lists", "custom_tags", "campaign_analytics")


class Command:
    """`instantly-pipeline sync` against one sandbox, each time in a process of its own."""

    def __init__(self, at: Bench, home: Path) -> None:
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("INSTANTLY_", "DAGSTER_"))} | {
            "INSTANTLY_API_KEY": at.key,
            "INSTANTLY_BASE_URL": at.url,
            "INSTANTLY_DATA_DIR": str(at.data_dir),
            "INSTANTLY_ENV_FILE": str(home / "none"),
            "DAGSTER_HOME": str(home / "dagster"),
        }

    def start(self, *words: str, wait: bool = True) -> subprocess.Popen[str]:
        program = str(Path(sys.executable).with_name("instantly-pipeline"))
        command = [program, "sync", *words, *(["--wait"] if wait else [])]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def finish(self) -> float:
        """A sync of everything, to its end; its seconds."""
        begun = time.monotonic()
        child = self.start("--full")
        said, _ = child.communicate(timeout=240)
        assert child.returncode == 0, said
        return time.monotonic() - begun

    def kill_after(self, seconds: float, with_signal: int = signal.SIGKILL) -> int:
        child = self.start()
        try:
            child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.send_signal(with_signal)
        child.communicate(timeout=120)
        return child.returncode


class Reader(threading.Thread):
    """Opens the published file again and again, as a BI tool would."""

    def __init__(self, file: Path, pause: float = 0.05) -> None:
        super().__init__(daemon=True)
        self.file = file
        self.pause = pause
        self.reads = 0
        self.problems: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(self.pause):
            self._look()
        self._look()  # the file as it stays; a short storm may be over before the first pause is

    def _look(self) -> None:
        if self.file.exists():
            try:
                self._read()
            except duckdb.Error as error:
                self.problems.append(str(error))

    def _read(self) -> None:
        with duckdb.connect(str(self.file), read_only=True) as con:
            counted = con.execute("select count(*), count(distinct _key) from raw.leads").fetchall()[0]
            con.execute("select count(*) from marts.rpt_campaign_summary").fetchall()
        if counted[0] == 0 or counted[0] != counted[1]:
            self.problems.append(f"{counted[0]} rows, {counted[1]} keys")
        self.reads += 1


def published(file: Path, stream: str) -> dict[str, dict[str, Any]]:
    with duckdb.connect(str(file), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        found = con.execute(f"select * from raw.{stream} where _deleted_at is null")
        names = [column[0] for column in found.description]
        return {row[names.index("_key")]: dict(zip(names, row, strict=True)) for row in found.fetchall()}


def storm(root: Path, kills: int, seed: int) -> int:
    chance = random.Random(seed)
    with bench(root / "data", CONFIG, apart=True) as at:
        command, file = Command(at, root), root / "data" / "publish" / "warehouse.duckdb"
        reader = Reader(file)
        reader.start()
        whole, hit = 14.0, 0
        for number in range(kills):
            hit += command.kill_after(chance.uniform(1.5, whole)) == -signal.SIGKILL
            if chance.random() < 0.3 or number == kills - 1:
                whole = command.finish()
                for stream in TABLES:
                    assert_equal(stream, at.state(stream), published(file, stream))
                # only now: a sweep that goes on does not look again at what it has read before it was killed
                at.advance(hours=chance.choice([1, 30]))
                ids = [row["id"] for row in chance.sample(at.state("leads"), 25)]
                at.mutate({"op": "delete_leads", "ids": ids})
        reader.over.set()
        reader.join(timeout=30)
        assert reader.problems == []
        assert reader.reads > 3
    return hit


@pytest.mark.slow  # the short run of kills is in test_kill_phases
def test_the_command_killed_anywhere_is_taken_up_and_readers_never_notice(tmp_path: Path) -> None:
    assert storm(tmp_path, kills=30, seed=2) >= 15


@pytest.mark.slow  # the short one is in tests/cli/test_commands.py
def test_ctrl_c_is_a_sentence_and_the_next_sync_goes_on(tmp_path: Path) -> None:
    with bench(tmp_path / "data", CONFIG, apart=True) as at:
        command = Command(at, tmp_path)
        at.post("/switches", {"latency": 0.05})
        child = command.start()
        assert child.stdout is not None
        seen = next(line for line in child.stdout if line.startswith("campaigns:"))  # it reads
        child.send_signal(signal.SIGINT)
        said = seen + child.communicate(timeout=120)[0]
        assert child.returncode == 130, said
        assert "Traceback" not in said
        at.post("/switches", {"latency": 0.0})
        command.finish()
        assert_equal("leads", at.state("leads"), published(at.layout.published_file, "leads"))
