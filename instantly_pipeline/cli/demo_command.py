"""`demo`: a sandbox in its own process, and two syncs over HTTP with some days of activity between them.

Its settings never come from the environment or `.env`: a user's key must not reach the sandbox.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from instantly_pipeline.api.clock import SystemClock
from instantly_pipeline.cli.published import DEMO_DIR
from instantly_pipeline.cli.report_command import NAME, write_report
from instantly_pipeline.cli.summary import problems, published_line, shown
from instantly_pipeline.cli.sync_command import run
from instantly_pipeline.cli.text import seconds, table
from instantly_pipeline.errors import StorageError, UsageError
from instantly_pipeline.lake.durable import write_durably
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.settings import Settings
from instantly_pipeline.sync.results import Request, SyncReport
from instantly_pipeline.visible import visible
from instantly_pipeline.warehouse.published.query import query
from instantly_sandbox.server import RunningSandbox, SandboxConfig, spawned

if TYPE_CHECKING:
    from instantly_pipeline.run.results import RunReport

DAYS_BETWEEN = 3  # more than a weekend, when nothing is sent
_MARKER = "DEMO"
_LOCKS = {".lock", ".lock.json", _MARKER}
_TOP = """
select campaign_name as campaign, sent, repliers,
    printf('%.1f %% (%.1f to %.1f)', 100 * reply_rate, 100 * reply_rate_low, 100 * reply_rate_high) as "reply rate",
    health, health_reason as why
from marts.rpt_campaign_summary where sent > 0 order by sent desc limit 8
"""


class _DemoSettings(Settings):
    """Settings that ignore the environment and `.env`."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the constructor's arguments."""
        return (init_settings,)


class _Earlier(SystemClock):
    """The clock of the first sync, which takes place some days ago."""

    def now(self) -> datetime:
        """`DAYS_BETWEEN` days ago."""
        return super().now() - timedelta(days=DAYS_BETWEEN)


class _Parts:
    """Measures how long each part takes."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self._began = time.monotonic()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Print the name of a part, and time it."""
        click.echo(f"\n== {name}", err=True)
        began = time.monotonic()
        yield
        self.rows.append((name, seconds(time.monotonic() - began)))

    @property
    def total(self) -> str:
        """The time since the start."""
        return seconds(time.monotonic() - self._began)


def demo_command(folder: Path = DEMO_DIR, *, days: int = 90, leads: int = 5000) -> int:
    """Run the command; returns its exit code."""
    parts = _Parts()
    with _own_folder(folder), ExitStack() as open_box:
        click.echo(f"The demo only writes to {shown(folder)}/, and starts over each time.", err=True)
        with parts.part(f"A local Instantly API: 12 campaigns, {leads:,} leads, {days} days"):
            api = open_box.enter_context(spawned(demo_world(days=days, leads=leads)))
        reports = _two_syncs(api, folder, parts)
    if len(reports) < 2 or reports[-1].problem:
        return _failed(reports[-1])
    published = Layout(folder).published_file
    with parts.part("Report: one HTML page"):
        page = write_report(published, published.with_name(NAME))
    _show(reports, published, page, parts)
    return max(report.exit_code for report in reports)


def demo_world(*, days: int = 90, leads: int = 5000) -> SandboxConfig:
    """The business that is synced: its seed gives variants with enough e-mails and replies to compare.

    Its e-mails are limited only as all requests are: at Instantly's 20 a minute the demo would take six minutes.
    """
    return SandboxConfig(
        now=_Earlier().now(), seed=3, days=days, campaigns=12, leads=leads, accounts=24,
        switches={"rate_limits": {"emails_per_minute": 6000}},
    )  # fmt: skip


def _two_syncs(api: RunningSandbox, folder: Path, parts: _Parts) -> list[RunReport]:
    settings = _DemoSettings(
        api_key=SecretStr(api.key),
        base_url=api.url,
        data_dir=folder,
        streams="all",
        lookback_days=14,
        sweep_days=14,
        max_requests_per_minute=None,
    )
    with parts.part("First sync: everything"):
        reports = [run(settings, Request(), clock=_Earlier())]
    if reports[0].problem:
        return reports
    with parts.part(f"{DAYS_BETWEEN} days pass in the sandbox"):
        _advance(api.url)
    with parts.part("Second sync: what has changed"):
        reports.append(run(settings, Request()))
    return reports


