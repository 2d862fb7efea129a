"""Maps a failed response, or a missing one, to the matching error of `instantly_pipeline.errors`.

Error bodies: live `{"statusCode", "error", "message"}`, on a few routes only `{"message"}` or `{"error"}`, in older
descriptions `{"error": {"code", "message"}}`, and text or HTML from the CDN.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import orjson

from instantly_pipeline.api.redaction import excerpt, truncate_at_word
from instantly_pipeline.api.retry import CannotConnect
from instantly_pipeline.errors import (
    BadRequest,
    ConnectionFault,
    EdgeBlocked,
    Forbidden,
    KeyRejected,
    NotFound,
    PipelineError,
    PlanRequired,
    RateLimited,
    ServerFault,
    TooLarge,
)

_EDGE = re.compile(r"error[ _]?code\W{0,5}1010", re.IGNORECASE)
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_MAX_BODY = 20_000  # characters
_MAX_RETRY_AFTER = 86_400.0  # seconds
_MAX_RESET = 900.0  # seconds
_A_YEAR = 31_536_000.0  # seconds: a larger "seconds to wait" is a Unix time


def status_error(status: int, headers: Mapping[str, str], body: bytes, *, where: str, now: datetime) -> PipelineError:
    """The error for a response that is not a success; `where` is method and path, `now` is timezone-aware."""
    said, from_api = _message(body)
    answer = f"{where} answered {status}" + (f" ({said})" if said else "")
    if status == 403 and (not from_api or _EDGE.search(said) or _EDGE.search(_text(body))):
        return EdgeBlocked(
            f"{answer}: blocked by the CDN in front of the API; the key's scopes are not the reason. Try from another "
            "IP address."
        )
    if status == 429:
        return RateLimited(f"{answer}: too many requests", retry_after=requested_wait(headers, now=now))
    if status >= 500:
        return ServerFault(f"{answer}: the API failed", retry_after=_retry_after(headers, now))
    if status == 408:
        return ConnectionFault(f"{answer}: the request did not arrive in time")
    return _final_error(status, answer)


def _final_error(status: int, answer: str) -> PipelineError:
    """Errors that a retry would not change."""
    if status < 400:
        return BadRequest(
            f"{answer}, a redirect. It is not followed because it could send the key to another server. "
            "Set INSTANTLY_BASE_URL to the address of the API itself."
        )
    if status == 401:
        return KeyRejected(
            f"{answer}: the API rejected the key. Put a valid API v2 key into INSTANTLY_API_KEY "
            "(or INSTANTLY_API_KEYS) and run again; stored rows are kept."
        )
    if status == 402:
        return PlanRequired(
            f"{answer}: the workspace's plan does not include this. "
            "Renew or upgrade it and run again; stored rows are kept."
        )
    if status == 403:
        return Forbidden(
            f"{answer}: the key lacks the required scope. Use a key with the scope all:read, "
            "or leave the stream out of INSTANTLY_STREAMS."
        )
    if status in (404, 410):
        return NotFound(f"{answer}: not found")
    if status == 413:
        return TooLarge(f"{answer}: the request covers too much at once")
    return BadRequest(f"{answer}: the API rejected the request")


def transport_error(error: Exception, *, where: str, host: str) -> ConnectionFault:
    """The error for a request without a complete response."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError | httpx.UnsupportedProtocol):
        reason = excerpt(_root_text(error)) or "no answer in time"
        return CannotConnect(f"cannot reach {host}: {reason}. Check the network or INSTANTLY_BASE_URL.")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return ConnectionFault(f"{where}: {host} did not answer in time")
    kind = type(error).__name__
    said = excerpt(str(error))
    return ConnectionFault(f"{where}: the connection to {host} broke ({kind}{': ' if said else ''}{said})")


def requested_wait(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds to wait according to `Retry-After` or `X-RateLimit-Reset`; None if neither is usable.

    Live sends neither on the routes read here. The draft standard's `RateLimit-*` is read like `X-RateLimit-*`.
    `X-RateLimit-Reset` is Unix seconds in the older description; smaller numbers are read as seconds to wait, larger
    ones as Unix milliseconds. It is used only up to 15 minutes, and unless `X-RateLimit-Remaining` is above 0;
    `Retry-After` up to a day. Times are relative to the server's `Date`, or to `now` where that is absent.
    """
    wait = _retry_after(headers, now)
    if wait is not None and wait <= _MAX_RETRY_AFTER:
        return wait
    reset = _rate_limit(headers, "reset")
    if reset is None or (_rate_limit(headers, "remaining") or 0.0) > 0:
        return None
    if reset >= _A_YEAR:
        reset = (reset / 1000 if reset > 1e11 else reset) - _server_time(headers, now).timestamp()
    return reset if 0 <= reset <= _MAX_RESET else None


def _rate_limit(headers: Mapping[str, str], name: str) -> float | None:
    """The number in `X-RateLimit-<name>`, or in the draft standard's `RateLimit-<name>`."""
    return _number(headers.get(f"x-ratelimit-{name}") or headers.get(f"ratelimit-{name}"))


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return None if seconds is None else max(seconds, 0.0)
    date = _http_date(value)
    return None if date is None else max((date - _server_time(headers, now)).total_seconds(), 0.0)


def _server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    return _http_date(headers.get("date")) or now


def _http_date(value: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _message(body: bytes) -> tuple[str, bool]:
    """The redacted message of an error body, and whether it is from the API itself (its errors are JSON objects)."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        return excerpt(_TAG.sub(" ", _text(body))), False
    inner = parsed.get("error")
    if isinstance(inner, dict):
        said = inner.get("message") or inner.get("code")
    else:
        said = parsed.get("message") or inner
    return excerpt(said) if isinstance(said, str) else "", True


def _text(body: bytes) -> str:
    return truncate_at_word(body[: 2 * _MAX_BODY].decode("utf-8", errors="replace"), _MAX_BODY)


def _root_text(error: BaseException) -> str:
    """The text of the innermost cause: httpx's own text for a failed connection is often empty."""
    said = ""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        said = str(link) or said
        link = link.__cause__ or link.__context__
    return said
