"""Webhooks: list, read, create, change, delete, test and resume, by the vendor's document of 2026-08-21."""

from typing import Any

from instantly_sandbox.deliveries import send_test
from instantly_sandbox.endpoints.activity import EVENT_TYPES
from instantly_sandbox.endpoints.call import Call, served
from instantly_sandbox.http import ApiError, Response, ok
from instantly_sandbox.paging import by_id
from instantly_sandbox.validation import checked
from instantly_sandbox.world.seeded import iso, uuid_at

Record = dict[str, Any]
WRITABLE = {
    "campaign": {"type": ["string", "null"], "format": "uuid"},
    "name": {"type": ["string", "null"]},
    "target_hook_url": {"type": "string", "format": "uri", "pattern": "^https?://"},
    "event_type": {"type": ["string", "null"], "enum": [*EVENT_TYPES, None]},
    "custom_interest_value": {"type": ["number", "null"]},
    "headers": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
}
CREATE = {
    "type": "object",
    "properties": WRITABLE,
    "required": ["target_hook_url"],
    "additionalProperties": False,
}
PATCH = {"type": "object", "properties": WRITABLE, "minProperties": 1, "additionalProperties": False}


def webhooks(call: Call) -> Response:
    rows = call.served("webhooks")
    for name in ("event_type", "campaign"):
        wanted = call.request.param(name)
        if wanted is not None:
            rows = [r for r in rows if r.get(name) == wanted]
    return call.listed("webhooks", rows, by_id())


def webhook(call: Call) -> Response:
    return call.one("webhooks", call.uuid())


def create(call: Call) -> Response:
    body, world = checked(call.json_body(), CREATE, "body"), call.world
    collection = world.collections["webhooks"]
    record = {
        "id": uuid_at(world.now, world.id, "hook", len(collection.overlay.inserted)),
        "organization": world.id,
        "timestamp_created": iso(world.now),
        "status": 1,
        **{name: value for name, value in body.items() if value is not None},
    }
    collection.insert(record)
    return ok(served(call, "webhooks", record))


def update(call: Call) -> Response:
    key = _existing(call)["id"]
    body = checked(call.json_body(), PATCH, "body")
    _change(call, key, body)
    return call.one("webhooks", key)


def delete(call: Call) -> Response:
    """Answers with what was deleted."""
    record = _existing(call)
    call.world.collections["webhooks"].delete(record["id"], call.world.now)
    return ok(served(call, "webhooks", record))


def resume(call: Call) -> Response:
    """Switch a webhook on again that failures had switched off."""
    key = _existing(call)["id"]
    _change(call, key, {"status": 1, "timestamp_error": None})
    return call.one("webhooks", key)


def test(call: Call) -> Response:
    """Post a test payload now; the answer tells what the target said."""
    record, world = _existing(call), call.world
    payload = {"timestamp": iso(world.now), "event_type": "email_sent", "workspace": world.id, "is_test": True}

    async def later() -> Response:
        return ok(await send_test(record, payload))

    return Response(b"", later=later)


def _existing(call: Call) -> Record:
    record = call.world.records("webhooks").get(call.uuid())
    if record is None:
        raise ApiError(404, "Resource not found")
    return record


def _change(call: Call, key: str, values: Record) -> None:
    """Set fields; None takes a field away."""
    given = {name: value for name, value in values.items() if value is not None}
    gone = [name for name, value in values.items() if value is None]
    call.world.collections["webhooks"].update(key, given, gone, touch=False, now=call.world.now)
