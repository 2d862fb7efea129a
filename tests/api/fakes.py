"""Time that passes at once, and clients made for a test."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.api.pace import Turn

from .server import Server

KEY = "MDE5OGZmZmYtMDAwMC03MDAwOlpYY1ZibkFzRGZHaA=="
START = datetime(2026, 8, 20, 12, tzinfo=UTC)

_T = TypeVar("_T")


class FakeClock:
    """A clock that stands still but for its sleepers; `slept` lists what they asked for."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


class Open(Limiter):
    """Lets everything out."""

    async def acquire(self, patience: float = 0.0) -> Turn:
        return self._pace.send(self._clock.monotonic())


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a test's coroutine; ten real seconds are more than any of them may take."""
    return asyncio.run(asyncio.wait_for(main, 10))


@asynccontextmanager
async def client_of(server: Server | str, clock: FakeClock | None = None, **options: Any) -> AsyncIterator[ApiClient]:
    """A client for the server, without a limit of speed unless one is given."""
    clock = clock or FakeClock()
    settings: dict[str, Any] = {
        "base_url": server if isinstance(server, str) else server.url,
        "key": KEY,
        "limiter": Open(clock),
        "clock": clock,
        "rng": random.Random(1),
    }
    async with ApiClient(**{**settings, **options}) as client:
        yield client
