"""Running a sync from the command line: the same Dagster job as a scheduled one, in this process.

So Dagster's UI shows both. The data directory's lock is held from before the Dagster run starts until it has ended.
"""

from __future__ import annotations

from contextlib import nullcontext

import dagster as dg

from instantly_pipeline.errors import Fatal
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.selection import wanted
from instantly_pipeline.orchestration.definitions import build_defs
from instantly_pipeline.orchestration.instance import process
from instantly_pipeline.orchestration.instance.home import dagster_records, open_instance
from instantly_pipeline.orchestration.instance.housekeeping import close_orphans
from instantly_pipeline.orchestration.instance.in_process import run_here
from instantly_pipeline.orchestration.schedules import run_config
from instantly_pipeline.run.results import RunReport
from instantly_pipeline.run.run import Run
from instantly_pipeline.sync.results import Request
from instantly_pipeline.warehouse.models.lineage.used_tables import recall, remember

_FAILURE_REASON_TAG = "dagster/failure_reason"
_QUIET = {
    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}
}  # only the event log gets Dagster's messages, not the terminal


def run_sync(run: Run, request: Request, *, wait: bool = False) -> RunReport:
    """Execute `run` as a Dagster job: read, build, check and publish.

    Raises errors from before anything was read (UsageError, LockedError, StorageError), and KeyboardInterrupt if
    interrupted; everything else is in the report.
    """
    settings = run.settings
    settings.keys()  # UsageError before anything is written
    tables = run.layout.work / "tables.json"
    recall(tables)
    selection = wanted(settings, request)
    config = run_config(
        streams=request.streams or (), full=request.full, accept_deletes=request.accept_deletes,
        workspaces=request.workspaces or (),
    )  # fmt: skip
    with run:
        run.lock(wait=wait)
        with open_instance() as instance, dagster_records():
            for run_id in close_orphans(instance, own=None, held=settings.data_dir):
                run.say(f"An earlier Dagster run was killed and is now marked as failed ({run_id}).")
            defs = build_defs(lambda: settings, sql_dir=run.sql_dir, new_run=lambda _: nullcontext(run))
            job = defs.resolve_job_def(asset_keys.JOB)
            tags = process.tags(settings.data_dir)
            ended = run_here(instance, job, run_config=_QUIET | config, selection=selection, tags=tags)
            remember(tables)
    return _completed(run.report, ended)


def _completed(report: RunReport, ended: dg.DagsterRun) -> RunReport:
    """The report, completed by what only Dagster knows: failures and interruptions outside the steps."""
    report.dagster_run_id = ended.run_id
    if report.interrupted or ended.tags.get(_FAILURE_REASON_TAG) == "UNEXPECTED_TERMINATION":
        raise KeyboardInterrupt
    if report.error is not None and report.sync_report is None:
        raise report.error
    if report.error is None and not ended.is_success:
        report.error = Fatal("The run failed for an unexpected reason; the published file is unchanged.")
    return report
