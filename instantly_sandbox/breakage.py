"""Carries out faults: wrong answers, broken connections, no answer."""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson

from instantly_sandbox.faults import Fault
from instantly_sandbox.http import JSON, Request, Response, error, text

if TYPE_CHECKING:
    from instantly_sandbox.app import App

Send = Callable[[dict[str, Any]], Awaitable[None]]
TRANSPORT = "sandbox.transport"  # put into the scope by server.Protocol
HTML = b"text/html; charset=utf-8"
PAGE = "<html><head><title>502 Bad Gateway</title></head><body><center>cloudflare</center></body></html>"


async def break_answer(
    app: "App",
    fault: Fault,
    request: Request,
    route: str,
    workspace: str,
    answer: Response,
    scope: dict[str, Any],
    send: Send,
) -> None:
    """Answer `request` as the fault says. The log gets the status that the client saw, 0 for none."""
    from instantly_sandbox.app import respond

    if fault.kind == "sustained_429":
        app.switches.rate_limits.sustained_until = time.monotonic() + float(fault.seconds or 1)
    broken = _answer(app, fault, answer)
    if broken is not None:
        broken.headers = broken.headers + [(k.lower().encode(), str(v).encode()) for k, v in fault.headers.items()]
        app.log.add(request, route, broken.status, workspace)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds or 1.0)
        await respond(send, broken)
        return
    app.log.add(request, route, 0, workspace)
    if fault.kind == "hang":
        await asyncio.sleep(fault.seconds or 3600.0)
        _cut(scope, reset=False)
    elif fault.kind == "truncate":
        await _truncate(fault, answer, scope, send)
    else:
        _cut(scope, reset=True)


def _answer(app: "App", fault: Fault, answer: Response) -> Response | None:
    """The answer for kinds of fault that send a complete one, else None."""
    if fault.kind == "status":
        if fault.body is None:
            return error(app.config.profile, fault.status, "Injected fault")
        if isinstance(fault.body, str):
            return text(fault.status, fault.body)
        return Response(orjson.dumps(fault.body), fault.status)
    return {
        "slow": answer,
        "bad_json": Response(answer.body[: max(1, len(answer.body) // 2)] + b'"oops', 200, JSON),
        "html": text(fault.status, PAGE if fault.body is None else str(fault.body), HTML),
        "empty": Response(b"", 200, JSON),
        "cloudflare_1010": text(403, "error code: 1010"),
        "sustained_429": error(app.config.profile, 429, "Rate limit exceeded"),
    }.get(fault.kind)


async def _truncate(fault: Fault, answer: Response, scope: dict[str, Any], send: Send) -> None:
    """Send all headers and a part of the body, then close the connection."""
    length = b"%d" % len(answer.body)
    headers = [(b"content-type", answer.content_type), (b"content-length", length)]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    part = answer.body[: fault.after_bytes if fault.after_bytes is not None else len(answer.body) // 2]
    await send({"type": "http.response.body", "body": part, "more_body": True})
    await asyncio.sleep(0.01)
    _cut(scope, reset=False)


def _cut(scope: dict[str, Any], *, reset: bool) -> None:
    """Close the connection, with RST if `reset`; without a real transport the client sees an exception."""
    transport = scope.get(TRANSPORT)
    if transport is None:
        raise ConnectionResetError("connection cut by a fault")
    if reset:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
