"""The HTTP client of one workspace: requests, retries and pages.

One client per key. Concurrent scans share its limiter and its connections. It knows paths and JSON, not tables.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache, partial
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote, urlencode

import httpx
import orjson

from instantly_pipeline.api import faults
from instantly_pipeline.api.bodies import Page, decode, parse_page
from instantly_pipeline.api.clock import SYSTEM, Clock, ClockSkew
from instantly_pipeline.api.connection import Timeouts, open_http, parse_origin, validated_key
from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.api.paging import PAGE_SIZE, CursorOf, walk
from instantly_pipeline.api.receive import Receiver, error_body
from instantly_pipeline.api.redaction import redact, redact_logs, register_secret
from instantly_pipeline.api.retry import DEFAULT_RETRY, Attempts, CannotConnect, RetryPolicy
from instantly_pipeline.api.turns import Turn
from instantly_pipeline.errors import BadBody, Exhausted, RateLimited, Retriable

__all__ = ["ApiClient", "ClientStats", "Page", "Params", "Timeouts", "count_requests"]

Params = Mapping[str, str | Sequence[str]]
OnResponse = Callable[[int, Mapping[str, str], bytes], None]  # status, headers and body of every response

# requests in flight: at the vendor's 100 a second and 0.4 s per response, 40 reach the limit; slower ones need more
CONCURRENCY = 64

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(slots=True)
class ClientStats:
    """Counters of a client. `requests` counts every try, `bytes_received` the bytes on the wire (compressed)."""

    requests: int = 0
    retries: int = 0
    responses_429: int = 0
    seconds_waiting: float = 0.0
    bytes_received: int = 0


DEFAULT_TIMEOUTS = Timeouts()

_task_stats: ContextVar[ClientStats | None] = ContextVar("task_stats", default=None)


@contextmanager
def count_requests() -> Iterator[ClientStats]:
    """Count the requests of the current task and the tasks it starts, on any client. Nested: the innermost counts."""
    stats = ClientStats()
    token = _task_stats.set(stats)
    try:
        yield stats
    finally:
        _task_stats.reset(token)


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, the same on every try."""

    method: str
    path: str
    params: Params | None = None
    body: Mapping[str, object] | None = None
    is_write: bool = False

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError("a path starts with a slash; anything else could lead to another host")

    @property
    def where(self) -> str:
        return f"{self.method} {redact(self.path)}"

    @property
    def target(self) -> str:
        """Path and query; all but letters, digits and `-._~` is percent-encoded, since cursors contain `&` and `@`."""
        query = urlencode(dict(self.params or {}), doseq=True, quote_via=quote, safe="")
        return f"{self.path}?{query}" if query else self.path

    def may_be_repeated(self, fault: Retriable) -> bool:
        """Whether it surely had no effect: it is a read, no connection was made, or the rate limit refused it."""
        return not self.is_write or isinstance(fault, RateLimited | CannotConnect)


class _Turns:
    """The turns that one request took: of its path's own limiter first, if there is one, then of the workspace's."""

    def __init__(self) -> None:
        self._taken: list[tuple[Limiter, Turn]] = []

    def add(self, limiter: Limiter, turn: Turn) -> None:
        self._taken.append((limiter, turn))

    def accepted(self) -> None:
        for limiter, turn in self._taken:
            limiter.accepted(turn)

    def refused(self, retry_after: float | None) -> None:
        """Only the first limiter learns from it: a 429 does not say which limit it is about."""
        limiter, turn = self._taken.pop(0)
        limiter.refused(turn, retry_after)
        self.unanswered()

    def unanswered(self) -> None:
        for limiter, turn in self._taken:
            limiter.unanswered(turn)


