"""Rows of a range of days from an endpoint that may leave out the last one.

Nothing documents whether an `end_date` is included (reference, section 21). One answer with a row of its last day shows
that it is. Where several lack it although they have a day shortly before, one such day is asked for on its own: an
endpoint that leaves out ends of ranges then answers nothing. It is asked for one day more from then on, only the rows
of the days that are wanted are kept, and what was read before in that run is read again by the next one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import TypeVar

from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.limits import Limits
from instantly_pipeline.sync.readers.fetch import attempt
from instantly_pipeline.sync.readings import A_DAY, Readings, Span

QUIET = timedelta(days=3)  # a weekend and its Monday: after more of them the last day is likely to be quiet, too
SEVERAL = 3  # answers without their last day: one may be about a campaign that has just ended
Ask = Callable[[date, date], Awaitable[list[Record] | None]]

_Rows = TypeVar("_Rows", list[Record], list[Record] | None)


async def rows_of_days(
    ctx: Context, stream: Stream, limits: Limits, ask: Callable[[date, date], Awaitable[_Rows]], days: Sequence[date]
) -> _Rows:
    """The rows of days without a gap, newest first; `ask` requests the rows from one day to another."""
    first, last = days[-1], days[0]
    if limits.end_included is not False:
        rows = await ask(first, last)
        if rows is None or limits.end_included:
            return rows
        async with limits.finding_end:
            await _find_end(ctx, stream, limits, ask, Span(first, last), dates_in(rows))
        if limits.end_included is not False:
            return rows
    found = await ask(first, last + A_DAY)
    return None if found is None else [row for row in found if (day := _day(row)) is None or first <= day <= last]


async def _find_end(ctx: Context, stream: Stream, limits: Limits, ask: Ask, asked: Span, found: set[date]) -> None:
    """Learn from an answer, and once per run by a request, whether the last day is left out."""
    if limits.end_included is not None:
        return
    if asked.last in found:
        limits.learn(end_included=True)
        return
    before = [day for day in found if max(asked.first, asked.last - QUIET) <= day < asked.last]
    limits.without_last += bool(before)
    if before and limits.without_last == SEVERAL:
        alone = await attempt(ask(max(before), max(before)))
        if isinstance(alone, list):
            limits.learn(end_included=max(before) in dates_in(alone))
            if not limits.end_included:
                say_left_out(ctx, stream)


class Doubtful:
    """The last days that a run read before it knew whether they are left out."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._was_unknown = limits, limits.end_included is None
        self._days: list[tuple[str, date]] = []

    def note(self, names: Iterable[str], span: Span, rows: Iterable[Record]) -> None:
        """Note what was read of campaigns or accounts."""
        if self._was_unknown and not self._limits.end_included and span.last not in dates_in(rows):
            self._days += ((name, span.last) for name in names)

    def settle(self, readings: Readings) -> None:
        """If the last days are left out, note those days as missing, for the next run."""
        if self._was_unknown and self._limits.end_included is False and self._days:
            for name, day in self._days:
                readings.note_missing(name, Span(day, day))
            readings.save()


def say_left_out(ctx: Context, stream: Stream) -> None:
    """One line about it, also in `meta.notices`."""
    name = stream.name
    text = (
        f"{stream.path} answers a range of dates without its last day, so one day more is asked for. Where earlier "
        f"syncs read {name}, days may be missing: `instantly-pipeline reset --streams {name}`, then a sync, reads them."
    )
    ctx.say(text, stream.name)
    ctx.note(text, stream.name)


def dates_in(rows: Iterable[Record]) -> set[date]:
    """The dates of rows."""
    return {day for row in rows if (day := _day(row)) is not None}


def _day(row: Record) -> date | None:
    with suppress(TypeError, ValueError):
        return date.fromisoformat(str(row.get("date"))[:10])
    return None
