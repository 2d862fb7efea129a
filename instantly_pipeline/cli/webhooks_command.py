"""`webhooks register`, `list` and `remove`: what they ask and say. Reads first, asks, then writes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

import click
from pydantic import SecretStr

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.api.clock import SYSTEM
from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.api.redaction import redact, register_secret
from instantly_pipeline.api.retry import RetryPolicy
from instantly_pipeline.cli.text import table
from instantly_pipeline.errors import UsageError
from instantly_pipeline.receiver.address import SECRET_HEADER, is_loopback
from instantly_pipeline.receiver.registration import (
    ALL,
    Action,
    Step,
    Webhook,
    create,
    list_webhooks,
    parse_events,
    plan_registration,
    remove,
    require_scope,
    resume,
)
from instantly_pipeline.settings import Settings, load
from instantly_pipeline.visible import visible

_PATIENCE = RetryPolicy(tries=4, budget=30.0, rate_budget=30.0)  # somebody waits for it

_T = TypeVar("_T")


def register_command(url: str, *, events: str, workspace: str | None, yes: bool) -> int:
    """The command; its exit code."""
    wanted = parse_events(events)
    settings = load()
    secret = _secret_for(_valid_url(url), settings)
    name, key = _one_workspace(settings, workspace)

    async def look(client: ApiClient) -> list[Step]:
        await require_scope(client, key.get_secret_value(), "create")
        return plan_registration(await list_webhooks(client), url, wanted, secret)

    steps = _ask_api(settings, key, look)
    for step in steps:
        _say_what_is_there(step, secret)
    steps = [step for step in steps if step.action is not Action.NOTHING]
    if not steps:
        return 0
    _say_what_is_to_do(steps, url, visible(name), secret)
    if not may_go_on(yes, f"instantly-pipeline webhooks register {_shown(url)} --events {events} --yes"):
        return 1
    _ask_api(settings, key, partial(_carry_out, steps, url, secret))
    return 0


async def _carry_out(steps: Sequence[Step], url: str, secret: str | None, client: ApiClient) -> None:
    for step in steps:
        if step.webhook is None:
            await create(client, url, step.event, secret)
        else:
            await resume(client, step.webhook)
        click.echo(f"Registered: {_events(step.event)}.")


def _say_what_is_to_do(steps: Sequence[Step], url: str, workspace: str, secret: str | None) -> None:
    header = (
        f"with {SECRET_HEADER}" if secret else f"without {SECRET_HEADER}, since INSTANTLY_WEBHOOK_SECRET is not set"
    )
    click.echo(f"In the workspace {workspace}, {header}:")
    for step in steps:
        what = "a new webhook" if step.webhook is None else f"{step.webhook.id} is switched on again"
        click.echo(f"  {what}: {_events(step.event)} -> {_shown(url)}")


def _say_what_is_there(step: Step, secret: str | None) -> None:
    if step.action is not Action.NOTHING or step.webhook is None:
        return
    click.echo(f"Registered already: {_events(step.event)} ({step.webhook.id}).")
    if secret and step.webhook.secret is None:
        click.echo(
            f"Instantly shows no header {SECRET_HEADER} of {step.webhook.id}. If its events are refused (401), remove "
            f"it (`instantly-pipeline webhooks remove {step.webhook.id}`) and register again.", err=True,
        )  # fmt: skip


def list_command(*, workspace: str | None) -> int:
    """The command; its exit code."""
    settings = load()
    rows = [
        [name, each.id, each.event or "a custom label", _shown(each.url), each.campaign or "all", _state(each),
         "yes" if each.secret else "no"]
        for name, key in _workspaces(settings, workspace).items()
        for each in _ask_api(settings, key, list_webhooks)
    ]  # fmt: skip
    if rows:
        columns = ["workspace", "id", "events", "sends to", "campaign", "state", SECRET_HEADER]
        click.echo(table(columns, rows))
    else:
        click.echo("No webhooks. `instantly-pipeline webhooks register URL` creates one.")
    return 0


def remove_command(webhook_id: str | None, *, all_of_url: str | None, workspace: str | None, yes: bool) -> int:
    """The command; its exit code."""
    if (webhook_id is None) == (all_of_url is None):
        raise UsageError(
            "Say which: `webhooks remove ID`, or `webhooks remove --all-of-url URL`. `webhooks list` lists."
        )
    settings = load()
    found = {
        name: [
            each for each in _ask_api(settings, key, list_webhooks) if webhook_id == each.id or all_of_url == each.url
        ]
        for name, key in _workspaces(settings, workspace).items()
    }
    if not any(found.values()):
        if webhook_id is not None:
            raise UsageError(f"There is no webhook {webhook_id} in {', '.join(found)}. `webhooks list` lists them.")
        click.echo("Nothing sends to that address.")
        return 0
    click.echo("To be deleted:")
    for name, webhooks in found.items():
        for each in webhooks:
            click.echo(f"  {each.id} in {visible(name)}: {_events(each.event)} -> {_shown(each.url)}")
    which = webhook_id or f"--all-of-url {_shown(all_of_url or '')}"
    if not may_go_on(yes, f"instantly-pipeline webhooks remove {which} --yes"):
        return 1
    for name, webhooks in found.items():
        if webhooks:
            key = settings.keys()[name]
            _ask_api(settings, key, partial(_remove_all, webhooks, key.get_secret_value()))
    return 0


async def _remove_all(webhooks: Sequence[Webhook], key: str, client: ApiClient) -> None:
    await require_scope(client, key, "delete")
    for each in webhooks:
        await remove(client, each)
        click.echo(f"Deleted: {each.id}.")


def _ask_api(settings: Settings, key: SecretStr, ask: Callable[[ApiClient], Awaitable[_T]]) -> _T:
    """Ask with a client of its own: a connection would not outlive the time that a person takes to answer."""

    async def run() -> _T:
        limiter = Limiter.for_cap(settings.max_requests_per_minute, SYSTEM)
        secret = key.get_secret_value()
        async with ApiClient(base_url=settings.base_url, key=secret, limiter=limiter, retry=_PATIENCE) as client:
            return await ask(client)

    return asyncio.run(run())


def _workspaces(settings: Settings, name: str | None) -> Mapping[str, SecretStr]:
    keys = settings.keys()
    if name is None:
        return keys
    if name not in keys:
        raise UsageError(f"There is no key for the workspace {name!r}. INSTANTLY_API_KEYS has: {', '.join(keys)}.")
    return {name: keys[name]}


def _one_workspace(settings: Settings, name: str | None) -> tuple[str, SecretStr]:
    found = _workspaces(settings, name)
    if len(found) > 1:
        raise UsageError(f"There are several workspaces. Say which: --workspace, one of {', '.join(found)}.")
    return next(iter(found.items()))


def _secret_for(url: str, settings: Settings) -> str | None:
    """INSTANTLY_WEBHOOK_SECRET; UsageError where it is not set, unless the address is on this machine."""
    if settings.webhook_secret:
        secret = settings.webhook_secret.get_secret_value()
        register_secret(secret)
        return secret
    if is_loopback(urlsplit(url).hostname or ""):
        return None
    raise UsageError(
        "INSTANTLY_WEBHOOK_SECRET is not set, so the receiver could not tell Instantly's events from others. Put "
        "INSTANTLY_WEBHOOK_SECRET=<secret> into .env (`openssl rand -hex 32` makes one) where the receiver runs, too."
    )


def _valid_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and not parts.username and not parts.fragment
    except ValueError:
        is_valid = False
    if not is_valid:
        raise UsageError(
            f"{_shown(url)} is not an address that Instantly can send to. Give one like "
            "https://hooks.example.com/webhooks/instantly."
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise UsageError("Events hold personal data and the secret, so the address has to begin with https://.")
    return url


def may_go_on(yes: bool, command: str) -> bool:
    """Whether to go on. UsageError where there is nobody to ask."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"Nothing was changed, since there is no terminal to ask. To do it: {command}")
    if click.confirm("Go on?"):
        return True
    click.echo("Nothing was changed.")
    return False


def _events(event: str | None) -> str:
    return "all events" if event == ALL else event or "a custom label"


def _state(webhook: Webhook) -> str:
    return "off, after errors" if webhook.is_disabled else "on"


def _shown(url: str) -> str:
    """An address without what may be secret in it."""
    return visible(redact(url))
