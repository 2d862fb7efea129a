"""The client against the sandbox's limits, over real HTTP and in real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.api.clock import SYSTEM
from instantly_pipeline.api.limiter import Limiter
from instantly_sandbox.config import SandboxConfig
from instantly_sandbox.server import running

pytestmark = pytest.mark.whole

CONFIG = SandboxConfig(leads=20, campaigns=1, accounts=1, days=2)
PATH = "/api/v2/campaigns"


Answers = tuple[list[float], int]


async def _ask(
    url: str, key: str, seconds: float, at: Callable[[float], None] | None = None, known: float = 0
) -> Answers:
    """When each request of eight chains was answered well, and how many were refused."""
    answered: list[float] = []
    limiter = Limiter(SYSTEM)
    limiter.recall({"per_minute": known})
    async with ApiClient(base_url=url, key=key, limiter=limiter, concurrency=8) as client:
        started = time.monotonic()

        async def chain() -> None:
            while (now := time.monotonic() - started) < seconds:
                if at:
                    at(now)
                await client.get(PATH)
                answered.append(time.monotonic() - started)

        await asyncio.gather(*(chain() for _ in range(8)))
        return answered, client.stats.responses_429


def _switch(url: str, **limits: Any) -> None:
    httpx.post(f"{url}/_sandbox/switches", json={"rate_limits": limits, "latency": 0.05}).raise_for_status()


@pytest.mark.parametrize("window", ["sliding", "fixed"])
def test_a_rate_that_has_become_too_high_is_lowered_within_seconds(window: str) -> None:
    with running(CONFIG) as sandbox:
        _switch(sandbox.url, per_second=30, window=window, others_per_second=10)
        answered, refused = asyncio.run(_ask(sandbox.url, sandbox.key, 5.0, known=1500))
    assert len(answered) > 0.5 * 20 * 5  # this machine may be busy, and it comes back from a second's pause
    assert refused < 0.1 * len(answered)


@pytest.mark.slow
@pytest.mark.parametrize("window", ["sliding", "fixed"])
def test_a_limit_per_minute_that_falls_is_kept_within_a_hundredth(window: str) -> None:
    fallen: list[float] = []

    with running(CONFIG) as sandbox:
        _switch(sandbox.url, per_minute=1200, window=window)

        def fall(now: float) -> None:
            if now > 240 and not fallen:
                fallen.append(now)
                _switch(sandbox.url, per_minute=600)

        answered, refused = asyncio.run(_ask(sandbox.url, sandbox.key, 480.0, fall))
    assert len([when for when in answered if 180 < when <= 240]) > 0.9 * 1200
    assert len([when for when in answered if 420 < when <= 480]) > 0.9 * 600
    assert refused < 0.03 * len(answered)
