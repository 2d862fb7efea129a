"""`status`: shows what is published, how fresh it is, and the last runs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import click

from instantly_pipeline.cli.published import published_file
from instantly_pipeline.cli.summary import shown
from instantly_pipeline.cli.text import age, megabytes, table, write_json
from instantly_pipeline.visible import visible
from instantly_pipeline.warehouse.published.status import Compared, RunStatus, Status, StreamStatus, status


def status_command(*, as_json: bool) -> int:
    """Run the command; returns its exit code."""
    path = published_file()
    found = status(path)
    if as_json:
        whole = {"file": str(path), "bytes": path.stat().st_size, **asdict(found)}
        write_json(whole, default=_instant)
        return 0
    now = datetime.now(UTC)
    click.echo(f"{shown(path)} ({megabytes(path.stat().st_size)}), published {age(found.published_at, now)}\n")
    several = len({one.workspace_id for one in found.streams}) > 1
    columns = [*(["workspace"] if several else []), "stream", "rows", "outcome", "last read in full", "held"]
    click.echo(table(columns, [_stream(one, now, several=several) for one in found.streams]))
    click.echo("\nLast runs")
    columns = ["started", "workspace", "outcome", "full", "planned", "requests", "written", "deleted"]
    click.echo(table(columns, [_run(one) for one in found.runs]))
    for part in (
        _reasons(found, several=several),
        _counters(found.reconciliation, now, several=several),
        _warnings(found),
    ):
        click.echo("\n".join(["", *map(visible, part)]) if part else "", nl=bool(part))
    return 0


def _stream(one: StreamStatus, now: datetime, *, several: bool) -> list[object]:
    outcome = f"{one.outcome} (partial)" if one.partial and one.outcome == "ok" else one.outcome
    outcome = outcome if one.chosen else "not chosen"
    row = [one.stream, one.rows, outcome, age(one.last_success_at, now), one.held_deletes or None]
    return [one.workspace_name, *row] if several else row


def _run(one: RunStatus) -> list[object]:
    return [one.started_at, one.workspace_name, one.outcome, "yes" if one.full else "no", one.planned_requests,
            one.requests, one.rows_upserted, one.rows_deleted]  # fmt: skip


def _reasons(found: Status, *, several: bool) -> list[str]:
    """The reasons of streams and last runs that are not ok; too long for a table."""
    last = {one.workspace_id: one for one in reversed(found.runs)}
    lines = [f"{one.workspace_name}: {one.outcome}: {one.reason}" for one in last.values() if one.reason]
    for stream in found.streams:
        if stream.reason and stream.chosen:
            name = f"{stream.workspace_name}, {stream.stream}" if several else stream.stream
            lines.append(f"{name}: {stream.outcome}: {stream.reason}")
    return lines


def _counters(found: Compared, now: datetime, *, several: bool) -> list[str]:
    """How our counts compare with Instantly's own counters."""
    if not found.counters:
        return ["No counts were compared with Instantly's own counters yet; a sync of campaigns and leads does that."]
    near = f", {found.near:,} within 2 % or 5" if found.near else ""
    apart = found.counters - found.equal - found.near
    lines = [
        f"{found.equal:,} of {found.counters:,} of Instantly's own counters equal ours{near}"
        f"{f', {apart:,} further apart' if apart else ''} (checked {age(found.checked_at, now)})."
    ]
    for one in found.largest:
        where = f"{one.workspace_name}, " if several else ""
        ours = "unknown" if one.ours is None else f"{one.ours:,.0f}"
        lines.append(
            f"  {where}{one.campaign_name or one.campaign_id}: {one.metric}: {ours} here, {one.theirs:,.0f} there"
        )
    if found.equal < found.counters:
        lines.append('  All of them: instantly-pipeline query "from meta.reconciliation where difference <> 0"')
    return lines


def _warnings(found: Status) -> list[str]:
    lines = []
    if found.held_deletes:
        lines.append(
            f"{found.held_deletes:,} deletions are held: `instantly-pipeline sync --accept-deletes` checks them again "
            "and carries them out."
        )
    if found.quarantined:
        lines.append(f"{found.quarantined:,} records or values have unexpected types or values: see meta.quarantine.")
    if found.collapsed_days:
        lines.append(f"{found.collapsed_days:,} days of figures disappeared or fell to zero: see meta.collapsed_days.")
    if found.notices:
        lines.append(f"{found.notices:,} notices from syncs: see meta.notices.")
    if found.drifted:
        lines.append(f"{found.drifted:,} schema changes of the API were found: see meta.schema_drift.")
    return lines


def _instant(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
