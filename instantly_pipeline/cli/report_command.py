"""`report`: writes one HTML page of the published data."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import click

from instantly_pipeline.cli.published import published_file
from instantly_pipeline.cli.summary import shown
from instantly_pipeline.cli.text import age
from instantly_pipeline.report.page import make_client_page, make_page, write_page

NAME = "report.html"


def report_command(out: Path | None, client: str | None = None) -> int:
    """Run the command; returns its exit code."""
    published = published_file()
    to = published.with_name(_name(client)) if out is None else Path.cwd() / out
    click.echo(write_report(published, to, client))
    return 0


def _name(client: str | None) -> str:
    """The file's name: report.html, or report-acme-corp.html for Acme Corp.

    A name that cannot be read back from it ends in a digest, so that no two clients share a file, nor one with all.
    """
    if client is None:
        return NAME
    name = client.strip().casefold()
    named = re.sub(r"\W+", "-", name).strip("-")[:40]  # characters of up to four bytes, of 255 in a file's name
    whole = named.replace("-", " ") == name
    return f"report-{named}.html" if whole else f"report-{named}-{sha256(name.encode()).hexdigest()[:8]}.html"


def write_report(published: Path, to: Path, client: str | None = None) -> str:
    """Write the page; returns a sentence with its path, its size and the age of its figures."""
    now = datetime.now(UTC)
    page = make_page(published, now=now) if client is None else make_client_page(published, client, now=now)
    size = write_page(page, to, like=published if to == published.with_name(_name(client)) else None)
    several = "" if page.workspaces == 1 else f", {page.workspaces} workspaces"
    return f"{shown(to)} ({size / 1000:,.0f} kB{several}), figures read {age(page.as_of, now)}."
