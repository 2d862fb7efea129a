"""Figures of single days by step: one request per campaign and day, so only days that changed are read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import date, timedelta

from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.collapses import Collapses
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.limits import Dates
from instantly_pipeline.sync.readers.campaigns import dates_between, rows_of
from instantly_pipeline.sync.readers.due_days import DAILY, NOT_READ, Day, StepDays, choose_days
from instantly_pipeline.sync.readers.due_windows import choose_windows
from instantly_pipeline.sync.readers.fetch import Answer, Refused, attempt, fetch_all
from instantly_pipeline.sync.readers.parts import OF_DAYS
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen
from instantly_pipeline.sync.readers.refusals import end_partial, note_refusal
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink, below

WEEKDAYS = 0.7  # share of all days: most campaigns do not send at the weekend
Rows = list[Record] | None  # None: the campaign is deleted; its rows are kept


class CampaignDaysReader:
    """One request per campaign and day whose daily row changed."""

    async def read(self, sink: Sink) -> None:
        """Request what is due."""
        await _Days(sink).read()

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """The campaign-days that are due, and those that this run's daily figures may add, up to the limit of a run."""
        due = choose_days(ctx, stream)
        now = len(due.days) + due.left
        low, likely, high = _days_to_come(ctx, known)
        most = now + high if ctx.request.full else ctx.step_requests
        why = f"{now:,} campaign-days are due"
        if high:
            why += f"; the daily figures of this run may add {low:,} to {high:,}"
        if now + high > most:
            why += f"; at most {most:,} per run"
        low, likely, high = (min(now + more, most) for more in (low, likely, high))
        return Cost(stream.name, likely, why, low, high)

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today, of all campaigns together."""
        return Probe(seen.dates)


class _Days:
    """The campaign-days of one run."""

    def __init__(self, sink: Sink) -> None:
        ctx, stream = sink.ctx, sink.stream
        self._sink, self._today, self._due = sink, ctx.windows.today, choose_days(ctx, stream)
        self._done, self._collapses = StepDays(ctx.checkpoints, stream.name), Collapses(ctx, stream)
        self._limits = ctx.limits_of_days(stream)
        self._listed = set(ctx.ids("campaigns", alive_only=True))
        self._refused = 0

    async def read(self) -> None:
        """Request what is due."""
        sink, due = self._sink, self._due
        sink.total = len(due.days)
        await fetch_all(
            sink, due.days, self._ask, self._take, refuse=self._refuse, checkpoint=self._done.save,
            before=self._collapses.save,
        )  # fmt: skip
        if self._refused:
            end_partial(sink, f"{self._refused:,} campaign-days", again="")
        if due.left:
            left = f"{due.left} older campaign-days are left for later runs"
            sink.result.end_partial(f"{left} (sync --full reads them all)")

    async def _ask(self, day: Day) -> AsyncGenerator[Answer[Day, Rows]]:
        at, got = self._sink.ctx.now(), await attempt(self._rows_of(day))
        self._limits.was_answered |= not isinstance(got, PipelineError)
        known = self._limits.was_answered  # any day: all are requested in the same way
        yield Answer(day, at, Refused(got) if known and isinstance(got, OF_DAYS) else got)

    async def _rows_of(self, day: Day) -> Rows:
        """The rows of a day. Until one is answered in this run, the other date format is tried too."""
        try:
            return await self._rows_in(day, self._limits.form)
        except OF_DAYS:
            if self._limits.was_answered:
                raise
        other = Dates.PLAIN if self._limits.form is Dates.INSTANTS else Dates.INSTANTS
        found = await self._rows_in(day, other)
        self._limits.learn(form=other)
        return found

    async def _rows_in(self, day: Day, form: Dates) -> Rows:
        is_left_out = form is Dates.PLAIN and self._sink.ctx.facts.step_end_included is False
        last = day.date + timedelta(days=1) if is_left_out else day.date
        return await rows_of(self._sink, day.campaign, dates_between(day.date, last, form))

    def _take(self, day: Day, rows: Rows) -> None:
        given = {"campaign_id": day.campaign, "date": day.date.isoformat()}
        if rows is not None:
            self._collapses.take(self._sink, [row | given for row in rows], below(day.campaign, day.date.isoformat()))
        is_read = rows is not None or day.campaign not in self._listed
        self._done.put(day.key, day.digest if is_read else NOT_READ, self._today)

    def _refuse(self, day: Day) -> None:
        self._done.put(day.key, NOT_READ, self._today)
        note_refusal(self._sink, f"{day.date} of campaign {day.campaign}")
        self._refused += 1


def _days_to_come(ctx: Context, known: Known) -> tuple[int, int, int]:
    """How many more campaign-days this run's daily figures may make due: at least, likely, at most."""
    daily = known.streams.get(DAILY)
    if daily is None:
        return 0, 0, 0
    due, created = choose_windows(ctx, daily, known.counters), _created(known.campaigns)
    low = likely = high = 0
    for campaign in due.now:
        last = due.readings.last(campaign)
        if last is None:
            first, sent = ctx.windows.begin, known.counters.sent.get(campaign) if known.counters else None
            days = (ctx.windows.today - max(first, created.get(campaign, first))).days + 1
            most = max(days if sent is None else min(days, sent), 0)
            low, likely, high = low + (1 if sent and most else 0), likely + round(WEEKDAYS * most), high + most
        elif due.readings.has_moved(campaign):
            passed = (ctx.windows.today - last).days
            likely, high = likely + passed + 1, high + passed + 2
    return low, likely, high


def _created(campaigns: Sequence[Record]) -> dict[str, date]:
    """The creation date of each campaign just listed, by id."""
    created = {}
    for record in campaigns:
        with suppress(ValueError):
            created[str(record.get("id"))] = date.fromisoformat(str(record.get("timestamp_created"))[:10])
    return created
