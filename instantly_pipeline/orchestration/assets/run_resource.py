"""The run as a Dagster resource that the steps of one Dagster run share, and the context of each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import dagster as dg

from instantly_pipeline.errors import LockedError
from instantly_pipeline.lake.lock import held_by
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.sanitized_errors import sanitized_errors
from instantly_pipeline.orchestration.instance import process
from instantly_pipeline.orchestration.instance.housekeeping import close_orphans, forget_old_runs
from instantly_pipeline.run.run import Run
from instantly_pipeline.settings import Settings
from instantly_pipeline.sync.results import FINE, Event
from instantly_pipeline.visible import visible, visible_lines

API_POOL, WRITER_POOL = "instantly_api", "duckdb_writer"
RESOURCE = "run"
NewRun = Callable[[Settings], AbstractContextManager[Run]]


def run_resource(settings: Callable[[], Settings], new_run: NewRun) -> dg.ResourceDefinition:
    """One run for all steps. A plain object, since Dagster's executor runs all steps in this process."""

    @dg.resource(description="Shared by the steps of one run: settings, the data directory's lock, the open warehouse.")
    def resource(context: dg.InitResourceContext) -> Iterator[Run]:
        current, instance = settings(), context.instance
        if instance is not None and context.run is not None:
            instance.add_run_tags(context.run.run_id, process.tags(current.data_dir))
        try:
            with new_run(current) as run:
                yield run
        finally:
            if instance is not None:
                forget_old_runs(instance)

    return resource


@contextmanager
def step_of_run(context: dg.AssetExecutionContext) -> Iterator[Run | None]:
    """The run of a step, with the lock held and its events sent to Dagster's log.

    None if a schedule or sensor started the run while another command writes: it tries again anyway.
    """
    run = context.resources.run
    if not isinstance(run, Run):
        raise TypeError("the resource `run` is not a Run")
    with run.listening(partial(_log, context)), sanitized_errors(context, run.report):
        yield run if _may_write(context, run) else None


def _may_write(context: dg.AssetExecutionContext, run: Run) -> bool:
    scheduled = any(tag in context.run.tags for tag in asset_keys.TICK_TAGS)
    try:
        run.lock(wait=not scheduled)
    except LockedError:
        if not scheduled:
            raise
        holder = held_by(run.settings.data_dir) or "The data directory was being written."
        context.log.warning(f"{holder} {asset_keys.NEXT_TICK}")
        context.instance.add_run_tags(
            context.run.run_id, {asset_keys.SKIPPED_TAG: "the data directory was being written"}
        )
        return False
    for run_id in close_orphans(context.instance, own=context.run.run_id, held=run.settings.data_dir):
        context.log.info(f"Marked run {run_id} as failed: its process no longer exists.")
    return True


def _log(context: dg.AssetExecutionContext, event: Event) -> None:
    """Log messages and the outcome of each stream; progress events would only fill the log."""
    where = f"{event.workspace}, {event.stream}" if event.stream else event.workspace
    if event.kind == "say":
        context.log.info(visible(f"{where}: {event.text}") if where else visible_lines(event.text))
    elif event.kind == "end" and event.workspace:
        reason = f": {event.text}" if event.text else ""
        log = context.log.info if event.outcome in FINE else context.log.warning
        log(visible(f"{where}: {event.outcome}, {event.rows:,} rows read{reason}"))
