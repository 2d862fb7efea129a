"""Campaigns, accounts and the small lists."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from instantly_sandbox.endpoints.call import Call, served
from instantly_sandbox.http import ApiError, Response, ok
from instantly_sandbox.paging import by_created, by_created_then_email, by_id, query_limit
from instantly_sandbox.world.seeded import uuid4

Record = dict[str, Any]
ACCOUNT_FILTERS: dict[str, Callable[[Record], bool]] = {
    "ACC_FILTER_PAUSED": lambda r: r.get("status") == 2,
    "ACC_FILTER_ERROR": lambda r: (r.get("status") or 0) < 0,
    "ACC_FILTER_NO_CTD": lambda r: not r.get("tracking_domain_name"),
    "ACC_FILTER_W_ACTIVE": lambda r: r.get("warmup_status") == 1,
    "ACC_FILTER_W_PAUSED": lambda r: r.get("warmup_status") == 0,
    "ACC_FILTER_W_ERROR": lambda r: (r.get("warmup_status") or 0) < 0,
}


def workspace(call: Call) -> Response:
    return call.one("workspaces", call.world.id)


def campaigns(call: Call) -> Response:
    request = call.request
    rows = call.search(call.served("campaigns"), "name")
    for name, same in (("status", True), ("exclude_status", False)):
        value = request.param(name)
        if value is not None:
            rows = [r for r in rows if (str(r.get("status")) == value) == same]
    tags = set(request.many("tag_ids"))
    if tags:
        tagged = {m["resource_id"] for m in tag_mappings_of(call) if m["tag_id"] in tags}
        rows = [r for r in rows if r["id"] in tagged]
    return call.listed("campaigns", rows, by_id())


def campaign(call: Call) -> Response:
    return call.one("campaigns", call.uuid())


def accounts(call: Call) -> Response:
    request = call.request
    rows = call.search(call.served("accounts"), "email", "first_name", "last_name")
    for name in ("status", "provider_code"):
        value = request.param(name)
        if value is not None:
            rows = [r for r in rows if str(r.get(name)) == value]
    chosen = ACCOUNT_FILTERS.get(request.param("filter") or "")
    rows = [r for r in rows if chosen is None or chosen(r)]
    tags: dict[str, set[str]] = {}
    for m in tag_mappings_of(call):
        tags.setdefault(m["resource_id"], set()).add(m["tag_id"])
    any_of, all_of = set(request.many("tag_ids")), set(request.many("tag_ids_all"))
    if any_of:
        rows = [r for r in rows if tags.get(r["email"], set()) & any_of]
    if all_of:
        rows = [r for r in rows if all_of <= tags.get(r["email"], set())]
    rows = [_listed_account(call, r) for r in rows]
    if request.flag("include_tags"):
        labels = call.world.records("custom_tags")
        rows = [{**r, "tags": [_tag(labels[t]) for t in sorted(tags.get(r["email"], ())) if t in labels]} for r in rows]
    if request.param("sort_by") or request.param("skip"):
        return _sorted_accounts(call, rows)
    return call.listed("accounts", rows, by_created_then_email(descending=call.switches.account_order == "desc"))


def _listed_account(call: Call, record: Record) -> Record:
    """The account as in the list, which has only the limit of `warmup`."""
    if call.profile == "seed" or not isinstance(record.get("warmup"), dict) or "limit" not in record["warmup"]:
        return record
    return {**record, "warmup": {"limit": record["warmup"]["limit"]}}


def _sorted_accounts(call: Call, rows: list[Record]) -> Response:
    """With `sort_by`, pages are by `skip` instead of a cursor."""
    name = call.request.param("sort_by") or "timestamp_created"
    descending = call.request.param("sort_order") != "asc"
    rows = sorted(rows, key=lambda r: (r.get(name) or 0, r["email"]), reverse=descending)
    skip = int(call.request.param("skip") or 0)
    limit = max(0, query_limit(call.request, call.switches))
    return ok({"items": rows[skip : skip + limit]})


def _tag(record: Record) -> Record:
    return {"id": record["id"], "label": record["label"], "description": record.get("description")}


def account(call: Call) -> Response:
    email = call.path_value.lower()
    return call.one("accounts", email if email in call.world.records("accounts") else call.path_value)


def lead_lists(call: Call) -> Response:
    rows = call.search(call.served("lead_lists"), "name")
    wanted = call.request.param("has_enrichment_task")
    if wanted is not None:
        rows = [r for r in rows if bool(r.get("has_enrichment_task")) == (wanted == "true")]
    return call.listed("lead_lists", rows, by_created())


def lead_list(call: Call) -> Response:
    return call.one("lead_lists", call.uuid())


def verification_stats(call: Call) -> Response:
    """How many leads of a list are verified, invalid, ..."""
    key = call.uuid()
    ids = call.world.leads.names.list_ids
    if key not in call.world.records("lead_lists"):
        raise ApiError(404, "Resource not found")
    state, leads = call.world.leads.state, call.world.leads.leads
    index = ids.index(key) if key in ids else -9
    codes = leads.verification[state.visible & (state.lead_list == index)]
    names = {"verified": 1, "invalid": -1, "risky": -2, "catch_all": -3, "job_change": -4}
    names |= {"verification_job_pending_leadfinder": 12, "verification_job_pending_user": 11}
    return ok({"total_leads": len(codes), "stats": {n: int(np.sum(codes == c)) for n, c in names.items()}})


def lead_labels(call: Call) -> Response:
    rows = call.search(call.served("lead_labels"), "label")
    mood = call.request.param("interest_status")
    if mood is not None:
        rows = [r for r in rows if r.get("interest_status_label") == mood]
    return call.listed("lead_labels", rows, by_created())


def lead_label(call: Call) -> Response:
    return call.one("lead_labels", call.uuid())


def block_list(call: Call) -> Response:
    return call.listed("block_list_entries", _blocked(call), by_id())


def _blocked(call: Call) -> list[Record]:
    rows = call.search(call.served("block_list_entries"), "bl_value")
    return [r for r in rows if r.get("is_domain")] if call.request.flag("domains_only") else rows


def block_list_entry(call: Call) -> Response:
    return call.one("block_list_entries", call.uuid())


def block_list_download(call: Call) -> Response:
    lines = [f"{r['bl_value']}\n" for r in _blocked(call)]
    return Response(("bl_value\n" + "".join(lines)).encode(), content_type=b"text/csv; charset=utf-8")


def custom_tags(call: Call) -> Response:
    rows = call.search(call.served("custom_tags"), "label", "name")
    tags, resources = set(call.request.many("tag_ids")), set(call.request.many("resource_ids"))
    if tags:
        rows = [r for r in rows if r["id"] in tags]
    if resources:
        used = {m["tag_id"] for m in tag_mappings_of(call) if m["resource_id"] in resources}
        rows = [r for r in rows if r["id"] in used]
    return call.listed("custom_tags", rows, by_id())


def custom_tag(call: Call) -> Response:
    return call.one("custom_tags", call.uuid())


def api_keys(call: Call) -> Response:
    return call.listed("api_keys", call.served("api_keys"), by_id())


def api_key(call: Call) -> Response:
    return call.one("api_keys", call.uuid())


def tag_mappings_of(call: Call) -> list[Record]:
    """Every tagging: of accounts by e-mail (type 1) and of campaigns by id (type 2)."""
    world = call.world
    tags = list(world.records("custom_tags").values())
    if not tags:
        return []
    resources = [(key, 1, r) for key, r in world.records("accounts").items()]
    resources += [(key, 2, r) for key, r in world.records("campaigns").items()]
    rows = []
    for key, kind, record in resources:
        digest = hashlib.sha256(key.encode()).digest()
        if digest[0] % 3 == 0:
            continue
        tag = tags[digest[1] % len(tags)]
        rows.append(
            {
                "id": uuid4(world.plan.seed, "mapping", key),
                "tag_id": tag["id"],
                "resource_id": key,
                "resource_type": kind,
                "timestamp_created": record["timestamp_created"],
                "organization_id": world.id,
            }
        )
    return rows


def shown(call: Call, collection: str) -> list[Record]:
    """The records of `/_sandbox/state`: what lists and single-record routes have in common."""
    rows = [served(call, collection, r) for r in call.world.records(collection).values()]
    return [_listed_account(call, r) for r in rows] if collection == "accounts" else rows
