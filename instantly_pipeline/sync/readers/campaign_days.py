"""Figures of single days by step: one request per campaign and day, so only days that changed are read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.collapses import Collapses
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.limits import Dates
from instantly_pipeline.sync.readers.campaigns import dates_between, rows_of
from instantly_pipeline.sync.readers.due_days import DAILY, NOT_READ, Day, StepDays, choose_days, is_open, parse_day
from instantly_pipeline.sync.readers.due_windows import choose_windows
from instantly_pipeline.sync.readers.fetch import Answer, Refused, attempt, fetch_all
from instantly_pipeline.sync.readers.parts import OF_DAYS
from instantly_pipeline.sync.readers.range_end import say_left_out
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen
from instantly_pipeline.sync.readers.refusals import end_partial, note_refusal
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink, below

FEW = 3  # so many closed days may be without steps although e-mails were sent
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
        self._sent: dict[str, int] | None = None
        self._has_steps = False  # any day of this run
        self._empty: list[Day] = []  # with e-mails by the daily figures

    async def read(self) -> None:
        """Request what is due."""
        sink, due = self._sink, self._due
        sink.total = len(due.days)
        await fetch_all(
            sink, due.days, self._ask, self._take, refuse=self._refuse, checkpoint=self._done.save,
            before=self._collapses.save,
        )  # fmt: skip
        self._judge_empty_days()
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
        if form is Dates.INSTANTS:
            return await rows_of(self._sink, day.campaign, dates_between(day.date, day.date, form))
        async with self._limits.finding_end:
            await self._find_end()
        return await self._between(day, plus=0 if self._limits.end_included is not False else 1)

    async def _between(self, day: Day, *, plus: int) -> Rows:
        """The rows of plain dates: of a day alone, or with days after it."""
        return await rows_of(self._sink, day.campaign, dates_between(day.date, day.date + timedelta(days=plus)))

    async def _find_end(self) -> None:
        """Learn whether a plain end date is included, from the closed day on which most e-mails were sent.

        Rows of steps have no date, so the day's own figures say which days they are about.
        """
        limits = self._limits
        if limits.end_included is not None or limits.was_end_sought:
            return
        limits.was_end_sought = True
        sent = self._sent_by_day()
        found = [
            (number, day) for key, number in sent.items() if (day := self._closed(key)) and _is_plain(number, day, sent)
        ]
        if not found:
            return
        number, day = max(found, key=lambda one: one[0])
        alone = await attempt(self._between(day, plus=0))
        if isinstance(alone, list) and _emails(alone):
            limits.learn(end_included=True)
            return
        longer = await attempt(self._between(day, plus=1))
        if isinstance(longer, list) and _is_about(_emails(longer), number):
            limits.learn(end_included=False)
            say_left_out(self._sink.ctx, self._sink.stream)

    def _sent_by_day(self) -> dict[str, int]:
        """E-mails by key of the daily rows in the lake."""
        if self._sent is None:
            rows = self._sink.ctx.rows(DAILY, ("sent",))
            self._sent = {key: row["sent"] for key, row in rows.items() if row["sent"]}
        return self._sent

    def _closed(self, key: str) -> Day | None:
        """The day of a key, of a listed campaign, if its figures do not grow any more."""
        day = parse_day(key)
        is_closed = day is not None and not is_open(day, self._sink.ctx.now())
        return day if is_closed and day is not None and day.campaign in self._listed else None

    def _take(self, day: Day, rows: Rows) -> None:
        given = {"campaign_id": day.campaign, "date": day.date.isoformat()}
        if rows is not None:
            self._collapses.take(self._sink, [row | given for row in rows], below(day.campaign, day.date.isoformat()))
            self._has_steps = self._has_steps or _emails(rows) > 0
            if not self._has_steps and not rows and self._sent_by_day().get(day.key):
                self._empty.append(day)
                return
        self._note_read(day, is_read=rows is not None or day.campaign not in self._listed)

    def _note_read(self, day: Day, *, is_read: bool = True) -> None:
        self._done.put(day.key, day.digest if is_read else NOT_READ, self._today)

    def _judge_empty_days(self) -> None:
        """Fail if no day of several with e-mails has steps, and none ever had: they are then asked for again."""
        self._has_steps = self._has_steps or bool(self._sink.ctx.log(self._sink.stream.name).index.alive())
        if self._has_steps or sum(self._closed(day.key) is not None for day in self._empty) < FEW:
            for day in self._empty:
                self._note_read(day)
            self._done.save()
            return
        self._sink.fail(
            f"{self._sink.stream.path} has no steps of {len(self._empty):,} campaign-days on which e-mails were sent. "
            "`instantly-pipeline doctor --probe` finds out how the API takes dates; set INSTANTLY_PROBE_FILE to the "
            "file that it writes, then sync again"
        )

    def _refuse(self, day: Day) -> None:
        self._done.put(day.key, NOT_READ, self._today)
        note_refusal(self._sink, f"{day.date} of campaign {day.campaign}")
        self._refused += 1


def _emails(rows: Sequence[Record]) -> int:
    return sum(value for row in rows if isinstance(value := row.get("sent"), int))


def _is_about(number: int, expected: int) -> bool:
    """Within a quarter: deleted leads count in some figures only."""
    return abs(number - expected) * 4 <= expected


def _is_plain(number: int, day: Day, sent: Mapping[str, int]) -> bool:
    """Whether the e-mails of a day cannot be taken for those of the next one, or of both."""
    return not _is_about(sent.get(replace(day, date=day.date + timedelta(days=1)).key, 0), number)


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
