"""One writer: of commands that begin together one writes, a waiting one takes over from one that was killed."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import dagster as dg
import pytest

from instantly_pipeline.orchestration.instance.home import open_instance
from instantly_sandbox.config import SandboxConfig
from tests.e2e.test_kill import Command, published
from tests.sync.harness import assert_equal, bench
from tests.warehouse.lake_writer import begin_with_tables

CONFIG = SandboxConfig(leads=300, campaigns=2, accounts=2, days=8, rate_limited=False)
OPEN = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.QUEUED)


def until(child: subprocess.Popen[str], word: str) -> None:
    """Wait until it has said so."""
    assert child.stdout is not None
    for line in child.stdout:
        if word in line:
            return
    raise AssertionError(f"it never said {word!r}")


@pytest.mark.slow
def test_of_several_syncs_at_once_one_writes_and_after_a_kill_the_waiting_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_build: Path
) -> None:
    with bench(tmp_path / "data", CONFIG, apart=True) as at:
        begin_with_tables(at.layout, empty_build)
        command = Command(at, tmp_path)
        at.post("/switches", {"latency_by_path": {"/api/v2/leads/list": 600.0}})
        first = command.start("--streams", "leads")
        until(first, "... leads")
        refused = command.start("--streams", "leads", wait=False)
        said = refused.communicate(timeout=120)[0]
        assert refused.returncode == 2
        assert f"process {first.pid}" in said
        waiting = [command.start("--streams", "leads") for _ in range(2)]
        for child in waiting:
            until(child, "Waiting for it to end")
        at.post("/switches", {"latency_by_path": {}})
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=60)
        ends = [child.communicate(timeout=240)[0] for child in waiting]
        assert [child.returncode for child in waiting] == [0, 0], ends
        assert_equal("leads", at.state("leads"), published(at.layout.published_file, "leads"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with open_instance() as instance:
        runs = instance.get_run_records()
        assert sorted(record.dagster_run.status.value for record in runs) == ["FAILURE", "SUCCESS", "SUCCESS"]
        spans = sorted((record.start_time or 0.0, record.end_time or 0.0) for record in runs)
        assert spans[1][1] <= spans[2][0], "the two that waited wrote one after the other"
        assert not [record for record in runs if record.dagster_run.status in OPEN]
