"""What every step of a run does around its work: take the lock, and turn errors into what may be shown."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from instantly_pipeline.api.redaction import redact
from instantly_pipeline.errors import LockedError, PipelineError, is_interruption, lack_of_memory
from instantly_pipeline.lake.lock import held_by
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.instance.housekeeping import close_orphans
from instantly_pipeline.orchestration.state import RunState

API_POOL, WRITER_POOL = "instantly_api", "duckdb_writer"
RESOURCE = "run"


def state_of(context: dg.AssetExecutionContext) -> RunState:
    """The state of the run a step belongs to."""
    found = context.resources.run
    if not isinstance(found, RunState):
        raise TypeError("the resource `run` is not a RunState")
    return found


def may_write(context: dg.AssetExecutionContext, state: RunState) -> bool:
    """Take the data directory's lock for the rest of the run. A run started by hand waits for it.

    False, in words, where a schedule started the run and another command is writing: the next tick comes anyway.
    """
    scheduled = asset_keys.SCHEDULE_TAG in context.run.tags
    try:
        state.lock(wait=not scheduled, say=context.log.info)
    except LockedError:
        if not scheduled:
            raise
        held = held_by(state.settings.data_dir) or "The data directory was being written."
        state.results.skipped = f"{held} {asset_keys.NEXT_TICK}"
        context.log.warning(state.results.skipped)
        context.instance.add_run_tags(
            context.run.run_id, {asset_keys.SKIPPED_TAG: "the data directory was being written"}
        )
        return False
    for run_id in close_orphans(context.instance, own=context.run.run_id, held=state.settings.data_dir):
        context.log.info(f"Closed the run {run_id}, whose process is gone.")
    return True


@contextmanager
def told(context: dg.AssetExecutionContext, state: RunState) -> Iterator[None]:
    """Let nothing out of a step but what may be read by everyone who sees Dagster's log.

    Our own errors say what failed in a sentence. Of any other only the kind and the place are shown, since its text
    may hold a record's values. An interruption ends the run as canceled.
    """
    try:
        yield
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        _note_interruption(context, state)
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, its text stays here
        if is_interruption(error):
            _note_interruption(context, state)
            raise dg.DagsterExecutionInterruptedError from None
        said = error if isinstance(error, PipelineError) else lack_of_memory(error)
        if said is not None:
            state.results.error = said
            raise dg.Failure(redact(str(said)), allow_retries=False) from None
        state.results.unforeseen = unforeseen(error)
        raise dg.Failure(state.results.unforeseen, allow_retries=False) from None


def _note_interruption(context: dg.AssetExecutionContext, state: RunState) -> None:
    state.results.interrupted = True
    context.instance.report_run_canceling(context.run)


def unforeseen(error: BaseException) -> str:
    """The kind of an unexpected error and where it happened, without its text."""
    place = "".join(traceback.format_tb(error.__traceback__))
    return f"An unexpected {type(error).__name__}. Please report it with its place:\n{redact(place)}"
