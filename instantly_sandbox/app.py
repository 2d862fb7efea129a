"""The ASGI application: control plane, faults, access, limits, routes, in that order."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote

from instantly_sandbox import control, mutations
from instantly_sandbox.breakage import break_answer
from instantly_sandbox.config import SandboxConfig
from instantly_sandbox.deliveries import Deliverer
from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.faults import Faults
from instantly_sandbox.http import ApiError, Request, Response, error, no_route, text
from instantly_sandbox.parameters import check_request
from instantly_sandbox.request_log import RequestLog
from instantly_sandbox.routes import ROUTES, Route, Router
from instantly_sandbox.switches import applies, default_switches
from instantly_sandbox.tenants import Tenant, Tenants

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
LIBRARY_AGENTS = (b"python-httpx", b"python-requests", b"python-urllib")


class App:
    """One sandbox. Its data is in `tenants`; its deviations are set in `switches` and `faults`."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.switches = default_switches(config.profile, rate_limited=config.rate_limited)
        self.switches.patch(config.switches, time.monotonic())
        self.tenants = Tenants(config, self.switches)
        self.faults = Faults(config.seed)
        self.log = RequestLog()
        self.router = Router(ROUTES)
        self.deliverer = Deliverer(self.switches)
        self.turn = 0
        # seconds added to the clock of the `Date` header; None: no such header
        self.clock_offset = 0.0 if config.now is None else None
        self.rendered_shape: tuple[Any, ...] = self._shape()

    def _shape(self) -> tuple[Any, ...]:
        s = self.switches
        return (s.omit_nulls, s.last_step_in_summary, str(s.omit_false), str(s.unknown_field), str(s.unknown_enum))

    def reshape(self) -> None:
        """Drop rendered leads if a switch changed how they are rendered."""
        if self._shape() != self.rendered_shape:
            self.rendered_shape = self._shape()
            for tenant in self.tenants.all:
                tenant.world.leads.forget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        send = self._with_date(send)
        if request.path.startswith(control.PREFIX):
            answer = control.handle(self, request)
            await respond(send, answer if answer.later is None else await answer.later())
            return
        now = time.monotonic()
        route, tenant, answer = self._answer(request, now)
        if answer.later is not None:
            answer = await answer.later()
        fault = self.faults.pick(request, answer, now) if self.faults.active else None
        workspace = tenant.world.id if tenant else ""
        if fault is not None:
            await break_answer(self, fault, request, route, workspace, answer, scope, send)
            return
        self.log.add(request, route, answer.status, workspace)
        delay = self.switches.latency_by_path.get(request.path, self.switches.latency)
        if delay:
            await asyncio.sleep(delay)
        await respond(send, answer)

    def _with_date(self, send: Send) -> Send:
        """Adds a `Date` header from the sandbox's clock to every answer that has none."""
        if self.clock_offset is None or not self.switches.date_header:
            return send
        date = (b"date", formatdate(self.now(), usegmt=True).encode())

        async def dated(message: dict[str, Any]) -> None:
            headers = message.get("headers", [])
            if message["type"] == "http.response.start" and not any(name == b"date" for name, _ in headers):
                message = {**message, "headers": [*headers, date]}
            await send(message)

        return dated

    def now(self) -> float:
        """The clock of the `Date` header, in Unix seconds: the world's if `config.now` is set, else the real one.

        `clock_offset` is added.
        """
        return (self.clock_offset or 0.0) + (
            time.time() if self.config.now is None else self.tenants.all[0].world.now / 1000
        )

    def _answer(self, request: Request, now: float) -> tuple[str, Tenant | None, Response]:
        """Returns (name of the route, workspace, answer)."""
        profile = self.config.profile
        found = self.router.find(request.method, request.path)
        name = found[0].name if found else f"{request.method} {request.path}"
        agent = request.headers.get(b"user-agent", b"").lower()
        if self.switches.library_agents and agent.startswith(LIBRARY_AGENTS):
            return name, None, text(403, "error code: 1010")
        tenant: Tenant | None = None
        try:
            tenant, key = self.tenants.authenticate(request)
            refused = self._limited(request, tenant, now)
            if refused is not None:
                return name, tenant, refused
            if found is None:
                return name, tenant, no_route(profile, request.method, request.path)
            answer = self._routed(request, tenant, key, found[0], found[1])
        except ApiError as wrong:
            answer = error(profile, wrong.status, wrong.message, bare=wrong.bare, details=wrong.details)
        limits = self.switches.rate_limits
        if limits.headers and tenant is not None:
            answer.headers = answer.headers + tenant.limiter.headers(limits, time.time())
        return name, tenant, answer

    def _limited(self, request: Request, tenant: Tenant, now: float) -> Response | None:
        limits = self.switches.rate_limits
        emails = request.path == "/api/v2/emails" and request.method == "GET"
        wait = tenant.limiter.admit(limits, now, emails=emails)
        if wait <= 0:
            return None
        answer = error(self.config.profile, 429, "Rate limit exceeded")
        if limits.retry_after:
            answer.headers.append((b"retry-after", b"%d" % max(1, round(wait + 0.5))))
        if limits.headers:
            answer.headers += tenant.limiter.headers(limits, time.time())
        return answer

    def _routed(self, request: Request, tenant: Tenant, key: str, route: Route, value: str) -> Response:
        status = self.switches.stream_status.get(request.path)
        if status is not None:
            raise ApiError(status, "Workspace does not have an active paid plan" if status == 402 else "Refused")
        if not self.tenants.allows(key, route.scope, route.action):
            raise ApiError(403, f"API key is missing the required scope: {route.scope}:{route.action}")
        if self.config.profile == "live":
            check_request(route.template, request)
        worlds = [t.world for t in self.tenants.all]
        call = Call(request, tenant.world, self.switches, self.config.profile, value, worlds)
        answer = route.handler(call)
        self._mutate_during_scan(tenant, route)
        return answer

    def _mutate_during_scan(self, tenant: Tenant, route: Route) -> None:
        s = self.switches
        if s.insert_during_crawl is False and s.delete_during_crawl is False:
            return
        collection = {"leads/list": "leads", "block-lists-entries": "block_list_entries"}.get(
            route.template, route.template.replace("-", "_")
        )
        if collection not in ("leads", "emails", *tenant.world.collections):
            return
        self.turn += 1
        for kind, switch in (("insert", s.insert_during_crawl), ("delete", s.delete_during_crawl)):
            if applies(switch, collection):
                mutations.mutate_during_scan(tenant.world, collection, kind=kind, turn=self.turn)


async def _read(scope: Scope, receive: Receive) -> Request:
    raw = scope.get("raw_path")
    path = unquote(raw.decode("latin-1").split("?")[0]) if raw else scope["path"]
    headers = dict(scope["headers"])
    body = b""
    if scope["method"] in ("POST", "PATCH", "PUT", "DELETE") and headers.get(b"content-length", b"") != b"0":
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
    return Request(scope["method"], path, scope.get("query_string", b""), headers, body)


async def respond(send: Send, answer: Response) -> None:
    if answer.chunks is not None:
        start = {"type": "http.response.start", "status": answer.status}
        await send({**start, "headers": [(b"content-type", answer.content_type)]})
        for chunk in answer.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    headers = [(b"content-type", answer.content_type), (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers + answer.headers})
    await send({"type": "http.response.body", "body": answer.body})
