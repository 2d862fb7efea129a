"""Time as something that is passed in, so that waiting can be tested without waiting; and whether it is right.

Every answer of the API says in its `Date` header (RFC 9110, section 6.6.1) what time it is there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

NOTABLE = timedelta(minutes=5)  # the skew that Kerberos allows (RFC 4120); clocks that are set by NTP differ by less
WRONG = timedelta(hours=1)  # instants so far off would be taken for true: days would be closed that are open
_A_SECOND = timedelta(seconds=1)  # what `Date` leaves out
HOW_TO_SET = (
    "Set the clock (Linux: `sudo timedatectl set-ntp true`; macOS: `sudo sntp -sS time.apple.com`; in a container or "
    "a virtual machine, that of its host)"
)


class Clock(Protocol):
    """What the client needs to know about time."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back."""
        ...

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        ...


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back."""
        return time.monotonic()

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds; other tasks run meanwhile."""
        await asyncio.sleep(seconds)


SYSTEM: Clock = SystemClock()


class Ahead:
    """How far this machine's clock is ahead of the API's, as far as its answers tell; behind is negative.

    Each answer allows a range, as wide as its request took. Of the values that answers allow the one nearest to none
    counts: an old answer out of a cache must not make a clock wrong that a later one shows to be right.
    """

    def __init__(self) -> None:
        self.by: timedelta | None = None  # None: no answer has told
        self._last: timedelta | None = None  # what the last answer told

    def note(self, headers: Mapping[str, str], *, received: datetime, took: timedelta) -> None:
        """Take an answer into account. One without a date, or out of a cache (`Age`), tells nothing."""
        there = _date(headers)
        if there is None:
            return
        least, most = received - took - there - _A_SECOND, received - there
        by = self._last = max(least, min(most, timedelta(0)))
        if self.by is None or abs(by) < abs(self.by):
            self.by = by

    @property
    def is_notable(self) -> bool:
        """Whether the difference is worth telling."""
        return self.by is not None and abs(self.by) > NOTABLE

    @property
    def change(self) -> str | None:
        """What is to be said where the clock went wrong between two answers."""
        if self.by is None or self._last is None or abs(self._last - self.by) <= WRONG:
            return None
        way = "back" if self._last < self.by else "forward"
        return f"The clock of this machine went {way} by {_rough(abs(self._last - self.by))} during the run"

    @property
    def is_wrong(self) -> bool:
        """Whether nothing should be written with this clock."""
        return self.by is not None and abs(self.by) > WRONG

    def __str__(self) -> str:
        by = self.by or timedelta(0)
        return (
            f"The clock of this machine is {_rough(abs(by))} {'behind' if by < timedelta(0) else 'ahead of'} the API's"
        )


def _date(headers: Mapping[str, str]) -> datetime | None:
    if headers.get("Age", "0").strip() != "0":
        return None
    try:
        found = parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _rough(span: timedelta) -> str:
    """To the nearest minute; from two days on without minutes."""
    span += timedelta(seconds=30)
    days, hours, minutes = span.days, span.seconds // 3600, span.seconds % 3600 // 60
    if days >= 2:
        return f"{days} days {hours} h"
    hours += 24 * days
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
