"""Reads the body of a request: bounded in size, and in what all requests together hold in memory.

The protocol bounds the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MAX_BODY = 10_000_000  # bytes; a reply with its HTML has some kB
MAX_HELD = 100_000_000  # bytes of all bodies that are being read or stored
_LINGER = 2.0  # seconds in which the rest of a refused body is thrown away, so that its sender reads the answer


class BodyRefused(Exception):
    """The request is answered with `status` instead."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class BodyReader:
    """Reads bodies. `held`: the bytes of those that are not released yet."""

    def __init__(self) -> None:
        self.held = 0

    @contextmanager
    def holding(self) -> Iterator[Held]:
        """A body's place; what was read into it counts as held until the end of the block."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held -= held.size


class Held:
    """The body of one request."""

    def __init__(self, reader: BodyReader) -> None:
        self.size = 0
        self._reader = reader

    async def read(self, request: Request) -> bytes:
        """The whole body. BodyRefused: 413 where it is or says it is too large, 503 where all bodies together are.
        ClientDisconnect.
        """
        if int(request.headers.get("content-length") or 0) > MAX_BODY:
            raise BodyRefused(413)
        parts = []
        async for part in request.stream():
            self.size += len(part)
            self._reader.held += len(part)
            if self.size > MAX_BODY:
                raise BodyRefused(413)
            if self._reader.held > MAX_HELD:
                raise BodyRefused(503)
            parts.append(part)
        return b"".join(parts)


class EarlyAnswer(Response):
    """An answer that does not need the body: it goes out at once, then what still comes of the body is thrown away.

    Closing at once would reset the connection, and the sender might lose the answer (nginx: `lingering_close`). The
    protocol closes it if the body has not ended then.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, wait for the end of the body, end the answer."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _throw_away(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _throw_away(receive: Receive) -> None:
    thrown = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            while thrown < MAX_BODY:
                message = await receive()
                thrown += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
