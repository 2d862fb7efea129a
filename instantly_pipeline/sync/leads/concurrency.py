"""Whether more concurrent requests would bring more pages, measured by how long pages take. No I/O.

A server with spare capacity answers many requests as fast as one, so more of them bring more pages. If the limiter
delays them, or responses take longer because the server or this process is at its limit, more requests only queue; and
each additional range costs a page that is read twice.
"""

from __future__ import annotations

import math
from collections import deque

_PAGES = 8  # the last pages are measured
_WAITING = 0.3  # share of the time spent waiting for the limiter: enough for it to test a higher rate
_SLOWER = 2.0  # times the best response time ...
_REMEMBERED = 15.0  # ... of the last seconds: a server may get slower by itself


class Concurrency:
    """How long the pages of one list take, over all its ranges."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=_PAGES)
        self._pages = 0
        self._means: deque[tuple[float, float]] = deque()  # time, and mean seconds per response of `_PAGES` pages

    def note(self, answering: float, *, of: float, at: float) -> None:
        """Note a page that took `of` seconds, `answering` of them from request to response.

        `at` is when it arrived, in seconds of any monotonic clock.
        """
        self._recent.append((answering, of))
        self._pages += 1
        if self._pages % _PAGES == 0:
            self._means.append((at, self._mean()))
        while self._means and self._means[0][0] < at - _REMEMBERED:
            self._means.popleft()

    def is_crowded(self) -> bool:
        """Whether one more concurrent request would only wait."""
        if not self._recent:
            return False
        waiting = sum(of - answering for answering, of in self._recent)
        best = min((mean for _, mean in self._means), default=math.inf)
        return waiting > _WAITING * sum(of for _, of in self._recent) or self._mean() > _SLOWER * best

    def _mean(self) -> float:
        return sum(answering for answering, _ in self._recent) / len(self._recent)
