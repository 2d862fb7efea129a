"""Dagster's own records: marks runs of killed processes as failed, deletes old runs and their files.

Dagster would show the run of a killed process as running forever. dagster 1.13 also keeps every run forever (its
retention only covers ticks), one to two megabytes per sync. A deleted run leaves its empty file, its check results and
its log. Can be removed when dagster has a retention for runs that removes all of this (`test_workarounds.py` checks
that).
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage

from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.instance import process

KEEP_RUNS = timedelta(days=7)  # `meta.sync_runs` keeps every sync forever
FORGET_AT_ONCE, LOOK_AT_ONCE = 50, 1000
SILENT_FOR = timedelta(minutes=5)  # a run is tagged with its process within seconds of its start
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_OPEN = [
    dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]  # fmt: skip
_ENDED = (
    "The process of this run was killed, or the machine stopped. "
    "What it had read is in the lake; the next sync continues from there."
)


def close_orphans(instance: dg.DagsterInstance, *, own: str | None, held: Path | None) -> list[str]:
    """Mark runs whose process no longer exists as failed; returns their ids.

    `own` is the caller's run, `held` the data directory whose lock the caller holds.
    """
    closed = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_OPEN)):
        run = record.dagster_run
        if run.run_id != own and is_gone(record, held=held):
            instance.report_run_failed(run, _ENDED)
            closed.append(run.run_id)
    return closed


def is_gone(record: dg.RunRecord, *, held: Path | None = None) -> bool:
    """Whether the process of an open run no longer exists.

    A run of another machine (a container has a new name at each start) is known to have ended if it was writing to
    `held`, the data directory whose lock the caller holds.
    """
    run = record.dagster_run
    of = run.tags.get(asset_keys.PROCESS_TAG)
    quiet = datetime.now(UTC) - record.update_timestamp.replace(tzinfo=UTC)
    if of is None:
        return _is_ours(run) and run.status is dg.DagsterRunStatus.STARTED and quiet > SILENT_FOR
    there = process.is_there(of)
    if there is None:
        return held is not None and run.tags.get(asset_keys.DATA_DIR_TAG) == str(held) and quiet > SILENT_FOR
    return not there or process.is_this(of)


def forget_old_runs(instance: dg.DagsterInstance, *, now: datetime | None = None) -> int:
    """Delete the records and files of runs older than `KEEP_RUNS`, up to `FORGET_AT_ONCE`; returns how many."""
    before = (now or datetime.now(UTC)) - KEEP_RUNS
    ended = [status for status in dg.DagsterRunStatus if status not in _OPEN]
    wanted = dg.RunsFilter(statuses=ended, created_before=before)
    old = [record.dagster_run for record in instance.get_run_records(wanted, limit=LOOK_AT_ONCE, ascending=True)]
    ours = [run.run_id for run in old if _is_ours(run)][:FORGET_AT_ONCE]
    for run_id in ours:
        instance.delete_run(run_id)
    if isinstance(instance.event_log_storage, SqliteEventLogStorage):
        _remove_files(instance, instance.event_log_storage, ours, before)
    return len(ours)


def _remove_files(
    instance: dg.DagsterInstance, log: SqliteEventLogStorage, forgotten: list[str], before: datetime
) -> None:
    """Remove the files of deleted runs, and old files without a run; then vacuum the databases."""
    folder = Path(log.path_for_shard(INDEX_SHARD_NAME)).parent
    quiet = [path.stem for path in folder.glob("*.db") if path.stat().st_mtime < before.timestamp()]
    gone = [name for name in quiet if _RUN_ID.match(name) and not instance.has_run(name)]
    with log.index_connection() as connection:
        for run_id in (*forgotten, *gone):
            checks = AssetCheckExecutionsTable
            connection.execute(checks.delete().where(checks.c.run_id == run_id))
            for ending in ("", "-wal", "-shm"):
                Path(f"{log.path_for_shard(run_id)}{ending}").unlink(missing_ok=True)
            said = Path(instance.storage_directory()) / run_id
            if not said.is_symlink():
                shutil.rmtree(said, ignore_errors=True)
    home = Path(instance.root_directory)
    for path in (folder / f"{INDEX_SHARD_NAME}.db", home / "history" / "runs.db", home / "schedules" / "schedules.db"):
        if path.is_file():
            _vacuum(path)


def _vacuum(path: Path) -> None:
    """Vacuum an SQLite file if more than half of it is empty; does nothing while it is in use."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
        [(empty,)] = connection.execute("pragma freelist_count")
        [(pages,)] = connection.execute("pragma page_count")
        if 2 * empty > pages:
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")


def _is_ours(run: dg.DagsterRun) -> bool:
    """Whether a run belongs to this project: DAGSTER_HOME may contain other projects' runs too."""
    if asset_keys.PROCESS_TAG in run.tags:
        return True
    origin = run.remote_job_origin
    return origin is not None and origin.repository_origin.code_location_origin.location_name == asset_keys.LOCATION
