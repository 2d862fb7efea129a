"""Lead keys as places on a line, so that the line can be cut, and the ranges it is cut into.

Ids are UUIDs of version 4, spread evenly, and, since October 2025, of version 7, which begin with the time of their
making and so lie close together (reference, section 1.2). Leads are listed by ascending id; a key of the lake is the
JSON array of one id, and sorts the same.
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
_CLOSEST = 1 << 72  # below a millisecond of version 7 (1 << 80): leads lie further apart
FIRST_TIMED = datetime(2025, 10, 1, tzinfo=UTC)


class CursorOrigin(StrEnum):
    """Why a cursor should work."""

    GIVEN = "given"  # the server gave it, or a lead has this id
    GUESSED = "guessed"  # nobody has this id
    EARLIER = "earlier"  # the server gave it in this scan; it lies before the range


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The keys in (low, high]; None leaves a side open. `cursor` asks for what follows `low`."""

    low: str | None = None
    high: str | None = None
    cursor: str | None = None
    origin: CursorOrigin = CursorOrigin.GIVEN

    @classmethod
    def between(cls, low: str | None, high: str | None, origin: CursorOrigin = CursorOrigin.GIVEN) -> KeyRange:
        """A range that is entered by the id at its low end."""
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
    """Where a key lies; None where it is no UUID as we know it."""
    found = _UUID.match(key or "")
    return int("".join(found.groups()), 16) if found else None


def key_at(number: int) -> str:
    """The key at a place."""
    digits = f"{number:032x}"
    return f'["{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"]'


def id_of(key: str) -> str:
    """The id in a key."""
    return str(orjson.loads(key)[0])


def is_timed(key: str) -> bool:
    """Whether the id was made from a time (version 7)."""
    return _VERSION_7.match(key) is not None


def timed(at: datetime) -> int:
    """The least place of ids made at or after an instant."""
    return int(at.timestamp() * 1000) << 80


def cuts(after: str, up_to: str | None, now: datetime) -> list[str]:
    """Keys that cut (after, up_to], ascending: its middle; none where the ends are no UUIDs.

    The ends of the time in which ids of version 7 were made come first, where they lie within: they hold a crowd, and
    what lies on either side of them does not.
    """
    low, high = place(after), _END if up_to is None else place(up_to)
    if low is None or high is None or high - low < 2:
        return []
    crowd = [edge for edge in (timed(FIRST_TIMED), timed(now)) if low < edge < high]
    return [key_at(number) for number in crowd or [(low + high) // 2]]


def pages_left(after: str, up_to: str | None, *, since: str, pages: int) -> float:
    """How many pages (after, up_to] holds if ids go on as densely as over the last `pages`, which began at `since`."""
    begin, here, end = place(since), place(after), _END if up_to is None else place(up_to)
    if begin is None or here is None or end is None or here <= begin:
        return 0.0
    return (end - here) / ((here - begin) / pages)


def next_place(after: str | None) -> str | None:
    """The very next key, at which no lead is but by a miracle; None where `after` is no UUID."""
    here = place(after)
    return None if here is None or here + 1 >= _END else key_at(here + 1)


def further(after: str | None, up_to: str | None) -> Iterator[str]:
    """Keys behind `after` and below `up_to`, each sixteen times as far away as the one before; then the last one."""
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
    """The key halfway; None where none lies between, or the ends lie as close as leads do."""
    here, end = place(low) if low else 0, place(high)
    return None if here is None or end is None or end - here < _CLOSEST else key_at((here + end) // 2)
