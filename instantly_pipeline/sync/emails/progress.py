"""The checkpoint of the e-mails: for each listing of them, which ranges of `timestamp_created` were read.

All instants in it are the server's: those of e-mails, or the end of a range that was asked for. The clock of this
machine only says on which day something was read. So a pause of any length, a clock that jumps and a kill leave
ranges as they were, and what is missing between them is read: increments, the past, and what a run left are all gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.sync.emails.ranges import Range, Ranges


@dataclass(slots=True)
class ListingProgress:
    """How far one listing was read.

    `known`: everything stored in it was read at least once. `today`: the part of it that was read on the date `day`.
    `emails` is about how many there were in `seconds` of `timestamp_created`: for estimates.
    """

    known: Ranges = field(default_factory=Ranges)
    today: Ranges = field(default_factory=Ranges)
    day: str = ""
    emails: float = 0.0
    seconds: float = 0.0

    def begin(self, day: date, *, again: bool) -> None:
        """Begin a run on a date: what was read on another one, or is to be read `again`, is no longer of today."""
        if again or self.day != day.isoformat():
            self.today, self.day = Ranges(), day.isoformat()

    def add(self, low: datetime, high: datetime) -> None:
        """Note that everything from `low` to `high` was read."""
        self.known.add(low, high)
        self.today.add(low, high)

    def add_known(self, low: datetime, high: datetime) -> None:
        """Note that what is known from `low` to `high` was asked for today, and that nothing of it was shown."""
        for begin, end in self.known:
            self.today.add(max(begin, low), min(end, high))

    def add_page(self, instants: Sequence[datetime], high: datetime) -> None:
        """Note that a page was read, newest first, and so everything from its oldest e-mail to `high`."""
        before, span = self.today.seconds, (instants[0] - instants[-1]).total_seconds()
        self.add(instants[-1], high)
        if span > 0:
            fresh = min(self.today.seconds - before, span)
            self.seconds += fresh
            self.emails += len(instants) * fresh / span

    def due(self, floor: datetime, lookback: datetime) -> list[Range]:
        """What is to be read between `floor` and the newest known e-mail, newest first.

        That is what was never read, and of what is newer than `lookback` what was not read today.
        """
        if self.known.top is None:
            return []
        fresh = self.known.below(lookback)
        for low, high in self.today:
            fresh.add(low, high)
        return fresh.gaps(floor, self.known.top)


class EmailProgress:
    """The checkpoint; `save` writes it."""

    def __init__(self, checkpoints: Checkpoints, stream: str) -> None:
        self._checkpoints = checkpoints
        self._name = f"{stream}.ranges"
        self._listings = {str(name): _parsed(found) for name, found in checkpoints.read(self._name).items()}

    def of(self, listing: str) -> ListingProgress:
        """The progress of a listing; it begins empty."""
        return self._listings.setdefault(listing, ListingProgress())

    def save(self) -> None:
        """Write it."""
        self._checkpoints.write(self._name, {name: _json(found) for name, found in self._listings.items()})


def _json(found: ListingProgress) -> dict[str, Any]:
    return {"known": _texts(found.known), "today": _texts(found.today), "day": found.day,
            "emails": round(found.emails, 1), "seconds": round(found.seconds, 3)}  # fmt: skip


def _texts(ranges: Ranges) -> list[list[str]]:
    return [[low.isoformat(), high.isoformat()] for low, high in ranges]


def _parsed(found: Any) -> ListingProgress:
    """A listing's progress; an empty one where the text is not what `_json` writes: it is then read again."""
    with suppress(KeyError, TypeError, ValueError):
        return ListingProgress(
            _ranges(found["known"]), _ranges(found["today"]), str(found["day"]), float(found["emails"]),
            float(found["seconds"]),
        )  # fmt: skip
    return ListingProgress()


def _ranges(texts: Iterable[Iterable[str]]) -> Ranges:
    return Ranges((_instant(low), _instant(high)) for low, high in texts)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
