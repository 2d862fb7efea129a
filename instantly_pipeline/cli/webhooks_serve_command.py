"""`webhooks serve`."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from instantly_pipeline.api.redaction import register_secret
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.receiver.server import Serving, serve
from instantly_pipeline.settings import load
from instantly_pipeline.streams.registry import select_streams


def serve_command(*, host: str, port: int, max_rate: int) -> int:
    """The command; its exit code. UsageError where it may not or cannot listen there."""
    settings = load()
    secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
    if secret:
        register_secret(secret)
    if "webhook_events" not in select_streams(settings.stream_names()):
        _say("INSTANTLY_STREAMS leaves events out, so only `sync --events` takes them in. For all: core,events.")
    if (owner := _other_owner(settings.data_dir)) is not None:
        _say(
            f"{settings.data_dir} belongs to another user ({owner}), who cannot read what is received here: syncs "
            "would leave it in the inbox. Run `webhooks serve` as that user."
        )
    serve(Layout(settings.data_dir), Serving(host=host, port=port, rate=max_rate, secret=secret), say=_say)
    return 0


def _other_owner(data_dir: Path) -> str | None:
    """Whose the data directory is, if it is not this user's."""
    with suppress(OSError):
        if data_dir.stat().st_uid != os.geteuid():
            return _name_of(data_dir)
    return None


def _name_of(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return str(path.stat().st_uid)


def _say(text: str) -> None:
    click.echo(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}", err=True)
