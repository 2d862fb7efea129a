"""Runs the receiver on uvicorn until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn

from instantly_pipeline.api.redaction import redact_logs
from instantly_pipeline.errors import UsageError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.receiver.address import PATH, SECRET_HEADER, is_loopback
from instantly_pipeline.receiver.app import Receiver
from instantly_pipeline.receiver.commit import GroupCommit
from instantly_pipeline.receiver.health import Health
from instantly_pipeline.receiver.protocol import KEEP_ALIVE, Protocol
from instantly_pipeline.receiver.rate import TokenBucket

_REPORT_EVERY = 60.0  # seconds
_GRACE = 10  # seconds in which accepted requests are finished


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve: `rate` in events a second; without a `secret`, on loopback only."""

    host: str
    port: int
    rate: int
    secret: str | None


def serve(layout: Layout, how: Serving, *, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; what was accepted is then stored and answered. `say` gets a line now and then.

    UsageError where it may not or cannot listen there.
    """
    redact_logs("uvicorn.error")
    _require_secret(how)
    listener = _listen(how)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(layout, how, listener, say))


async def _serve(layout: Layout, how: Serving, listener: socket.socket, say: Callable[[str], None]) -> None:
    async with GroupCommit(layout) as commit:
        health = Health(commit, layout)
        receiver = Receiver(commit, health, secret=how.secret, rate=TokenBucket(how.rate))
        problem, _ = await health.check()
        if problem is not None:
            say(f"Events cannot be stored now, so they are answered 503 until they can: {problem}")
        reporting = asyncio.create_task(report(receiver, say))
        await Server(config(receiver), lambda: say(_greeting(how, listener))).serve(sockets=[listener])
        reporting.cancel()
    say(f"Stopped. {describe(receiver)}.")


class Server(uvicorn.Server):
    """Calls `ready` once it listens. Ctrl-C and SIGTERM stop it, not the process: uvicorn would raise them again."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {name: signal.signal(name, self.handle_exit) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)


def config(receiver: Receiver, protocol: type[Protocol] = Protocol) -> uvicorn.Config:
    """How uvicorn serves the receiver."""
    return uvicorn.Config(
        receiver.app(),
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):  # it is not made for every system
        import uvloop

        return uvloop.new_event_loop
    return None


def _require_secret(how: Serving) -> None:
    if how.secret is None and not is_loopback(how.host):
        raise UsageError(
            f"INSTANTLY_WEBHOOK_SECRET is not set, so anybody who reaches {how.host} could send events. "
            "Put INSTANTLY_WEBHOOK_SECRET=<secret> into .env (`openssl rand -hex 32` makes one), or listen on "
            "127.0.0.1 only."
        )


def _listen(how: Serving) -> socket.socket:
    """A socket that listens at the address; UsageError."""
    try:
        family, *_, address = socket.getaddrinfo(how.host, how.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        raise UsageError(
            f"Cannot listen on {how.host}, port {how.port}: {error.strerror or error}. Choose another --port or --host."
        ) from None


def _greeting(how: Serving, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    host = f"[{how.host}]" if ":" in how.host else how.host
    guard = f"the header {SECRET_HEADER} is required" if how.secret else (
        "INSTANTLY_WEBHOOK_SECRET is not set: anybody on this machine, and whom a proxy lets in, can send events"
    )  # fmt: skip
    return f"Receiving at http://{host}:{port}{PATH} until Ctrl-C; {guard}."


async def report(
    receiver: Receiver, say: Callable[[str], None], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Say each minute what came, if anything did; for ever."""
    before = describe(receiver)
    while True:
        await sleep(_REPORT_EVERY)
        now = describe(receiver)
        if now != before:
            problem, receiver.last_problem = receiver.last_problem, None
            say(f"{now}.{f' Not stored: {problem}' if problem else ''}")
        before = now


def describe(receiver: Receiver) -> str:
    """The counts since the start, in words."""
    refused = ", ".join(f"{status}: {count}" for status, count in sorted(receiver.refused.items()))
    counts = receiver.counts
    return (
        f"{counts['received']} received, {counts['aside']} kept aside, {counts['duplicates']} duplicates, "
        f"{receiver.refused.total()} refused{f' ({refused})' if refused else ''}"
    )
