"""`sync`: run it, show it, sum it up."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

import click

from instantly_pipeline.api.redaction import RedactingFilter
from instantly_pipeline.cli.failures import LOG_NAME, keep
from instantly_pipeline.cli.progress import preparing, reporter
from instantly_pipeline.cli.summary import next_steps, problems, published_line, sync_table
from instantly_pipeline.settings import Settings, load
from instantly_pipeline.streams.registry import chosen
from instantly_pipeline.sync.report import Request

if TYPE_CHECKING:
    from instantly_pipeline.orchestration.run import RunReport


def sync_command(
    *, streams: str | None, workspaces: tuple[str, ...], full: bool, accept_deletes: bool, wait: bool
) -> int:
    """The command; its exit code."""
    names = None if streams is None else tuple(chosen(streams.split(",")))
    request = Request(names, workspaces or None, full, accept_deletes)
    report = run(load(), request, wait=wait)
    return tell(report)


def run(settings: Settings, request: Request, *, wait: bool = False) -> RunReport:
    """One sync with its progress on stderr."""
    keys = settings.keys()
    _log_to_file(settings)
    with reporter(several=len(keys) > 1) as show, preparing(show) as on_event:
        from instantly_pipeline.orchestration.run import run_sync  # dagster: two seconds, so only now

        return run_sync(settings, request, on_event=on_event, wait=wait)


def tell(report: RunReport) -> int:
    """Sum a run up on stdout, and what stopped it on stderr; its exit code."""
    if report.sync_report is not None and (told := sync_table(report.sync_report)):
        click.echo(told)
    for line in problems(report):
        click.echo(line)
    if report.publish is not None:
        click.echo(published_line(report))
    if report.problem is not None:
        kept = f" {keep(report.details)}" if report.details else ""
        click.echo(f"Error: {report.problem}{kept}", err=True)
    else:
        click.echo(next_steps(report))
    return report.exit_code


def _log_to_file(settings: Settings) -> None:
    """Warnings of all libraries go to a file beside the data instead of the terminal, redacted."""
    folder = settings.data_dir / "work"
    folder.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(folder / LOG_NAME, maxBytes=1_000_000, backupCount=2, delay=True, encoding="utf-8")
    handler.addFilter(RedactingFilter())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
