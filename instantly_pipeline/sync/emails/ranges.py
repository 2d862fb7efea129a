"""Sets of instants as ranges: what was read. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

Range = tuple[datetime, datetime]


class Ranges:
    """Disjoint ranges, oldest first, both ends included. Ranges that touch are one."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._ranges: list[Range] = []
        for low, high in ranges:
            self.add(low, high)

    def __iter__(self) -> Iterator[Range]:
        return iter(self._ranges)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and self._ranges == other._ranges

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def top(self) -> datetime | None:
        """The newest instant; None if there is none."""
        return self._ranges[-1][1] if self._ranges else None

    @property
    def seconds(self) -> float:
        """How long the ranges are together."""
        return sum((high - low).total_seconds() for low, high in self._ranges)

    def add(self, low: datetime, high: datetime) -> None:
        """Add all instants from `low` to `high`; nothing if that is empty."""
        if low > high:
            return
        touched = [r for r in self._ranges if r[0] <= high and r[1] >= low]
        apart = [r for r in self._ranges if r[0] > high or r[1] < low]
        joined = min([low, *(r[0] for r in touched)]), max([high, *(r[1] for r in touched)])
        self._ranges = sorted([*apart, joined])

    def below(self, limit: datetime) -> Ranges:
        """The part up to `limit`."""
        return Ranges((low, min(high, limit)) for low, high in self._ranges if low <= limit)

    def gaps(self, low: datetime, high: datetime) -> list[Range]:
        """What is missing between two instants, newest first. The ends of a gap belong to what is beside it."""
        found, at = [], low
        for begin, end in self._ranges:
            if at < begin and at < high:
                found.append((at, min(begin, high)))
            at = max(at, end)
        if at < high:
            found.append((at, high))
        return found[::-1]
