"""Which days were read of each campaign or account: a checkpoint of the last day, and of what is missing before it.

Days are missing where a sync was interrupted, where a part of them could not be read, or where the API refused them.
The next sync asks for what is missing; for what was refused it does so when that is a while ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context, Windows
from instantly_pipeline.sync.limits import is_recent

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Some days, both ends included."""

    first: date
    last: date

    @classmethod
    def of(cls, days: Sequence[date]) -> Span:
        """From days without a gap, the newest first."""
        return cls(days[-1], days[0])

    def days(self) -> list[date]:
        """Every day, the newest first."""
        return [self.last - timedelta(days=back) for back in range((self.last - self.first).days + 1)]

    def __str__(self) -> str:
        first, last = self.as_texts()
        return first if first == last else f"{first} to {last}"

    def as_texts(self) -> tuple[str, str]:
        """Both ends as plain dates."""
        return self.first.isoformat(), self.last.isoformat()

    def without(self, other: Span) -> list[Span]:
        """What is left of it, the newest first."""
        behind = Span(max(self.first, other.last + A_DAY), self.last)
        before = Span(self.first, min(self.last, other.first - A_DAY))
        return [span for span in (behind, before) if span.first <= span.last]


@dataclass(slots=True)
class Reading:
    """How far one campaign or account was read; what is missing, with the day on which the API refused it, if so."""

    last: date | None = None
    missing: dict[Span, date | None] = field(default_factory=dict)

    @classmethod
    def parse(cls, found: Any) -> Reading:
        """From the checkpoint: the last day alone where nothing is missing. What cannot be read was never read."""
        with suppress(KeyError, TypeError, ValueError):
            if not isinstance(found, dict):
                return cls(date.fromisoformat(found))
            day = date.fromisoformat
            missing = {Span(day(first), day(last)): on and day(on) for first, last, on in found["missing"]}
            return cls(day(found["last"]), missing)
        return cls()

    def as_json(self) -> Any:
        """As it lies in the lake."""
        if self.last is None or not self.missing:
            return self.last and self.last.isoformat()
        missing = [[*span.as_texts(), on and on.isoformat()] for span, on in sorted(self.missing.items())]
        return {"last": self.last.isoformat(), "missing": missing}

    def take(self, span: Span) -> None:
        """These days are not missing any more."""
        self.missing = {left: on for one, on in self.missing.items() for left in one.without(span)}


class Readings:
    """The checkpoint of one stream."""

    def __init__(self, checkpoints: Checkpoints, stream: str, windows: Windows, *, full: bool) -> None:
        self._checkpoints, self._stream, self._windows, self._full = checkpoints, stream, windows, full
        self._known = {name: Reading.parse(found) for name, found in checkpoints.read(stream).items()}
        self._asked: dict[str, Reading] = {}  # as they are where nothing of what is due arrives

    @classmethod
    def of(cls, ctx: Context, stream: Stream) -> Readings:
        """How far the days of a stream were read before this run."""
        return cls(ctx.checkpoints, stream.name, ctx.windows, full=ctx.request.full)

    def __contains__(self, name: str) -> bool:
        """Whether anything was read of it."""
        return self.last(name) is not None

    def last(self, name: str) -> date | None:
        """The last day that was read, today at the latest.

        None where it lies behind tomorrow: a clock that was wrong noted it, and what was read by then is not known.
        """
        last, today = self._of(name).last, self._windows.today
        return None if last is None or last > today + A_DAY else min(last, today)  # clocks may differ at midnight

    def first_day(self, name: str) -> date:
        """Where its window begins: the lookback before the last day read; the start date where none was."""
        windows, last = self._windows, None if self._full else self.last(name)
        if last is None:
            return windows.begin
        return last - timedelta(days=windows.lookback_days)

    def is_behind(self, name: str) -> bool:
        """Whether days before its window are to be asked for."""
        return any(self._is_due(on) for on in self._of(name).missing.values())

    def due(self, name: str, first: date | None = None) -> list[Span]:
        """The days to ask for, the newest first: its window, or all from `first` on, and what is missing before it."""
        first, today, missing = first or self.first_day(name), self._windows.today, self._of(name).missing
        begin = min(first, self._windows.begin)  # what is missing before may be forgotten
        refused = {span: on for span, on in missing.items() if not self._is_due(on)}
        late = [Span(max(span.first, begin), min(span.last, first - A_DAY)) for span in missing if span not in refused]
        due = [Span(first, today), *sorted(late, reverse=True)]
        for one in refused:
            due = [left for span in due for left in span.without(one)]
        due = [span for span in due if span.first <= span.last]
        self._asked[name] = Reading(today, {**dict.fromkeys(due), **refused})
        return due

    def refused_days(self, name: str) -> int:
        """How many days of it are left out for now."""
        return sum(len(span.days()) for span, on in self._of(name).missing.items() if on)

    def note_read(self, name: str, span: Span) -> None:
        """These days were read; `save` makes it last."""
        self._known[name] = self._asked.pop(name, self._of(name))
        self._known[name].take(span)

    def note_refused(self, name: str, span: Span) -> None:
        """These days were refused, others of it were not."""
        self.note_read(name, span)
        self._known[name].missing[span] = self._windows.today

    def save(self) -> None:
        """Write the checkpoint."""
        self._checkpoints.write(self._stream, {name: reading.as_json() for name, reading in self._known.items()})

    def _of(self, name: str) -> Reading:
        return self._known.get(name, Reading())

    def _is_due(self, refused_on: date | None) -> bool:
        return self._full or refused_on is None or not is_recent(refused_on, self._windows.today)
