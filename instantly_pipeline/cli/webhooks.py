"""`webhooks`: the options of its commands. Imports click alone, like `main.py`."""

from __future__ import annotations

from importlib.util import find_spec

import click

from instantly_pipeline.errors import UsageError


@click.group(short_help="Receive events as they happen: serve, register, list, remove, drop.")
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


_WORKSPACE = click.option("--workspace", metavar="NAME", help="Of which workspace, as in INSTANTLY_API_KEYS.")
_YES = click.option("--yes", is_flag=True, help="Do not ask before something is changed.")


@webhooks.command(short_help="Tell Instantly where to send events.")
@click.argument("url")
@click.option("--events", default="all", show_default=True, metavar="A,B", help="Kinds of events, or all.")
@_WORKSPACE
@_YES
def register(url: str, events: str, workspace: str | None, yes: bool) -> int:
    """Tell Instantly to send events to URL, with INSTANTLY_WEBHOOK_SECRET in the header X-Webhook-Secret.

    It shows what will be created and asks. What is registered already is not doubled; what Instantly has switched off
    is switched on again. Needs a key with the scope webhooks:create.

    \b
    Example:
      instantly-pipeline webhooks register https://hooks.example.com/webhooks/instantly
      instantly-pipeline webhooks register https://hooks.example.com/webhooks/instantly --events reply_received --yes
    """
    from instantly_pipeline.cli.webhooks_command import register_command

    return register_command(url, events=events, workspace=workspace, yes=yes)


@webhooks.command("list", short_help="List the webhooks of Instantly.")
@_WORKSPACE
def list_(workspace: str | None) -> int:
    """List the webhooks of the workspaces: where they send which events, and whether they are on. Shows no secret.

    \b
    Example:
      instantly-pipeline webhooks list
    """
    from instantly_pipeline.cli.webhooks_command import list_command

    return list_command(workspace=workspace)


@webhooks.command(short_help="Tell Instantly to send no more events.")
@click.argument("webhook_id", metavar="[ID]", required=False)
@click.option("--all-of-url", metavar="URL", help="All webhooks that send to this address.")
@_WORKSPACE
@_YES
def remove(webhook_id: str | None, all_of_url: str | None, workspace: str | None, yes: bool) -> int:
    """Delete one webhook in Instantly by its id, or all that send to an address. It shows which ones, and asks.

    Needs a key with the scope webhooks:delete.

    \b
    Example:
      instantly-pipeline webhooks remove 0199f500-0000-7000-8000-000000000001
      instantly-pipeline webhooks remove --all-of-url https://hooks.example.com/webhooks/instantly --yes
    """
    from instantly_pipeline.cli.webhooks_command import remove_command

    return remove_command(webhook_id, all_of_url=all_of_url, workspace=workspace, yes=yes)


@webhooks.command(short_help="Drop received events of a workspace that is never synced.")
@click.option("--workspace", metavar="ID", required=True, help="As a sync names it, which says what waits.")
@_YES
def drop(workspace: str, yes: bool) -> int:
    """Delete received events that wait in the inbox because nothing of their workspace was synced. It says how many
    there are, and asks.

    \b
    Example:
      instantly-pipeline webhooks drop --workspace 0199f500-0000-7000-8000-000000000001
    """
    from instantly_pipeline.cli.webhooks_drop_command import drop_command

    return drop_command(workspace, yes=yes)
