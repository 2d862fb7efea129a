"""Reading an answer off the wire within limits: how much is received, and what it unpacks to.

What is beyond them is no page, and is told as such; nothing of it is kept.
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

# A page of 100 leads has about 125 kB, one of 100 campaigns with long sequences some MB.
LARGEST = 32 * 2**20
# Decoded, ten million empty objects of these 32 MB take 1 GB, and each answer is held until it is stored. The counters
# of 20,000 campaigns in one answer are some 400,000 values.
MOST_VALUES = 2**20
_USUAL = 2**20  # what is larger is received one at a time: 64 at once would be 2 GB
ACCEPTED = "gzip, deflate"
_PACKED = {"gzip", "x-gzip", "deflate"}
_GZIP = b"\x1f\x8b"  # begins each part
_EITHER_HEADER = 32 + zlib.MAX_WBITS  # of gzip or of zlib
_ERROR_BYTES = 2**16  # live errors have below 1 kB, pages of the CDN in front up to some 10 kB
_ERROR_SECONDS = 5.0  # the status is known by then, and says what to do


class Receiver:
    """Reads the bodies of one client's answers."""

    def __init__(self) -> None:
        self._one_large = asyncio.Lock()

    async def body(self, response: httpx.Response, where: str) -> bytes:
        """A success's body, unpacked. BadBody where it is beyond those limits, or packed otherwise than asked."""
        if _number(response.headers.get("content-length")) > LARGEST:
            raise _too_large(where)
        parts: list[bytes] = []
        size = 0
        async with AsyncExitStack() as turn:
            async for part in _parts(response):
                before, size = size, size + len(part)
                if size > LARGEST:
                    raise _too_large(where)
                if before <= _USUAL < size:
                    await turn.enter_async_context(self._one_large)
                parts.append(part)
            found = _unpacked(b"".join(parts), response.headers.get("content-encoding", ""), where)
        if len(found) > MOST_VALUES and found.count(b",") >= MOST_VALUES:
            raise BadBody(f"{where}: an answer came of more than {MOST_VALUES:,} values, the most that is read of one")
        return found


async def start_of(response: httpx.Response) -> bytes:
    """The beginning of an error's body, unpacked; what there is of it, where it is broken or does not come."""
    read = b""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(_ERROR_SECONDS):
            async for part in _parts(response):
                read += part
                if len(read) >= _ERROR_BYTES:
                    break
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in _PACKED:
        with suppress(zlib.error):
            return zlib.decompressobj(_window(read, encoding)).decompress(read, _ERROR_BYTES)
    return read[:_ERROR_BYTES]


def _parts(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it arrives; a transport without a wire may have all of it."""
    if response.is_stream_consumed and isinstance(response.stream, httpx.AsyncByteStream):
        return aiter(response.stream)
    return response.aiter_raw()


def _unpacked(body: bytes, encoding: str, where: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in _PACKED:
        raise BadBody(f"{where}: a body came that is packed in a way that was not asked for (asked for: {ACCEPTED})")
    unpacker = zlib.decompressobj(_window(body, encoding))
    try:
        found = unpacker.decompress(body, LARGEST + 1)
        if unpacker.unused_data.startswith(_GZIP):  # one packed part behind another is one body (RFC 1952, 2.2)
            found += GzipFile(fileobj=BytesIO(unpacker.unused_data)).read(LARGEST + 1 - len(found))
    except (zlib.error, BadGzipFile, EOFError) as error:
        raise ConnectionFault(f"{where}: the body is not what it should be packed as: {error}") from error
    if len(found) > LARGEST:
        raise _too_large(where)
    if not unpacker.eof:
        raise ConnectionFault(f"{where}: the packed body ends in its middle")
    return found


def _window(body: bytes, encoding: str) -> int:
    """What tells zlib how a body is packed: some servers send `deflate` without the header that belongs to it."""
    with_header = body[:1] == _GZIP[:1] or int.from_bytes(body[:2], "big") % 31 == 0  # RFC 1950, 2.2
    bare = encoding == "deflate" and not with_header
    return -zlib.MAX_WBITS if bare else _EITHER_HEADER


def _too_large(where: str) -> BadBody:
    return BadBody(f"{where}: an answer came of more than {LARGEST // 2**20} MB, the most that is read of one")


def _number(length: str | None) -> int:
    return int(length) if length and length.isascii() and length.isdigit() and len(length) < 20 else 0
