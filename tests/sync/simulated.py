"""Scans of a list of leads on a clock that jumps from event to event: what they cost, whatever the machine does.

The scan and the limiter are the real ones; the server is a sorted list of ids, and what a page costs a processor is a
lock that is held for so long.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from bisect import bisect_right
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from instantly_pipeline.api.bodies import Page
from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.errors import BadRequest
from instantly_pipeline.sync.leads.keyspace import KeyRange, id_of, key_at, timed
from instantly_pipeline.sync.leads.parallel_scan import ParallelScan
from instantly_pipeline.sync.sink import Sink
from tests.api.simulated import VENDOR, Server, limits

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PER_PAGE = 100


def lumpy_ids(pages: int) -> list[str]:
    """So many pages of ids: one in seven anywhere, as of version 4, the others from imports of minutes in 90 days."""
    rng = random.Random(7)
    places = {rng.getrandbits(128) for _ in range(pages * PER_PAGE // 7)}
    while len(places) < pages * PER_PAGE:
        began = timed(NOW - timedelta(days=rng.uniform(0.1, 90)))
        size = min(rng.randrange(200, 3000), pages * PER_PAGE - len(places))
        places |= {
            began + (rng.randrange(600_000) << 80 | 7 << 76 | 2 << 62 | rng.getrandbits(60)) for _ in range(size)
        }
    return sorted(id_of(key_at(place)) for place in places)


class _Selector(selectors.SelectSelector):
    """Waits by moving the loop's clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Selector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


class _Clock:
    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Far:
    """A server and this process: its latency, the processor time of either per page, in seconds, and its limits."""

    latency: float = 0.0
    serving: float = 0.0003
    working: float = 0.005
    limited: bool = False
    gone: frozenset[str] = frozenset()  # cursors it does not take; where there are some it takes none twice


class _Client:
    """What the scan sees of `ApiClient`."""

    def __init__(self, ids: list[str], far: Far) -> None:
        self.requests = self.refused = 0
        self.processor = asyncio.Lock()
        self._ids, self._far, self._serving = ids, far, asyncio.Lock()
        self._limiter, self._slots = Limiter(_Clock()), asyncio.Semaphore(64)
        self._taken = set(far.gone)
        self._server = Server(limits("sliding", *VENDOR)) if far.limited else None

    async def pages(self, *_: object, start: str | None = None, **__: object) -> AsyncGenerator[Page]:
        cursor: str | None = start
        while True:
            seconds = await self._answer()
            if self._far.gone and cursor is not None:
                if cursor in self._taken:
                    raise BadRequest("no such cursor")
                self._taken.add(cursor)
            at = 0 if cursor is None else bisect_right(self._ids, cursor)
            found = self._ids[at : at + PER_PAGE]
            following = found[-1] if at + PER_PAGE < len(self._ids) else None
            yield Page([{"id": one} for one in found], cursor, following, seconds=seconds)
            if following is None:
                return
            cursor = following

    async def _answer(self) -> float:
        """Ask until it is not refused; the seconds of the last try."""
        clock = asyncio.get_running_loop().time
        while True:
            async with self._slots:
                turn = await self._limiter.acquire()
                began = clock()
                self.requests += 1
                admitted = self._server is None or self._server.admit(began)
                await asyncio.sleep(self._far.latency)
                async with self._serving:
                    await asyncio.sleep(self._far.serving)
                async with self.processor:
                    await asyncio.sleep(self._far.working)
                if admitted:
                    self._limiter.accepted(turn)
                    return clock() - began
                self.refused += 1
                self._limiter.refused(turn, None)
            await asyncio.sleep(1)


@dataclass
class Outcome:
    """`requests` without the refused ones, `seconds` of simulated time, the ids that were seen."""

    requests: int
    seconds: float
    seen: set[str]


def scanned(ids: list[str], far: Far, *, ranges: list[KeyRange] | None = None) -> Outcome:
    """Read the whole list: from its beginning, or in ranges known before."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(_scan(ids, far, ranges))


async def _scan(ids: list[str], far: Far, ranges: list[KeyRange] | None) -> Outcome:
    client, clock, seen = _Client(ids, far), _Clock(), set[str]()
    log = SimpleNamespace(keys=lambda items: [f'["{one["id"]}"]' for one in items])
    context = SimpleNamespace(now=clock.now, clock=clock, log=lambda _: log)
    stream = SimpleNamespace(method="POST", path="/list", params=None, name="leads", cursor_of=None)
    sink = SimpleNamespace(client=client, stream=stream, ctx=context, total=len(ids) // PER_PAGE + 1)
    scan = ParallelScan(cast("Sink", sink), ranges or [KeyRange()], any_id=True if ranges else None)
    async with aclosing(scan.batches()) as batches:
        async for batch in batches:
            seen.update(record["id"] for chunk in batch for page in chunk.pages for record in cast("Any", page.items))
            scan.land(batch)
    return Outcome(client.requests - client.refused, clock.monotonic(), seen)
