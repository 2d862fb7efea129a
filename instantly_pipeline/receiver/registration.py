"""Webhooks in Instantly: list, create, resume, delete. A write whose answer is unclear is never repeated: it looks.

The secret is in the request alone, and in what the API lists (its `headers`); nothing here is stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.errors import (
    Forbidden,
    NotFound,
    PipelineError,
    PlanRequired,
    Retriable,
    StreamError,
    UnclearWrite,
    UsageError,
)
from instantly_pipeline.receiver.address import SECRET_HEADER

WEBHOOKS = "/api/v2/webhooks"
ALL = "all_events"
# what can be subscribed to (reference, section 13); custom labels come with all events
EVENTS = (
    ALL, "email_sent", "email_opened", "email_link_clicked", "reply_received", "email_bounced", "lead_unsubscribed",
    "campaign_completed", "account_error", "lead_neutral", "lead_interested", "lead_not_interested",
    "lead_meeting_booked", "lead_meeting_completed", "lead_closed", "lead_out_of_office", "lead_wrong_person",
    "lead_no_show", "supersearch_enrichment_completed",
)  # fmt: skip
_ALIASES = {"all": ALL, "link_clicked": "email_link_clicked"}  # the second: as clicks are called when they arrive
_ACTIVE = 1
_DISABLED = -1


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as the API lists it. `event` is None for a custom label, `secret` where no such header is sent."""

    id: str
    url: str
    event: str | None
    campaign: str | None = None
    status: int | None = None
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Webhook({self.id})"  # without the secret

    @property
    def is_disabled(self) -> bool:
        """Whether Instantly switched it off, after deliveries that failed."""
        return self.status == _DISABLED


class Action(Enum):
    """What `register` does about one kind of event."""

    CREATE = "create"
    RESUME = "resume"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a registration; `webhook` is the one that is there, if one is."""

    action: Action
    event: str
    webhook: Webhook | None = None


def parse_events(text: str) -> list[str]:
    """The kinds of events in a list such as `reply_received,email_bounced`; UsageError names what is unknown."""
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    events = list(dict.fromkeys(_ALIASES.get(name, name) for name in names))
    unknown = [name for name in events if name not in EVENTS]
    if unknown or not events:
        raise UsageError(
            f"--events: {', '.join(unknown) or 'nothing'} cannot be registered. Choose all, or some of: "
            f"{', '.join(EVENTS[1:])}. Custom labels come with all."
        )
    return [ALL] if ALL in events else events


async def list_webhooks(client: ApiClient) -> list[Webhook]:
    """All webhooks of the workspace, by their addresses. UsageError where the key may not read them."""
    found = []
    try:
        async for page in client.pages("GET", WEBHOOKS):
            found += [_webhook(item) for item in page.items]
    except Forbidden as refusal:
        raise _lacks_scope("read", str(refusal)) from None
    return sorted((each for each in found if each.id), key=lambda each: (each.url, each.event or "", each.id))


def plan_registration(existing: Sequence[Webhook], url: str, events: Sequence[str], secret: str | None) -> list[Step]:
    """What is to be done so that the events are sent to `url`. UsageError where one is there with another secret."""
    here = [each for each in existing if each.url == url and each.campaign is None]
    wrong = [each.id for each in here if each.event in {*events, ALL} and each.secret not in (None, secret)]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)} sends events to this address with another {SECRET_HEADER} than "
            "INSTANTLY_WEBHOOK_SECRET. Nothing was changed. Remove it with `instantly-pipeline webhooks remove ID`, "
            "then register again."
        )
    by_event = {each.event: each for each in here}
    return [_step(event, by_event.get(event) or by_event.get(ALL)) for event in events]


def _step(event: str, there: Webhook | None) -> Step:
    if there is None:
        return Step(Action.CREATE, event)
    return Step(Action.RESUME if there.is_disabled else Action.NOTHING, event, there)


async def create(client: ApiClient, url: str, event: str, secret: str | None) -> None:
    """Create a webhook. UnclearWrite where nobody knows whether it was, UsageError where the key may not."""
    headers = {"headers": {SECRET_HEADER: secret}} if secret else {}
    body = {"target_hook_url": url, "event_type": event, "name": f"instantly-pipeline: {event}", **headers}

    async def is_done() -> bool:
        return any((each.url, each.event) == (url, event) for each in await list_webhooks(client))

    await _write(client.write("POST", WEBHOOKS, body), "create", is_done)


async def resume(client: ApiClient, webhook: Webhook) -> None:
    """Switch a webhook on again; errors as of `create`."""

    async def is_done() -> bool:
        return any(each.id == webhook.id and not each.is_disabled for each in await list_webhooks(client))

    await _write(client.write("POST", f"{WEBHOOKS}/{webhook.id}/resume"), "update", is_done)


async def remove(client: ApiClient, webhook: Webhook) -> None:
    """Delete a webhook, unless it has gone meanwhile; errors as of `create`."""

    async def is_done() -> bool:
        return all(each.id != webhook.id for each in await list_webhooks(client))

    try:
        await _write(client.write("DELETE", f"{WEBHOOKS}/{webhook.id}"), "delete", is_done)
    except NotFound:
        return


async def _write(sending: Awaitable[object], action: str, is_done: Callable[[], Awaitable[bool]]) -> None:
    try:
        await sending
    except Forbidden as refusal:
        raise _lacks_scope(action, str(refusal)) from None
    except Retriable as unclear:
        if not await _looked(is_done):
            raise UnclearWrite(
                f"{unclear}. It was not sent again, and it has had no effect so far. Look with `instantly-pipeline "
                "webhooks list`, then run the same command again; what is there already is not doubled."
            ) from unclear


async def _looked(is_done: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await is_done()
    except PipelineError:
        return False


async def require_scope(client: ApiClient, key: str, action: str) -> None:
    """UsageError where the workspace's list of keys says that this key lacks the scope; nothing where it cannot say.

    The list may have its keys masked, and needs a scope itself (reference, section 9).
    """
    enough = {f"{resource}:{verb}" for resource in ("webhooks", "all") for verb in (action, "all")}
    try:
        async for page in client.pages("GET", "/api/v2/api-keys"):
            for item in page.items:
                scopes = item.get("scopes")
                if item.get("key") == key and isinstance(scopes, list) and not enough & set(map(str, scopes)):
                    raise _lacks_scope(action)
    except (StreamError, PlanRequired):
        return


def _lacks_scope(action: str, said: str = "") -> UsageError:
    answer = f" ({said})" if said else ""
    return UsageError(
        f"The key lacks the scope webhooks:{action}, which webhooks:all, all:{action} and all:all include{answer}. "
        "Give it the scope in Instantly (Settings, Integrations, API keys), or use another key."
    )


def _webhook(item: dict[str, Any]) -> Webhook:
    headers = item.get("headers")
    given = {str(name).lower(): value for name, value in headers.items()} if isinstance(headers, dict) else {}
    secret = given.get(SECRET_HEADER.lower())
    status = item.get("status")
    event, campaign = (None if item.get(name) is None else str(item[name]) for name in ("event_type", "campaign"))
    return Webhook(
        id=str(item.get("id") or ""),
        url=str(item.get("target_hook_url") or ""),
        event=event,
        campaign=campaign,
        status=status if isinstance(status, int) else None,
        secret=secret if isinstance(secret, str) else None,
    )
