"""Runs whose process is gone, runs of long ago, and scheduled runs that meet another command."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus

from instantly_pipeline.errors import StorageError
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.definitions import build_defs
from instantly_pipeline.orchestration.instance import housekeeping, process
from instantly_pipeline.orchestration.instance.home import open_instance
from instantly_pipeline.orchestration.instance.in_process import run_here
from instantly_pipeline.orchestration.instance.launcher import LocalRunLauncher
from instantly_pipeline.orchestration.schedules import run_config
from instantly_pipeline.settings import Settings
from tests.orchestration.pipeline import make_home, materialized, run_of, settings_for

pytestmark = pytest.mark.medium

HOLD = "import sys; from pathlib import Path; from instantly_pipeline.lake.lock import writing\n" \
    "with writing(Path(sys.argv[1]), command='a test'): print('held', flush=True); sys.stdin.read()"  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(make_home(tmp_path / "dagster_home")))
    return tmp_path


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Another process holds the data directory."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield
        other.communicate()


def dead_token() -> str:
    """A process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return f"{socket.gethostname()} {child.pid} 1"


def open_run(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    """A run that was begun and never ended."""
    run = instance.create_run_for_job(_idle, tags=tags)  # type: ignore[attr-defined]
    instance.report_dagster_event(
        dg.DagsterEvent("PIPELINE_START", asset_keys.JOB, message="began"), run.run_id
    )  # fmt: skip
    assert run_status(instance, run.run_id) is dg.DagsterRunStatus.STARTED
    return str(run.run_id)


def run_status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@dg.op
def _nothing() -> None:
    """Do nothing."""


@dg.job(name=asset_keys.JOB)
def _idle() -> None:
    _nothing()


def test_a_run_whose_process_is_gone_is_closed_and_a_living_one_is_not(home: Path) -> None:
    parent = f"{socket.gethostname()} {os.getppid()} {process._started(os.getppid())}"
    with open_instance() as instance:
        gone = open_run(instance, {asset_keys.PROCESS_TAG: dead_token()})
        lives = open_run(instance, {asset_keys.PROCESS_TAG: parent})
        silent = open_run(instance, {})
        assert housekeeping.close_orphans(instance, own=None, held=home / "data") == [gone]
        assert run_status(instance, gone) is dg.DagsterRunStatus.FAILURE
        assert run_status(instance, lives) is dg.DagsterRunStatus.STARTED
        assert run_status(instance, silent) is dg.DagsterRunStatus.STARTED


def test_a_run_by_hand_says_whose_it_is_before_anything_begins(home: Path) -> None:
    with open_instance() as instance:
        run = run_here(instance, _idle, run_config={}, selection=None, tags=process.tags(home / "data"))
        assert run.tags[asset_keys.PROCESS_TAG] == process.token()
        assert run.tags[asset_keys.DATA_DIR_TAG] == str(home / "data")


def test_a_process_id_that_came_again_is_another_process() -> None:
    again = f"{socket.gethostname()} {os.getppid()} 1"
    assert process.is_there(again) is False
    assert process.is_there(process.token()) is True


def test_a_process_of_another_machine_is_not_judged(home: Path) -> None:
    assert process.is_there("elsewhere 1 2") is None
    with open_instance() as instance:
        open_run(instance, {asset_keys.PROCESS_TAG: "elsewhere 1 2", asset_keys.DATA_DIR_TAG: "/other"})
        assert housekeeping.close_orphans(instance, own=None, held=home / "data") == []


def test_dagsters_monitoring_learns_that_a_process_is_gone(home: Path) -> None:
    with open_instance() as instance:
        gone = instance.get_run_by_id(open_run(instance, {asset_keys.PROCESS_TAG: dead_token()}))
        lives = instance.get_run_by_id(open_run(instance, {asset_keys.PROCESS_TAG: f"elsewhere {os.getpid()} 1"}))
        launcher = instance.run_launcher
        assert isinstance(launcher, LocalRunLauncher)
        assert launcher.supports_check_run_worker_health
        assert gone is not None
        assert lives is not None
        assert launcher.check_run_worker_health(gone).status is WorkerStatus.NOT_FOUND
        assert launcher.check_run_worker_health(lives).status is WorkerStatus.RUNNING


def test_runs_of_long_ago_are_forgotten_with_their_files(home: Path) -> None:
    with open_instance() as instance:
        done = _idle.execute_in_process(instance=instance, tags={asset_keys.PROCESS_TAG: process.token()})
        others = _idle.execute_in_process(instance=instance)  # another project's
        files = home / "dagster_home" / "history" / "runs"
        assert (files / f"{done.run_id}.db").exists()
        assert housekeeping.forget_old_runs(instance) == 0
        assert housekeeping.forget_old_runs(instance, now=datetime.now(UTC) + timedelta(days=8)) == 1
        assert instance.get_run_by_id(done.run_id) is None
        assert instance.get_run_by_id(others.run_id) is not None
        assert not list(files.glob(f"{done.run_id}*"))


@pytest.fixture(params=[True, False], ids=["shipped settings", "Dagster's own settings"])
def any_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    home = tmp_path / "dagster_home"
    monkeypatch.setenv("DAGSTER_HOME", str(make_home(home) if request.param else home))
    return home


def test_a_forgotten_run_leaves_nothing_in_either_home(any_home: Path) -> None:
    with open_instance() as instance:
        done = _idle.execute_in_process(instance=instance, tags={asset_keys.PROCESS_TAG: process.token()})
        said = any_home / "storage" / done.run_id / "compute_logs"
        said.mkdir(parents=True)
        (said / "step.out").write_text("what it said")
        assert housekeeping.forget_old_runs(instance, now=datetime.now(UTC) + timedelta(days=8)) == 1
    assert [path for path in any_home.rglob("*") if done.run_id in str(path)] == []


def test_the_emptied_files_of_runs_forgotten_earlier_go_too(any_home: Path) -> None:
    with open_instance() as instance:
        done = _idle.execute_in_process(instance=instance)
        kept = _idle.execute_in_process(instance=instance)
        instance.delete_run(done.run_id)
        runs = any_home / "history" / "runs"
        later = datetime.now(UTC) + timedelta(days=8)
        (runs / "notes.db").write_bytes(b"of the user")
        assert (runs / f"{done.run_id}.db").exists()
        housekeeping.forget_old_runs(instance, now=later)
        names = {path.name for path in runs.glob("*.db")}
    assert names == {"index.db", "notes.db", f"{kept.run_id}.db"}


def test_a_record_that_is_mostly_empty_gives_its_bytes_back(any_home: Path) -> None:
    with open_instance() as instance:
        index = any_home / "history" / "runs" / "index.db"
        instance.report_runless_asset_event(dg.AssetMaterialization("a"))
        with sqlite3.connect(index) as connection:
            connection.execute("create table much (text)")
            connection.executemany("insert into much values (?)", [("x" * 1000,)] * 20_000)
            connection.execute("drop table much")
        connection.close()
        large = index.stat().st_size
        housekeeping.forget_old_runs(instance)
        assert large > 20_000_000
        assert index.stat().st_size < large / 10
        assert instance.get_latest_materialization_event(dg.AssetKey("a")) is not None


@pytest.mark.parametrize("dangling", [False, True])
@pytest.mark.parametrize("place", ["history", "history/runs", "history/runs.db", "history/runs/index.db", "schedules"])
def test_a_link_among_dagsters_records_is_refused(any_home: Path, tmp_path: Path, place: str, dangling: bool) -> None:
    target = tmp_path / "elsewhere"
    (any_home / place).parent.mkdir(parents=True, exist_ok=True)
    (any_home / place).symlink_to(target)
    if not dangling:
        target.write_bytes(b"of somebody else") if "." in place else target.mkdir()
    with pytest.raises(StorageError, match=f"{place} is a link"):
        open_instance()
    assert target.exists() is not dangling
    assert dangling or target.is_dir() or target.read_bytes() == b"of somebody else"


def test_dagsters_home_and_its_settings_may_be_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = make_home(tmp_path / "disk")
    (real / "dagster.yaml").rename(tmp_path / "config.yaml")
    (real / "dagster.yaml").symlink_to(tmp_path / "config.yaml")
    (tmp_path / "home").symlink_to(real)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with open_instance() as instance:
        assert instance.get_runs() == []


def test_dagsters_records_are_their_users_alone(any_home: Path) -> None:
    before = os.umask(0o022)
    try:
        (any_home / "schedules").mkdir(parents=True)
        (any_home / "schedules" / "schedules.db").touch()  # an earlier version left it so
        with open_instance() as instance:
            done = _idle.execute_in_process(instance=instance)
    finally:
        os.umask(before)
    rights = {path: path.stat().st_mode & 0o777 for path in (any_home, *any_home.rglob("*"))}
    rights.pop(any_home / "dagster.yaml", None)
    if not (any_home / "dagster.yaml").exists():  # Dagster's own class makes it; a sync has narrowed the umask by then
        rights.pop(any_home / "history" / "runs" / f"{done.run_id}.db")
    assert {path: f"{mode:o}" for path, mode in rights.items() if mode & 0o077} == {}


def scheduled_run(settings: Settings) -> dg.ExecuteInProcessResult:
    """The job as a schedule starts it."""
    job = build_defs(lambda: settings).resolve_job_def(asset_keys.JOB)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with open_instance() as instance:
        return job.execute_in_process(
            run_config=quiet | run_config(), instance=instance, tags={asset_keys.TICK_TAGS[0]: "hourly_sync"}
        )


def test_a_scheduled_run_that_meets_another_command_ends_as_skipped(home: Path) -> None:
    settings = settings_for(home / "data")
    with held(settings.data_dir):
        done = scheduled_run(settings)
    assert done.success
    assert materialized(done.run_id) == set()
    assert run_of(done.run_id).tags[asset_keys.SKIPPED_TAG] == "the data directory was being written"
    assert "`a test`" in _log_of(done.run_id)


def test_a_tick_that_meets_another_command_is_skipped_in_words(home: Path) -> None:
    settings = settings_for(home / "data")
    schedule = build_defs(lambda: settings).resolve_schedule_def("hourly_sync")
    with held(settings.data_dir), dg.build_schedule_context() as context:
        met = schedule.evaluate_tick(context)
    assert "`a test`" in (met.skip_message or "")
    with dg.build_schedule_context() as context:
        free = schedule.evaluate_tick(context)
    assert [request.run_config for request in free.run_requests or []] == [run_config()]


def test_the_nightly_schedule_reads_everything(home: Path) -> None:
    settings = settings_for(home / "data").model_copy(update={"streams": "campaigns"})
    schedule = build_defs(lambda: settings).resolve_schedule_def("nightly_full_sync")
    with dg.build_schedule_context() as context:
        [request] = schedule.evaluate_tick(context).run_requests or []
    assert request.run_config == run_config(full=True)
    chosen = {key.to_user_string() for key in request.asset_selection or []}
    assert "lake/campaigns" in chosen
    assert "lake/leads" not in chosen


def _log_of(run_id: str) -> str:
    with open_instance() as instance:
        return "\n".join(event.user_message for event in instance.all_logs(run_id))


def test_records_that_cannot_be_written_are_reported_in_a_sentence(home: Path) -> None:
    folder = home / "dagster_home" / "history" / "runs.db"
    folder.mkdir(parents=True)  # where SQLite wants its file
    with pytest.raises(StorageError, match=r"Dagster's records in .* cannot be written"):
        open_instance()
