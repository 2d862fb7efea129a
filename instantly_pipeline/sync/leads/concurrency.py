"""Whether more requests side by side would bring more pages, judged by how long pages take. No I/O.

A server that has much to spare, and far away, answers many requests as quickly as one: more of them bring more pages.
Where the limiter makes them wait, or where answers take longer the more of them are asked for, because the server or
this process is as fast as it can be, more of them only stand in line; and each further range costs a page that is read
twice.
"""

from __future__ import annotations

import math
from collections import deque

_PAGES = 8  # the last ones are looked at
_WAITING = 0.3  # of the time spent waiting for a turn: enough for the limiter to find out whether it may go faster
_SLOWER = 2.0  # times as long as when it went best ...
_REMEMBERED = 15.0  # ... within so many seconds: a server may have become slower by itself


class Concurrency:
    """How long the pages of one list take, whichever range they belong to."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=_PAGES)
        self._pages = 0
        self._means: deque[tuple[float, float]] = deque()  # when, and seconds an answer, of as many pages each

    def note(self, answering: float, *, of: float, at: float) -> None:
        """A page took `of` seconds from wanting to having it, `answering` of them from its request to its answer.

        `at` is when it came, in seconds of any clock.
        """
        self._recent.append((answering, of))
        self._pages += 1
        if self._pages % _PAGES == 0:
            self._means.append((at, self._mean()))
        while self._means and self._means[0][0] < at - _REMEMBERED:
            self._means.popleft()

    def is_crowded(self) -> bool:
        """Whether one more request under way would wait rather than bring something."""
        if not self._recent:
            return False
        waiting = sum(of - answering for answering, of in self._recent)
        best = min((mean for _, mean in self._means), default=math.inf)
        return waiting > _WAITING * sum(of for _, of in self._recent) or self._mean() > _SLOWER * best

    def _mean(self) -> float:
        return sum(answering for answering, _ in self._recent) / len(self._recent)
