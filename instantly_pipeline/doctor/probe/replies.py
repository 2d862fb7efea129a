"""One request of the probe and its reply, and who sends them: one at a time, each once."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

from instantly_pipeline.api.bodies import Page, parse_page
from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.api.connection import Timeouts
from instantly_pipeline.api.retry import CannotConnect, RetryPolicy
from instantly_pipeline.doctor.probe.wording import public_words
from instantly_pipeline.errors import (
    BadBody,
    BadRequest,
    EdgeBlocked,
    Exhausted,
    Forbidden,
    KeyRejected,
    NotFound,
    PipelineError,
    RateLimited,
    TooLarge,
)

Row = dict[str, object]

# Each request is sent once, since a failure is an answer too; only a 429 is waited for, up to a minute in all.
ONCE = RetryPolicy(tries=1, edge_tries=1, unreached_tries=1, rate_budget=60.0)
# Seconds. A probe of 25 requests should end within minutes on a server that hangs, so less than a sync waits; 60 s are
# what clients found enough for the slowest answers (reference, section 1.5).
TIMEOUTS = Timeouts(read=60.0, total=60.0)
_PATIENCE = 3  # requests in a row without an answer
_RATE_HEADER = re.compile(r"(x-)?rate-?limit(-[a-z]{1,20}){0,3}\Z|retry-after\Z")


class NotAnswered(Exception):
    """A question has no answer here: the workspace lacks what it takes, or (`failed`) a request got none."""

    def __init__(self, why: str, *, failed: bool = False) -> None:
        super().__init__(why)
        self.why, self.failed = why, failed


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to one request: the decoded body of a 200, or `failure`, or `missing`: why it was not sent.

    `refused`: the API rejected this request, which says something about the API (400, 404, 413).
    """

    request: str = ""
    body: object = None
    status: int | None = None
    said: str = ""  # the public words of an error
    refused: bool = False
    failure: str | None = None
    missing: str | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the API answered as asked."""
        return self.failure is None and self.missing is None and not self.refused

    @property
    def refusal(self) -> str:
        """The status and the public words of a refusal."""
        return f"{self.request} answered {self.status}" + (f" ({self.said})" if self.said else "")

    def record(self) -> Row:
        """The body as one record; NotAnswered if it is none."""
        self._check()
        if not isinstance(self.body, dict):
            raise NotAnswered(f"{self.request} answered something else than an object", failed=True)
        return self.body

    def page(self) -> Page:
        """The body as a page of a list; NotAnswered if it is none."""
        self._check()
        try:
            return parse_page(self.body, None, self.request)
        except BadBody:
            raise NotAnswered(f"{self.request} answered something else than a list", failed=True) from None

    def rows(self) -> list[Row]:
        """The records in the body; NotAnswered if it is no list."""
        return self.page().items

    def _check(self) -> None:
        if self.missing is not None:
            raise NotAnswered(self.missing)
        if self.failure is not None:
            raise NotAnswered(self.failure, failed=True)
        if self.refused:
            raise NotAnswered(self.refusal, failed=True)


def not_sent(why: str) -> Reply:
    """The reply to a request that the workspace gives no reason, or no possibility, to send."""
    return Reply(missing=why)


def rows_of(reply: Reply) -> list[Row]:
    """The records in a reply; none if it has no answer."""
    with suppress(NotAnswered):
        return reply.rows()
    return []


def unsent(none: NotAnswered) -> Reply:
    """The reply to a request that needs what another one did not bring."""
    return Reply(failure=none.why) if none.failed else not_sent(none.why)


@dataclass(slots=True)
class Observed:
    """What the responses said beside their bodies: rate limit headers, `Date`, and what a 403 looks like."""

    limits: dict[str, str] = field(default_factory=dict)  # rate limit headers of answers that were no 429
    limits_of_429: dict[str, str] = field(default_factory=dict)
    responses: int = 0
    dated: int = 0
    responses_429: int = 0
    bodies_403: dict[str, list[str]] = field(default_factory=dict)  # fields of the body, by its public words
    last_status: int | None = None
    last_body: bytes = b""

    def observe(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Note a response; the client calls this."""
        self.last_status, self.last_body = status, body
        self.responses += 1
        self.dated += "date" in headers
        found = {name.lower(): _figure(value) for name, value in headers.items() if _RATE_HEADER.match(name.lower())}
        if status == 429:
            self.responses_429 += 1
            self.limits_of_429 |= found
        else:
            self.limits |= found
        if status == 403:
            self.bodies_403[_message(body)] = _fields(body)


