"""Other reads: subsequences, mappings, members, billing, sending status. Little data, but valid by the schema."""

from typing import Any

import numpy as np

from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.endpoints.lists import tag_mappings_of
from instantly_sandbox.http import ApiError, Response, ok
from instantly_sandbox.paging import Order, by_created, by_id
from instantly_sandbox.world import campaign_records, word_lists
from instantly_sandbox.world import columns as ev
from instantly_sandbox.world.plan import CampaignPlan
from instantly_sandbox.world.seeded import DAY, iso, stable, uuid_at

Record = dict[str, Any]


def newest_first() -> Order:
    """By creation, newest first; the cursor is the id of the last row."""
    return Order(
        lambda r: (str(r["timestamp_created"]), str(r["id"])),
        lambda r: str(r["id"]),
        lambda c: lambda r: False,
    )


def tag_mappings(call: Call) -> Response:
    """Ordered by creation with an id as cursor, so the position of the cursor is looked up."""
    rows = tag_mappings_of(call)
    wanted = set(call.request.many("resource_ids"))
    rows = [r for r in rows if not wanted or r["resource_id"] in wanted]
    cursor = call.request.param("starting_after")
    edge = next(((r["timestamp_created"], r["id"]) for r in rows if r["id"] == cursor), None)
    order = newest_first()
    if edge is not None:
        order = Order(order.sort, order.cursor, lambda c: lambda r: (r["timestamp_created"], r["id"]) < edge)
    return call.listed("custom_tag_mappings", rows, order)


def _followed(call: Call) -> list[tuple[CampaignPlan, Record]]:
    """Campaigns that have a subsequence."""
    listed = call.world.records("campaigns")
    return [(c, listed[c.id]) for c in call.world.plan.campaigns if c.id in listed and c.index % 5 == 0]


def _subsequence_id(call: Call, c: CampaignPlan) -> str:
    return uuid_at(c.created, call.world.plan.seed, "subsequence", c.id)


def subsequences(call: Call) -> Response:
    parent, other = call.request.param("parent_campaign"), call.request.param("parent_campaign_not")
    rows = []
    for c, record in _followed(call):
        if (parent is not None and c.id != parent) or c.id == other:
            continue
        schedule = {"schedules": record["campaign_schedule"]["schedules"]}
        variant = {"subject": "", "body": "<div>Following up, {{firstName}}</div>"}
        step = {"type": "email", "pre_delay": 1, "pre_delay_unit": "days", "delay": 2, "variants": [variant]}
        rows.append(
            {
                "id": _subsequence_id(call, c),
                "timestamp_created": iso(c.created + DAY),
                "parent_campaign": c.id,
                "workspace": call.world.id,
                "status": record["status"] if record["status"] in campaign_records.STATUSES else 1,
                "timestamp_leads_updated": iso(max(c.created + DAY, call.world.now - DAY)),
                "name": "Interested follow-up",
                "conditions": {"crm_status": [1], "lead_activity": [], "reply_contains": ""},
                "subsequence_schedule": schedule,
                "sequences": [{"steps": [step]}],
                "daily_limit_mode": "inherit",
            }
        )
    return call.listed("subsequences", call.search(rows, "name"), by_id())


def _followed_leads(call: Call, c: CampaignPlan) -> int:
    """Leads of a subsequence: it sends once to every lead that was ever marked as interested."""
    log = call.world.log_of(c.index)
    return len(np.unique(log.row[(log.kind == ev.INTEREST) & (log.value == 1)]))


