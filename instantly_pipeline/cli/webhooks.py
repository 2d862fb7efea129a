"""`webhooks`: the options of its commands. Imports click alone, like `main.py`."""

from __future__ import annotations

from importlib.util import find_spec

import click

from instantly_pipeline.errors import UsageError


@click.group(short_help="Receive events as they happen: serve, register, list, remove.")
def webhooks() -> None:
    """Receive events as they happen, and tell Instantly where to send them.

    docs/webhooks.md says how to put the receiver behind a server that speaks TLS.

    \b
    Example:
      instantly-pipeline webhooks serve
      instantly-pipeline webhooks register https://hooks.example.com/webhooks/instantly
    """


@webhooks.command(short_help="Receive events and store them for the next sync.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="Another than loopback needs INSTANTLY_WEBHOOK_SECRET.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 picks a free one.")
@click.option("--max-rate", type=click.IntRange(min=1), default=5000, show_default=True, metavar="N",
              help="Events a second; more are answered 429, and Instantly sends them again.")  # fmt: skip
def serve(host: str, port: int, max_rate: int) -> int:
    """Receive events at /webhooks/instantly, and store them in the data directory for the next sync, until Ctrl-C.

    An event is answered 200 once it is safe on the disk. The header X-Webhook-Secret has to be
    INSTANTLY_WEBHOOK_SECRET. What is no event is kept aside and counted. GET /healthz says whether events can be
    stored. It may run beside a sync, and more than one on a data directory.

    \b
    Example:
      instantly-pipeline webhooks serve
      instantly-pipeline webhooks serve --host 0.0.0.0 --port 8787
    """
    if not all(find_spec(name) for name in ("httptools", "starlette", "uvicorn")):
        raise UsageError("The receiver is an extra: pip install 'instantly-pipeline[receiver]' installs it.")
    from instantly_pipeline.cli.webhooks_serve_command import serve_command

    return serve_command(host=host, port=port, max_rate=max_rate)
