"""From an answer, or the lack of one, to the error that says what can be done about it.

Shapes of an error's body: live `{"statusCode", "error", "message"}`, on a few routes only `{"message"}` or `{"error"}`,
in older descriptions `{"error": {"code", "message"}}`, and text or HTML from the CDN in front.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import orjson

from instantly_pipeline.api.redaction import excerpt, whole_words
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
_LONGEST_BODY = 20_000
_A_DAY = 86_400.0  # seconds: nothing useful comes of waiting longer
_A_WINDOW = 900.0  # seconds
_A_YEAR = 31_536_000.0  # seconds: a larger "seconds to wait" is a point in time


def of_status(status: int, headers: Mapping[str, str], body: bytes, *, where: str, now: datetime) -> PipelineError:
    """The error for an answer that is not a success; `where` is method and path, `now` is aware."""
    said, from_api = _message(body)
    answer = f"{where} answered {status}" + (f" ({said})" if said else "")
    if status == 403 and (not from_api or _EDGE.search(said) or _EDGE.search(_text(body))):
        return EdgeBlocked(
            f"{answer}: blocked in front of the API, which is not a matter of scopes. Try from another address."
        )
    if status == 429:
        return RateLimited(f"{answer}: too many requests", retry_after=wait_named(headers, now=now))
    if status >= 500:
        return ServerFault(f"{answer}: the API failed", retry_after=_retry_after(headers, now))
    if status == 408:
        return ConnectionFault(f"{answer}: the request did not arrive in time")
    return _final(status, answer)


def _final(status: int, answer: str) -> PipelineError:
    """The errors that another try would not change."""
    if status < 400:
        return BadRequest(
            f"{answer}, a redirect. It is not followed, since it could carry the key to another server. "
            "Set INSTANTLY_BASE_URL to the address of the API itself."
        )
    if status == 401:
        return KeyRejected(
            f"{answer}: the API rejected the key. Put a valid API v2 key into INSTANTLY_API_KEY "
            "(or INSTANTLY_API_KEYS) and run again; the rows stored so far stay."
        )
    if status == 402:
        return PlanRequired(
            f"{answer}: the workspace has no plan that allows this. "
            "Renew it and run again; the rows stored so far stay."
        )
    if status == 403:
        return Forbidden(
            f"{answer}: the key lacks the scope for it. Use a key with the scope all:read, "
            "or leave the stream out of INSTANTLY_STREAMS."
        )
    if status in (404, 410):
        return NotFound(f"{answer}: there is nothing there")
    if status == 413:
        return TooLarge(f"{answer}: too much was asked for at once")
    return BadRequest(f"{answer}: the API does not take the request as it was put")


def of_transport(error: Exception, *, where: str, host: str) -> ConnectionFault:
    """The error for a request that got no whole answer."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError | httpx.UnsupportedProtocol):
        reason = excerpt(_root_text(error)) or "no answer in time"
        return CannotConnect(f"cannot reach {host}: {reason}. Check the network or INSTANTLY_BASE_URL.")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return ConnectionFault(f"{where}: {host} did not answer in time")
    kind = type(error).__name__
    said = excerpt(str(error))
    return ConnectionFault(f"{where}: the connection to {host} broke ({kind}{': ' if said else ''}{said})")


def wait_named(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds the server asks to wait, from `Retry-After` or `X-RateLimit-Reset`; None if it names none.

    Live sends neither on the routes read here; `RateLimit-*`, as a draft standard has it, is read like `X-RateLimit-*`.
    `X-RateLimit-Reset` is Unix seconds in the older description; smaller numbers are taken for seconds to wait, larger
    ones for milliseconds. It counts only where `X-RateLimit-Remaining` does not say that the window it speaks of has
    room, and within a quarter of an hour; a `Retry-After` within a day.
    An instant is one of the server's clock, which its `Date` tells; `now`, where it sends none, may be far from it.
    """
    named = _retry_after(headers, now)
    if named is not None and named <= _A_DAY:
        return named
    reset = _rate_limit(headers, "reset")
    if reset is None or (_rate_limit(headers, "remaining") or 0.0) > 0:
        return None
    if reset >= _A_YEAR:
        reset = (reset / 1000 if reset > 1e11 else reset) - _clock_of(headers, now).timestamp()
    return reset if 0 <= reset <= _A_WINDOW else None


def _rate_limit(headers: Mapping[str, str], name: str) -> float | None:
    """A number of the `X-RateLimit-*` headers, or of those that a draft standard calls `RateLimit-*`."""
    return _number(headers.get(f"x-ratelimit-{name}") or headers.get(f"ratelimit-{name}"))


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return None if seconds is None else max(seconds, 0.0)
    date = _instant(value)
    return None if date is None else max((date - _clock_of(headers, now)).total_seconds(), 0.0)


def _clock_of(headers: Mapping[str, str], now: datetime) -> datetime:
    """The server's present; ours where it does not say."""
    return _instant(headers.get("date")) or now


def _instant(value: str | None) -> datetime | None:
    """The instant of an HTTP date; None where it is none."""
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
    """What an error's body says, fit to be shown, and whether the API itself said it (its errors are objects)."""
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
    return whole_words(body[: 2 * _LONGEST_BODY].decode("utf-8", errors="replace"), _LONGEST_BODY)


def _root_text(error: BaseException) -> str:
    """The innermost reason in words: httpx's own text for a failed connection often says nothing."""
    said = ""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        said = str(link) or said
        link = link.__cause__ or link.__context__
    return said
