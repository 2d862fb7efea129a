"""The control law: when the next request may go, learned from which ones were refused. Pure: no waiting, no I/O.

- *Slow start* (RFC 5681): until a limit has shown, a window bounds what is unanswered, and so the overshoot.
- *Pause and probe*: at a refusal everything stops. One request probes, after pauses that double, until one is accepted.
- *Delivery rate* (as in BBR): a limit is what was accepted over the time that took, the pause included, whatever the
  server counts. A refusal of a moment says that the refused rate is the limit.
- *Cubic* (RFC 9438): the rate starts below the limit, is back at it after `_time`, and soon grows ever faster. `_time`
  is short, until two measures agree: then it is so long that the 429s of each search are paid for (decision 5).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from instantly_pipeline.api.turns import Refusal, Turn

_WINDOW = 10.0  # requests: unanswered at first (RFC 6928), and the fewest accepted ones that measure a limit
_GROWTH = 0.2  # of the window, for each accepted request: less is slower, more overshoots more (benchmarks/rate.md)
_BETA = 0.85  # of the limit: where the rate starts again, as after an explicit signal in RFC 8511 (benchmarks/rate.md)
_PAUSE = 0.5  # seconds: half of the shortest period that a source names
_LONGEST_PAUSE = 8.0  # seconds: half of the 15 within which a burst has to be over for us, too
_PAID = 80  # accepted requests for each 429 of a search; there are two times as many between two of them
_MINUTE = 60.0  # seconds: the longest period that a source names, and so the longest `_time`
_FLOOR = 20 / 60  # requests a second: the lowest limit that a source names


class _Mark(NamedTuple):
    """How many requests had been accepted in all at a time, and the rate then."""

    accepted: int
    at: float
    rate: float


class Pace:
    """The law for one bucket, in requests a second, and seconds of a monotonic clock; `limit` is None until known.

    Who calls `wait` and gets 0 may call `send`; each turn ends in one of `accepted`, `refused` and `unanswered`.
    """

    def __init__(self, now: float, *, ceiling: float = math.inf) -> None:
        self.limit: float | None = None
        self.refusal: Refusal | None = None
        self._ceiling, self._first_window, self._time = ceiling, _WINDOW, _PAUSE
        self._windowed: float | None = None  # the last limit measured by a refusal that was not of a moment
        self._unanswered = self._accepted = self._answers = 0
        self.rate = self._window = self._next_at = self._answering = 0.0
        self._is_held = False
        self._begin(now)
        self._account = self._cycle = self._doubled  # since the last measure of a refusal that lasted; since any

    def wait(self, now: float) -> float:
        """Seconds until a request may go out; infinite where an answer has to come first."""
        if self.refusal is not None:
            return math.inf if self.refusal.probe else max(0.0, self.refusal.probe_at - now)
        if self.limit is None and self._unanswered >= int(self._window):
            return math.inf
        missing = self._next_at - now
        self._is_held = self._is_held or missing > 1e-9
        return missing if missing > 1e-9 else 0.0

    def send(self, now: float) -> Turn:
        """Take a turn. One that is late is made up for, but not beyond the ceiling."""
        is_busy = 2 * self._unanswered >= self._window - 1
        turn = Turn(now, self.rate, is_busy if self.limit is None else self._is_held)
        self._is_held, self._unanswered, step = False, self._unanswered + 1, 1 / self.rate
        self._next_at = max(self._next_at, now if self.rate >= self._ceiling else now - step) + step
        if self.refusal is not None:
            self.refusal.probe = turn
        return turn

    def accepted(self, turn: Turn, now: float) -> None:
        """The server answered, whatever it said, and did not refuse for speed."""
        self._unanswered -= 1
        self._accepted += turn.sent_at >= self._cycle.at
        if self.refusal is None:
            self._answers, self._answering = self._answers + 1, self._answering + now - turn.sent_at
            if turn.is_held and turn.sent_at >= self._began_at:
                self._grow(turn)
            return
        sent_between = (self.refusal.turn.sent_at + self.refusal.began_at) / 2
        if turn is self.refusal.probe or (self.refusal.is_momentary and turn.sent_at >= sent_between):
            self._resume(now, self.refusal)

    def refused(self, turn: Turn, now: float, named: float | None) -> None:
        """The server answered 429, and named so many seconds to wait, or none."""
        self._unanswered -= 1
        refusal = self.refusal
        if refusal is None:
            if turn.sent_at < self._began_at:
                return  # of the refusal before
            if self.limit is None:  # nothing may have been answered yet
                turn.rate = min(turn.rate, self._window / max(now - turn.sent_at, 1e-3))
            pause = max(_PAUSE, 1 / self.rate)
            refusal = self.refusal = Refusal(turn, now, turn.sent_at, self._accepted, pause, now + pause)
        refusal.refused += 1
        if turn is refusal.probe:
            refusal.probe, refusal.until, refusal.accepted = None, turn.sent_at, self._accepted
            refusal.pause = max(refusal.pause, min(_LONGEST_PAUSE, 2 * refusal.pause))
            refusal.probe_at = now + refusal.pause
        if named is not None:
            refusal.until = max(refusal.until, now + named)
            refusal.probe_at = max(refusal.probe_at, now + named)

    def unanswered(self, turn: Turn, now: float) -> None:
        """There was no answer, or nobody waited for it."""
        self._unanswered -= 1
        if self.refusal is not None and turn is self.refusal.probe:
            self.refusal.probe, self.refusal.probe_at = None, now + self.refusal.pause

    def begin_at(self, limit: float, now: float) -> None:
        """Start from a limit that was learned before, unless this one has learned already."""
        if self.limit is None and self.refusal is None:
            self.limit, self._time = max(_FLOOR, limit), _LONGEST_PAUSE
            self._begin(now)

    def _resume(self, now: float, refusal: Refusal) -> None:
        """Go on after a refusal, with what it says about the limit."""
        self._time = max(_PAUSE, refusal.turn.sent_at - self._began_at) if refusal.is_momentary else _PAUSE
        if refusal.accepted - self._cycle.accepted >= _WINDOW:
            before, limit = self._measure(refusal)
            if before and _BETA**2 <= limit / before <= _BETA**-2:
                self._time = min(_MINUTE, _PAID * max(_PAUSE, refusal.refused / limit))
            self.limit, self._cycle = limit, _Mark(self._accepted, now, self.rate)
            self._account = self._account if refusal.is_momentary else self._cycle
        else:
            self._first_window = max(1.0, _BETA * self._first_window)
            self.limit = self.limit and max(_FLOOR, _BETA * self.limit)
        self.refusal = None
        self._begin(now)

    def _measure(self, refusal: Refusal) -> tuple[float | None, float]:
        """The earlier measure of the limit that compares with this one, if any, and this one."""
        marks, refused = (self._account, self._cycle, self._doubled), refusal.turn.rate
        delivered = max((refusal.accepted - one.accepted) / max(refusal.until - one.at, 1e-3) for one in marks)
        if refusal.is_momentary:
            is_rate = delivered >= _BETA**2 * refused
            return (self.limit, max(_FLOOR, refused)) if is_rate else (None, max(_FLOOR, delivered))
        before, self._windowed = self._windowed, max(_FLOOR, delivered)
        return before, self._windowed

    def _begin(self, now: float) -> None:
        self._began_at, self._window, self._is_held = now, self._first_window, False
        self._growing, self._answering, self._answers = 0.0, 0.0, 0  # seconds of requests held back; of so many answers
        self.rate = min(self._ceiling, math.inf if self.limit is None else _BETA * self.limit)
        self._next_at = now if self.limit is None else now + 1 / self.rate
        self._doubled = _Mark(self._accepted, now, self.rate)

    def _grow(self, turn: Turn) -> None:
        self._window += _GROWTH
        self._growing += 1 / self.rate
        rate = self._window * self._answers / max(self._answering, 1e-3)
        if self.limit is not None:
            rate = self.limit * (1 + (1 - _BETA) * (self._growing / self._time - 1) ** 3)
        self.rate = min(self._ceiling, rate)
        if self.rate >= 2 * self._doubled.rate or math.isinf(self._doubled.rate):
            self._doubled = _Mark(self._accepted, turn.sent_at, self.rate)