class ApiClient:
    """A client for the workspace of one key; an async context manager.

    `base_url` is the API's origin without `/api/v2`; paths start with `/api/v2/`. At most `concurrency` requests are
    in flight at a time. A path that the API limits by itself has a limiter in `limiters_by_path`; its requests pass
    that one and `limiter`, and only its own learns from their refusals. Raises the errors of
    `instantly_pipeline.errors`; a retriable error is raised as `Exhausted` once the budget of `retry` is spent.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: str,
        limiter: Limiter,
        limiters_by_path: Mapping[str, Limiter] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock = SYSTEM,
        rng: random.Random | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        concurrency: int = CONCURRENCY,
        on_response: OnResponse | None = None,
    ) -> None:
        register_secret(validated_key(key))
        redact_logs(__name__)
        self.stats = ClientStats()
        self.clock_skew = ClockSkew()
        self._base_url = base_url.rstrip("/")
        self._limiter = limiter
        self._limiters_by_path = dict(limiters_by_path or {})
        self._clock = clock
        self._rng = rng or random.Random()
        self._retry = retry
        self._timeouts = timeouts
        self._slots = asyncio.Semaphore(concurrency)
        self._receiver = Receiver()
        self._on_response = on_response
        self._reached = False
        url = parse_origin(self._base_url)
        self._host = url.netloc.decode("ascii")
        self._http = open_http(url, key, transport=transport, timeouts=timeouts, concurrency=concurrency)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._http.__aexit__(kind, error, traceback)

    async def get(self, path: str, params: Params | None = None) -> object:
        """The decoded JSON of a 200. A parameter with several values is repeated (`ids=a&ids=b`)."""
        return (await self._request(_Call("GET", path, params), lambda answer: answer))[0]

    async def post(self, path: str, body: Mapping[str, object]) -> object:
        """The decoded JSON of a 200; the body is sent as JSON."""
        return (await self._request(_Call("POST", path, body=dict(body)), lambda answer: answer))[0]

    async def write(self, method: str, path: str, body: Mapping[str, object] | None = None) -> object:
        """Change something: the decoded JSON of a 2xx, None where it has no body.

        It is sent again only where it surely had no effect. A retriable error other than `Exhausted` means that nobody
        knows whether it had: look before sending it again.
        """
        return (await self._request(_Call(method, path, body=body, is_write=True), lambda answer: answer))[0]

    def pages(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Mapping[str, object] | None = None,
        start: str | None = None,
        cursor_of: CursorOf | None = None,
        size: int = PAGE_SIZE,
    ) -> AsyncGenerator[Page]:
        """The pages of a list, of at most `size` records; see `paging.walk`.

        The cursor goes into the query of a GET and into the body of a POST: in the query of `POST /leads/list` it would
        be ignored like any unknown parameter.
        """

        async def fetch(cursor: str | None, count: int) -> Page:
            return await self.page(method, path, params=params, body=body, cursor=cursor, size=count)

        return walk(fetch, where=_Call(method, path).where, start=start, cursor_of=cursor_of, size=size)

    async def page(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Mapping[str, object] | None = None,
        cursor: str | None = None,
        size: int = PAGE_SIZE,
        retry: RetryPolicy | None = None,
    ) -> Page:
        """One page of a list, at most `size` records. `retry` replaces the client's retry policy."""
        call = _page_call(_Call(method, path, params, body), cursor, size)
        page, seconds = await self._request(call, partial(parse_page, cursor=cursor, where=call.where), retry)
        return replace(page, seconds=seconds)

    async def _request(
        self, call: _Call, parse: Callable[[object], _T], retry: RetryPolicy | None = None
    ) -> tuple[_T, float]:
        """Send with retries. Returns the parsed answer and the seconds that the successful try took."""
        attempts = Attempts(retry or self._retry, self._rng)
        while True:
            async with self._slots:
                turns = await self._acquire(call)
                started = self._clock.monotonic()
                try:
                    answer = parse(await self._exchange(call, turns))
                    return answer, self._clock.monotonic() - started
                except Retriable as fault:
                    failed = fault.with_traceback(None)  # its frames would keep the body in memory
                except MemoryError:
                    failed = BadBody(f"{call.where}: not enough memory for its answer")
            if not call.may_be_repeated(failed):
                raise failed
            wait = attempts.wait_after(failed, took=self._clock.monotonic() - started, reached=self._reached)
            if wait is None:
                raise Exhausted(
                    f"{call.where} was given up after {attempts.count} tries in {attempts.seconds:.0f} s. The last "
                    f"error: {_sentence(failed)}. It changed nothing that is stored; run again later."
                ) from failed
            _log.info("%s. Trying again in %.1f s.", _sentence(failed), wait)
            for stats in self._all_stats():
                stats.retries += 1
                stats.seconds_waiting += wait
            await self._clock.sleep(wait)

    def _all_stats(self) -> list[ClientStats]:
        task_stats = _task_stats.get()
        return [self.stats] if task_stats is None else [self.stats, task_stats]

    async def _acquire(self, call: _Call) -> _Turns:
        before = self._clock.monotonic()
        turns = _Turns()
        try:
            for limiter in (self._limiters_by_path.get(call.path), self._limiter):
                if limiter is not None:
                    turns.add(limiter, await limiter.acquire(self._retry.rate_budget))
        except RateLimited as refusal:
            turns.unanswered()
            raise Exhausted(
                f"{call.where} was not sent: {refusal}. It changed nothing that is stored; run again later."
            ) from refusal
        except BaseException:
            turns.unanswered()
            raise
        waited = self._clock.monotonic() - before
        for stats in self._all_stats():
            stats.seconds_waiting += waited
        return turns

    async def _exchange(self, call: _Call, turns: _Turns) -> object:
        """One try: returns the decoded JSON of a success, else raises the matching error."""
        sent = self._clock.monotonic()
        try:
            response, body = await self._send(call)
        except BaseException:
            turns.unanswered()
            raise
        self._reached = True
        took = timedelta(seconds=self._clock.monotonic() - sent)
        self.clock_skew.observe(response.headers, received=self._clock.now(), took=took)
        if self._on_response is not None:
            self._on_response(response.status_code, response.headers, body)
        error = None
        if not response.is_success:
            error = faults.status_error(
                response.status_code, response.headers, body, where=call.where, now=self._clock.now()
            )
        refused = isinstance(error, RateLimited)
        for stats in self._all_stats():
            stats.bytes_received += response.num_bytes_downloaded
            stats.responses_429 += refused
        if isinstance(error, RateLimited):
            turns.refused(error.retry_after)
        else:
            turns.accepted()
        if error is not None:
            raise error
        return None if call.is_write and not body else decode(body, call.where)

    async def _send(self, call: _Call) -> tuple[httpx.Response, bytes]:
        content = None if call.body is None else orjson.dumps(call.body)
        headers = {} if content is None else {"Content-Type": "application/json"}
        url = _url(self._base_url + call.target)
        request = self._http.build_request(call.method, url, content=content, headers=headers)
        for stats in self._all_stats():
            stats.requests += 1
        try:
            async with asyncio.timeout(self._timeouts.total):
                response = await self._http.send(request, stream=True)
                async with aclosing(response):
                    whole = response.is_success
                    body = await (self._receiver.body(response, call.where) if whole else error_body(response))
                return response, body
        except (httpx.HTTPError, OSError) as error:
            fault = faults.transport_error(error, where=call.where, host=self._host)
        # raised outside of `except`, so that httpx's error, which holds the request and its key, is not its context
        raise fault


@lru_cache(maxsize=256)
def _url(address: str) -> httpx.URL:
    """Parsed once per address: all pages of a POST list have the same."""
    return httpx.URL(address)


def _page_call(call: _Call, cursor: str | None, size: int) -> _Call:
    at = {} if cursor is None else {"starting_after": cursor}
    if call.method == "GET":
        return _Call("GET", call.path, {**(call.params or {}), "limit": str(size), **at})
    return _Call(call.method, call.path, call.params, {**(call.body or {}), "limit": size, **at})


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".")
