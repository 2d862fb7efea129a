"""`plan`: shows how many requests a sync would make and how long they take; writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import click

from instantly_pipeline.cli.sync_command import chosen_streams
from instantly_pipeline.cli.text import seconds, table, write_json
from instantly_pipeline.settings import load
from instantly_pipeline.sync.engine import plan
from instantly_pipeline.sync.results import Cost, Plan, Request, WorkspaceResult
from instantly_pipeline.visible import visible


def plan_command(*, streams: str | None, workspaces: tuple[str, ...], events: bool, full: bool, as_json: bool) -> int:
    """Run the command; returns its exit code."""
    names = chosen_streams(streams, events=events, full=full)
    report = asyncio.run(plan(load(), Request(names, workspaces or None, full)))
    if as_json:
        whole = {"exit_code": report.exit_code, "workspaces": [_as_json(one) for one in report.workspaces]}
        write_json(whole)
    else:
        for number, one in enumerate(report.workspaces):
            for line in [*([""] if number else []), *_lines(one)]:
                click.echo(visible(line))
    return report.exit_code


def _lines(workspace: WorkspaceResult) -> Iterator[str]:
    if workspace.clock is not None:
        yield f"{workspace.name}: {workspace.clock}"
    found = workspace.plan
    if found is None:
        yield f"{workspace.name}: {workspace.outcome.value}: {workspace.reason}"
        return
    total = found.total
    yield (
        f"{workspace.name}: {_requests(total)} requests, {_minutes(found, None)} at {found.per_minute:,.0f} a minute"
        f"{'; streams that were never read, or have changed, are estimated' if total.is_estimate else ''}"
    )
    yield ""
    costs = [*found.costs, total]
    rows = [[c.stream, _requests(c), _minutes(found, None if c is total else c)] for c in costs]
    columns = table(["stream", "requests", "takes"], rows)
    for line, why in zip(columns.splitlines(), ["why", "---", *(cost.why for cost in costs)], strict=True):
        yield f"{line:<{max(map(len, columns.splitlines()))}}  {why}".rstrip()
    yield ""
    yield f"This plan itself made {found.asked:,} requests. Retries are not included."


def _requests(cost: Cost) -> str:
    return f"about {cost.requests:,} ({cost.low:,} to {cost.high:,})" if cost.is_estimate else f"{cost.requests:,}"


def _minutes(found: Plan, cost: Cost | None) -> str:
    return seconds(60 * found.minutes(cost))


def _as_json(workspace: WorkspaceResult) -> dict[str, Any]:
    found = workspace.plan
    whole: dict[str, Any] = {"workspace": workspace.name, "workspace_id": workspace.workspace_id,
                             "outcome": workspace.outcome.value, "reason": workspace.reason,
                             "clock": workspace.clock}  # fmt: skip
    if found is None:
        return whole
    whole |= {"per_minute": found.per_minute, "asked": found.asked, **_figures(found, found.total, None)}
    return whole | {"streams": [{"stream": c.stream, **_figures(found, c, c), "why": c.why} for c in found.costs]}


def _figures(found: Plan, cost: Cost, timed: Cost | None) -> dict[str, Any]:
    minutes = round(found.minutes(timed), 3)
    return {"requests": cost.requests, "low": cost.low, "high": cost.high, "estimate": cost.is_estimate,
            "minutes": minutes}  # fmt: skip
