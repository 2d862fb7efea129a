"""How fast requests may go out: one bucket for all chains of a workspace, first come first served.

Its rate is learned by `pace.Pace`; here is what waits, what is remembered between runs, and the cap of the settings.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from instantly_pipeline.api.clock import Clock
from instantly_pipeline.api.pace import Pace, Turn
from instantly_pipeline.api.recent import WINDOW
from instantly_pipeline.errors import RateLimited

_UNTOLD = 6_000.0  # requests a minute, as the vendor says: believed until a refusal shows more
_BURST = 40.0
_SLOWEST, _FASTEST = 10.0, 1e6  # requests a minute: what else was remembered is not believed
_FRESH = timedelta(days=1)
_STALE = timedelta(days=30)


class Limiter:
    """A bucket whose rate is learned; every request that goes out takes a turn, retries too.

    `on_learned` is called whenever a refusal has changed what is known, so that it can be kept.
    """

    def __init__(self, clock: Clock, *, ceiling: float = math.inf, burst: float = math.inf) -> None:
        """The rate never exceeds `ceiling` requests a second; at most `burst` go out at once after a late loop."""
        self.on_learned: Callable[[], None] | None = None
        self._clock = clock
        self._ceiling = ceiling
        self._pace = Pace(clock.monotonic(), ceiling=ceiling, burst=burst)
        self._line = asyncio.Lock()  # who waits is served in order
        self._answered = asyncio.Event()

    @classmethod
    def for_cap(cls, requests_per_minute: int | None, clock: Clock) -> Limiter:
        """A limiter that learns; with a cap, no 60 seconds see more than `requests_per_minute` requests."""
        if requests_per_minute is None:
            return cls(clock)
        if requests_per_minute < 1:
            raise ValueError("a cap below one request a minute would never send anything")
        burst = max(1, min(int(_BURST), requests_per_minute // 60))
        return cls(clock, ceiling=max(requests_per_minute - burst, 0.9) / WINDOW, burst=burst)

    @property
    def per_minute(self) -> float:
        """Requests a minute that it believes it can sustain."""
        limit = None if self._pace.is_guess else self._pace.sustained
        return min(self._ceiling * WINDOW, _UNTOLD if limit is None else limit * WINDOW)

    async def acquire(self, patience: float = math.inf) -> Turn:
        """Return when one request may be sent. End the turn with `accepted`, `refused` or `unanswered`.

        RateLimited where everything was refused for longer than `patience` seconds and it is not the time for a probe.
        """
        async with self._line:
            while (wait := self._pace.wait(self._clock.monotonic())) > 0:
                if self.refused_for > patience:
                    raise RateLimited(f"every request was refused (429) for {self.refused_for:.0f} s")
                if math.isinf(wait):
                    self._answered.clear()
                    await self._answered.wait()
                else:
                    await self._clock.sleep(wait)
            return self._pace.send(self._clock.monotonic())

    @property
    def refused_for(self) -> float:
        """Seconds since when everything is refused; 0 while requests are accepted."""
        refusal = self._pace.refusal
        return 0.0 if refusal is None else self._clock.monotonic() - refusal.began_at

    def accepted(self, turn: Turn) -> None:
        """The request was answered, and not refused for speed."""
        reopened = self._pace.refusal
        self._pace.accepted(turn, self._clock.monotonic())
        self._answered.set()
        if reopened is not None and self._pace.refusal is None and self.on_learned is not None:
            self.on_learned()

    def refused(self, turn: Turn, retry_after: float | None) -> None:
        """The answer was 429, and named so many seconds to wait, or none."""
        self._pace.refused(turn, self._clock.monotonic(), retry_after)
        self._answered.set()

    def unanswered(self, turn: Turn) -> None:
        """The request got no answer."""
        self._pace.unanswered(turn, self._clock.monotonic())
        self._answered.set()

    def remembered(self) -> dict[str, object]:
        """What the next run should know; empty where nothing was learned, or too little. JSON values."""
        if self._pace.limit is None or self._pace.is_guess:
            return {}
        return {"per_minute": self.per_minute, "at": self._clock.now().isoformat()}

    def recall(self, state: Mapping[str, object]) -> None:
        """Start from what an earlier run remembered: carefully if that is long ago, not at all if it is absurd."""
        per_minute, at = state.get("per_minute"), state.get("at")
        if not isinstance(per_minute, int | float) or isinstance(per_minute, bool) or not isinstance(at, str):
            return
        try:
            age = self._clock.now() - datetime.fromisoformat(at)
        except (ValueError, TypeError):
            return
        if not _SLOWEST <= per_minute <= _FASTEST or not timedelta(0) <= age < _STALE:
            return
        self._pace.begin_at(per_minute / WINDOW, self._clock.monotonic(), careful=age > _FRESH)
        self._answered.set()
