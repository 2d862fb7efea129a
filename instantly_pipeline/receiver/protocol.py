"""What uvicorn's protocol leaves open: slow or endless requests, and how many connections there are."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

KEEP_ALIVE = 75  # seconds; longer than the 60 for which nginx keeps an idle connection to what is behind it

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n"


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with limits. A connection is closed whose request takes too long, or has too large a head.

    httptools limits neither. Nothing is read any more on a connection whose request was answered before its end.
    """

    request_seconds = 20.0  # from the connection, or a request's first byte, to its end; 3 attempts take 30 s at most
    head_bytes = 64_000  # of the request line and headers
    max_connections = 500  # with a file each, below the usual limit of 1,024

    _deadline: asyncio.TimerHandle | None = None
    _head_read: int | None = None  # bytes of the head that is expected; None while none is

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self.max_connections:
            self.transport = transport
            transport.write(_BUSY)
            transport.close()
            return
        super().connection_made(transport)
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        was_in_head = self._head_read is not None
        super().data_received(data)
        if was_in_head and self._head_read is not None:
            self._head_read += len(data)
            if self._head_read > self.head_bytes:
                self._hang_up()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_request()

    def on_headers_complete(self) -> None:
        self._head_read = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._end_request()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        is_unfinished = not self.pipeline and self.cycle.more_body  # with a pipeline, an earlier one was answered
        super().on_response_complete()
        if is_unfinished:
            self._hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_request()
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        self._end_request()
        self._head_read = 0
        self._deadline = self.loop.call_later(self.request_seconds, self._hang_up)

    def _end_request(self) -> None:
        self._head_read = None
        if self._deadline is not None:
            self._deadline.cancel()

    def _hang_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
