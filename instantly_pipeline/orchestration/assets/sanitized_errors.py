"""Errors without private data, since everyone with access to Dagster's log can read them."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from instantly_pipeline.api.redaction import redact
from instantly_pipeline.errors import PipelineError, is_interruption, lack_of_memory
from instantly_pipeline.run.results import RunReport


@contextmanager
def sanitized_errors(context: dg.AssetExecutionContext, report: RunReport) -> Iterator[None]:
    """Replace an error of a step by one that may be shown, and add it to the run's `report`.

    A PipelineError keeps its message. Of any other error only the type and the traceback are shown, since its message
    may contain a record's values. An interruption ends the run as canceled.
    """
    try:
        yield
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        _note_interruption(context, report)
        raise
    except Exception as error:  # noqa: BLE001 - no error message may leave unsanitized
        if is_interruption(error):
            _note_interruption(context, report)
            raise dg.DagsterExecutionInterruptedError from None
        report.error = error if isinstance(error, PipelineError) else lack_of_memory(error)
        if report.error is not None:
            raise dg.Failure(redact(str(report.error)), allow_retries=False) from None
        report.details = _unexpected(error)
        raise dg.Failure(report.details, allow_retries=False) from None


def _note_interruption(context: dg.AssetExecutionContext, report: RunReport) -> None:
    report.interrupted = True
    context.instance.report_run_canceling(context.run)


def _unexpected(error: BaseException) -> str:
    """The type and the traceback of an error, without its message."""
    place = "".join(traceback.format_tb(error.__traceback__))
    return f"Unexpected {type(error).__name__}. Please report it with this traceback:\n{redact(place)}"
