"""An httpx transport on aiohttp, for aiohttp's compiled HTTP parser.

httpx's own transport takes several times the CPU time per response, and more with more open connections
(docs/decisions/0006-throughput.md). Only what this client needs is here: request bodies in memory, no redirects, no
cookies, no proxy. If the environment sets a proxy, httpx's own transport is used (`connection.py`).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx
from yarl import URL

_BUFFER = 2**18  # bytes: fits a page of a hundred leads, so that reading it is not paused


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Response bodies are streamed as received, not decompressed; errors are httpx's."""

    def __init__(self, *, connections: int, tls: ssl.SSLContext | None) -> None:
        self._connections = connections
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and read the status and headers of its response."""
        limits = request.extensions.get("timeout", {})
        timeout = aiohttp.ClientTimeout(
            total=None, connect=limits.get("pool"), sock_connect=limits.get("connect"), sock_read=limits.get("read")
        )
        address = request.url.copy_with(userinfo=b"") if request.url.userinfo else request.url  # the key is in a header
        with _as_httpx_errors(request):
            answer = await self._open_session().request(
                request.method, URL(str(address), encoded=True), data=request.content or None,
                headers=request.headers.multi_items(), timeout=timeout, allow_redirects=False,
            )  # fmt: skip
        stream = _Body(answer, request)
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=stream, request=request)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open_session(self) -> aiohttp.ClientSession:
        """The session, opened with the first request: it belongs to the event loop that runs then."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, read_bufsize=_BUFFER,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )  # fmt: skip
            self._session._retry_connection = False  # no public option; the client counts every try
        return self._session


class _Body(httpx.AsyncByteStream):
    """The body as it arrives. A connection is not reused unless its body was read to the end."""

    def __init__(self, answer: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._answer = answer
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx_errors(self._request):
            while part := await self._answer.content.readany():
                yield part

    async def aclose(self) -> None:
        if not self._answer.content.at_eof():
            self._answer.close()


@contextmanager
def _as_httpx_errors(request: httpx.Request) -> Iterator[None]:
    """Translate aiohttp's errors into httpx's; a failed connect and a broken connection stay distinct."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout(str(error), request=request) from error
    except (aiohttp.ServerTimeoutError, TimeoutError) as error:
        raise httpx.ReadTimeout(str(error), request=request) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(str(error), request=request) from error
    except aiohttp.InvalidURL as error:
        raise httpx.UnsupportedProtocol("the address cannot be used", request=request) from error
    except aiohttp.ClientError as error:
        raise httpx.ReadError(str(error), request=request) from error
