"""`sync`: run it with its progress, then print a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from instantly_pipeline.api.clock import SYSTEM, Clock
from instantly_pipeline.cli.failures import save_details
from instantly_pipeline.cli.logfile import log_to_file
from instantly_pipeline.cli.process import fast_imports
from instantly_pipeline.cli.progress import preparing, reporter
from instantly_pipeline.cli.summary import next_steps, problems, published_line, sync_table
from instantly_pipeline.errors import UsageError
from instantly_pipeline.run.events import EVENT_STREAMS
from instantly_pipeline.settings import Settings, load
from instantly_pipeline.streams.registry import select_streams
from instantly_pipeline.sync.results import Request
from instantly_pipeline.visible import visible, visible_lines

if TYPE_CHECKING:
    from instantly_pipeline.run.results import RunReport


def sync_command(
    *, streams: str | None, workspaces: tuple[str, ...], events: bool, full: bool, accept_deletes: bool, wait: bool
) -> int:
    """Run the command; returns its exit code."""
    names = chosen_streams(streams, events=events, full=full, accept_deletes=accept_deletes)
    request = Request(names, workspaces or None, full, accept_deletes)
    report = run(load(), request, wait=wait)
    return show_report(report)


def chosen_streams(
    streams: str | None, *, events: bool, full: bool, accept_deletes: bool = False
) -> tuple[str, ...] | None:
    """The streams that the options name; None if they leave that to the settings."""
    if not events:
        return None if streams is None else tuple(select_streams(streams.split(",")))
    others = {"--streams": streams, "--full": full, "--accept-deletes": accept_deletes}
    if other := next((name for name, given in others.items() if given), None):
        raise UsageError(f"--events reads new events only and does not go with {other}. Leave one of them out.")
    return EVENT_STREAMS


def run(settings: Settings, request: Request, *, wait: bool = False, clock: Clock = SYSTEM) -> RunReport:
    """One sync with its progress on stderr; `clock` is the clock of the API."""
    keys = settings.keys()
    log_to_file(settings.data_dir)
    with reporter(several=len(keys) > 1) as show, preparing(show) as on_event:
        with fast_imports():
            from instantly_pipeline.orchestration.sync_job import run_sync  # importing dagster takes a second
            from instantly_pipeline.run.run import Run
            from instantly_pipeline.sync.engine import World

        return run_sync(Run(settings, on_event=on_event, world=World(clock=clock)), request, wait=wait)


def show_report(report: RunReport) -> int:
    """Print the summary of a run on stdout and its error on stderr; returns the exit code."""
    if report.sync_report is not None and (read := sync_table(report.sync_report)):
        click.echo(read)
    for line in problems(report):
        click.echo(visible(line))
    if report.published is not None:
        click.echo(published_line(report))
    if report.problem is not None:
        saved = f" {save_details(report.details)}" if report.details else ""
        click.echo(visible_lines(f"Error: {report.problem}{saved}"), err=True)
    else:
        click.echo(next_steps(report))
    return report.exit_code
