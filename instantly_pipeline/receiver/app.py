"""The two paths of the receiver: where Instantly sends events, and whether that works."""

from __future__ import annotations

import hmac
from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.inbox import Received
from instantly_pipeline.receiver.address import PATH, SECRET_HEADER
from instantly_pipeline.receiver.body import BodyReader, BodyRefused, EarlyAnswer
from instantly_pipeline.receiver.commit import GroupCommit
from instantly_pipeline.receiver.health import Health
from instantly_pipeline.receiver.payload import why_no_event
from instantly_pipeline.receiver.rate import TokenBucket

RECENT = 60_000  # bodies remembered as stored: those of 30 s, in which Instantly tries again, at 2,000 a second

_WORDS = {
    401: f"The header {SECRET_HEADER} is missing or wrong.",
    413: "The body has more than 10 MB.",
    429: "Too many events at once.",
    503: "The event could not be stored now. Send it again.",
}
_ACCEPTED = {what: JSONResponse({"status": what}) for what in ("received", "aside", "duplicates")}


class Receiver:
    """Answers requests, and counts them: `received`, `aside` and `duplicates` with 200, `refused` by status."""

    def __init__(
        self,
        commit: GroupCommit,
        health: Health,
        *,
        secret: str | None,
        rate: TokenBucket,
        bodies: BodyReader | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.counts = Counter(dict.fromkeys(_ACCEPTED, 0))
        self.refused: Counter[int] = Counter()
        self.last_problem: str | None = None
        self._commit = commit
        self._health = health
        self._secret = None if secret is None else secret.encode()
        self._rate = rate
        self._now = now
        self._bodies = bodies or BodyReader()
        self._recent: OrderedDict[bytes, None] = OrderedDict()

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [Route(PATH, self, methods=["POST"]), Route("/healthz", self._tell_health, methods=["GET"])]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _answer_without})
        app.router.redirect_slashes = False
        return app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Receive an event. An ASGI application of its own: Starlette's wrapping of a function takes a tenth of it."""
        answer = await self._receive(Request(scope, receive))
        await answer(scope, receive, send)

    async def _receive(self, request: Request) -> Response:
        if not self._is_from_instantly(request):
            return self._refuse(401)
        if not self._rate.take():
            return self._refuse(429)
        with self._bodies.holding() as held:
            try:
                body = await held.read(request)
            except BodyRefused as refusal:
                return self._refuse(refusal.status)
            except ClientDisconnect:
                return Response()  # nobody reads it
            return await self._store(body)

    async def _store(self, body: bytes) -> Response:
        digest = blake2b(body, digest_size=16).digest()
        if digest in self._recent:
            return self._accept("duplicates")
        reason = why_no_event(body)
        try:
            await self._commit.store(Received(self._now(), body, reason))
        except StorageError as problem:
            self.last_problem = str(problem)
            self._health.doubt()
            return self._refuse(503, Response)
        self._recent[digest] = None  # only now: a second one that comes meanwhile waits for the disk, too
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return self._accept("received" if reason is None else "aside")

    def _is_from_instantly(self, request: Request) -> bool:
        if self._secret is None:
            return True
        given = request.headers.get(SECRET_HEADER, "")
        return hmac.compare_digest(given.encode("latin-1"), self._secret)

    def _accept(self, what: str) -> Response:
        self.counts[what] += 1
        return _ACCEPTED[what]

    def _refuse(self, status: int, kind: type[Response] = EarlyAnswer) -> Response:
        """`kind`: a plain Response where the body was read; to wait for its end would keep the connection busy."""
        self.refused[status] += 1
        headers = {"Retry-After": "1"} if status in (429, 503) else None
        return kind(_WORDS[status], status, headers, "text/plain")

    async def _tell_health(self, _: Request) -> Response:
        problem, inbox = await self._health.check()
        counts = {**self.counts, "refused": self.refused.total(), "aside_dropped": self._commit.dropped}
        found = {"status": "ok" if problem is None else "failing", "problem": problem, **counts, "inbox": inbox}
        return JSONResponse(found, 200 if problem is None else 503)


def _answer_without(_: Request, error: Exception) -> Response:
    """404 and 405."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    return EarlyAnswer(error.detail, error.status_code, error.headers, "text/plain")
