"""What Dagster may show of an error: everyone who sees its log can read it."""

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
    """Turn an error of a step into one that may be shown, and note it in the run's `report`.

    Our own errors say what failed in a sentence. Of any other only the kind and the place are shown, since its text
    may hold a record's values. An interruption ends the run as canceled.
    """
    try:
        yield
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        _note_interruption(context, report)
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, its text stays here
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
    """The kind of an error and where it happened, without its text."""
    place = "".join(traceback.format_tb(error.__traceback__))
    return f"An unexpected {type(error).__name__}. Please report it with its place:\n{redact(place)}"
