"""From what a webhook sent, and from what the API says of an attempt to send it, to records.

An event is a function of its payload alone, so that it is the same record however often and in whichever way it comes.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from instantly_pipeline.lake.records.canonical import Record, digest
from instantly_pipeline.streams.catalog.webhook_events import EVENTS

# the names that hold a workspace's id in one place or another (reference, section 1.2)
_WORKSPACE = ("workspace", "workspace_id", "organization_id", "organization")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_COPIED = tuple(name for name in EVENTS.names if name not in ("event_id", "payload", "received_at"))


def event_of(payload: Record, *, otherwise: str) -> Record:
    """The event of a payload. `otherwise` is its id if the payload is nested too deeply to be digested."""
    try:
        event_id = digest(payload)
    except RecursionError:
        event_id = otherwise
    copied = {name: payload[name] for name in _COPIED if payload.get(name) is not None}
    return {"event_id": event_id, **copied, "payload": payload}


def event_in(attempt: Record) -> Record:
    """The event of an attempt. Without a payload it is known by `retry_group_id`, else by the attempt's own id."""
    payload, known_as = attempt.get("payload"), attempt.get("retry_group_id") or attempt.get("id")
    if isinstance(payload, dict) and payload:
        return event_of(payload, otherwise=str(known_as))
    return {"event_id": known_as, "lead_email": attempt.get("lead_email"), "payload": payload}


def delivery_of(attempt: Record, event_id: object) -> Record:
    """The attempt, with the id of its event in place of the payload."""
    return {name: value for name, value in attempt.items() if name != "payload"} | {"event_id": event_id}


def workspace_in(payload: Record, known: Collection[str] = ()) -> str | None:
    """The workspace id in a payload; None if it names none.

    A custom variable may hide a field with anything: what is neither `known` nor a UUID, as these ids are, is no id.
    """
    found = [value for name in _WORKSPACE if isinstance(value := payload.get(name), str)]
    return next((value for value in found if value in known), next(filter(_UUID.fullmatch, found), None))
