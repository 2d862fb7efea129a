"""The clock, passed in so that tests do not wait, and its skew against the API.

Every response has the API's time in its `Date` header (RFC 9110, section 6.6.1).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

NOTABLE_SKEW = timedelta(minutes=5)  # the skew that Kerberos allows (RFC 4120); NTP keeps clocks well within it
MAX_SKEW = timedelta(hours=1)  # with timestamps this far off, open days would count as closed
_A_SECOND = timedelta(seconds=1)  # the resolution of `Date`
HOW_TO_SET = (
    "Set the clock (Linux: `sudo timedatectl set-ntp true`; macOS: `sudo sntp -sS time.apple.com`; in a container or "
    "a virtual machine, that of its host)"
)


class Clock(Protocol):
    """Time as the client uses it."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back."""
        ...

    def now(self) -> datetime:
        """The wall clock, timezone-aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds; other tasks run meanwhile."""
        ...


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """See `Clock`."""
        return time.monotonic()

    def now(self) -> datetime:
        """See `Clock`."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        await asyncio.sleep(seconds)


SYSTEM: Clock = SystemClock()


class ClockSkew:
    """How far this machine's clock is ahead of the API's, estimated from responses; negative means behind.

    Each response allows a range as wide as its request took. The estimate is the smallest skew that any response
    allows, so one stale response from a cache does not outweigh a later fresh one.
    """

    def __init__(self) -> None:
        self.ahead_by: timedelta | None = None  # None: no response had a usable date
        self._last: timedelta | None = None  # from the latest response

    def observe(self, headers: Mapping[str, str], *, received: datetime, took: timedelta) -> None:
        """Update the estimate. A response without a date, or from a cache (`Age`), is ignored."""
        there = _date(headers)
        if there is None:
            return
        least, most = received - took - there - _A_SECOND, received - there
        by = self._last = max(least, min(most, timedelta(0)))
        if self.ahead_by is None or abs(by) < abs(self.ahead_by):
            self.ahead_by = by

    @property
    def is_notable(self) -> bool:
        """Whether the skew is worth a message."""
        return self.ahead_by is not None and abs(self.ahead_by) > NOTABLE_SKEW

    @property
    def jump(self) -> str | None:
        """A message if this machine's clock jumped during the run, else None."""
        if self.ahead_by is None or self._last is None or abs(self._last - self.ahead_by) <= MAX_SKEW:
            return None
        way = "back" if self._last < self.ahead_by else "forward"
        return f"The clock of this machine went {way} by {_rough(abs(self._last - self.ahead_by))} during the run"

    @property
    def is_wrong(self) -> bool:
        """Whether the clock is too wrong to write with."""
        return self.ahead_by is not None and abs(self.ahead_by) > MAX_SKEW

    def __str__(self) -> str:
        by = self.ahead_by or timedelta(0)
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
    """Rounded to the minute; to the hour from two days on."""
    span += timedelta(seconds=30)
    days, hours, minutes = span.days, span.seconds // 3600, span.seconds % 3600 // 60
    if days >= 2:
        return f"{days} days {hours} h"
    hours += 24 * days
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
