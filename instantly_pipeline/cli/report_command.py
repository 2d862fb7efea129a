"""`report`: writes one HTML page of the published data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from instantly_pipeline.cli.published import published_file
from instantly_pipeline.cli.summary import shown
from instantly_pipeline.cli.text import age
from instantly_pipeline.report.page import make_page, write_page

NAME = "report.html"


def report_command(out: Path | None) -> int:
    """Run the command; returns its exit code."""
    published = published_file()
    to = published.with_name(NAME) if out is None else Path.cwd() / out
    click.echo(write_report(published, to))
    return 0


def write_report(published: Path, to: Path) -> str:
    """Write the page; returns a sentence with its path, its size and the age of its figures."""
    now = datetime.now(UTC)
    page = make_page(published, now=now)
    size = write_page(page, to, like=published if to == published.with_name(NAME) else None)
    several = "" if page.workspaces == 1 else f", {page.workspaces} workspaces"
    return f"{shown(to)} ({size / 1000:,.0f} kB{several}), figures read {age(page.as_of, now)}."
