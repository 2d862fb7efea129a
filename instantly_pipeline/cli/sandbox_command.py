"""`sandbox`: serves a local Instantly API until Ctrl-C."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from instantly_pipeline.errors import UsageError
from instantly_sandbox.server import SandboxConfig, serve


def sandbox_command(*, port: int, now: datetime | None, unlimited: bool, world: Mapping[str, Any]) -> int:
    """Run the command; returns its exit code."""
    moment = now.replace(tzinfo=UTC) if now else None
    try:
        config = SandboxConfig(port=port, now=moment, rate_limited=not unlimited, **world)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    click.echo("Generating the data ...", err=True)
    ready = False

    def announce(url: str, key: str) -> None:
        nonlocal ready
        ready = True
        click.echo(f"{url} {key}")
        click.echo(
            f"To sync from it, in another terminal:\n"
            f"  INSTANTLY_BASE_URL={url} INSTANTLY_API_KEY={shlex.quote(key)} INSTANTLY_DATA_DIR=sandbox-data "
            f"instantly-pipeline sync\n"
            f"Its control API is {url}/_sandbox/ (state, advance, mutate, faults, switches, requests). "
            "Ctrl-C stops it.",
            err=True,
        )

    try:
        serve(config, on_ready=announce)
    except SystemExit:
        if ready:
            raise
        raise UsageError(f"Port {port} is in use. Choose another one; --port 0 picks a free one.") from None
    return 0
