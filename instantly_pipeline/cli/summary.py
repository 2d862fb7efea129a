"""The summary of a run: what was read, what was not and why, the published file, and the next commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from instantly_pipeline.cli.text import megabytes, seconds, table
from instantly_pipeline.settings import PROJECT_ROOT
from instantly_pipeline.sync.results import FINE, StreamResult, SyncReport

if TYPE_CHECKING:
    from pathlib import Path

    from instantly_pipeline.run.results import RunReport

_COLUMNS = ["stream", "read", "new", "changed", "deleted", "requests", "seconds", "outcome"]
_MOST_WARNINGS = 5


def sync_table(report: SyncReport) -> str:
    """Rows read and changed per stream, with the totals; empty if nothing was read."""
    several = len(report.workspaces) > 1
    results = [result for workspace in report.workspaces for result in workspace.streams]
    rows = [_row(result, several=several) for result in sorted(results, key=lambda r: (r.workspace, r.stream))]
    requests = sum(workspace.requests for workspace in report.workspaces)
    plans = [workspace.plan.total.requests for workspace in report.workspaces if workspace.plan is not None]
    planned = f" ({sum(plans):,} planned)" if plans else ""
    took = (report.ended_at - report.started_at).total_seconds()
    workspaces = f"{len(report.workspaces)} workspace{'s' if several else ''}"
    if not rows:
        return ""
    return f"\n{table(_COLUMNS, rows)}\n\nSynced {workspaces} in {seconds(took)} with {requests:,} requests{planned}."


def problems(report: RunReport) -> Iterator[str]:
    """One line per problem, with what to do about it."""
    if report.sync_report is not None:
        for workspace in report.sync_report.workspaces:
            if workspace.clock is not None:
                yield f"Warning: {workspace.clock}"
            if workspace.outcome not in FINE and not report.problem:
                yield f"{workspace.name}: {workspace.outcome}: {workspace.reason}"
            for result in workspace.streams:
                if (result.outcome not in FINE or result.data_issues) and result.reason != workspace.reason:
                    yield f"{workspace.name}, {result.stream}: {result.outcome}: {result.reason}"
    warned = [check for check in report.checks or [] if not check.passed and not check.blocking]
    for check in warned[:_MOST_WARNINGS]:
        yield f"Warning: {check.name}: {check.failing_rows:,} rows ({check.description})"
    if len(warned) > _MOST_WARNINGS:
        yield f"Warning: and {len(warned) - _MOST_WARNINGS} more checks; `make ui` shows them all."


def published_line(report: RunReport) -> str:
    """The published file with its size; empty if nothing was published."""
    if report.published is None:
        return ""
    passed = sum(1 for check in report.checks or [] if check.passed)
    took = seconds(sum(report.seconds.values()))
    path, size, tables = report.published.path, megabytes(report.published.bytes), len(report.published.tables)
    return f"Published {shown(path)} ({size}, {tables} tables, {passed} checks passed, {took})."


def next_steps(report: RunReport) -> str:
    """Commands to try next."""
    lines = [
        "\nNext:",
        '  instantly-pipeline query "select campaign_name, sent, reply_rate from marts.rpt_campaign_summary"',
        "  instantly-pipeline report    an HTML report",
        "  instantly-pipeline status    how fresh each stream is",
        "  make ui                      runs, tables and checks in Dagster",
    ]
    if report.exit_code:
        lines.insert(1, "  instantly-pipeline sync      again, after fixing the problems above")
    return "\n".join(lines)


def shown(path: Path) -> str:
    """A path relative to the project's folder, if it is inside."""
    return str(path.relative_to(PROJECT_ROOT)) if path.is_relative_to(PROJECT_ROOT) else str(path)


def _row(result: StreamResult, *, several: bool) -> list[str | int]:
    name = f"{result.workspace}: {result.stream}" if several else result.stream
    took = (result.ended_at - result.started_at).total_seconds() if result.ended_at else 0.0
    changes = result.changes
    return [name, result.rows_read, changes.inserted, changes.updated, changes.deleted, result.requests,
            f"{took:,.1f}", result.outcome.value]  # fmt: skip
