"""`/_sandbox/...`: clock, state, mutations, switches, faults, request log. No key, no limits, no faults."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from instantly_sandbox import faults, mutations
from instantly_sandbox.deliveries import Delivery, due
from instantly_sandbox.endpoints import figures, lists
from instantly_sandbox.endpoints.call import Call, Whole
from instantly_sandbox.endpoints.event_payloads import payloads
from instantly_sandbox.endpoints.webhook_events import attempts
from instantly_sandbox.http import Request, Response, ok
from instantly_sandbox.routes import ROUTES
from instantly_sandbox.switches import default_switches
from instantly_sandbox.tenants import Tenant
from instantly_sandbox.world.seeded import DAY, HOUR, iso
from instantly_sandbox.world.world import World

if TYPE_CHECKING:
    from instantly_sandbox.app import App

PREFIX = "/_sandbox"
NDJSON = b"application/x-ndjson"
COLLECTIONS = (
    "campaigns",
    "leads",
    "accounts",
    "lead_lists",
    "lead_labels",
    "block_list_entries",
    "custom_tags",
    "api_keys",
    "campaign_analytics",
    "workspaces",
)


def handle(app: "App", request: Request) -> Response:
    """Answer a control request; a wrong one is a 400 with the reason."""
    path = request.path.removeprefix(PREFIX).rstrip("/")
    handler = HANDLERS.get((request.method, path))
    try:
        if handler is not None:
            return handler(app, request)
        if request.method == "GET" and path.startswith("/state/"):
            return _state_of(app, request, path.removeprefix("/state/"))
    except (ValueError, TypeError, LookupError) as wrong:
        return Response(orjson.dumps({"error": str(wrong)}), 400)
    known = sorted({f"{m} {PREFIX}{p}" for m, p in HANDLERS} | {f"GET {PREFIX}/state/<collection>"})
    return Response(orjson.dumps({"error": f"no {request.method} {request.path}", "known": known}), 404)


def _body(request: Request) -> Any:
    return orjson.loads(request.body) if request.body else {}


def _tenant(app: "App", workspace: str | None) -> Tenant:
    if workspace is None:
        return app.tenants.all[0]
    if workspace not in app.tenants.by_id:
        raise ValueError(f"no workspace {workspace}; known: {list(app.tenants.by_id)}")
    return app.tenants.by_id[workspace]


def _clock(app: "App", request: Request) -> Response:
    return ok({"now": iso(app.tenants.all[0].world.now)})


def _set_clock(app: "App", request: Request) -> Response:
    body = _body(request)
    ahead = body.get("ahead_seconds") if isinstance(body, dict) else None
    if isinstance(ahead, bool) or not isinstance(ahead, int | float):
        raise ValueError("needs ahead_seconds, a number")
    app.clock_offset = float(ahead)
    return ok({"date": iso(round(app.now() * 1000))})


def _advance(app: "App", request: Request) -> Response:
    body = _body(request)
    step = int(float(body.get("days", 0)) * DAY + float(body.get("hours", 0)) * HOUR)
    if step < 0:
        raise ValueError("the clock only moves forward")
    total = Counter[str]()
    before = [tenant.world.now for tenant in app.tenants.all]
    for tenant in app.tenants.all:
        total.update(tenant.world.advance_to(tenant.world.now + step))
    happened = {"now": iso(app.tenants.all[0].world.now), **total}
    if not app.switches.deliver_webhooks:
        return ok(happened)
    worlds = zip(app.tenants.all, before, strict=True)
    sent = [(tenant.world, due(tenant.world, after=then, until=None)) for tenant, then in worlds]
    return _delivered(app, sent, happened)


def _deliver(app: "App", request: Request) -> Response:
    """Post what happened in (after, until] now, whatever the switch says."""
    body = _body(request)
    world = _tenant(app, body.get("workspace")).world
    after, until = (_instant(body.get(name)) for name in ("after", "until"))
    return _delivered(app, [(world, due(world, after=after, until=until, at=world.now))], {})


def _delivered(app: "App", sent: list[tuple[World, list[Delivery]]], happened: dict[str, Any]) -> Response:
    """An answer that waits until every delivery was made or given up."""

    async def later() -> Response:
        counts = Counter[str]()
        for world, deliveries in sent:
            counts.update(await app.deliverer.deliver(world, deliveries))
        return ok({**happened, **counts})

    return Response(b"", later=later)


def _summary(app: "App", request: Request) -> Response:
    spaces = []
    for tenant in app.tenants.all:
        world = tenant.world
        counts = {name: len(world.records(name)) for name in world.collections}
        spaces.append(
            {
                "id": world.id,
                "name": world.name,
                "key": tenant.keys[0],
                "keys": tenant.keys,
                "counts": {
                    **counts,
                    "leads": int(world.leads.state.visible.sum()),
                    "events": len(world.leads.state.log),
                },
                "deleted_campaigns": world.collections["campaigns"].gone(world.now),
                "deleted_accounts": world.collections["accounts"].gone(world.now),
            }
        )
    now = iso(app.tenants.all[0].world.now)
    return ok({"now": now, "profile": app.config.profile, "seed": app.config.seed, "workspaces": spaces})


def _state_of(app: "App", request: Request, collection: str) -> Response:
    tenant = _tenant(app, request.param("workspace"))
    worlds = [one.world for one in app.tenants.all]
    call = Whole(request, tenant.world, app.switches, app.config.profile, worlds=worlds)
    if collection == "leads":
        return _lines(tenant.world.leads.all_bytes())
    if collection == "events":
        return _lines(tenant.world.events())
    if collection == "webhook_events":
        return _lines(map(orjson.dumps, attempts(tenant.world)))
    if collection == "campaign_analytics":
        rows = figures.campaign_rows(call, [], (None, None))
    elif collection == "daily_analytics":
        rows = _daily_rows(call, request.param("campaign_id"))
    elif collection in tenant.world.collections:
        rows = lists.shown(call, collection)
    else:
        rows = _listed(call, collection)
    return _lines(map(orjson.dumps, rows))


def _listed(call: Whole, collection: str) -> list[dict[str, Any]]:
    """Records of a list that nothing but its route knows: `workspace_members` of `GET workspace-members`."""
    for route in ROUTES:
        if route.method == "GET" and route.template.replace("-", "_") == collection:
            route.handler(call)
    if call.records is None:
        known = [*COLLECTIONS, "daily_analytics", "events"]
        raise ValueError(f"unknown collection {collection}; known: {known} and the routes that are lists")
    return call.records


def _daily_rows(call: Call, campaign_id: str | None) -> list[dict[str, Any]]:
    """Daily rows with `campaign_id`, of one campaign or of all."""
    world = call.world
    world.book_on = call.switches.book_on
    ids = [campaign_id] if campaign_id else world.leads.names.campaign_ids
    rows = []
    for key in ids:
        index = world.campaign_index(key)
        if index is not None:
            rows += [{"campaign_id": key, **row} for row in world.daily(index).values()]
    return rows


def _lines(rows: Iterable[bytes]) -> Response:
    def chunks() -> Iterator[bytes]:
        left = iter(rows)
        while part := list(islice(left, 1000)):
            yield b"\n".join(part) + b"\n"

    return Response(b"", content_type=NDJSON, chunks=chunks())


def _mutate(app: "App", request: Request) -> Response:
    body = _body(request)
    ops = body if isinstance(body, list) else [body]
    applied = 0
    for op in ops:
        workspace = op.get("workspace") if isinstance(op, dict) else None
        applied += mutations.apply(_tenant(app, workspace).world, op)
    return ok({"applied": applied})


def _switches(app: "App", request: Request) -> Response:
    return ok(app.switches.as_json())


def _patch_switches(app: "App", request: Request) -> Response:
    app.switches.patch(_body(request), time.monotonic())
    app.reshape()
    return ok(app.switches.as_json())


def _reset_switches(app: "App", request: Request) -> Response:
    fresh = default_switches(app.config.profile, rate_limited=app.config.rate_limited)
    app.switches.__dict__.update(fresh.__dict__)
    app.reshape()
    return ok(app.switches.as_json())


def _list_faults(app: "App", request: Request) -> Response:
    return ok([{**f.__dict__} for f in app.faults.active])


def _add_faults(app: "App", request: Request) -> Response:
    body = _body(request)
    made = [faults.parse(spec) for spec in (body if isinstance(body, list) else [body])]
    app.faults.add(made)
    return ok({"active": len(app.faults.active)})


def _clear_faults(app: "App", request: Request) -> Response:
    app.faults.clear()
    return ok({"active": 0})


def _payloads(app: "App", request: Request) -> Response:
    """What webhooks tell in (after, until], as a receiver would get it: one payload per line, in order."""
    world = _tenant(app, request.param("workspace")).world
    after, until = (_instant(request.param(name)) for name in ("after", "until"))
    return _lines(orjson.dumps(payload) for _, payload in payloads(world, after=after, until=until))


def _instant(text: str | None) -> int | None:
    """Unix milliseconds of an ISO instant."""
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)


def _requests(app: "App", request: Request) -> Response:
    return ok(app.log.summary())


def _request_log(app: "App", request: Request) -> Response:
    return ok(app.log.log())


def _clear_requests(app: "App", request: Request) -> Response:
    app.log.clear()
    return ok({"total": 0})


def _warm(app: "App", request: Request) -> Response:
    """Render every lead now."""
    for tenant in app.tenants.all:
        tenant.world.leads.warm()
    return ok({"leads": sum(int(np.sum(t.world.leads.state.visible)) for t in app.tenants.all)})


HANDLERS: dict[tuple[str, str], Callable[["App", Request], Response]] = {
    ("GET", "/clock"): _clock,
    ("POST", "/clock"): _set_clock,
    ("POST", "/advance"): _advance,
    ("POST", "/deliver"): _deliver,
    ("GET", "/state"): _summary,
    ("POST", "/mutate"): _mutate,
    ("GET", "/switches"): _switches,
    ("POST", "/switches"): _patch_switches,
    ("DELETE", "/switches"): _reset_switches,
    ("GET", "/faults"): _list_faults,
    ("POST", "/faults"): _add_faults,
    ("DELETE", "/faults"): _clear_faults,
    ("GET", "/payloads"): _payloads,
    ("GET", "/requests"): _requests,
    ("DELETE", "/requests"): _clear_requests,
    ("GET", "/requests/log"): _request_log,
    ("POST", "/warm"): _warm,
}
