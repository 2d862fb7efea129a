"""How many requests of the last minute the server accepted, by when they were sent."""

from __future__ import annotations

import math
from collections import deque

_PER_SECOND = 4  # bins a second: exact enough, and few enough at thousands of requests a second
WINDOW = 60.0  # seconds


class Recent:
    """Counts of accepted requests in bins of a quarter second; what is older than a minute is forgotten."""

    def __init__(self) -> None:
        self._bins: deque[list[int]] = deque()  # [bin, accepted]
        self._total = 0

    def add(self, sent_at: float) -> None:
        """Count one; answers may come in another order than their requests went out."""
        wanted, place = int(sent_at * _PER_SECOND), len(self._bins)
        while place and self._bins[place - 1][0] > wanted:
            place -= 1
        if place and self._bins[place - 1][0] == wanted:
            self._bins[place - 1][1] += 1
        else:
            self._bins.insert(place, [wanted, 1])
        self._total += 1

    def count(self, now: float) -> int:
        """How many were sent in the minute before `now`."""
        first = (now - WINDOW) * _PER_SECOND
        while self._bins and self._bins[0][0] < first:
            self._total -= self._bins.popleft()[1]
        return self._total

    def last_second(self, now: float) -> float:
        """How many a second were sent in the second before `now`."""
        first = math.ceil((now - 1) * _PER_SECOND)
        return sum(count for when, count in self._bins if when >= first) / (now - first / _PER_SECOND)

    def until_fewer(self, now: float) -> float:
        """Seconds until the oldest are a minute old."""
        oldest = self._bins[0][0] if self._bins else int(now * _PER_SECOND)
        return max(0.01, (oldest + 1) / _PER_SECOND + WINDOW - now)
