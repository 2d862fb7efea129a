"""E-mails put into a sandbox one by one, and what a lake must hold of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count, pairwise
from typing import Any

from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench

EMPTY = SandboxConfig(leads=0, campaigns=0, accounts=0, days=1, rate_limited=False, now=NOON)
EMAILS = "/api/v2/emails"
Record = dict[str, Any]
_numbers = count(1)


def text(at: datetime) -> str:
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def email(at: datetime, kind: int = 1, **more: Any) -> Record:
    """One e-mail, stored at an instant; kind 1 was sent by a campaign, 2 received, 3 sent by hand."""
    number = next(_numbers)
    key = f"0199f400-0000-7000-8000-{number * 7919 % 16**12:012x}"  # ids are in no order
    return {
        "id": key, "timestamp_created": text(at), "timestamp_email": text(at + timedelta(days=number % 3 * 200)),
        "message_id": f"<{key}@mail.example>", "subject": "Re: Hi", "body": {"text": f"private words {number}"},
        "content_preview": f"private words {number}", "organization_id": "w", "eaccount": "ann@send.example",
        "from_address_email": "bo@clinic.example", "to_address_email_list": "ann@send.example",
        "lead": "bo@clinic.example", "ue_type": kind, "is_unread": 1, "thread_id": f"t{number % 5}", **more,
    }  # fmt: skip


def store(at: Bench, emails: Iterable[Record]) -> list[Record]:
    """Let Instantly store e-mails."""
    records = list(emails)
    at.mutate({"op": "insert", "collection": "emails", "records": records})
    return records


def spread(
    number: int, *, newest: datetime = NOON, apart: timedelta = timedelta(hours=1), kind: int = 1
) -> list[Record]:
    """So many e-mails, equally far apart, the newest an instant before `newest`."""
    return [email(newest - timedelta(seconds=1) - n * apart, kind) for n in range(number)]


def missing(at: Bench) -> set[str]:
    """The e-mails that the API shows and the lake does not have."""
    return {row["id"] for row in at.state("emails")} - {json.loads(key)[0] for key in at.alive("emails")}


def doubled(at: Bench) -> list[str]:
    """The keys with two equal versions in a row, or two rows of one version."""
    by_key: dict[str, list[Record]] = {}
    for row in at.rows("emails"):
        by_key.setdefault(row["_key"], []).append(row)
    return [key for key, rows in by_key.items() if any(a["_row_hash"] == b["_row_hash"] for a, b in pairwise(rows))]


def asked(at: Bench) -> int:
    """How many requests for e-mails there were since they were forgotten, retries included."""
    return sum(request["path"] == EMAILS for request in at.requests())
