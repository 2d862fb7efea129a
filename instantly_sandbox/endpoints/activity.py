"""Webhooks, their deliveries and the audit log."""

from typing import Any

import numpy as np

from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.endpoints.emails import mail_of
from instantly_sandbox.http import Response, ok
from instantly_sandbox.paging import by_id
from instantly_sandbox.world import columns as ev
from instantly_sandbox.world import word_lists
from instantly_sandbox.world.lead_records import contact_email, contact_hash
from instantly_sandbox.world.seeded import DAY, iso, uuid4, uuid_at

Record = dict[str, Any]
EVENT_TYPES = (
    "all_events",
    "email_sent",
    "email_opened",
    "email_link_clicked",
    "reply_received",
    "email_bounced",
    "lead_unsubscribed",
    "campaign_completed",
    "account_error",
    "lead_neutral",
    "lead_interested",
    "lead_not_interested",
    "lead_meeting_booked",
    "lead_meeting_completed",
    "lead_closed",
    "lead_out_of_office",
    "lead_wrong_person",
    "lead_no_show",
)


def _hooks(call: Call) -> list[Record]:
    world = call.world
    created = world.plan.window - 30 * DAY
    common = {"organization": world.id, "timestamp_created": iso(created), "status": 1}
    return [
        {
            "id": uuid_at(created, world.id, "hook", 0),
            "name": "Replies to CRM",
            "target_hook_url": "https://hooks.example/in/replies",
            "event_type": "reply_received",
            "headers": {"x-api-key": "hk-sandbox-SECRET-1"},
            **common,
        },
        {
            "id": uuid_at(created, world.id, "hook", 1),
            "target_hook_url": "https://hooks.example/in/all",
            "event_type": "all_events",
            **common,
        },
    ]


def webhooks(call: Call) -> Response:
    kind = call.request.param("event_type")
    return call.listed("webhooks", [h for h in _hooks(call) if kind in (None, h["event_type"])], by_id())


def event_types(call: Call) -> Response:
    rows = [{"id": t, "label": t.replace("_", " ").capitalize(), "type": "event"} for t in EVENT_TYPES]
    labels = call.world.records("lead_labels").values()
    rows += [{"id": str(r["interest_status"]), "label": r["label"], "type": "custom_label"} for r in labels]
    return ok({"event_types": rows})


def _deliveries(call: Call) -> list[Record]:
    """One attempt per reply of the last 30 days; one in twenty failed."""
    world = call.world
    log, names = world.leads.state.log, world.leads.names
    mail = mail_of(call)
    mail_ids = dict(zip(mail.events.tolist(), [i.decode() for i in mail.ids.tolist()], strict=True))
    recent = np.flatnonzero((log.kind == ev.REPLIED) & (log.at >= world.now - 30 * DAY))
    rows = []
    for e in recent.tolist():
        at, row = int(log.seen[e]), int(log.row[e])
        good, email = at % 20 != 0, contact_email(names.seed, int(world.leads.leads.contact[row]))
        payload = _payload(call, e, email, mail_ids.get(e, ""))
        record = {
            "id": uuid_at(at, world.id, "delivery", row, at),
            "timestamp_created": iso(at),
            "timestamp_created_date": iso(at)[:10],
            "organization_id": world.id,
            "success": good,
            "will_retry": False,
            "retry_count": 0,
            "webhook_url": "https://hooks.example/in/replies",
            "status_code": 200 if good else 500,
            "response_time_ms": 40 + at % 200,
            "lead_email": email,
            "retry_group_id": uuid4(world.id, "group", row, at),
            "payload": payload,
        }
        rows.append(record)
    return rows


