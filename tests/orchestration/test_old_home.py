"""A Dagster home with the settings of version 0.1.0, which name the event log and the launcher by their old places."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from instantly_pipeline.orchestration.instance import process
from instantly_pipeline.orchestration.instance.event_log import CachedSqliteEventLogStorage
from instantly_pipeline.orchestration.instance.home import open_instance
from instantly_pipeline.orchestration.instance.in_process import run_here
from instantly_pipeline.orchestration.instance.launcher import LocalRunLauncher
from tests.orchestration.pipeline import make_home


@pytest.fixture
def old_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "dagster_home"
    home.mkdir()
    shutil.copy(Path(__file__).with_name("dagster-0.1.0.yaml"), home / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


@dg.op
def _nothing() -> None:
    """Do nothing."""


@dg.job(executor_def=dg.in_process_executor)
def _idle() -> None:
    _nothing()


def test_its_settings_give_todays_event_log_and_launcher(old_home: Path) -> None:
    with open_instance() as instance:
        assert isinstance(instance.event_log_storage, CachedSqliteEventLogStorage)
        assert isinstance(instance.run_launcher, LocalRunLauncher)


def test_its_runs_are_there_after_the_settings_were_replaced(old_home: Path) -> None:
    with open_instance() as instance:
        done = run_here(instance, _idle, run_config={}, selection=None, tags=process.tags(old_home))
    assert done.is_success
    make_home(old_home)
    with open_instance() as instance:
        assert [run.run_id for run in instance.get_runs()] == [done.run_id]
        assert len(instance.all_logs(done.run_id)) > 5


@pytest.mark.whole
def test_dagsters_own_commands_open_it(old_home: Path) -> None:
    with open_instance() as instance:
        done = run_here(instance, _idle, run_config={}, selection=None, tags=process.tags(old_home))
    listed = subprocess.run(
        [sys.executable, "-m", "dagster", "run", "list"], env=dict(os.environ), cwd=old_home, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    assert done.run_id in listed.stdout
