"""Lead keys as numbers, so that the key space can be split into ranges.

Ids are UUIDs of version 4, spread evenly, and since October 2025 of version 7, which start with their creation time and
so are close together (reference, section 1.2). Leads are listed by ascending id; a key in the lake is a JSON array of
one id and sorts the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import orjson

_UUID = re.compile(r'\["([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})"\]\Z')
_VERSION_7 = re.compile(r'\["[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"\]\Z')
_END = 1 << 128
_CLOSEST = 1 << 72  # less than a millisecond of version 7 (1 << 80): leads are further apart
FIRST_TIMED = datetime(2025, 10, 1, tzinfo=UTC)


class CursorOrigin(StrEnum):
    """Where a cursor comes from."""

    GIVEN = "given"  # the API returned it, or a lead has this id
    GUESSED = "guessed"  # no lead has this id
    EARLIER = "earlier"  # the API returned it in this scan, for a position before the range


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The keys in (low, high]; None leaves a side open. `cursor` is that of the page after `low`."""

    low: str | None = None
    high: str | None = None
    cursor: str | None = None
    origin: CursorOrigin = CursorOrigin.GIVEN

    @classmethod
    def between(cls, low: str | None, high: str | None, origin: CursorOrigin = CursorOrigin.GIVEN) -> KeyRange:
        """A range whose cursor is the id at its low end."""
        return cls(low, high, id_of(low) if low else None, origin)

    @property
    def bounds(self) -> tuple[str | None, str | None]:
        """`low` and `high`."""
        return self.low, self.high

    def has(self, key: str) -> bool:
        """Whether a key is in the range."""
        return (self.low or "") < key and (self.high is None or key <= self.high)

    def is_overlapping(self, other: KeyRange) -> bool:
        """Whether some key may be in both."""
        return (self.high is None or other.low is None or other.low < self.high) and (
            other.high is None or self.low is None or self.low < other.high
        )

    def is_within(self, other: KeyRange) -> bool:
        """Whether every key of the range is in the other one."""
        return (other.low is None or (self.low is not None and self.low >= other.low)) and (
            other.high is None or (self.high is not None and self.high <= other.high)
        )


def place(key: str | None) -> int | None:
    """A key as a number; None if it is not a UUID."""
    found = _UUID.match(key or "")
    return int("".join(found.groups()), 16) if found else None


def key_at(number: int) -> str:
    """The key of a number."""
    digits = f"{number:032x}"
    return f'["{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"]'


def id_of(key: str) -> str:
    """The id in a key."""
    return str(orjson.loads(key)[0])


def is_timed(key: str) -> bool:
    """Whether the id contains its creation time (version 7)."""
    return _VERSION_7.match(key) is not None


def timed(at: datetime) -> int:
    """The lowest number of ids created at or after a time."""
    return int(at.timestamp() * 1000) << 80


def cuts(after: str, up_to: str | None, now: datetime) -> list[str]:
    """Keys that split (after, up_to], ascending: its middle; none if the ends are not UUIDs.

    If the range contains an end of the period with ids of version 7, it is split there: that period is dense, the key
    space around it is not.
    """
    low, high = place(after), _END if up_to is None else place(up_to)
    if low is None or high is None or high - low < 2:
        return []
    crowd = [edge for edge in (timed(FIRST_TIMED), timed(now)) if low < edge < high]
    return [key_at(number) for number in crowd or [(low + high) // 2]]


def pages_left(after: str, up_to: str | None, *, since: str, pages: int) -> float:
    """How many pages (after, up_to] has if its ids are as dense as in the last `pages`, which started at `since`."""
    begin, here, end = place(since), place(after), _END if up_to is None else place(up_to)
    if begin is None or here is None or end is None or here <= begin:
        return 0.0
    return (end - here) / ((here - begin) / pages)


def next_place(after: str | None) -> str | None:
    """The next key, which practically no lead has; None if `after` is not a UUID."""
    here = place(after)
    return None if here is None or here + 1 >= _END else key_at(here + 1)


def further(after: str | None, up_to: str | None) -> Iterator[str]:
    """Keys after `after` and before `up_to`, each 16 times as far away as the one before; then the last possible."""
    here, end = place(after) if after else 0, _END if up_to is None else place(up_to)
    if here is None or end is None:
        return
    step = _CLOSEST
    while here + step < end:
        yield key_at(here + step)
        step *= 16
    if here < end - 1:
        yield key_at(end - 1)


def between(low: str | None, high: str) -> str | None:
    """The key in the middle; None if the ends are as close together as leads can be."""
    here, end = place(low) if low else 0, place(high)
    return None if here is None or end is None or end - here < _CLOSEST else key_at((here + end) // 2)
