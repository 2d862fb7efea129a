"""Reads beside the streams: templates, flows, phone numbers, bought mailboxes, enrichment. Few, plausible, stable.

Shapes are those of the vendor's document (2026-08-21); what the document leaves open is named where it is decided.
"""

from typing import Any

from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.http import ApiError, Response, ok
from instantly_sandbox.paging import Order, by_created, by_id
from instantly_sandbox.world import word_lists
from instantly_sandbox.world.plan import AccountPlan
from instantly_sandbox.world.seeded import DAY, iso, stable, uuid4, uuid_at

Record = dict[str, Any]
TEMPLATES = (("Short intro", "A question, {{firstName}}"), ("Case study", "How others do it"), ("Break-up", ""))
FLOWS = (("Hot leads", "email-open", 7), ("Gone quiet", "last-contacted", 30))
PROMPTS = (("Company summary", 1), ("Clean company name", 2), ("First line", 6))
ESP_OPTIONS = (("North America", "US"), ("Europe", "Germany"), ("Europe", "France"))


def _created(call: Call, i: int) -> int:
    """An instant before the world's window."""
    return call.world.plan.window - (60 - i) * DAY


def email_templates(call: Call) -> Response:
    rows = []
    for i, (name, subject) in enumerate(TEMPLATES):
        record = {
            "id": uuid_at(_created(call, i), call.world.id, "template", i),
            "timestamp_created": iso(_created(call, i)),
            "name": name,
            "body": f"<p>{name}</p>",
            "organization": call.world.id,
        }
        rows.append({**record, "subject": subject} if subject else record)
    return call.listed("email_templates", call.search(rows, "name"), by_id())


def sales_flows(call: Call) -> Response:
    rows = [
        {
            "id": uuid_at(_created(call, i), call.world.id, "flow", i),
            "timestamp_created": iso(_created(call, i)),
            "organization_id": call.world.id,
            "name": name,
            "is_default": i == 0,
            "queries": [{"actionType": kind, "values": {"occurrence-days": days}}],
            "created_by": call.world.plan.owner_id,
        }
        for i, (name, kind, days) in enumerate(FLOWS)
    ]
    return call.listed("sales_flow", call.search(rows, "name"), by_id())


def prompt_templates(call: Call) -> Response:
    rows = [
        {
            "id": str(i + 1),
            "workspace_id": call.world.id,
            "created_by": call.world.plan.owner_id,
            "name": name,
            "category": category,
            "prompt": f"{name} of {{{{companyName}}}}",
            "is_public": i == 0,
            "model_version": "gpt-4o",
            "template_type": "public" if i == 0 else "custom",
        }
        for i, (name, category) in enumerate(PROMPTS)
    ]
    return call.listed("custom_prompt_templates", rows, by_id())


def phone_numbers(call: Call) -> Response:
    """A bare array."""
    created = _created(call, 0)
    number = {
        "id": uuid_at(created, call.world.id, "phone"),
        "phone_number": f"+1202555{stable(call.world.id, 'phone') % 10_000:04d}",
        "country": "US",
        "locality": "Washington",
        "organization_id": call.world.id,
        "price": 5,
        "renewal_date": iso(call.world.now + 12 * DAY),
        "timestamp_created": iso(created),
    }
    return ok([number])


def whitelabel_domain(call: Call) -> Response:
    """Of a workspace without one, of which the document says nothing, an empty name that is not verified."""
    name = call.world.records("workspaces")[call.world.id].get("org_client_domain") or ""
    return ok({"name": name, "verified": bool(name), "verification": []})


def esp_options(call: Call) -> Response:
    """Where placement tests can be sent to: a bare array."""
    return ok(
        [
            {"region": region, "sub_region": sub_region, "type": kind, "esp": esp}
            for region, sub_region in ESP_OPTIONS
            for kind in ("Professional", "Personal")
            for esp in ("Google", "Microsoft")
        ]
    )


def _bought(call: Call) -> list[AccountPlan]:
    """Mailboxes that were bought through Instantly: those of the first two domains."""
    domains = sorted({a.domain for a in call.world.plan.accounts})[:2]
    listed = call.world.records("accounts")
    return [a for a in call.world.plan.accounts if a.domain in domains and a.email in listed]


def dfy_orders(call: Call) -> Response:
    """Orders have no id: one per domain."""
    rows = [
        {
            "workspace_id": call.world.id,
            "domain": domain,
            "is_pre_warmed_up": i == 0,
            "timestamp_created": iso(_created(call, i)),
        }
        for i, domain in enumerate(sorted({a.domain for a in _bought(call)}))
    ]
    created = by_created()
    order = Order(lambda r: (r["timestamp_created"], r["domain"]), created.cursor, created.behind)
    return call.listed("dfy_email_account_orders", rows, order)


def dfy_accounts(call: Call) -> Response:
    """The cursor is `<id>:<timestamp>`; passwords only where they are asked for."""
    rows = []
    for i, account in enumerate(_bought(call)):
        record = {
            "id": uuid_at(_created(call, i), call.world.id, "bought", account.email),
            "email": account.email,
            "domain": account.domain,
            "email_provider": 1,
            "first_name": word_lists.FIRST[i % len(word_lists.FIRST)],
            "last_name": word_lists.LAST[i % len(word_lists.LAST)],
            "is_pre_warmed_up": False,
            "timestamp_created": iso(_created(call, i)),
        }
        if call.request.flag("with_passwords"):
            record["password"] = f"pw-sandbox-SECRET-{uuid4(call.world.id, account.email)[:8]}"
        rows.append(record)
    ids = by_id()
    order = Order(ids.sort, lambda r: f"{r['id']}:{r['timestamp_created']}", lambda c: ids.behind(c.partition(":")[0]))
    return call.listed("dfy_email_account_orders_accounts", rows, order)


def tracking_domain(call: Call) -> Response:
    host = call.request.param("host")
    if host is None:
        raise ApiError(400, "querystring must have required property 'host'")
    known = {r.get("tracking_domain_name") for r in call.world.records("accounts").values()}
    return ok({"host": host, "success": host in known, "cname": host in known, "ssl": host in known})


def email_verification(call: Call) -> Response:
    """Any address has a status: by its hash."""
    status = ("verified", "verified", "verified", "invalid")[stable(call.path_value.lower()) % 4]
    return ok({"email": call.path_value, "verification_status": status, "status": "success", "catch_all": False})


def _enriched(call: Call) -> bool:
    """Whether the campaign or list of the path has an enrichment; ApiError 404 if it is neither."""
    key = call.path_value
    lead_list = call.world.records("lead_lists").get(key)
    if lead_list is None and key not in call.world.records("campaigns"):
        raise ApiError(404, "Resource not found")
    return bool(lead_list and lead_list.get("has_enrichment_task"))


def enrichment(call: Call) -> Response:
    exists = _enriched(call)
    rest = {"enrichment_payload": {"work_email_enrichment": True}, "in_progress": False} if exists else {}
    return ok({"resource_id": call.path_value, "exists": exists, **rest})


def enrichment_history(call: Call) -> Response:
    """A bare array of entries which the document leaves open."""
    if not _enriched(call):
        return ok([])
    return ok([{"resource_id": call.path_value, "type": "work_email_enrichment", "status": "success"}])


def ai_enrichments(call: Call) -> Response:
    """Those in progress, a bare array: none ever is."""
    _enriched(call)
    return ok([])
