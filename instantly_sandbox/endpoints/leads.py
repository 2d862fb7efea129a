"""`POST /leads/list` and `GET /leads/{id}`. A page without filters is a slice and a join of prerendered bytes."""

from typing import Any

import numpy as np
import orjson

from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.http import ApiError, Response
from instantly_sandbox.paging import limit_of, page
from instantly_sandbox.world.lead_query import KEYS, query
from instantly_sandbox.world.lead_store import LeadStore, View
from instantly_sandbox.world.seeded import DAY, parse_uuid

Body = dict[str, Any]
PLAIN = {"limit", "starting_after"}
PARENTS = {"campaign", "list_id", "ids", "contacts"}


class LeadSource:
    """A view of the leads as a source of pages."""

    name = "leads"

    def __init__(self, store: LeadStore, view: View) -> None:
        self.store, self.view, self.size = store, view, len(view.rows)

    def position(self, cursor: str | None) -> int:
        return self.view.after(cursor)

    def rows(self, start: int, count: int) -> list[bytes]:
        return self.store.record_bytes(self.view, start, count)

    def cursor(self, index: int) -> str:
        return str(self.view.cursors[index].decode())


def leads_list(call: Call) -> Response:
    body = call.json_body()
    if not body.keys() <= PLAIN:
        body = _checked(call, body)
    limit = limit_of(body.get("limit"), "body", call.switches)
    cursor = body.get("starting_after") or None
    if cursor is not None and not isinstance(cursor, str):
        raise ApiError(400, "body/starting_after must be string")
    store = call.world.leads
    if (
        cursor
        and not call.switches.any_lead_cursor
        and not body.get("distinct_contacts")
        and store.row_of(cursor) is None
    ):
        raise ApiError(400, "Invalid starting_after")
    filters = {k: body[k] for k in KEYS if body.get(k) is not None}
    if call.switches.leads_need_parent and not PARENTS & filters.keys():
        raise ApiError(400, "body must have one of campaign, list_id, ids, contacts")
    if "queries" in filters:
        filters["queries"] = _switched(call.switches.lead_queries, filters["queries"], store.now)
    view = query(store, filters, _key(filters)) if filters else store.everything()
    return page(LeadSource(store, view), cursor, limit, call.switches, call.profile)


def _key(filters: Body) -> str:
    return orjson.dumps(filters, option=orjson.OPT_SORT_KEYS).decode()


def _checked(call: Call, body: Body) -> Body:
    """The seed puts filters under `filters`, live has them flat; types are checked, other keys ignored."""
    if call.profile == "seed" and isinstance(body.get("filters"), dict):
        body = {**_seed_filters(body["filters"]), **{k: v for k, v in body.items() if k != "filters"}}
    unknown = sorted(set(body) - set(KEYS) - PLAIN)
    if unknown and not call.switches.ignore_unknown:
        raise ApiError(400, f"body must NOT have additional properties: {unknown[0]}")
    for name in ("ids", "excluded_ids", "contacts", "queries"):
        if body.get(name) is not None and not isinstance(body[name], list):
            raise ApiError(400, f"body/{name} must be array")
    for name in ("campaign", "list_id", "search", "filter"):
        if body.get(name) is not None and not isinstance(body[name], str):
            raise ApiError(400, f"body/{name} must be string")
    for name in ("in_campaign", "in_list", "distinct_contacts"):
        if body.get(name) is not None and not isinstance(body[name], bool):
            raise ApiError(400, f"body/{name} must be boolean")
    return body


def _switched(how: str, queries: list[object], now: int) -> list[object]:
    """The queries as changed by the switch `lead_queries`."""
    if how == "refused":
        raise ApiError(400, "body/queries must NOT be given")
    if how == "ignored":
        return []
    return [_taken(how, one, now) if isinstance(one, dict) else one for one in queries]


def _taken(how: str, one: Body, now: int) -> Body:
    values = one.get("values")
    if not isinstance(values, dict) or not isinstance(values.get("occurrence-days"), int | float):
        return one
    days = values["occurrence-days"]
    if how == "hours":
        days = days / 24
    if how == "calendar":
        days = max(days - 1, 0) + now % DAY / DAY
    return {**one, "values": {**values, "occurrence-days": days}, "partial": how == "partial"}


def _seed_filters(filters: Body) -> Body:
    flat: Body = {k: filters[k] for k in KEYS if k in filters}
    if "email" in filters:
        flat["contacts"] = [filters["email"]]
    if "status" in filters:
        values = {"lead-status": {"status": filters["status"], "condition": "is"}}
        flat["queries"] = [{"actionType": "lead-status", "values": values}]
    return flat


def lead(call: Call) -> Response:
    if parse_uuid(call.path_value) is None:
        raise ApiError(400, 'params/id must match format "uuid"')
    store = call.world.leads
    row = store.visible_row(call.path_value)
    if row is None:
        raise ApiError(404, "Resource not found")
    rows = np.array([row])
    return Response(store.record_bytes(View(rows, store.ids[rows]), 0, 1)[0])
