"""Which days were read of each campaign or account: a checkpoint of the last day, and of what is missing before it.

Days are missing where a sync was cut off, where a part of them could not be read, or where the API refused them. The
next sync asks for what is missing; for what was refused it does so when that is a while ago.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from instantly_pipeline.lake.state import States
from instantly_pipeline.sync.context import Windows
from instantly_pipeline.sync.manner import is_recent

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Some days, both ends included."""

    first: date
    last: date

    @property
    def count(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    def as_texts(self) -> tuple[str, str]:
        """Both ends as plain dates."""
        return self.first.isoformat(), self.last.isoformat()

    def days(self) -> list[date]:
        """Every day, the newest first."""
        return [self.last - timedelta(days=back) for back in range(self.count)]

    def pieces(self, days: int) -> list[Span]:
        """In pieces of at most so many days, the newest first."""
        ends = [self.last - timedelta(days=back) for back in range(0, self.count, days)]
        return [Span(max(self.first, end - timedelta(days=days - 1)), end) for end in ends]

    def without(self, other: Span) -> list[Span]:
        """What is left of it."""
        left = [
            Span(self.first, min(self.last, other.first - A_DAY)),
            Span(max(self.first, other.last + A_DAY), self.last),
        ]
        if other.last < self.first or other.first > self.last:
            return [self]
        return [span for span in left if span.first <= span.last]


@dataclass(frozen=True, slots=True)
class Missing:
    """Days that were not read; `refused_on` is the day on which the API refused them."""

    span: Span
    refused_on: date | None


@dataclass(frozen=True, slots=True)
class Reading:
    """How far one campaign or account was read."""

    last: date | None = None
    missing: tuple[Missing, ...] = ()

    @classmethod
    def parse(cls, found: object) -> Reading:
        """From the checkpoint: the last day alone where nothing is missing. What cannot be read was never read."""
        with suppress(KeyError, TypeError, ValueError):
            if isinstance(found, dict):
                missing = [(Span(_day(one[0]), _day(one[1])), one[2] and _day(one[2])) for one in found["missing"]]
                return cls(_day(found["last"]), tuple(Missing(*one) for one in missing))
            return cls(_day(found))
        return cls()

    def as_json(self) -> Any:
        """As it lies in the lake."""
        if self.last is None or not self.missing:
            return self.last and self.last.isoformat()
        missing = [
            (one.span.first, one.span.last, one.refused_on) for one in sorted(self.missing, key=lambda m: m.span)
        ]
        return {"last": self.last.isoformat(), "missing": [[day and day.isoformat() for day in one] for one in missing]}


class Readings:
    """The checkpoint of one stream."""

    def __init__(self, states: States, stream: str, windows: Windows, *, full: bool) -> None:
        self._states, self._stream, self._windows, self._full = states, stream, windows, full
        self._known: dict[str, Any] = states.read(stream)
        self._asked: dict[str, tuple[Missing, ...]] = {}

    def __contains__(self, name: str) -> bool:
        """Whether anything was read of it."""
        return name in self._known

    def last(self, name: str) -> date | None:
        """The last day that was read, today at the latest.

        None where it lies behind tomorrow: a clock that was wrong noted it, and what was read by then is not known.
        """
        last, today = Reading.parse(self._known.get(name)).last, self._windows.today
        return None if last is None or last > today + A_DAY else min(last, today)  # clocks may differ at midnight

    def first_day(self, name: str) -> date:
        """Where its window begins: the lookback before the last day read; the start date where none was."""
        windows, last = self._windows, None if self._full else self.last(name)
        if last is None:
            return windows.begin
        return last - timedelta(days=windows.lookback_days)

    def is_behind(self, name: str) -> bool:
        """Whether days before its window are to be asked for."""
        return any(self._is_due(one) for one in Reading.parse(self._known.get(name)).missing)

    def due(self, name: str, first: date | None = None) -> list[Span]:
        """The days to ask for, the newest first: its window, or all from `first` on, and what is missing before it."""
        first, today = first or self.first_day(name), self._windows.today
        missing = Reading.parse(self._known.get(name)).missing
        wanted = [Span(first, today), *(one.span for one in missing if self._is_due(one))]
        begin = min(first, self._windows.begin)  # what is missing before may be forgotten
        wanted = [Span(max(span.first, begin), span.last) for span in wanted if span.last >= begin]
        refused = [one for one in missing if not self._is_due(one)]
        left = _less(_joined(wanted), (one.span for one in refused))
        self._asked[name] = (*(Missing(span, None) for span in left), *refused)
        return sorted(left, reverse=True)

    def refused(self, name: str) -> int:
        """How many days of it are left out for now."""
        return sum(one.span.count for one in Reading.parse(self._known.get(name)).missing if one.refused_on)

    def read(self, name: str, span: Span) -> None:
        """These days were read; `save` makes it last."""
        self._note(name, span)

    def refuse(self, name: str, span: Span) -> None:
        """These days were refused, others of it were not."""
        self._note(name, span, Missing(span, self._windows.today))

    def save(self) -> None:
        """Write the checkpoint."""
        self._states.write(self._stream, self._known)

    def _note(self, name: str, span: Span, *more: Missing) -> None:
        before = self._asked.pop(name, None)
        if before is None:
            before = Reading.parse(self._known.get(name)).missing
        missing = [Missing(left, one.refused_on) for one in before for left in one.span.without(span)]
        self._known[name] = Reading(self._windows.today, (*missing, *more)).as_json()

    def _is_due(self, one: Missing) -> bool:
        return self._full or one.refused_on is None or not is_recent(one.refused_on, self._windows.today)


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.first <= joined[-1].last + A_DAY:
            joined[-1] = Span(joined[-1].first, max(joined[-1].last, span.last))
        else:
            joined.append(span)
    return joined


def _less(spans: list[Span], others: Iterable[Span]) -> list[Span]:
    for other in others:
        spans = [left for span in spans for left in span.without(other)]
    return spans


def _day(found: object) -> date:
    if not isinstance(found, str):
        raise TypeError("not a date")
    return date.fromisoformat(found)
