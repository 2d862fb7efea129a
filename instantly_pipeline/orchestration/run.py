"""Running a sync by hand: the same Dagster job as a scheduled one, in this process, on the same records.

So both show in Dagster's UI. The data directory's lock is held from before the run begins until it has ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import dagster as dg

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.selection import wanted
from instantly_pipeline.orchestration.definitions import build_defs
from instantly_pipeline.orchestration.instance import process
from instantly_pipeline.orchestration.instance.home import dagster_records, open_instance
from instantly_pipeline.orchestration.instance.housekeeping import close_orphans
from instantly_pipeline.orchestration.instance.in_process import run_here
from instantly_pipeline.orchestration.schedules import run_config
from instantly_pipeline.orchestration.state import Overrides, Results
from instantly_pipeline.settings import Settings
from instantly_pipeline.sync.results import Event, OnEvent, Request, SyncReport, silent
from instantly_pipeline.warehouse.checks.checks import CheckResult
from instantly_pipeline.warehouse.models.parsed import recall, remember
from instantly_pipeline.warehouse.publish.publish import PublishResult

_FAILURE_REASON_TAG = "dagster/failure_reason"
_QUIET = {
    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}
}  # the terminal is the caller's; the event log has all


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended: 0 all well, 1 nothing published, 3 published with something skipped, failed or held.

    `problem` says in words why nothing was published; `details` is for a log file.
    """

    exit_code: int
    dagster_run_id: str
    sync_report: SyncReport | None
    checks: list[CheckResult] | None
    publish: PublishResult | None
    problem: str | None = None
    details: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)  # by step after the sync


def run_sync(
    settings: Settings,
    request: Request,
    *,
    on_event: OnEvent = silent,
    wait: bool = False,
    overrides: Overrides | None = None,
) -> RunReport:
    """Sync, build, check and publish.

    Raises what stopped the run before anything was read (UsageError, LockedError, StorageError), and KeyboardInterrupt
    where it was interrupted; everything else is in the report.
    """
    settings.keys()  # said before anything is written
    tables = Layout(settings.data_dir).work / "tables.json"
    recall(tables)
    selection = wanted(settings, request)
    results = Results()
    passed = replace(overrides or Overrides(), on_event=on_event, results=results)

    def say(text: str) -> None:
        on_event(Event("say", "", text=text))

    with writing(settings.data_dir, command="sync", wait=wait, say=say), open_instance() as instance, dagster_records():
        for run_id in close_orphans(instance, own=None, held=settings.data_dir):
            say(f"An earlier run did not end by itself and was closed ({run_id}).")
        job = build_defs(lambda: settings, passed).resolve_job_def(asset_keys.JOB)
        config = run_config(
            full=request.full, accept_deletes=request.accept_deletes, workspaces=request.workspaces or ()
        )
        tags = process.tags(settings.data_dir)
        run = run_here(instance, job, run_config=_QUIET | config, selection=selection, tags=tags)
        remember(tables)
        return _report(run, results)


def _report(run: dg.DagsterRun, results: Results) -> RunReport:
    cut_off = run.tags.get(_FAILURE_REASON_TAG) == "UNEXPECTED_TERMINATION"
    if results.interrupted or cut_off:
        raise KeyboardInterrupt
    if results.error is not None and results.sync is None:
        raise results.error
    code, problem = _judged(run.is_success, results)
    return RunReport(
        exit_code=code, dagster_run_id=run.run_id, sync_report=results.sync, checks=results.checks,
        publish=results.published, problem=problem, details=results.unforeseen, seconds=results.seconds,
    )  # fmt: skip


def _judged(success: bool, results: Results) -> tuple[int, str | None]:
    if success and results.sync is not None:
        return results.sync.exit_code, None
    if results.error is not None:
        return results.error.exit_code, str(results.error)
    return 1, "The run failed for an unexpected reason; what was published before stays."
