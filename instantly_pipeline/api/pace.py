"""The control law: when the next request may go, learned from which ones were refused. Pure: no waiting, no I/O.

Requests are spaced evenly at `rate`. What is kept is one number, `limit`, the rate the server is believed to sustain.

- Until the first refusal the rate doubles several times a second, but no more requests are unanswered than a share of
  what was accepted in the last minute. The overshoot, all refused, is that share at most, whatever the limit is. (The
  rule holds later too, where it binds only after a quiet time.)
- At a refusal everything stops. One request probes, after pauses that grow, until one is accepted. Answers to requests
  sent before tell nothing new.
- Then the rate starts a little below what was accepted in the 60 s before the refusal (multiplicative decrease), comes
  back, fast first, to where it was refused, and stays there the longer the more refusals that cost, or the longer they
  lasted. From then on it climbs by a fixed amount a second (additive increase). A whole minute above the old limit
  without a refusal shows that the limit is gone: only then it doubles.

Two horizons: a limit per second refuses at a rate, a limit per minute at a number of requests within 60 s. What the
last minute holds is counted, and never let beyond what a refusal showed; where pace and count disagree, the refusal
that follows soon after shows which of them it was. The reasons: docs/decisions/0005-learned-rate.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from instantly_pipeline.api.recent import WINDOW, Recent

_START = 30.0  # requests a second, before anything is known: what bounds the overshoot is what may be unanswered
_STEP = 6.0  # requests a second more for each accepted one, before anything is known, ...
_STEP_SHARE = 0.2  # ... but no more than this share of the rate
_SLOWER = 4  # so many times, after a refusal that came before anything could be learned from it
_SHARE = 0.14  # of what was accepted within a minute may be unanswered ...
_SHARE_REMEMBERED = 0.5  # ... where the rate is one of an earlier run and not refused yet ...
_UNANSWERED = 2  # ... but always so many
_FLOOR = 1 / 6  # requests a second
_BELOW = 0.97  # of what was accepted: where the rate starts again
_BACK = 0.98  # of the refused rate: where it comes back to ...
_BACK_DOUBLED = 0.9  # and where it was doubling, which overshoots, ...
_SECONDS_BACK = 45.0  # ... within so many seconds, ...
_FAR = 1.2  # where it comes back to, by where it starts, from which on the way back is ...
_SECONDS_BACK_FAR = 12.0  # ... so short: the limit is one per second, or the next refusal comes soon
_REQUESTS_BACK = 100  # ... and so many requests ...
_REQUESTS_PER_REFUSAL = 120  # ... and so many more for each refusal, which keeps refusals below 1 % ...
_MOST_REFUSALS = 20  # ... of which no more are counted
_CLIMB = 0.0025  # of the rate, each second beyond
_PROOF = 65.0  # seconds: no window of a minute stays silent for longer
_DOUBLING = 8.0  # seconds (or ten requests, if that is longer)
_SOON = 20.0  # seconds (or ten requests): a refusal so soon after the last one says that the estimate was wrong
_AGAIN = 0.75  # of the refused rate: no less is left by a second refusal soon after the first, ...
_BACK_AGAIN = 0.85  # ... and where it comes back to, if so many were accepted in the 60 s before: room comes and goes
_SEEN = 0.72  # of what was accepted in the second before, which a burst may have let through
_LONG = 20.0  # seconds of refusal after which the start is careful ...
_CAREFUL = 0.25
_REST = 10  # ... and for so many times as long nothing is tried beyond what was accepted: it may be a punishment
_A_SECOND = 1.0  # requests a second: below it there is no limit per second
_PAUSE = 1.0  # seconds (or three requests): after this a limit per second has passed
_TOO_FEW = 10  # accepted before the first refusal, to learn from
_LONGEST_PAUSE = 30.0
_LONGEST_NAMED = 900.0  # seconds: a longer wait that a server names is for one request, not for all
_BURST_SECONDS = 0.02  # of requests may be made up for when the loop was late
_NEARLY = 1e-9


@dataclass(slots=True, eq=False)
class Turn:
    """One request that was let out."""

    sent_at: float
    rate: float  # then
    held_back: bool  # by the rate: only then its success says that the rate is not too high


@dataclass(slots=True)
class _Refusal:
    """A time in which everything is refused, from the first 429 on, and how it was before."""

    sent_at: float  # of the request whose refusal began it
    began_at: float
    rate: float
    accepted: int  # in the 60 s before `sent_at`
    last_second: float
    back: bool  # on the way back to where it was refused before
    soon: bool
    busy: bool  # the rate was what held the requests back
    ran: float  # requests a second accepted since the probe before
    pause: float
    probe_at: float
    probe: Turn | None = None
    failed: int = 0  # probes
    failed_at: float = -math.inf  # the last of them

    def also(self, turn: Turn) -> None:
        """A request from before the refusal was accepted."""
        if turn.sent_at <= self.sent_at:
            self.accepted += 1
            self.last_second += turn.sent_at > self.sent_at - 1


class Pace:
    """The law for one bucket. Rates are in requests a second, times in seconds of one monotonic clock.

    Who calls `wait` and gets 0 may call `send`; each turn ends in one of `accepted`, `refused` and `unanswered`.
    """

    def __init__(self, now: float, *, ceiling: float = math.inf, burst: float = math.inf) -> None:
        self.rate = min(_START, ceiling)
        self.limit: float | None = None
        self.is_guess = False  # the limit, seen before a minute was over, and refusing for a moment only
        self.refusal: _Refusal | None = None
        self._ceiling = ceiling
        self._most_burst = burst
        self._recent = Recent()
        self._unanswered = 0
        self._share = _SHARE
        self._tokens, self._filled_at = 0.0, now
        self._held_back = False
        self._began_at = now
        self._top = self.rate  # where the rate comes back to
        self._seconds_back = _SECONDS_BACK
        self._refusals = 1  # what the last refusal cost
        self._soon = 0  # how often in a row
        self._accepted = 0  # since the last refusal
        self._rest = 0.0  # seconds after the last one without a search
        self._restart(now, self.rate)
        self._tokens = 1.0

    @property
    def sustained(self) -> float | None:
        """The limit, or the rate where it has come back further without a refusal; None while nothing is known."""
        if self.limit is None or self.refusal is not None:
            return self.limit
        return max(self.limit, min(self.rate, self._top))

    def wait(self, now: float) -> float:
        """Seconds until a request may go out; infinite where an answer has to come first."""
        if self.refusal is not None:
            return math.inf if self.refusal.probe else max(0.0, self.refusal.probe_at - now)
        accepted = self._recent.count(now)
        if self._unanswered >= max(_UNANSWERED, int(self._share * accepted)):
            return math.inf
        if self.limit is not None and accepted + self._unanswered >= WINDOW * max(self.rate, self._top) + 1:
            return self._recent.until_fewer(now) if accepted else math.inf
        if now > self._filled_at:
            burst = min(self._most_burst, 1 + _BURST_SECONDS * self.rate)
            self._tokens = min(burst, self._tokens + (now - self._filled_at) * self.rate)
            self._filled_at = now
        missing = 1 - self._tokens
        if missing <= _NEARLY:
            return 0.0
        self._held_back = True
        return missing / self.rate

    def send(self, now: float) -> Turn:
        """Take a turn."""
        turn = Turn(now, self.rate, self._held_back)
        self._held_back = False
        self._unanswered += 1
        self._tokens -= 1
        if self.refusal is not None:
            self.refusal.probe = turn
        return turn

    def accepted(self, turn: Turn, now: float) -> None:
        """The server answered, whatever it said, and did not refuse for speed."""
        self._unanswered -= 1
        self._accepted += 1
        self._recent.add(turn.sent_at)
        if self.refusal is None:
            if turn.held_back and turn.sent_at >= self._opened_at:
                self._grow()
        elif turn is self.refusal.probe:
            self._open(self.refusal, now)
        else:
            self.refusal.also(turn)

    def refused(self, turn: Turn, now: float, named: float | None) -> None:
        """The server answered 429, and named so many seconds to wait, or none."""
        self._unanswered -= 1
        if named is not None and named > _LONGEST_NAMED:
            named = None
        if self.refusal is None:
            if turn.sent_at >= self._opened_at:
                self._close(turn, now, named)
            else:
                self._refusals += 1
            return
        self._refusals += 1
        if turn is self.refusal.probe:
            self.refusal.probe = None
            self.refusal.failed += 1
            self.refusal.failed_at = now
            # what is known is close: it comes soon. Before that a minute may have to pass, and probes are dear
            self.refusal.pause = min(_LONGEST_PAUSE, self.refusal.pause * (5 if self.limit is None else 2))
            self.refusal.probe_at = now + max(self.refusal.pause, named or 0.0)
        elif named is not None:
            self.refusal.probe_at = max(self.refusal.probe_at, now + named)

    def unanswered(self, turn: Turn, now: float) -> None:
        """There was no answer, or nobody waited for it."""
        self._unanswered -= 1
        if self.refusal is not None and turn is self.refusal.probe:
            self.refusal.probe = None
            self.refusal.probe_at = now + self.refusal.pause

    def begin_at(self, limit: float, now: float, *, careful: bool) -> None:
        """Start from a limit that was learned before, unless this one has learned already."""
        if self.limit is None and self.refusal is None:
            self.limit = self._top = min(limit, self._ceiling)
            self._share, self._refusals = _SHARE if careful else _SHARE_REMEMBERED, 0
            self._restart(now, self.limit * (_CAREFUL if careful else _BELOW))

    def _close(self, turn: Turn, now: float, named: float | None) -> None:
        since = now - self._opened_at
        back = self.limit is not None and turn.rate < self._top
        soon = back and since < max(_SOON, 10 / (self.limit or 1))
        pause = max(_PAUSE, 3 / self.rate)
        self._soon = self._soon + 1 if soon else 0
        self._refusals = self._refusals + 1 if soon else 1
        self.refusal = _Refusal(
            sent_at=turn.sent_at, began_at=now, rate=turn.rate, accepted=self._recent.count(turn.sent_at),
            last_second=self._recent.last_second(turn.sent_at), back=back, soon=soon,
            busy=self._seconds > 0.7 * (turn.sent_at - self._opened_at),
            ran=self._accepted / max(1.0, since), pause=pause,
            probe_at=now + (pause if named is None else max(named, _PAUSE)),
        )  # fmt: skip
        self._accepted, self._share = 0, _SHARE

    def _open(self, refusal: _Refusal, now: float) -> None:
        self.refusal = None
        # no window of a minute refuses for longer than that: it is not our doing, and says nothing
        lasting = refusal.failed_at - refusal.began_at > WINDOW
        minute = max(refusal.accepted, self._recent.count(now)) / WINDOW
        lasted = now - refusal.began_at
        young = refusal.failed <= 1 and refusal.began_at - self._began_at < WINDOW
        if self.limit is not None:
            careful = lasted > _LONG and not refusal.back
            self._rest = _REST * lasted if lasted > _LONG and not (lasting or refusal.soon) else 0.0
            self.is_guess = self.is_guess and (lasting or young)
            if lasting:
                self._refusals = 1
            else:
                self._judge(self.limit, refusal, minute)
        elif lasting or refusal.accepted < _TOO_FEW:
            self._restart(now, _START if lasting else min(_START, refusal.rate / _SLOWER))
            return
        else:
            careful = False
            self.limit = minute
            self.is_guess = young
            self._top = minute if refusal.failed else min(refusal.rate, max(_BACK * refusal.last_second, minute))
            self._refusals = 1  # learning has a budget of its own
        self.limit = max(_FLOOR, self.limit)
        self._top = max(self.limit, self._top)
        self._restart(now, self.limit * _BELOW * (_CAREFUL if careful else 1))
        self._seconds_back = _SECONDS_BACK_FAR if self._top > _FAR * self.limit else _SECONDS_BACK

    def _judge(self, limit: float, refusal: _Refusal, minute: float) -> None:
        """What a refusal says of the limit; `minute` is the rate at which requests were accepted in the 60 s before."""
        rate, window = refusal.rate, refusal.failed > 1  # two failed probes are seconds: no limit per second
        if refusal.back and window:
            self.limit = self._top = min(rate, minute)
        elif refusal.soon and self._soon == 1:
            self.limit = self._top = min(0.95 * rate, max(rate / 2, minute, refusal.ran, _SEEN * refusal.last_second))
        elif refusal.soon:
            self.limit = max((_AGAIN if self._soon == 2 else 0.5) * rate, min(minute, refusal.ran))
            self._top = max(self.limit, min(_BACK_AGAIN * rate, minute))
        else:
            self.limit = max(limit * (0.5 if refusal.busy else 0.95), min(rate, minute))
            back = rate * (_BACK if self._beyond < _PROOF else _BACK_DOUBLED)
            self._top = self.limit if window or self.limit < _A_SECOND else back

    def _restart(self, now: float, rate: float) -> None:
        self.rate = self._base = min(self._ceiling, rate)
        self._tokens, self._filled_at = min(self._tokens, 0.0), now
        self._opened_at = now
        self._requests = 0  # since then, of those that the rate held back
        self._seconds = 0.0  # that they stand for
        self._beyond = 0.0  # seconds that the rate has been above what was refused

    def _grow(self) -> None:
        if self.limit is None:
            self.rate = min(self._ceiling, self.rate + min(_STEP, self.rate * _STEP_SHARE))
            return
        self._requests += 1
        self._seconds += 1 / self.rate
        self.is_guess = self.is_guess and self._seconds < WINDOW  # then this rate was held for a minute
        requests = _REQUESTS_BACK + _REQUESTS_PER_REFUSAL * min(self._refusals, _MOST_REFUSALS)
        done = min(self._requests / requests, self._seconds / self._seconds_back)
        if done < 1 or self._seconds < self._rest:
            sure = _BELOW * self.limit
            rate = min(sure, self._base + (sure - self._base) * self._seconds / _SECONDS_BACK)
            if self._seconds >= self._rest:
                rate = max(rate, self._top - (self._top - self._base) * (1 - done) ** 2)
        else:
            self._beyond += 1 / self.rate
            doublings = max(0.0, self._beyond - _PROOF) / max(_DOUBLING, 10 / self.limit)
            rate = self._top * (1 + _CLIMB * min(self._beyond, _PROOF)) * 2**doublings
        self.rate = min(self._ceiling, rate)
