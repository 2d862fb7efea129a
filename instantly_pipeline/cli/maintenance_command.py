"""`rebuild`, `check`, `compact` and `reset`: maintenance of a data directory, without any API request."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import click

from instantly_pipeline.cli.logfile import log_to_file
from instantly_pipeline.cli.progress import preparing, reporter
from instantly_pipeline.errors import UsageError
from instantly_pipeline.lake.compact import compact
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.run.rebuild import check, locked_lake, rebuild, rebuild_as_of
from instantly_pipeline.settings import Settings, load
from instantly_pipeline.streams.registry import select_streams
from instantly_pipeline.sync.reset import reset


def rebuild_command(*, as_of: datetime | None, out: Path | None, wait: bool) -> int:
    """Run the command; returns its exit code."""
    settings = _synced_settings()
    if as_of is None and out is not None:
        raise UsageError("--out needs --as-of: without it the published file itself is rebuilt.")
    if out is not None and (Path.cwd() / out).exists():
        raise UsageError(f"{out} already exists. Name another file, or move it away; nothing was changed.")
    log_to_file(settings.data_dir)
    with _locked(settings, "rebuild", wait=wait), reporter(several=False) as show, preparing(show) as on_event:
        if as_of is None:
            place = rebuild(settings, on_event=on_event)
        else:
            at = as_of.replace(tzinfo=as_of.tzinfo or UTC)
            place = rebuild_as_of(settings, at, None if out is None else Path.cwd() / out, on_event=on_event)
    click.echo(place)
    return 0


def check_command(*, wait: bool) -> int:
    """Run the command; returns its exit code, 1 if a blocking check fails."""
    settings = _synced_settings()
    log_to_file(settings.data_dir)
    with _locked(settings, "check", wait=wait), reporter(several=False) as show, preparing(show) as on_event:
        results = check(settings, on_event=on_event)
    failed = [result for result in results if not result.passed]
    for result in sorted(failed, key=lambda r: (not r.blocking, r.name)):
        kind = "FAILED " if result.blocking else "warning"
        click.echo(
            f"{kind}  {result.name}: {result.failing_rows:,} rows ({result.description})\n"
            f"         {result.to_see_the_rows}"
        )
    click.echo(f"{len(results) - len(failed)} of {len(results)} checks passed. Nothing was published.")
    return 1 if any(result.blocking for result in failed) else 0


def compact_command(*, wait: bool) -> int:
    """Run the command; returns its exit code."""
    with _locked(_synced_settings(), "compact", wait=wait) as layout:
        done = compact(layout, now=datetime.now(UTC), on_day=lambda day: click.echo(f"merging {day}", err=True))
    click.echo(
        f"{done.joined} files of {done.days} days were merged; {done.removed} files merged earlier were removed. "
        "Replaced files are kept for at least an hour, for readers that have them open."
    )
    return 0


def reset_command(*, streams: str, wait: bool) -> int:
    """Run the command; returns its exit code."""
    settings = _synced_settings()
    names = tuple(select_streams(streams.split(",")))
    with _locked(settings, "reset", wait=wait) as layout:
        count = reset(layout, names)
    click.echo(
        f"{', '.join(names)}: the checkpoints of {count} workspaces were deleted; rows and history stay. "
        f"Next: instantly-pipeline sync --streams {','.join(names)}"
    )
    return 0


def _synced_settings() -> Settings:
    """The settings; UsageError if nothing was synced into their data directory yet."""
    settings = load()
    if not Layout(settings.data_dir).lake.is_dir():
        raise UsageError(f"{settings.data_dir} has no data yet: run `instantly-pipeline sync` first.")
    return settings


def _locked(settings: Settings, command: str, *, wait: bool) -> AbstractContextManager[Layout]:
    return locked_lake(settings, command=command, wait=wait, say=lambda text: click.echo(text, err=True))
