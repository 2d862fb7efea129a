"""What Instantly's webhooks tell: the events, and each attempt to deliver one.

An event is known by its content, so that it is one row however often and in whichever way it came: pulled from
`/webhook-events`, where every attempt to deliver it is listed, or received by `webhooks serve`. An event never changes.
An attempt does, until no retry is due.
"""

from __future__ import annotations

import re

from instantly_pipeline.streams.catalog.webhooks import origin_of
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>)]+", re.IGNORECASE)


def with_origins_alone(text: str) -> str:
    """The text with the origin in place of each address: the rest of one may be secret."""
    return _URL.sub(lambda found: origin_of(found.group()) or "...", text)


_PATH = "/api/v2/webhook-events"

EVENTS = Stream(
    name="webhook_events",
    group="events",
    about="Events as webhooks tell them, one row per event, whether it was received, pulled or both",
    path=_PATH,
    read=Read.EVENTS,
    key=("event_id",),
    absent=Absent.KEEP,
    api_scope="webhook_events:read",
    columns=(
        Column(
            "event_id",
            Type.TEXT,
            "Digest of the payload; without one its retry_group_id, else the id of the attempt",
            always=True,
        ),
        Column("event_type", Type.TEXT, "Type, such as reply_received; of a custom label, its text"),
        Column("campaign_id", Type.TEXT, "Campaign id"),
        Column("campaign_name", Type.TEXT, "Name of the campaign at that time"),
        Column("lead_email", Type.TEXT, "E-mail address of the lead", personal=True),
        Column("lead_id", Type.TEXT, "Lead id, where the payload has one"),
        Column("email_account", Type.TEXT, "Sending account"),
        Column("email_id", Type.TEXT, "Id of the e-mail, in emails.id"),
        Column("step", Type.INT, "Step, counted from 1; analytics and leads count from 0"),
        Column("variant", Type.INT, "Variant, counted from 1; analytics and leads count from 0"),
        Column("is_first", Type.BOOL, "Whether it is the first event of its type for the lead"),
        Column("payload", Type.JSON, "The event as it was sent, with the lead's fields and texts", personal=True),
        Column("timestamp", Type.INSTANT, "When it happened"),
        Column("received_at", Type.INSTANT, "When `webhooks serve` first received it; null if it was only pulled"),
    ),
)

DELIVERIES = Stream(
    name="webhook_deliveries",
    group="events",
    about="Attempts to deliver events to webhooks, one row per attempt; read with webhook_events",
    path=_PATH,
    read=Read.DELIVERIES,
    cursor=("id",),
    key=("id",),
    absent=Absent.KEEP,
    needs=("webhook_events",),
    api_scope="webhook_events:read",
    columns=(
        Column("id", Type.TEXT, "Id of the attempt", always=True),
        Column("organization_id", Type.TEXT, "Workspace id", always=True),
        Column("event_id", Type.TEXT, "The event, in webhook_events.event_id", always=True),
        Column("retry_group_id", Type.TEXT, "The same for all attempts to deliver one event to one webhook"),
        Column("lead_email", Type.TEXT, "E-mail address of the lead", personal=True),
        Column(
            "webhook_url",
            Type.TEXT,
            "Origin of the webhook's address; the rest may be secret",
            always=True,
            keep=origin_of,
        ),
        Column(
            "error_message", Type.TEXT, "Why the attempt failed; of addresses only the origin", keep=with_origins_alone
        ),
        Column("success", Type.BOOL, "Whether the attempt succeeded"),
        Column("will_retry", Type.BOOL, "Whether another attempt will follow"),
        Column("retry_successful", Type.BOOL, "Whether a later attempt succeeded"),
        Column("retry_count", Type.INT, "Attempts before this one", always=True),
        Column("status_code", Type.INT, "HTTP status of the answer"),
        Column("response_time_ms", Type.FLOAT, "Time until the answer, in milliseconds"),
        Column("timestamp_created", Type.INSTANT, "When the attempt was made", always=True),
        Column("timestamp_created_date", Type.DATE, "Day of the attempt", always=True),
        Column("timestamp_next_retry", Type.INSTANT, "When the next attempt is due"),
    ),
)

STREAMS = (EVENTS, DELIVERIES)
