"""Webhooks of a workspace: where events are sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from instantly_pipeline.streams.enums import WEBHOOK_STATUS
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type


def origin_of(address: str) -> str:
    """The scheme, host and port of an address; empty if it has none. The rest may be a secret: Slack, Zapier and others
    put theirs into the path."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.scheme and parts.hostname else ""


STREAM = Stream(
    name="webhooks",
    group="events",
    about="Webhooks: which events are sent where, and whether that works; headers are never stored",
    path="/api/v2/webhooks",
    read=Read.SCAN,
    cursor=("id",),
    key=("id",),
    absent=Absent.DELETED,
    secrets=("headers",),
    columns=(
        Column("id", Type.TEXT, "Id", always=True),
        Column("organization", Type.TEXT, "Workspace id", always=True),
        Column("name", Type.TEXT, "Display name"),
        Column(
            "target_hook_url",
            Type.TEXT,
            "Origin of the address that events are sent to; the rest may be secret",
            always=True,
            keep=origin_of,
        ),
        Column("campaign", Type.TEXT, "Campaign whose events are sent; null: of all campaigns"),
        Column("event_type", Type.TEXT, "Events that are sent; null where it is a custom label"),
        Column("custom_interest_value", Type.INT, "Custom label whose events are sent, in lead_labels.interest_status"),
        Column("status", Type.INT, "Status code", labels=WEBHOOK_STATUS),
        Column("timestamp_created", Type.INSTANT, "When it was created", always=True),
        Column("timestamp_error", Type.INSTANT, "When it was disabled because of errors"),
    ),
)
