"""The types of events, and the audit log."""

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
    "supersearch_enrichment_completed",
)


def event_types(call: Call) -> Response:
    rows = [{"id": t, "label": t.replace("_", " ").title(), "type": "standard"} for t in EVENT_TYPES]
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
    """Launches, deletions and moves; leads of one moment and campaign together. Additions are there the next day."""
    world, request = call.world, call.request
    rows = [_audit(call, c.start, 4, c.id, campaign_id=c.id) for c in world.plan.campaigns if c.start <= world.now]
    rows += [_audit(call, at, 3, key, campaign_id=key) for key, at in _deleted_campaigns(call).items()]
    rows += [*_audits_of_leads(call, 2), *_audits_of_leads(call, 8)]
    created = world.leads.leads.created
    past = created[(created < world.now // DAY * DAY) & (created >= world.plan.window)]
    for day, n in zip(*np.unique(past // DAY, return_counts=True), strict=True):
        rows.append(_audit(call, int(past[past // DAY == day].max()), 9, str(day), affected_count=int(n)))
    wanted, first, last = request.param("activity_type"), request.param("start_date"), request.param("end_date")
    rows = [r for r in rows if wanted is None or str(r["activity_type"]) == wanted]
    rows = [r for r in rows if (first or "0")[:10] <= r["timestamp"][:10] <= (last or "9")[:10]]
    return call.listed("audit_logs", rows, by_id(), most=1000)


def _deleted_campaigns(call: Call) -> dict[str, int]:
    """When each campaign was deleted, by plan or by a mutation."""
    world = call.world
    planned = {c.id: c.deleted for c in world.plan.campaigns if c.deleted <= world.now}
    return planned | world.collections["campaigns"].overlay.deleted


def _audits_of_leads(call: Call, kind: int) -> list[Record]:
    """Deletions (2) or moves (8) of leads: one entry per moment and campaign, or list of leads without a campaign."""
    world, leads = call.world, call.world.leads.leads
    when = leads.deleted if kind == 2 else leads.moved
    state = world.leads.state
    campaign, shelf = (state.campaign, state.lead_list) if kind == 2 else (leads.campaign, leads.lead_list)
    past = np.flatnonzero((when <= world.now) & (when >= world.plan.window))
    places = np.stack([when[past], campaign[past], np.where(campaign[past] < 0, shelf[past], -1)])
    places, counts = np.unique(places, axis=1, return_counts=True)
    return [
        _audit(call, at, kind, f"{c} {shelf}", affected_count=n, **_place(call, c, shelf))
        for at, c, shelf, n in zip(*places.tolist(), counts.tolist(), strict=True)
    ]


def _place(call: Call, campaign: int, shelf: int) -> Record:
    names = call.world.leads.names
    if campaign >= 0:
        return {"campaign_id": names.campaign_ids[campaign]}
    return {"list_id": names.list_ids[shelf]} if shelf >= 0 else {}


def _audit(call: Call, at: int, kind: int, what: str, **more: Any) -> Record:
    return {
        "id": uuid_at(at, call.world.id, "audit", kind, what),
        "timestamp": iso(at),
        "organization_id": call.world.id,
        "activity_type": kind,
        "ip_address": f"203.0.113.{at % 200}",
        "from_api": at % 2 == 0,
        **({"api_key_id": uuid4(call.world.id, "audit key")} if at % 2 == 0 else {"user_id": call.world.plan.owner_id}),
        **more,
    }