def _payload(call: Call, e: int, email: str, email_id: str) -> Record:
    """The posted body: steps are counted from 1 here, and custom variables are top-level fields."""
    world = call.world
    log, names = world.leads.state.log, world.leads.names
    campaign, contact = int(log.campaign[e]), int(world.leads.leads.contact[log.row[e]])
    h = int(contact_hash(names.seed, np.array([contact]))[0])
    text = "Sounds good"
    payload: Record = {
        "timestamp": iso(int(log.at[e])),
        "event_type": "reply_received",
        "workspace": world.id,
        "campaign_id": names.campaign_ids[campaign],
        "campaign_name": world.plan.campaigns[campaign].name(world.now),
        "lead_email": email,
        "email_account": names.emails[int(log.account[e])],
        "unibox_url": f"https://app.example/unibox/{email_id}",
        "is_first": True,
        "email_id": email_id,
        "reply_subject": "Re: Quick question",
        "reply_text": text,
        "reply_text_snippet": text,
        "firstName": word_lists.FIRST[h % len(word_lists.FIRST)],
        "city": word_lists.CITIES[h % len(word_lists.CITIES)],
    }
    if log.step[e] >= 0:
        payload |= {"step": int(log.step[e]) + 1, "variant": int(log.variant[e]) + 1}
    return payload


def _deliveries_asked(call: Call) -> list[Record]:
    rows, request = _deliveries(call), call.request
    success, first, last = request.param("success"), request.param("from") or "0", request.param("to") or "9"
    rows = [r for r in rows if success is None or r["success"] == (success == "true")]
    return [r for r in call.search(rows, "webhook_url", "lead_email") if first <= r["timestamp_created_date"] <= last]


def webhook_events(call: Call) -> Response:
    return call.listed("webhook_events", _deliveries_asked(call), by_id())


def _share(rows: list[Record]) -> Record:
    n, good = len(rows), sum(r["success"] for r in rows)
    return {
        "total_events": n,
        "successful_events": good,
        "failed_events": n - good,
        "success_rate": round(100 * good / n, 2) if n else 0,
    }


def webhook_summary(call: Call) -> Response:
    share = _share(_deliveries_asked(call))
    return ok({**share, "failure_rate": round(100 - share["success_rate"], 2) if share["total_events"] else 0})


def webhook_summary_by_date(call: Call) -> Response:
    days: dict[str, list[Record]] = {}
    for row in _deliveries_asked(call):
        days.setdefault(row["timestamp_created_date"], []).append(row)
    return ok({"items": [{"date": d, **_share(days[d])} for d in sorted(days)]})


def audit_logs(call: Call) -> Response:
    """Launches, campaign deletions and, per day, deletions and moves of leads."""
    world, request = call.world, call.request
    rows = [_audit(call, c.start, 4, campaign_id=c.id) for c in world.plan.campaigns if c.start <= world.now]
    rows += [_audit(call, c.deleted, 3, campaign_id=c.id) for c in world.plan.campaigns if c.deleted <= world.now]
    leads = world.leads.leads
    for column, kind in ((leads.deleted, 2), (leads.moved, 8), (leads.created, 9)):
        past = column[(column <= world.now) & (column >= world.plan.window)]
        for day, n in zip(*np.unique(past // DAY, return_counts=True), strict=True):
            at = int(past[past // DAY == day].max())
            rows.append(_audit(call, at, kind, affected_count=int(n)))
    wanted, first, last = request.param("activity_type"), request.param("start_date"), request.param("end_date")
    rows = [r for r in rows if wanted is None or str(r["activity_type"]) == wanted]
    rows = [r for r in rows if (first or "0")[:10] <= r["timestamp"][:10] <= (last or "9")[:10]]
    return call.listed("audit_logs", rows, by_id(), most=1000)


def _audit(call: Call, at: int, kind: int, **more: Any) -> Record:
    return {
        "id": uuid_at(at, call.world.id, "audit", kind, at),
        "timestamp": iso(at),
        "organization_id": call.world.id,
        "activity_type": kind,
        "ip_address": f"203.0.113.{at % 200}",
        "from_api": at % 2 == 0,
        **({"api_key_id": uuid4(call.world.id, "audit key")} if at % 2 == 0 else {"user_id": call.world.plan.owner_id}),
        **more,
    }
