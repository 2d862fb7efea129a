"""The types of events, and the audit log."""

from typing import Any

import numpy as np

from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.http import Response, ok
from instantly_sandbox.paging import by_id
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