def subsequence_analytics(call: Call) -> Response:
    key = call.request.param("campaign_id")
    if key is None:
        raise ApiError(400, "querystring must have required property 'campaign_id'")
    rows = []
    for c, _ in _followed(call):
        if c.id == key:
            n = _followed_leads(call, c)
            rows.append({"subsequence_id": _subsequence_id(call, c), "emails_sent": n, "unique_opens": n // 2})
            rows[-1]["unique_replies"] = n // 4
    return ok(rows)


def subsequence_steps(call: Call) -> Response:
    key = call.uuid()
    for c, _ in _followed(call):
        if _subsequence_id(call, c) == key:
            n = _followed_leads(call, c)
            names = ("sent", "opened", "unique_opened", "replies", "unique_replies")
            counts = dict(zip(names, (n, n // 2, n // 2, n // 4, n // 4), strict=True))
            rest = dict.fromkeys(("replies_automatic", "unique_replies_automatic", "clicks", "unique_clicks"), 0)
            return ok([{"step": "0", "variant": "0", **counts, **rest}] if n else [])
    raise ApiError(404, "Resource not found")


def account_mappings(call: Call) -> Response:
    if call.path_value not in call.world.records("accounts"):
        raise ApiError(404, "Resource not found")
    rows = [
        {
            "campaign_id": r["id"],
            "campaign_name": r["name"],
            "timestamp_created": r["timestamp_created"],
            "status": r["status"],
        }
        for r in call.world.records("campaigns").values()
        if call.path_value in (r.get("email_list") or [])
    ]
    created = by_created()
    order = Order(lambda r: (r["timestamp_created"], r["campaign_id"]), created.cursor, created.behind)
    # the vendor's document gives this list no bound
    return call.listed("account_campaign_mappings", rows, order, most=1_000_000)


def members(call: Call) -> Response:
    world, rows = call.world, []
    for i, (user, role) in enumerate(zip(world.leads.names.users, ("owner", "admin", "editor"), strict=True)):
        first, last = word_lists.FIRST[i + 3], word_lists.LAST[i + 3]
        created = world.plan.window - (300 - i) * DAY
        record: Record = {
            "id": uuid_at(created, world.id, "member", i),
            "email": f"{first}.{last}@acme.example".lower(),
            "user_id": user,
            "name": {"first": first, "last": last},
            "role": role,
            "timestamp_created": iso(created),
            "workspace_id": world.id,
            "accepted": i < 2,
        }
        rows.append(record)
    accepted = call.request.param("accepted")
    rows = [r for r in rows if accepted is None or r["accepted"] == (accepted == "true")]
    return call.listed("workspace_members", call.search(rows, "email"), by_id())


def _group(call: Call) -> list[Record]:
    """The first workspace is the admin of the others."""
    admin = call.worlds[0]
    created = admin.plan.window
    return [
        {
            "id": uuid_at(created, admin.id, "group", sub.id),
            "admin_workspace_id": admin.id,
            "sub_workspace_id": sub.id,
            "status": "accepted",
            "timestamp_created": iso(created),
            "timestamp_updated": iso(created),
            "sub_workspace_name": sub.name,
            "admin_workspace_name": admin.name,
        }
        for sub in call.worlds[1:]
    ]


def group_members(call: Call) -> Response:
    rows = [r for r in _group(call) if call.world.id in (r["admin_workspace_id"], r["sub_workspace_id"])]
    return call.listed("workspace_group_members", rows, by_id())


def group_admin(call: Call) -> Response:
    row = next((r for r in _group(call) if r["sub_workspace_id"] == call.world.id), None)
    if row is None:
        return ok({"workspace_name": "Undefined", "has_admin_workspace": False})
    more = {"workspace_name": row["admin_workspace_name"], "has_admin_workspace": True}
    return ok({**row, **more, "workspace_group_member_id": row["id"]})


ADDON = {
    "product_id": "pid_addon_25kl_v1",
    "unit_lead_limit": 25_000,
    "existing_quantity": 1,
    "max_quantity": 20,
    "interval": "month",
    "can_purchase": True,
    "purchase_blocked_reason": None,
}
CREDITS = {"product_id": "pid_addon_ic_50k_v1", "existing_quantity": 0, "can_purchase": True}


def plan_details(call: Call) -> Response:
    world = call.world
    stored = int(world.leads.state.visible.sum())
    outreach = {
        "plan_name": "Hypergrowth",
        "addons_qty": 1,
        "base_lead_limit": 25_000,
        "total_lead_limit": max(50_000, stored * 2),
        "current_lead_count": stored,
        "interval": "month",
        "current_period_end": _period_end(call),
        "cancel_at_time": None,
        "price_in_dollars": 97,
        "product_id": "pid_hg_v1",
    }
    return ok(
        {
            "organization_id": world.id,
            "organization_name": world.name,
            "subscriptions": {
                "outreach": outreach,
                "credits": {"plan_name": "Free Trial", "total_credits": 100, "available_credits": 75},
            },
            "addons": {"outreach": ADDON, "credits": CREDITS},
        }
    )


def subscription_details(call: Call) -> Response:
    subscription = {
        "workspace_id": call.world.id,
        "interval": "month",
        "quantity": 1,
        "product_id": "pid_hg_v1",
        "product_type": "prt_outreach",
        "plan_type": "plt_primary",
        "current_period_end": _period_end(call),
        "cancel_at_time": None,
        "price_in_dollars": 97,
        "price_id": "price_sandbox",
    }
    return ok({"subscriptions": [subscription], "all_subs_cancelled": False})


def _period_end(call: Call) -> int:
    return (call.world.now // (30 * DAY) + 1) * 30 * DAY // 1000


SENDING = {0: "campaign_draft", 1: "healthy", 2: "campaign_paused", 3: "campaign_completed"}
SENDING |= {4: "campaign_running_subsequences", -1: "campaign_accounts_unhealthy", -2: "campaign_bounce_protect"}


def sending_status(call: Call) -> Response:
    record = call.world.records("campaigns").get(call.uuid())
    if record is None:
        raise ApiError(404, "Resource not found")
    return sending_status_of(call, record)


def sending_status_of(call: Call, record: Record) -> Response:
    status = "out_of_schedule" if record.get("not_sending_status") == 1 else SENDING.get(record["status"], "healthy")
    diagnostics = {"campaign_id": record["id"], "last_updated": iso(call.world.now), "status": status}
    return ok({"diagnostics": diagnostics, "summary": {"status": status, "status_message": status.replace("_", " ")}})


def count_launched(call: Call) -> Response:
    return ok({"count": sum(r["status"] != 0 for r in call.world.records("campaigns").values())})


def search_by_contact(call: Call) -> Response:
    from instantly_sandbox.world.lead_query import query

    email = call.request.param("search") or ""
    view = query(call.world.leads, {"contacts": [email]}, f"search {email}")
    ids = call.world.leads.names.campaign_ids
    found = {ids[c] for c in call.world.leads.state.campaign[view.rows].tolist() if c >= 0}
    return ok({"items": [r for r in call.served("campaigns") if r["id"] in found]})


def vitals(call: Call) -> Response:
    """Live accepts `accounts`, the seed `emails`."""
    body = call.json_body()
    asked = body.get("emails" if call.profile == "seed" else "accounts")
    if not isinstance(asked, list):
        raise ApiError(400, "accounts is required", bare="error")
    rows = []
    for email in asked:
        domain = str(email).partition("@")[2]
        good = word_lists.BAD_DOMAIN not in domain
        rows.append({"domain": domain, "allPass": good, "mx": True, "spf": True, "dkim": good, "dmarc": good})
    passed = [r for r in rows if r["allPass"]]
    return ok({"status": "success", "success_list": passed, "failure_list": [r for r in rows if not r["allPass"]]})


JOB_EVERY = 7 * DAY
JOB_TAKES = 2 * DAY  # long enough to be seen in progress


def background_jobs(call: Call) -> Response:
    """One job a week; the last may be in progress."""
    world, rows = call.world, []
    for n, created in enumerate(range(world.plan.window + DAY, world.now + 1, JOB_EVERY)):
        updated = min(world.now, created + JOB_TAKES)
        progress = 100 * (updated - created) // JOB_TAKES
        job: Record = {
            "id": f"66f0c0ffee{stable(world.id, 'job', n) % 16**14:014x}",
            "workspace_id": world.id,
            "type": "move-leads",
            "progress": progress,
            "status": "success" if progress == 100 else "in-progress",
            "created_at": iso(created),
            "updated_at": iso(updated),
        }
        rows.append(job)
    name = call.request.param("sort_column") or "created_at"
    descending = call.request.param("sort_order") != "asc"
    rows.sort(key=lambda r: (str(r[name]), str(r["id"])), reverse=descending)
    return call.listed("background_jobs", rows, in_order_of(rows))


def in_order_of(rows: list[Record]) -> Order:
    """As the rows are; the cursor is the id of one of them."""
    place = {str(r["id"]): n for n, r in enumerate(rows)}
    return Order(
        lambda r: place[str(r["id"])],
        lambda r: str(r["id"]),
        lambda c: lambda r: place[str(r["id"])] > place.get(c, len(place)),
        descending=False,
    )
