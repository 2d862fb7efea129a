"""Posts the payloads of events to the webhooks that ask for them, on loopback only.

As reported of the vendor: three attempts within 30 s, and a webhook is switched off after repeated failure. Each
attempt is a row of `GET /webhook-events`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from instantly_sandbox.config import LOOPBACK
from instantly_sandbox.endpoints.event_payloads import payloads
from instantly_sandbox.switches import Switches
from instantly_sandbox.world.seeded import iso, uuid4, uuid7
from instantly_sandbox.world.world import World

Record = dict[str, Any]
ATTEMPTS = 3
TIMEOUT = 10.0  # seconds for one attempt: generated attempts tell of the same
AT_ONCE = 20  # posts under way at a time: far more than a receiver on one core can use
LOST_EVENTS = 5  # in a row, then the webhook is switched off; the vendor does not say after how many
NAMES = {"link_clicked": "email_link_clicked"}  # an event's name -> that of its subscription, where they differ


def is_loopback(url: str) -> bool:
    """Whether the host is this machine by name or address; nothing is resolved."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


def is_on(hook: Record) -> bool:
    return bool(hook.get("status", 1) == 1)


def http_session() -> aiohttp.ClientSession:
    """Posts without regard to the environment's proxies, which must never see a delivery, or to certificates."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(TIMEOUT),
        connector=aiohttp.TCPConnector(limit=AT_ONCE, ssl=False),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def post(hook: Record, body: bytes, session: aiohttp.ClientSession) -> Record:
    """One attempt: `success`, `response_time_ms` and `status_code` or `error`. Redirects are not followed."""
    if not is_loopback(hook["target_hook_url"]):
        return {"success": False, "error": "the sandbox sends to loopback only", "response_time_ms": 0}
    headers = {"user-agent": "instantly-sandbox", **(hook.get("headers") or {}), "content-type": "application/json"}
    began = time.monotonic()
    try:
        request = session.post(hook["target_hook_url"], data=body, headers=headers, allow_redirects=False)
        async with request as answer:
            found: Record = {"success": 200 <= answer.status < 300, "status_code": answer.status}
    except (aiohttp.ClientError, TimeoutError, ValueError) as wrong:
        found = {"success": False, "error": type(wrong).__name__}
    return {**found, "response_time_ms": round((time.monotonic() - began) * 1000)}


async def send_test(hook: Record, payload: Record) -> Record:
    """The answer of `POST /webhooks/{id}/test`."""
    async with http_session() as session:
        found = await post(hook, orjson.dumps(payload), session)
    said = "Webhook test successful" if found["success"] else "Webhook test failed"
    return {"message": said, **found}


@dataclass(frozen=True)
class Delivery:
    """One event for one webhook; `at` is when its first attempt is made, in Unix milliseconds of the world."""

    hook_id: str
    at: int
    payload: Record


def due(world: World, *, after: int | None, until: int | None, at: int | None = None) -> list[Delivery]:
    """What the webhooks on loopback that are on are to get of the events in (after, until], each sent at its time or
    `at`. A list, since payloads can only be made while the clock stands."""
    hooks = [h for h in world.records("webhooks").values() if is_on(h) and is_loopback(h["target_hook_url"])]
    if not hooks:
        return []
    labels = {str(r["label"]): r["interest_status"] for r in world.records("lead_labels").values()}
    return [
        Delivery(hook["id"], seen if at is None else at, payload)
        for seen, payload in payloads(world, after=after, until=until)
        for hook in hooks
        if asks_for(hook, payload, labels)
    ]


def asks_for(hook: Record, payload: Record, labels: dict[str, int]) -> bool:
    """Whether a webhook's campaign and type of event fit; one without a type asks for one custom label."""
    if hook.get("campaign") not in (None, payload.get("campaign_id")):
        return False
    kind = payload["event_type"]
    if hook.get("event_type") is None:
        return kind in labels and labels[kind] == hook.get("custom_interest_value")
    return hook["event_type"] in ("all_events", NAMES.get(kind, kind))


@dataclass
class Deliverer:
    """Makes deliveries and remembers how many events each webhook lost in a row."""

    switches: Switches
    lost: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=count)  # the same event can be delivered again

    async def deliver(self, world: World, deliveries: list[Delivery]) -> dict[str, int]:
        """Make all attempts; returns how many events arrived, were lost, or were not tried because their webhook had
        been switched off or deleted."""
        counts = Counter(delivered=0, lost=0, not_tried=0)
        left = iter(deliveries)
        async with http_session() as session:
            await asyncio.gather(*(self._work(world, left, session, counts) for _ in range(AT_ONCE)))
        return dict(counts)

    async def _work(
        self, world: World, left: Iterator[Delivery], session: aiohttp.ClientSession, counts: Counter[str]
    ) -> None:
        for delivery in left:
            counts[await self._deliver(world, delivery, session)] += 1

    async def _deliver(self, world: World, delivery: Delivery, session: aiohttp.ClientSession) -> str:
        body, event, made = orjson.dumps(delivery.payload), next(self._numbers), list[Record]()
        for number in range(ATTEMPTS):
            hook = world.records("webhooks").get(delivery.hook_id)
            if hook is None or not is_on(hook):
                return "lost" if made else "not_tried"
            if number:
                await asyncio.sleep(self.switches.webhook_retry_seconds)
            found = await post(hook, body, session)
            made.append(self._attempt(world, hook, delivery, (event, number), found))
            world.delivered.append(made[-1])
            if found["success"]:
                break
        for record in made[:-1]:
            record |= {"will_retry": False, "retry_successful": made[-1]["success"]}
        return self._ended(world, delivery.hook_id, is_lost=not made[-1]["success"])

    def _attempt(self, world: World, hook: Record, delivery: Delivery, which: tuple[int, int], found: Record) -> Record:
        """The attempt as `GET /webhook-events` shows it; `which` is the event's number and the attempt's."""
        event, number = which
        gap = round(self.switches.webhook_retry_seconds * 1000)
        at, again = delivery.at + number * gap, not found["success"] and number + 1 < ATTEMPTS
        record: Record = {
            "id": uuid7(at, world.id, "delivered", event, number),
            "timestamp_created": iso(at),
            "timestamp_created_date": iso(at)[:10],
            "organization_id": world.id,
            "success": found["success"],
            "will_retry": again,
            "retry_count": number,
            "webhook_url": hook["target_hook_url"],
            "response_time_ms": found["response_time_ms"],
            "retry_group_id": uuid4(world.id, "delivered", event),
            "payload": delivery.payload,
        }
        if "lead_email" in delivery.payload:
            record["lead_email"] = delivery.payload["lead_email"]
        if "status_code" in found:
            record["status_code"] = found["status_code"]
        if not found["success"]:
            record["error_message"] = found.get("error") or f"Request failed with status code {found['status_code']}"
        if again:
            record["timestamp_next_retry"] = iso(at + gap)
        return record

    def _ended(self, world: World, hook_id: str, *, is_lost: bool) -> str:
        """Count what a webhook lost in a row, and switch it off when that is too much."""
        if not is_lost:
            self.lost[hook_id] = 0
            return "delivered"
        self.lost[hook_id] += 1
        if self.lost[hook_id] >= LOST_EVENTS:
            self.lost[hook_id] = 0
            off = {"status": -1, "timestamp_error": iso(world.now)}
            world.collections["webhooks"].update(hook_id, off, [], touch=False, now=world.now)
        return "lost"
