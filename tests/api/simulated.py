"""Servers with limits, and a client that always has something to ask, on a clock that jumps from event to event.

A quarter of an hour at a hundred requests a second is over in less than a second. The client is the control law alone,
`Pace`; what is around it is tested over real HTTP elsewhere.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from instantly_pipeline.api.pace import Pace
from instantly_pipeline.api.turns import Turn


class Limit(Protocol):
    """At most `most` requests per `seconds`, counted in one of several ways."""

    most: int

    def left(self, now: float) -> bool: ...
    def take(self, now: float) -> None: ...


class Sliding:
    """In any `seconds`."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self.taken: deque[float] = deque()

    def left(self, now: float) -> bool:
        while self.taken and self.taken[0] <= now - self.seconds:
            self.taken.popleft()
        return len(self.taken) < self.most

    def take(self, now: float) -> None:
        self.taken.append(now)


class Fixed:
    """In each `seconds` of the calendar; the client starts somewhere in the midst of one."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self.slot, self.used = -1, 0

    def left(self, now: float) -> bool:
        slot = int((now + 17.3) // self.seconds)
        if slot != self.slot:
            self.slot, self.used = slot, 0
        return self.used < self.most

    def take(self, now: float) -> None:
        self.used += 1


class Bucket:
    """A bucket of `most` tokens that fills within `seconds`."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self.tokens, self.filled_at = float(most), 0.0

    def left(self, now: float) -> bool:
        self.tokens = min(self.most, self.tokens + (now - self.filled_at) * self.most / self.seconds)
        self.filled_at = now
        return self.tokens >= 1

    def take(self, now: float) -> None:
        self.tokens -= 1


class First(Fixed):
    """In the `seconds` that begin with the first request after the last ones have passed."""

    def left(self, now: float) -> bool:
        if self.slot < 0 or now >= self.began + self.seconds:
            self.slot, self.began, self.used = 0, now, 0
        return self.used < self.most

    began = 0.0


class Even(Bucket):
    """A bucket that holds a twentieth of it (GCRA): hardly anything can be saved up."""

    def left(self, now: float) -> bool:
        super().left(now)
        self.tokens = min(self.tokens, max(2.0, self.most / 20))
        return self.tokens >= 1


class Weighted(Fixed):
    """In each `seconds` of the calendar, with as much of the last one as a sliding window would still hold."""

    before = 0

    def left(self, now: float) -> bool:
        slot, past = divmod((now + 17.3) / self.seconds, 1)
        if int(slot) != self.slot:
            self.before = self.used if int(slot) == self.slot + 1 else 0
            self.slot, self.used = int(slot), 0
        return self.before * (1 - past) + self.used < self.most


class Counting(Sliding):
    """In any `seconds`, those that were refused too."""

    def left(self, now: float) -> bool:
        if super().left(now):
            return True
        self.take(now)
        return False


class Punishing(Sliding):
    """In any `seconds`; who asks for more is refused everything for a minute."""

    until = -math.inf

    def left(self, now: float) -> bool:
        if now >= self.until and not super().left(now):
            self.until = now + 60
        return now >= self.until


KINDS: dict[str, Callable[[int, float], Limit]] = {"sliding": Sliding, "fixed": Fixed, "bucket": Bucket}
OTHERS: dict[str, Callable[[int, float], Limit]] = {
    "from the first request": First, "even": Even, "weighted": Weighted, "counting refused ones": Counting,
    "punishing for a minute": Punishing,
}  # fmt: skip


@dataclass
class Server:
    """Admits what all its limits admit. `change` alters it as time goes on, `other` is what another client asks."""

    limits: list[Limit]
    change: Callable[[Server, float], None] | None = None
    other: Callable[[float], float] | None = None  # requests a second at a time
    down: Callable[[float], bool] | None = None
    retry_after: Callable[[float], float] | None = None  # what a 429 names at a time
    eaten: list[float] = field(default_factory=list)
    _other_at: float = 0.0

    def admit(self, now: float) -> bool:
        if self.change:
            self.change(self, now)
        while self.other:
            rate = self.other(self._other_at)
            step = 1 / rate if rate else 1.0
            if self._other_at + step > now:
                break
            self._other_at += step
            if rate and self._takes(self._other_at):
                self.eaten.append(self._other_at)
        return not (self.down and self.down(now)) and self._takes(now)

    def _takes(self, now: float) -> bool:
        if not all(limit.left(now) for limit in self.limits):
            return False
        for limit in self.limits:
            limit.take(now)
        return True


@dataclass
class Log:
    """When each request arrived, and whether it was accepted."""

    entries: list[tuple[float, bool]] = field(default_factory=list)

    def between(self, start: float, end: float) -> tuple[int, int]:
        """(accepted, refused)"""
        found = [accepted for at, accepted in self.entries if start <= at < end]
        return sum(found), len(found) - sum(found)

    def refused(self, start: float, end: float) -> float:
        """The share of 429s."""
        accepted, refused = self.between(start, end)
        return refused / max(1, accepted + refused)


def play(
    pace: Pace,
    server: Server,
    seconds: float,
    *,
    latency: tuple[float, float] = (0.3, 0.5),
    concurrency: int = 64,
    demand: Callable[[float], float] | None = None,
    watch: Callable[[float], None] | None = None,
    seed: int = 1,
) -> Log:
    """Ask for so long; `demand` is how much there is to ask, in requests a second (without it: always more)."""
    rng, log = random.Random(seed), Log()
    events: list[tuple[float, int, Turn, bool | None]] = []
    now, count, under_way, wanted_at = 0.0, 0, 0, 0.0
    while now < seconds:
        ready = max(now, wanted_at)
        at = ready + pace.wait(ready) if under_way < concurrency else math.inf
        if events and events[0][0] <= at:
            now, _, turn, accepted = heapq.heappop(events)
            count += 1
            if accepted is None:
                accepted = server.admit(now)
                log.entries.append((now, accepted))
                heapq.heappush(events, (now + rng.uniform(*latency), count, turn, accepted))
                continue
            under_way -= 1
            if accepted:
                pace.accepted(turn, now)
            else:
                pace.refused(turn, now, server.retry_after(now) if server.retry_after else None)
            continue
        now = at
        if watch:
            watch(now)
        if pace.wait(now) > 0:
            continue
        under_way, count = under_way + 1, count + 1
        if demand:
            wanted_at = max(wanted_at, now - 1) + 1 / demand(now)
        heapq.heappush(events, (now + 0.02, count, pace.send(now), None))
    return log


def limits(kind: str, *which: tuple[int, float]) -> list[Limit]:
    return [(KINDS | OTHERS)[kind](most, seconds) for most, seconds in which]


def resize(server: Server, per_minute: int) -> None:
    """Another limit per minute, with what was counted so far."""
    for limit in server.limits:
        if getattr(limit, "seconds", 0) == 60:
            limit.most = per_minute


VENDOR: Sequence[tuple[int, float]] = ((100, 1.0), (6000, 60.0))