class Asker:
    """Sends the requests one after the other and turns every outcome into a Reply.

    After a rejected key, a block by the CDN, a minute of 429s, a server that cannot be reached or that leaves three
    requests in a row without an answer, nothing more is sent.
    """

    def __init__(self, client: ApiClient, observed: Observed, on_request: Callable[[int], None]) -> None:
        """`observed` is told of the client's responses; `on_request` is called with the number of each request."""
        self.sent = self.answered = 0
        self._silent = 0  # requests in a row without an answer
        self._client, self._observed, self._on_request = client, observed, on_request
        self._stopped: str | None = None

    async def get(self, path: str, label: str = "", **params: str) -> Reply:
        """GET `/api/v2/<path>`; `label` tells the request from others of the same path in a report."""
        return await self._ask(_named(f"GET /{path}", label), lambda: self._client.get(f"/api/v2/{path}", params))

    async def post(self, path: str, body: Mapping[str, object], label: str = "") -> Reply:
        """POST to `/api/v2/<path>`, a read."""
        return await self._ask(_named(f"POST /{path}", label), lambda: self._client.post(f"/api/v2/{path}", body))

    async def _ask(self, request: str, send: Callable[[], Awaitable[object]]) -> Reply:
        if self._stopped is not None:
            return Reply(request, failure=f"not asked, since {self._stopped}")
        observed = self._observed
        observed.last_status, observed.last_body = None, b""
        self.sent += 1
        self._on_request(self.sent)
        try:
            reply = Reply(request, await send(), observed.last_status)
        except PipelineError as error:
            return self._failed(request, _cause(error), observed.last_status)
        self.answered += 1
        self._silent = 0
        return reply

    def _failed(self, request: str, error: PipelineError, status: int | None) -> Reply:
        said = _message(self._observed.last_body)
        if isinstance(error, BadRequest | NotFound | TooLarge) and status is not None and status >= 400:
            return Reply(request, None, status, said, refused=True)
        failure = f"{request} {_outcome(error, status, said)}"
        self._silent = self._silent + 1 if status is None else 0
        if isinstance(error, KeyRejected | EdgeBlocked | CannotConnect | RateLimited) or self._silent >= _PATIENCE:
            self._stopped = failure
        return Reply(request, None, status, said, failure=failure)


def _outcome(error: PipelineError, status: int | None, said: str) -> str:
    """What became of a request that was not answered."""
    if isinstance(error, CannotConnect):
        return "could not be sent: the server cannot be reached"
    if isinstance(error, RateLimited):
        return "was refused for a minute (429)"
    if isinstance(error, EdgeBlocked):
        return "answered 403: blocked by the CDN in front of the API, not by a missing scope"
    if isinstance(error, BadBody):
        return "answered something else than JSON"
    if status is None or status < 300:
        return "got no complete answer"
    missing = ": the key lacks the scope" if isinstance(error, Forbidden) else ""
    return f"answered {status}{missing}" + (f" ({said})" if said else "")


def _named(request: str, label: str) -> str:
    return f"{request} {label}".rstrip()


def _cause(error: PipelineError) -> PipelineError:
    """The last error of a request that was given up."""
    cause = error.__cause__ if isinstance(error, Exhausted) else None
    return cause if isinstance(cause, PipelineError) else error


def _parsed(body: bytes) -> Row:
    with suppress(ValueError):
        found = orjson.loads(body)
        if isinstance(found, dict):
            return found
    return {}


def _message(body: bytes) -> str:
    """The public words of the message in the body of an error."""
    found = _parsed(body)
    inner = found.get("error")
    said = inner.get("message") if isinstance(inner, dict) else found.get("message") or inner
    return public_words(said) if isinstance(said, str) else ""


def _fields(body: bytes) -> list[str]:
    """The known field names in the body of an error."""
    return [name for name in ("statusCode", "code", "error", "message") if name in _parsed(body)]


def _figure(value: str) -> str:
    """A header's value if it is a plain number, else `...`."""
    return value if re.fullmatch(r"\d{1,10}(\.\d{1,6})?", value) else "..."
