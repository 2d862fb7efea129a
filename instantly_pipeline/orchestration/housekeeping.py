"""Dagster's own records: closing runs whose process is gone, and forgetting old ones.

A process that was killed cannot say so, and Dagster would show its run as going on for ever. Dagster itself keeps every
run for ever too (1.13 can only purge ticks); an hourly sync would fill the disk with one to two megabytes each.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from instantly_pipeline.orchestration import keys, process

KEEP_RUNS = timedelta(days=7)  # `meta.sync_runs` remembers every sync for ever
FORGET_AT_ONCE, LOOK_AT_ONCE = 50, 1000
SILENT_FOR = timedelta(minutes=5)  # a run says which process it is within seconds of its start
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
    of = run.tags.get(keys.PROCESS_TAG)
    quiet = datetime.now(UTC) - record.update_timestamp.replace(tzinfo=UTC)
    if of is None:
        return _is_ours(run) and run.status is dg.DagsterRunStatus.STARTED and quiet > SILENT_FOR
    there = process.is_there(of)
    if there is None:
        return held is not None and run.tags.get(keys.DATA_DIR_TAG) == str(held) and quiet > SILENT_FOR
    return not there or process.is_this(of)


def forget_old_runs(instance: dg.DagsterInstance, *, now: datetime | None = None) -> int:
    """Delete the records of runs that ended long ago, some at a time; how many."""
    ended = [status for status in dg.DagsterRunStatus if status not in _OPEN]
    wanted = dg.RunsFilter(statuses=ended, created_before=(now or datetime.now(UTC)) - KEEP_RUNS)
    old = [record.dagster_run for record in instance.get_run_records(wanted, limit=LOOK_AT_ONCE, ascending=True)]
    ours = [run.run_id for run in old if _is_ours(run)][:FORGET_AT_ONCE]
    for run_id in ours:
        instance.delete_run(run_id)
    return len(ours)


def _is_ours(run: dg.DagsterRun) -> bool:
    """Whether a run is this project's: DAGSTER_HOME may hold other projects' runs too."""
    if keys.PROCESS_TAG in run.tags:
        return True
    origin = run.remote_job_origin
    return origin is not None and origin.repository_origin.code_location_origin.location_name == keys.LOCATION
