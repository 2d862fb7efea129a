"""How fast requests may go out: one bucket for all chains of a workspace, first come first served.

Its rate is learned by `pace.Pace`; here is what waits, what is remembered between runs, and the cap of the settings.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping

from instantly_pipeline.api.clock import Clock
from instantly_pipeline.api.pace import Pace
from instantly_pipeline.api.turns import Turn
from instantly_pipeline.errors import RateLimited

UNTOLD = 6_000.0  # requests a minute, as the vendor says: believed until a refusal shows another limit
_ABSURD = 1e9  # requests a minute
_LONGEST_NAMED = 900.0  # seconds: a longer wait that a server names is for one request, not for all


class Limiter:
    """A bucket whose rate is learned; every request that goes out takes a turn, retries too.

    `on_learned` is called whenever a refusal has changed what is known, so that it can be kept.
    """

    def __init__(self, clock: Clock, *, ceiling: float = math.inf, untold: float = UNTOLD) -> None:
        """The rate never exceeds `ceiling` requests a second. `untold`: see `per_minute`; it slows nothing down."""
        self.on_learned: Callable[[], None] | None = None
        self._clock = clock
        self._ceiling, self._untold = ceiling, untold
        self._pace = Pace(clock.monotonic(), ceiling=ceiling)
        self._line = asyncio.Lock()  # who waits is served in order
        self._answered = asyncio.Event()

    @classmethod
    def for_cap(cls, requests_per_minute: int | None, clock: Clock) -> Limiter:
        """A limiter that learns; with a cap, no 60 seconds see more than `requests_per_minute` requests."""
        if requests_per_minute is None:
            return cls(clock)
        if requests_per_minute < 1:
            raise ValueError("a cap below one request a minute would never send anything")
        return cls(clock, ceiling=max(requests_per_minute - 1, 0.9) / 60)

    @property
    def per_minute(self) -> float:
        """Requests a minute that it believes it can sustain: the limit, or the rate where that has come further.

        Until a limit has shown, `untold`.
        """
        limit = self._pace.limit
        return min(60 * self._ceiling, self._untold if limit is None else 60 * max(limit, self._pace.rate))

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
        named = retry_after if retry_after is None or retry_after <= _LONGEST_NAMED else None
        self._pace.refused(turn, self._clock.monotonic(), named)
        self._answered.set()

    def unanswered(self, turn: Turn) -> None:
        """The request got no answer."""
        self._pace.unanswered(turn, self._clock.monotonic())
        self._answered.set()

    def remembered(self) -> dict[str, object]:
        """What the next run should know, as JSON values; empty where nothing was learned."""
        return {} if self._pace.limit is None else {"per_minute": self.per_minute}

    def recall(self, state: Mapping[str, object]) -> None:
        """Start from what an earlier run remembered, unless it is no rate."""
        per_minute = state.get("per_minute")
        if isinstance(per_minute, int | float) and not isinstance(per_minute, bool) and 0 < per_minute < _ABSURD:
            self._pace.begin_at(per_minute / 60, self._clock.monotonic())
            self._answered.set()
