"""The days read of each campaign or account: a checkpoint with the last day and the days missing before it.

Days are missing if a sync was interrupted, if some of them could not be read, or if the API refused them. The next sync
requests missing days; those that were refused only after `limits.REMEMBERED`. Of a campaign it is also on record what
its fingerprint was (`due_windows`), taken before the days were requested, so that the next run sees a change between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context, Windows
from instantly_pipeline.sync.limits import is_recent

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range of days, both ends included."""

    first: date
    last: date

    @classmethod
    def of(cls, days: Sequence[date]) -> Span:
        """From days without a gap, newest first."""
        return cls(days[-1], days[0])

    def days(self) -> list[date]:
        """Every day, newest first."""
        return [self.last - timedelta(days=back) for back in range((self.last - self.first).days + 1)]

    def __str__(self) -> str:
        first, last = self.as_texts()
        return first if first == last else f"{first} to {last}"

    def as_texts(self) -> tuple[str, str]:
        """Both ends as ISO dates."""
        return self.first.isoformat(), self.last.isoformat()

    def without(self, other: Span) -> list[Span]:
        """The days that are not in `other`, newest first."""
        behind = Span(max(self.first, other.last + A_DAY), self.last)
        before = Span(self.first, min(self.last, other.first - A_DAY))
        return [span for span in (behind, before) if span.first <= span.last]


@dataclass(slots=True)
class Reading:
    """The last day read of one campaign or account, the missing days with the date the API refused them, if any, and
    the fingerprint when it was read."""

    last: date | None = None
    missing: dict[Span, date | None] = field(default_factory=dict)
    fingerprint: str | None = None

    @classmethod
    def parse(cls, found: Any) -> Reading:
        """From the checkpoint: only the last day if that is all. Anything invalid counts as never read."""
        with suppress(KeyError, TypeError, ValueError):
            if not isinstance(found, dict):
                return cls(date.fromisoformat(found))
            day = date.fromisoformat
            missing = {Span(day(first), day(last)): on and day(on) for first, last, on in found["missing"]}
            fingerprint = found.get("fingerprint")
            return cls(day(found["last"]), missing, fingerprint if isinstance(fingerprint, str) else None)
        return cls()

    def as_json(self) -> Any:
        """As it is stored in the checkpoint."""
        if self.last is None or not (self.missing or self.fingerprint):
            return self.last and self.last.isoformat()
        missing = [[*span.as_texts(), on and on.isoformat()] for span, on in sorted(self.missing.items())]
        fingerprint = {"fingerprint": self.fingerprint} if self.fingerprint else {}
        return {"last": self.last.isoformat(), "missing": missing, **fingerprint}

    def take(self, span: Span) -> None:
        """Remove these days from the missing ones."""
        self.missing = {left: on for one, on in self.missing.items() for left in one.without(span)}


class Readings:
    """The checkpoint of one stream. `fingerprints`, by name, are those of this run."""

    def __init__(
        self, checkpoints: Checkpoints, stream: str, windows: Windows, fingerprints: Mapping[str, str], *, full: bool
    ) -> None:
        self._checkpoints, self._stream, self._windows, self._full = checkpoints, stream, windows, full
        self._fingerprints = fingerprints
        self._known = {name: Reading.parse(found) for name, found in checkpoints.read(stream).items()}
        self._asked: dict[str, Reading] = {}  # the state if none of the due days arrives

    @classmethod
    def of(cls, ctx: Context, stream: Stream, fingerprints: Mapping[str, str] = MappingProxyType({})) -> Readings:
        """The days of a stream that were read before this run."""
        return cls(ctx.checkpoints, stream.name, ctx.windows, fingerprints, full=ctx.request.full)

    def __contains__(self, name: str) -> bool:
        """Whether any day of it was read."""
        return self.last(name) is not None

    def last(self, name: str) -> date | None:
        """The last day that was read, today at the latest.

        None if it is later than tomorrow: it was written with a wrong clock, and the days read are unknown.
        """
        last, today = self._of(name).last, self._windows.today
        return None if last is None or last > today + A_DAY else min(last, today)  # clocks may differ at midnight

    def is_of_today(self, name: str) -> bool:
        """Whether its window was read today (UTC)."""
        return self._of(name).last == self._windows.today

    def has_moved(self, name: str) -> bool:
        """Whether its fingerprint is another one than when it was read; False if it has none in this run."""
        return name in self._fingerprints and self._fingerprints[name] != self._of(name).fingerprint

    def first_day(self, name: str) -> date:
        """The first day of its window: the lookback before the last day read, or the start date if none was."""
        windows, last = self._windows, None if self._full else self.last(name)
        if last is None:
            return windows.begin
        return last - timedelta(days=windows.lookback_days)

    def is_behind(self, name: str) -> bool:
        """Whether missing days before its window are due."""
        return any(self._is_due(on) for on in self._of(name).missing.values())

    def due(self, name: str, first: date | None = None) -> list[Span]:
        """The days to request, newest first: its window, or all from `first` on, and the missing days before it."""
        first, today, missing = first or self.first_day(name), self._windows.today, self._of(name).missing
        begin = min(first, self._windows.begin)  # missing days before it are no longer wanted
        refused = {span: on for span, on in missing.items() if not self._is_due(on)}
        late = [Span(max(span.first, begin), min(span.last, first - A_DAY)) for span in missing if span not in refused]
        due = [Span(first, today), *sorted(late, reverse=True)]
        for one in refused:
            due = [left for span in due for left in span.without(one)]
        due = [span for span in due if span.first <= span.last]
        self._asked[name] = Reading(today, {**dict.fromkeys(due), **refused})
        return due

    def refused_days(self, name: str) -> int:
        """How many of its days are skipped because the API refuses them."""
        return sum(len(span.days()) for span, on in self._of(name).missing.items() if on)

    def note_read(self, name: str, span: Span) -> None:
        """Record that these days were read; `save` writes it."""
        before = self._of(name)
        self._known[name] = self._asked.pop(name, before)
        self._known[name].fingerprint = self._fingerprints.get(name, before.fingerprint)
        self._known[name].take(span)

    def note_refused(self, name: str, span: Span) -> None:
        """Record that these days were refused while others were answered."""
        self.note_read(name, span)
        self._known[name].missing[span] = self._windows.today

    def note_missing(self, name: str, span: Span) -> None:
        """Record that days which were read have to be read again."""
        if name in self._known:
            self._known[name].missing[span] = None

    def save(self) -> None:
        """Write the checkpoint."""
        self._checkpoints.write(self._stream, {name: reading.as_json() for name, reading in self._known.items()})

    def _of(self, name: str) -> Reading:
        return self._known.get(name, Reading())

    def _is_due(self, refused_on: date | None) -> bool:
        return self._full or refused_on is None or not is_recent(refused_on, self._windows.today)
