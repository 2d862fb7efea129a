"""`webhooks drop`."""

from __future__ import annotations

import shlex

import click

from instantly_pipeline.cli.webhooks_command import may_go_on
from instantly_pipeline.errors import UsageError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.settings import load
from instantly_pipeline.sync.events.waiting import Waiting, drop, find, waiting
from instantly_pipeline.visible import visible


def drop_command(workspace: str, *, yes: bool) -> int:
    """The command; its exit code. UsageError where no events of the workspace wait."""
    layout = Layout(load().data_dir)
    one = _waiting_of(layout, workspace)
    click.echo(f"To be deleted: {one.events:,} events in {one.folder}, received since {one.since:%Y-%m-%d %H:%M} UTC.")
    if not may_go_on(yes, f"instantly-pipeline webhooks drop --workspace {shlex.quote(one.name)} --yes"):
        return 1
    with writing(layout.root, command="webhooks drop", wait=True, say=lambda text: click.echo(text, err=True)):
        one = _waiting_of(layout, workspace)  # a sync may have taken them in meanwhile
        drop(layout, one)
    click.echo(f"Deleted: {one.events:,} events.")
    return 0


def _waiting_of(layout: Layout, workspace: str) -> Waiting:
    found = waiting(layout)
    one = find(found, workspace)
    if one is None:
        there = ", ".join(each.name for each in found) or "none"
        raise UsageError(f"No events of {visible(workspace)} wait. There are events of: {there}.")
    return one
