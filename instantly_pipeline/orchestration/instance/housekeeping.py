"""Dagster's own records: closing runs whose process is gone, forgetting old ones, giving their bytes back.

A process that was killed cannot say so, and Dagster would show its run as going on for ever. dagster 1.13 keeps every
run for ever too (its retention knows ticks only); an hourly sync would fill the disk with one to two megabytes each. A
run that is deleted leaves its emptied file, the results of its checks and its log. This can go when dagster has a
retention for runs and removes all of a run (`test_workarounds.py` tells).
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

KEEP_RUNS = timedelta(days=7)  # `meta.sync_runs` remembers every sync for ever
FORGET_AT_ONCE, LOOK_AT_ONCE = 50, 1000
SILENT_FOR = timedelta(minutes=5)  # a run says which process it is within seconds of its start
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_OPEN = [
    dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]  # fmt: skip
_ENDED = (
    "The process of this run ended without a word: it was killed, or the machine stopped. "
    "What it had read is in the lake; the next sync goes on from there."
)


def close_orphans(instance: dg.DagsterInstance, *, own: str | None, held: Path | None) -> list[str]:
    """Close the runs whose process is gone; their ids. `own` is left alone, `held` is a data directory we hold."""
    closed = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_OPEN)):
        run = record.dagster_run
        if run.run_id != own and is_gone(record, held=held):
            instance.report_run_failed(run, _ENDED)
            closed.append(run.run_id)
    return closed


def is_gone(record: dg.RunRecord, *, held: Path | None = None) -> bool:
    """Whether the process of an open run is gone.

    A run of another machine (a container has a new name at each start) is known to be gone where `held`, the data
    directory whose lock the caller has, is the one it was writing.
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
    """Delete the records of runs that ended long ago, with their files, some at a time; how many."""
    before = (now or datetime.now(UTC)) - KEEP_RUNS
    ended = [status for status in dg.DagsterRunStatus if status not in _OPEN]
    wanted = dg.RunsFilter(statuses=ended, created_before=before)
    old = [record.dagster_run for record in instance.get_run_records(wanted, limit=LOOK_AT_ONCE, ascending=True)]
    ours = [run.run_id for run in old if _is_ours(run)][:FORGET_AT_ONCE]
    for run_id in ours:
        instance.delete_run(run_id)
    if isinstance(instance.event_log_storage, SqliteEventLogStorage):
        _give_back(instance, instance.event_log_storage, ours, before)
    return len(ours)


def _give_back(
    instance: dg.DagsterInstance, log: SqliteEventLogStorage, forgotten: list[str], before: datetime
) -> None:
    """Remove what forgotten runs left: these, and those of which only an old file is there. Then empty pages go."""
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
    """Make a file of SQLite's smaller where more than half of it is empty; another time where somebody is using it."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
        [(empty,)] = connection.execute("pragma freelist_count")
        [(pages,)] = connection.execute("pragma page_count")
        if 2 * empty > pages:
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")


def _is_ours(run: dg.DagsterRun) -> bool:
    """Whether a run is this project's: DAGSTER_HOME may hold other projects' runs too."""
    if asset_keys.PROCESS_TAG in run.tags:
        return True
    origin = run.remote_job_origin
    return origin is not None and origin.repository_origin.code_location_origin.location_name == asset_keys.LOCATION
