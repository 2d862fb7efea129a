"""`status`: what is published, how fresh it is, and the last runs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime

import click

from instantly_pipeline.cli.published import published_file
from instantly_pipeline.cli.summary import shown
from instantly_pipeline.cli.text import age, megabytes, table
from instantly_pipeline.warehouse.reader import RunStatus, Status, StreamStatus, status


def status_command(*, as_json: bool) -> int:
    """The command; its exit code."""
    path = published_file()
    found = status(path)
    if as_json:
        whole = {"file": str(path), "bytes": path.stat().st_size, **asdict(found)}
        json.dump(whole, sys.stdout, default=_instant, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
        return 0
    now = datetime.now(UTC)
    click.echo(f"{shown(path)} ({megabytes(path.stat().st_size)}), published {age(found.published_at, now)}\n")
    several = len({one.workspace_id for one in found.streams}) > 1
    columns = [*(["workspace"] if several else []), "stream", "rows", "outcome", "last read in full", "held", "reason"]
    click.echo(table(columns, [_stream(one, now, several=several) for one in found.streams]))
    click.echo("\nLast runs")
    columns = ["started", "workspace", "outcome", "full", "requests", "written", "deleted", "reason"]
    click.echo(table(columns, [_run(one) for one in found.runs]))
    for line in _odd(found):
        click.echo(line)
    return 0


def _stream(one: StreamStatus, now: datetime, *, several: bool) -> list[object]:
    outcome = f"{one.outcome} (partial)" if one.partial and one.outcome == "ok" else one.outcome
    row = [one.stream, one.rows, outcome, age(one.last_success_at, now), one.held_deletes or None, one.reason]
    return [one.workspace_name, *row] if several else row


def _run(one: RunStatus) -> list[object]:
    return [one.started_at, one.workspace_name, one.outcome, "yes" if one.full else "no", one.requests,
            one.rows_upserted, one.rows_deleted, one.reason]  # fmt: skip


def _odd(found: Status) -> list[str]:
    """Lines for what should be looked at."""
    lines = []
    if found.held_deletes:
        lines.append(
            f"{found.held_deletes:,} deletions are held: `instantly-pipeline sync --accept-deletes` asks again."
        )
    if found.quarantined:
        lines.append(f"{found.quarantined:,} values did not fit their column: see meta.quarantine.")
    if found.drifted:
        lines.append(f"{found.drifted:,} changes of the API's shape were seen: see meta.schema_drift.")
    return ["", *lines] if lines else []


def _instant(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
