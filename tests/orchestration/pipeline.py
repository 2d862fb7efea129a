"""A pipeline on a small sandbox, for the tests of this folder and of the command line."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import httpx
from pydantic import SecretStr

from instantly_pipeline.orchestration.instance.home import open_instance
from instantly_pipeline.orchestration.sync_job import run_sync
from instantly_pipeline.run.results import RunReport
from instantly_pipeline.run.run import Run
from instantly_pipeline.run.sql_models import SQL_DIR
from instantly_pipeline.settings import PROJECT_ROOT, Settings
from instantly_pipeline.sync.results import Event, Request
from instantly_sandbox.server import SandboxConfig, running

SMALL = SandboxConfig(
    key="orchestration-secret-4711", campaigns=3, leads=120, accounts=4, days=12, rate_limited=False
)  # fmt: skip
LEADS = "/api/v2/leads/list"


def make_home(folder: Path) -> Path:
    """A Dagster home with the settings the project ships."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(PROJECT_ROOT / "dagster_home" / "dagster.yaml", folder)
    return folder


def settings_for(data_dir: Path, url: str = "http://127.0.0.1:9", key: str = SMALL.key) -> Settings:
    return Settings(_env_file=None, api_key=SecretStr(key), base_url=url, data_dir=data_dir)  # type: ignore[call-arg]


@dataclass
class Pipeline:
    """A data directory, a Dagster home and a sandbox."""

    root: Path
    url: str
    key: str = SMALL.key

    @property
    def settings(self) -> Settings:
        return settings_for(self.root / "data", self.url, self.key)

    @property
    def published(self) -> Path:
        return self.root / "data" / "publish" / "warehouse.duckdb"

    def sync(self, request: Request | None = None, *, sql_dir: Path = SQL_DIR, wait: bool = False) -> RunReport:
        self.events: list[Event] = []
        run = Run(self.settings, on_event=self.events.append, sql_dir=sql_dir)
        return run_sync(run, request or Request(), wait=wait)

    def switch(self, **values: Any) -> None:
        httpx.post(f"{self.url}/_sandbox/switches", json=values, verify=False).raise_for_status()

    def advance(self, days: float) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/_sandbox/advance", json={"days": days}, verify=False)
        answer.raise_for_status()
        moved: dict[str, Any] = answer.json()
        return moved


@contextmanager
def pipeline(root: Path, *, config: SandboxConfig = SMALL) -> Iterator[Pipeline]:
    """A new pipeline; DAGSTER_HOME names its home meanwhile."""
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(make_home(root / "dagster_home"))
    try:
        with running(config) as box:
            yield Pipeline(root, box.url, box.key)
    finally:
        if before is None:
            del os.environ["DAGSTER_HOME"]
        else:
            os.environ["DAGSTER_HOME"] = before


def materialized(run_id: str) -> set[str]:
    """What a run materialized."""
    events = _events(run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
    return {event.dagster_event.asset_key.to_user_string() for event in events}  # type: ignore[union-attr]


def failed_checks(run_id: str) -> dict[str, dict[str, Any]]:
    """Checks of a run that failed, as `asset:check`, with their metadata."""
    found = {}
    for event in _events(run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        done = event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
        if not done.passed:
            values = {name: value.value for name, value in done.metadata.items()}
            found[f"{done.asset_key.to_user_string()}:{done.check_name}"] = values | {"severity": done.severity.value}
    return found


def metadata_of(run_id: str, asset: str) -> dict[str, Any]:
    """The metadata of a materialization."""
    for event in _events(run_id, dg.DagsterEventType.ASSET_MATERIALIZATION):
        if event.asset_materialization and event.asset_materialization.asset_key.to_user_string() == asset:
            return {name: value.value for name, value in event.asset_materialization.metadata.items()}
    raise AssertionError(f"{asset} was not materialized")


def step_failure(run_id: str) -> str:
    """What the log of a run says first about the step that failed."""
    [event, *_] = _events(run_id, dg.DagsterEventType.STEP_FAILURE)
    error = event.dagster_event.step_failure_data.error  # type: ignore[union-attr]
    assert error is not None
    data = event.dagster_event.step_failure_data.user_failure_data  # type: ignore[union-attr]
    return (data.description if data else None) or error.message


def run_of(run_id: str) -> dg.DagsterRun:
    """A run as Dagster knows it."""
    with open_instance() as instance:
        run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


def sentences(run_id: str) -> list[str]:
    """What the pipeline itself wrote into the log of a run: neither dagster's events nor its debug output."""
    with open_instance() as instance:
        return [entry.user_message for entry in instance.all_logs(run_id) if not entry.is_dagster_event]


def interrupted_query() -> None:
    """A query of DuckDB's during which this process gets Ctrl-C; it takes a second or two."""
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    duckdb.connect().execute("select count(*) from range(200_000_000) r where hash(range) = 1").fetchall()


def all_bytes(folder: Path) -> bytes:
    """Everything below a folder, SQLite's own pages put in place first."""
    for path in folder.rglob("*.db"):
        connection = sqlite3.connect(path)
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.close()
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def _events(run_id: str, kind: dg.DagsterEventType) -> list[dg.EventLogEntry]:
    with open_instance() as instance:
        return list(instance.all_logs(run_id, of_type=kind))
