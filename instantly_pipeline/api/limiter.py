"""How fast requests may go out: a token bucket whose rate is learned.

Live, the API allows 100 requests a second and 6,000 a minute per workspace; older descriptions say about 100 a minute;
neither sends headers that tell. So the rate is found: it doubles about every second while the bucket is what holds us
back, is halved at a 429, and grows slowly from then on. One limiter serves all chains of a workspace.
"""

from __future__ import annotations

import asyncio
import math

from instantly_pipeline.api.clock import Clock

_START = 40.0  # requests a second: with the burst below the vendor's 100 in the first second
_BURST = 40.0
_FLOOR = 0.2  # requests a second: slower than this is not worth learning
_SLOWEST_GROWTH = 0.02  # requests a second, per second
_SECONDS_TO_RECOVER = 60.0
_PAUSE = 1.0  # seconds in which nothing goes out after a 429 that names no time
_DEAF = 5.0  # seconds in which further 429s are answers to requests sent before the rate was lowered
_NEARLY = 1e-9


class Limiter:
    """A token bucket, first come first served; `rate` is in requests a second.

    `burst` requests may go out at once after a quiet time. The rate never exceeds `ceiling`.
    """

    def __init__(self, rate_per_second: float, burst: float, clock: Clock, *, ceiling: float = math.inf) -> None:
        if not 0 < rate_per_second <= ceiling or burst < 1:
            raise ValueError("a limiter needs a rate above 0, up to its ceiling, and a burst of at least 1")
        self.rate = rate_per_second
        self._burst = burst
        self._clock = clock
        self._ceiling = ceiling
        self._floor = min(_FLOOR, rate_per_second)
        self._growth: float | None = None  # requests a second, per second; None until the first 429
        self._tokens = burst
        self._filled_at = clock.monotonic()
        self._open_at = -math.inf
        self._deaf_until = -math.inf
        self._was_dry = False
        self._turn = asyncio.Lock()  # waiters are served in order

    @classmethod
    def for_cap(cls, requests_per_minute: int | None, clock: Clock) -> Limiter:
        """A limiter that learns; with a cap, no 60 seconds see more than `requests_per_minute` requests."""
        if requests_per_minute is None:
            return cls(_START, _BURST, clock)
        if requests_per_minute < 1:
            raise ValueError("a cap below one request a minute would never send anything")
        burst = max(1, min(int(_BURST), requests_per_minute // 60))
        ceiling = max(requests_per_minute - burst, 0.9) / 60
        return cls(min(_START, ceiling), burst, clock, ceiling=ceiling)

    async def acquire(self) -> None:
        """Return when one request may be sent. Every request pays, retries too."""
        async with self._turn:
            while (wait := self._wait()) > 0:
                self._was_dry = True
                await self._clock.sleep(wait)
            self._tokens -= 1

    def on_success(self) -> None:
        """Note a good answer: the rate grows, if it was the bucket that held the request back."""
        if not self._was_dry:
            return
        self._was_dry = False
        step = 1.0 if self._growth is None else self._growth / self.rate
        self.rate = min(self._ceiling, self.rate + step)

    def on_429(self, retry_after: float | None) -> None:
        """Note a refusal: nothing goes out for `retry_after` seconds, and the rate is halved.

        Refusals that follow within some seconds answer requests sent before, and lower the rate no further.
        """
        now = self._clock.monotonic()
        pause = _PAUSE if retry_after is None else max(retry_after, 0.0)
        self._fill(now)
        self._tokens = min(self._tokens, 0.0)
        self._open_at = max(self._open_at, now + pause)
        self._filled_at = self._open_at  # nothing is saved up meanwhile: a burst is the last thing to send then
        if now < self._deaf_until:
            return
        self._deaf_until = now + max(pause, _DEAF)
        self._growth = max(self.rate / (2 * _SECONDS_TO_RECOVER), _SLOWEST_GROWTH)
        self.rate = max(self._floor, self.rate / 2)

    def _wait(self) -> float:
        now = self._clock.monotonic()
        self._fill(now)
        if self._open_at > now:
            return self._open_at - now
        missing = 1 - self._tokens
        return missing / self.rate if missing > _NEARLY else 0.0

    def _fill(self, now: float) -> None:
        if now > self._filled_at:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self.rate)
            self._filled_at = now