def _advance(url: str) -> None:
    answer = httpx.post(f"{url}/_sandbox/advance", json={"days": DAYS_BETWEEN}, timeout=60, trust_env=False)
    answer.raise_for_status()
    advanced: dict[str, Any] = answer.json()
    counts = {name: count for name, count in advanced.items() if isinstance(count, int) and count > 0}
    happened = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
    click.echo(f"What happened: {happened or 'nothing'}", err=True)


@contextmanager
def _own_folder(folder: Path) -> Iterator[None]:
    """Lock the demo's folder and empty it. UsageError if the demo did not create it."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARKER).is_file():
        raise UsageError(f"{folder} was not created by the demo, so nothing was changed. Move it away and try again.")
    with writing(folder, command="demo"):
        write_durably(
            folder / _MARKER, b"Created by `instantly-pipeline demo`, which empties this folder when it starts.\n"
        )
        for path in folder.iterdir():
            if path.name not in _LOCKS:
                _remove(path)
        yield


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    except OSError as error:
        raise StorageError(f"{path} of an earlier demo cannot be removed: {error.strerror}.") from error


def _failed(report: RunReport) -> int:
    click.echo(f"Error: {report.problem}", err=True)
    if report.details:
        click.echo(report.details, err=True)
    return report.exit_code or 1


def _show(reports: list[RunReport], published: Path, page: str, parts: _Parts) -> None:
    first, second = reports
    click.echo("\nWhat the two syncs found, per stream\n")
    click.echo(_changes(first.sync_report, second.sync_report))
    click.echo(
        "\nThe campaigns with the most e-mails sent, from marts.rpt_campaign_summary (reply rate with 95 % interval)\n"
    )
    top = query(published, _TOP)
    click.echo(table(top.columns, top.rows))
    click.echo("")
    for line in problems(second):
        click.echo(visible(line))
    click.echo(published_line(second))
    click.echo(f"The report to open in a browser: {page}")
    click.echo(f"\nTime: {parts.total} in total\n")
    click.echo(table(["part", "time"], [*parts.rows[:-1], *_steps(first, second), parts.rows[-1]]))
    click.echo(_NEXT)


def _steps(first: RunReport, second: RunReport) -> list[tuple[str, str]]:
    """The time of each step in both syncs."""
    reading = [_read_seconds(report.sync_report) for report in (first, second)]
    rows = [(f"- {name}", [r.seconds.get(name, 0.0) for r in (first, second)]) for name in first.seconds]
    rows.insert(0, ("- reading the API", reading))
    return [(name, " and ".join(seconds(value) for value in values)) for name, values in rows]


def _read_seconds(report: SyncReport | None) -> float:
    return (report.ended_at - report.started_at).total_seconds() if report else 0.0


def _changes(first: SyncReport | None, second: SyncReport | None) -> str:
    """Per stream: the rows of the first sync, and the changes that the second found."""
    before = {s.stream: s for w in (first.workspaces if first else []) for s in w.streams}
    after = {s.stream: s for w in (second.workspaces if second else []) for s in w.streams}
    rows: list[list[object]] = []
    for name in sorted(before):
        one, two = before[name], after.get(name)
        row: list[object] = [name, one.changes.inserted, one.requests]
        if two is not None:
            row += [two.changes.inserted, two.changes.updated, two.changes.deleted, two.requests]
        rows.append(row + [None] * (7 - len(row)))
    sums = [sum(row[i] for row in rows if isinstance(row[i], int)) for i in range(1, 7)]  # type: ignore[misc]
    columns = ["stream", "first sync: rows", "requests", "second: new", "changed", "deleted", "requests"]
    return table(columns, [*rows, ["all", *sums]])


# `make demo` installs the command into .venv, which is usually not on the PATH
_COMMAND = "instantly-pipeline" if shutil.which("instantly-pipeline") else ".venv/bin/instantly-pipeline"
_NEXT = f"""
Next:
  open demo-data/publish/report.html in a browser: the report on these twelve campaigns
  make ui                              the two runs, the tables and the checks, in Dagster on http://localhost:3000
  INSTANTLY_DATA_DIR=demo-data {_COMMAND} status
  INSTANTLY_DATA_DIR=demo-data {_COMMAND} query "select date, sent, sent_7d from marts.rpt_workspace_daily"
  open demo-data/publish/warehouse.duckdb in any tool that reads DuckDB

With your own workspace: put INSTANTLY_API_KEY=<key> into .env (see .env.example), then
  {_COMMAND} sync
"""
