"""A small HTTP server that plays a script, faults of the wire included."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


class Wire(Enum):
    """What goes wrong on the wire."""

    RESET = "the connection is reset instead of an answer"
    CLOSE = "the connection is closed instead of an answer"
    TRUNCATE = "the body ends before its Content-Length"
    HANG = "no answer ever comes"
    DRIP = "the answer comes a byte at a time and never ends"
    DRIP_HEAD = "a header comes now and then and never the last one"
    HEADERS = "headers without end"
    LONG_HEADER = "a header without end"
    CHUNKS = "chunks without end"
    NO_LENGTH = "a Content-Length that is none"


@dataclass(frozen=True)
class Reply:
    """One answer: `body` is sent as it is if it is bytes, otherwise as JSON."""

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: Wire | None = None

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.content)


Script = Callable[[Request], Reply]


class Server:
    """Listens on a free port of loopback. The script is a function, or answers of which the last one repeats."""

    def __init__(self, *replies: Reply, script: Script | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._replies = list(replies)
        self._script = script or self._next
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[Request] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _next(self, _: Request) -> Reply:
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read(reader):
                self.requests.append(request)
                reply = self._script(request)
                if not await _write(writer, reply):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Send the reply; whether the connection can be used again."""
    if reply.wire is Wire.HANG:
        await asyncio.Event().wait()
    if reply.wire is Wire.RESET:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    if reply.wire in (Wire.RESET, Wire.CLOSE):
        return False
    if reply.wire in _WITHOUT_END:
        await _endless(writer, reply, reply.wire)
    more = 100 if reply.wire in (Wire.TRUNCATE, Wire.DRIP) else 0
    length = "-5" if reply.wire is Wire.NO_LENGTH else str(len(reply.content) + more)
    headers = {"content-length": length, **reply.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {reply.status} x\r\n{head}\r\n".encode() + reply.content)
    await writer.drain()
    while reply.wire is Wire.DRIP:
        await asyncio.sleep(0.02)
        writer.write(b" ")
        await writer.drain()
    return reply.wire is None


_WITHOUT_END = {
    Wire.DRIP_HEAD: (b"", b"x: y\r\n"),
    Wire.HEADERS: (b"", b"x: %b\r\n" % (b"y" * 1000)),
    Wire.LONG_HEADER: (b"x: ", b"y" * 1000),
    Wire.CHUNKS: (b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n%b\r\n" % (b" " * 2**16)),
}


async def _endless(writer: asyncio.StreamWriter, reply: Reply, wire: Wire) -> None:
    begins, goes_on = _WITHOUT_END[wire]
    writer.write(f"HTTP/1.1 {reply.status} x\r\n".encode() + begins)
    while True:
        writer.write(goes_on)
        await writer.drain()
        await asyncio.sleep(0.02 if wire is Wire.DRIP_HEAD else 0)


def page(*ids: object, after: object = None, **more: object) -> Reply:
    """An envelope with records of these ids."""
    cursor = {} if after is None else {"next_starting_after": after}
    return Reply({"items": [{"id": i} for i in ids], **cursor, **more})


def refusal(status: int, message: str = "no", **headers: str) -> Reply:
    """An error in the live shape; `retry_after` becomes the header Retry-After."""
    body = {"statusCode": status, "error": "Error", "message": message}
    return Reply(body, status, {name.replace("_", "-"): value for name, value in headers.items()})
