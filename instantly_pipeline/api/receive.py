"""Receives and decompresses response bodies, within limits on their size.

A body beyond a limit is not a page: it is reported as BadBody and not kept.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from gzip import BadGzipFile, GzipFile
from io import BytesIO

import httpx

from instantly_pipeline.errors import BadBody, ConnectionFault

# A page of 100 leads has about 125 kB, one of 100 campaigns with long sequences a few MB.
MAX_BYTES = 32 * 2**20
# 32 MB of empty objects are ten million, which take 1 GB decoded, and each response is held until it is stored. The
# counters of 20,000 campaigns in one response are about 400,000 values.
MAX_VALUES = 2**20
_LARGE = 2**20  # larger bodies are received one at a time: 64 at once would be 2 GB
ACCEPT_ENCODING = "gzip, deflate"
_COMPRESSED = {"gzip", "x-gzip", "deflate"}
_GZIP_MAGIC = b"\x1f\x8b"
_AUTO_DETECT = 32 + zlib.MAX_WBITS  # zlib: accept a gzip or a zlib header
_ERROR_BYTES = 2**16  # live errors have below 1 kB, pages of the CDN about 10 kB
_ERROR_SECONDS = 5.0  # not longer: the status, which decides what to do, is known already


class Receiver:
    """Receives the bodies of one client's responses."""

    def __init__(self) -> None:
        self._one_large = asyncio.Lock()

    async def body(self, response: httpx.Response, where: str) -> bytes:
        """The decompressed body of a success; BadBody if it is too large or has an unsupported encoding."""
        length = response.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and len(length) < 20 and int(length) > MAX_BYTES:
            raise _too_large(where)
        chunks: list[bytes] = []
        size = 0
        async with AsyncExitStack() as stack:
            async for chunk in _chunks(response):
                before, size = size, size + len(chunk)
                if size > MAX_BYTES:
                    raise _too_large(where)
                if before <= _LARGE < size:
                    await stack.enter_async_context(self._one_large)
                chunks.append(chunk)
            body = _decompress(b"".join(chunks), response.headers.get("content-encoding", ""), where)
        if len(body) > MAX_VALUES and body.count(b",") >= MAX_VALUES:
            raise BadBody(f"{where}: the answer has more than {MAX_VALUES:,} values, the limit for one answer")
        return body


async def error_body(response: httpx.Response) -> bytes:
    """The decompressed start of an error's body; whatever arrived, if the connection breaks or is slow."""
    body = b""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(_ERROR_SECONDS):
            async for chunk in _chunks(response):
                body += chunk
                if len(body) >= _ERROR_BYTES:
                    break
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in _COMPRESSED:
        with suppress(zlib.error):
            return zlib.decompressobj(_window_bits(body, encoding)).decompress(body, _ERROR_BYTES)
    return body[:_ERROR_BYTES]


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it arrives; a test transport may have read all of it already."""
    if response.is_stream_consumed and isinstance(response.stream, httpx.AsyncByteStream):
        return aiter(response.stream)
    return response.aiter_raw()


def _decompress(body: bytes, encoding: str, where: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in _COMPRESSED:
        raise BadBody(f"{where}: the body has an encoding that was not requested (requested: {ACCEPT_ENCODING})")
    decompressor = zlib.decompressobj(_window_bits(body, encoding))
    try:
        found = decompressor.decompress(body, MAX_BYTES + 1)
        if decompressor.unused_data.startswith(_GZIP_MAGIC):  # a gzip body may have several members (RFC 1952, 2.2)
            found += GzipFile(fileobj=BytesIO(decompressor.unused_data)).read(MAX_BYTES + 1 - len(found))
    except (zlib.error, BadGzipFile, EOFError) as error:
        raise ConnectionFault(f"{where}: the body cannot be decompressed: {error}") from error
    if len(found) > MAX_BYTES:
        raise _too_large(where)
    if not decompressor.eof:
        raise ConnectionFault(f"{where}: the compressed body is truncated")
    return found


def _window_bits(body: bytes, encoding: str) -> int:
    """zlib's `wbits` for a body: some servers send `deflate` without the zlib header."""
    has_header = body[:1] == _GZIP_MAGIC[:1] or int.from_bytes(body[:2], "big") % 31 == 0  # RFC 1950, 2.2
    return _AUTO_DETECT if encoding != "deflate" or has_header else -zlib.MAX_WBITS


def _too_large(where: str) -> BadBody:
    return BadBody(f"{where}: the answer is larger than {MAX_BYTES // 2**20} MB, the limit for one answer")
