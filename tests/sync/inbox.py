"""What a receiver would have left in the inbox, and what a world told."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from instantly_pipeline.lake.inbox import InboxWriter, Received
from instantly_pipeline.lake.layout import Layout
from tests.sync.harness import NOON, Bench

Payload = dict[str, Any]
EVENTS = ("webhook_events", "webhook_deliveries")


def receive(data_dir: Path, *payloads: Payload | bytes, at: datetime = NOON) -> None:
    """One closed segment with these events."""
    bodies = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in payloads]
    with closing(InboxWriter(Layout(data_dir))) as writer:
        writer.append([Received(at, body) for body in bodies])


def told(at: Bench, **params: str) -> list[Payload]:
    """The payloads of everything that the world's webhooks tell."""
    return [json.loads(line) for line in at.control.get("/payloads", params=params).text.splitlines()]


def reply(at: Bench, **fields: Any) -> Payload:
    """A reply that the world does not know of."""
    [workspace] = at.control.get("/state").json()["workspaces"]
    usual = {"event_type": "reply_received", "timestamp": NOON.isoformat(), "workspace": workspace["id"]}
    return {**usual, "lead_email": "bo@clinic.example", "reply_text": "Sounds good"} | fields


def payloads(at: Bench) -> list[str]:
    """The payload of every version of every event in the lake, canonical, sorted."""
    return sorted(as_text(json.loads(row["payload"])) for row in at.alive("webhook_events").values())


def as_text(payload: Payload) -> str:
    return json.dumps(payload, sort_keys=True)


def events_of(at: Bench, workspace: str) -> dict[str, datetime | None]:
    """When each reply of a workspace was received, by its text."""
    rows = [row for row in at.rows("webhook_events") if row["_ws"] == workspace and "reply_text" in row["payload"]]
    return {
        json.loads(row["payload"])["reply_text"]: row["received_at"] and row["received_at"].astimezone(UTC)
        for row in rows
    }


def inbox_files(data_dir: Path) -> list[str]:
    """What is left in the inbox, aside apart."""
    found = [path.relative_to(data_dir / "inbox") for path in (data_dir / "inbox").rglob("*.jsonl")]
    return sorted(str(path.parent) for path in found if path.parts[0] != "aside")
