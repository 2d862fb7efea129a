"""What of a request's body is an event. The body itself is stored as it came; a sync parses it again."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from typing import Any

from instantly_pipeline.jsontext import check_depth

# Types of the payloads that the guide and the older description name (reference, section 14; the subscription to
# clicks is called `email_link_clicked`). Any other text may be a custom label.
EVENT_TYPES = frozenset({
    "email_sent", "email_opened", "reply_received", "auto_reply_received", "link_clicked", "email_link_clicked",
    "email_bounced", "lead_unsubscribed", "account_error", "campaign_completed", "lead_neutral", "lead_interested",
    "lead_not_interested", "lead_meeting_booked", "lead_meeting_completed", "lead_closed", "lead_out_of_office",
    "lead_wrong_person", "lead_no_show", "supersearch_enrichment_completed",
})  # fmt: skip


def why_no_event(body: bytes) -> str | None:
    """Why a body is kept aside, in words without any of it; None for an event."""
    try:
        found = _DECODER.decode(body.removeprefix(BOM_UTF8).decode())
        check_depth(found)
    except UnicodeDecodeError:
        return "not UTF-8"
    except RecursionError:
        return "nested too deeply"
    except _Refused as refused:
        return str(refused)
    except ValueError:
        return "not JSON"
    return _why_not_this(found)


def _why_not_this(found: object) -> str | None:
    if not isinstance(found, dict):
        return "not a JSON object"
    kind = found.get("event_type")
    if not isinstance(kind, str) or not kind.strip():
        return "without an event type"
    if kind in EVENT_TYPES:
        return None
    # a custom label; like every event it says when and where (reference, section 14)
    is_whole = all(isinstance(found.get(name), str) for name in ("timestamp", "workspace"))
    return None if is_whole else "an unknown event type without timestamp and workspace"


class _Refused(ValueError):
    """JSON that readers understand differently."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused("a field comes twice")
    return found


def _refuse(constant: str) -> object:
    raise _Refused(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
