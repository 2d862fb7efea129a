"""Figures of single days by step: one request a campaign and day, so asked for only where something is new.

A campaign-day is due when its daily row is another one than when its steps were read: it has got figures, they were
revised, it vanished. A day that is over is asked for at most once a day. Newest first, bounded per run; `--full` has no
bound, and reads all days within the lookback again: meetings and wins are counted by the lead's present status, which
moves without the daily row.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import orjson

from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.index.sorted_files import IndexEntry
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.collapses import Collapses
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import COUNTERS, Counters
from instantly_pipeline.sync.limits import Dates, Limits
from instantly_pipeline.sync.readers.campaigns import dates_between, rows_of
from instantly_pipeline.sync.readers.fetch import Answer, Refused, attempt, fetch_all
from instantly_pipeline.sync.readers.parts import OF_DAYS
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen
from instantly_pipeline.sync.readers.windows import REFUSED, choose_windows
from instantly_pipeline.sync.readings import Readings
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink, below

DAILY = "daily_analytics"
WEEKDAYS = 0.7  # of all days: campaigns mostly rest at the weekend
OPEN_FOR = timedelta(hours=48)  # a date is open until 24 h after its UTC end
NOT_READ = "?"  # instead of a daily row's hash: a listed campaign answered 404, or the day was refused


@dataclass(frozen=True, slots=True)
class Due:
    """The campaign-days to ask for in this run, newest first, and how many older ones are left for the next."""

    days: list[Day]
    left: int


@dataclass(frozen=True, slots=True)
class Day:
    """One campaign-day as its daily row is now; the hash is empty where that vanished."""

    campaign: str
    date: date
    digest: str

    @property
    def key(self) -> str:
        """The key of the daily row."""
        return orjson.dumps([self.campaign, self.date.isoformat()]).decode()


def choose_days(ctx: Context, stream: Stream) -> Due:
    """What is due, from the daily rows the lake knows and from what was read before."""
    done = StepDays(ctx.checkpoints, stream.name)
    known = ctx.log(DAILY).index.entries()
    days = [day for key, entry in known.items() if (day := _day(key, entry)) and _is_due(ctx, day, entry, done)]
    days.sort(key=lambda day: (day.date, day.campaign), reverse=True)
    bound = len(days) if ctx.request.full else ctx.step_requests
    return Due(days[:bound], max(len(days) - bound, 0))


class CampaignDaysReader:
    """One request a campaign and day whose daily row changed."""

    async def read(self, sink: Sink) -> None:
        """Ask for what is due."""
        await _read(sink)

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """What is due, and what the daily figures of this run may make due, within the bound of a run."""
        due = choose_days(ctx, stream)
        now = len(due.days) + due.left
        low, likely, high = _days_to_come(ctx, known)
        most = now + high if ctx.request.full else ctx.step_requests
        why = f"{now:,} campaign-days are due"
        if high:
            why += f"; with the daily figures of this run {low:,} to {high:,} more"
        if now + high > most:
            why += f"; at most {most:,} a run"
        low, likely, high = (min(now + more, most) for more in (low, likely, high))
        return Cost(stream.name, likely, why, low, high)

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today, of all campaigns together."""
        return Probe(seen.dates)


async def _read(sink: Sink) -> None:
    ctx, due = sink.ctx, choose_days(sink.ctx, sink.stream)
    done, collapses, limits = (
        StepDays(ctx.checkpoints, sink.stream.name),
        Collapses(sink),
        ctx.limits_of_days(sink.stream),
    )
    refused: set[str] = set()
    listed = set(ctx.ids("campaigns", alive_only=True))
    sink.total = len(due.days)

    async def ask(day: Day) -> AsyncGenerator[Answer[Day, list[Record] | None]]:
        at, got = ctx.now(), await attempt(_rows_of_day(sink, day, limits))
        limits.was_answered |= not isinstance(got, PipelineError)
        known = limits.was_answered  # one day is like another
        yield Answer(day, at, Refused(got) if known and isinstance(got, OF_DAYS) else got)

    def take(day: Day, rows: list[Record] | None) -> None:
        given = {"campaign_id": day.campaign, "date": day.date.isoformat()}
        if rows is not None:
            collapses.take([row | given for row in rows], below(day.campaign, day.date.isoformat()))
        is_read = rows is not None or day.campaign not in listed
        done.put(day.key, day.digest if is_read else NOT_READ, ctx.windows.today)

    def refuse(day: Day) -> None:
        done.put(day.key, NOT_READ, ctx.windows.today)
        sink.odd(day.key, REFUSED, column="date", expected="an answer")
        refused.add(day.key)

    await fetch_all(sink, due.days, ask, take, refuse=refuse, checkpoint=done.save, before=collapses.save)
    if refused:
        sink.result.is_partial(
            f"the API refuses {len(refused):,} campaign-days and answers the others (see meta.quarantine)"
        )
    if due.left:
        sink.result.is_partial(
            f"{due.left} older campaign-days are left for the next runs (sync --full reads them all)"
        )


async def _rows_of_day(sink: Sink, day: Day, limits: Limits) -> list[Record] | None:
    """The rows of a day. As long as none was answered in this run, its dates are tried in the other form as well."""

    async def rows(form: Dates) -> list[Record] | None:
        return await rows_of(sink, day.campaign, dates_between(day.date, day.date, form))

    try:
        return await rows(limits.form)
    except OF_DAYS:
        if limits.was_answered:
            raise
    other = Dates.PLAIN if limits.form is Dates.INSTANTS else Dates.INSTANTS
    found = await rows(other)
    limits.learn(form=other)
    return found


def _days_to_come(ctx: Context, known: Known) -> tuple[int, int, int]:
    """Campaign-days that this run's daily figures may make due, those known apart: at least, likely, at most."""
    daily = known.streams.get(DAILY)
    if daily is None:
        return 0, 0, 0
    done, moved, begun = Readings.of(ctx, daily), _moved(ctx, known.counters), _begun(known.campaigns)
    low = likely = high = 0
    for campaign in choose_windows(ctx, daily):
        if campaign not in done:
            first, sent = ctx.windows.begin, known.counters.sent.get(campaign) if known.counters else None
            days = (ctx.windows.today - max(first, begun.get(campaign, first))).days + 1
            most = max(days if sent is None else min(days, sent), 0)
            low, likely, high = low + (1 if sent and most else 0), likely + round(WEEKDAYS * most), high + most
        elif campaign in moved:
            passed = (ctx.windows.today - (done.last(campaign) or ctx.windows.today)).days
            likely, high = likely + passed + 1, high + passed + 2
    return low, likely, high


def _moved(ctx: Context, counters: Counters | None) -> set[str]:
    """The campaigns whose counters are other ones than in the lake."""
    if counters is None:
        return set()
    before = {orjson.loads(key)[0]: entry.hash for key, entry in ctx.log(COUNTERS).index.alive().items()}
    return {campaign for campaign, digest in counters.hashes.items() if before.get(campaign) != digest}


def _begun(campaigns: Sequence[Record]) -> dict[str, date]:
    """When each campaign just listed was made."""
    begun = {}
    for record in campaigns:
        with suppress(ValueError):
            begun[str(record.get("id"))] = date.fromisoformat(str(record.get("timestamp_created"))[:10])
    return begun


@dataclass(frozen=True, slots=True)
class DayRead:
    """From which daily row (its hash) the steps of a day were read, and on which day."""

    digest: str
    read_on: str


class StepDays:
    """Which campaign-days were read, from which daily row and when; one checkpoint a month, so each stays small."""

    def __init__(self, checkpoints: Checkpoints, stream: str) -> None:
        self._checkpoints = checkpoints
        self._prefix = f"{stream}.days."
        self._months = {name: self._checkpoints.read(name) for name in self._checkpoints.names(self._prefix)}
        self._changed: set[str] = set()

    def get(self, key: str) -> DayRead | None:
        """The last reading of a day; None where it was never read."""
        found = self._months.get(self._month(key), {}).get(key)
        return DayRead(str(found[0]), str(found[1])) if isinstance(found, list) and len(found) == 2 else None

    def put(self, key: str, digest: str, today: date) -> None:
        """Note a reading; `save` makes it last."""
        month = self._month(key)
        self._months.setdefault(month, {})[key] = [digest, today.isoformat()]
        self._changed.add(month)

    def save(self) -> None:
        """Write the months that changed."""
        for month in self._changed:
            self._checkpoints.write(month, self._months[month])
        self._changed = set()

    def _month(self, key: str) -> str:
        return f"{self._prefix}{orjson.loads(key)[1][:7]}"


def _day(key: str, entry: IndexEntry) -> Day | None:
    """The campaign-day of a daily row; None where its key does not name one."""
    try:
        campaign, day = orjson.loads(key)
        return Day(campaign, date.fromisoformat(day), (entry.hash or "") if entry.alive else "")
    except (TypeError, ValueError):
        return None


def _is_due(ctx: Context, day: Day, entry: IndexEntry, done: StepDays) -> bool:
    """A day changed since its steps were read; a closed day read today waits for tomorrow."""
    windows, before = ctx.windows, done.get(day.key)
    if before is None:
        return entry.alive and entry.scope == "figures"  # of a day without figures there is nothing to divide
    if entry.alive and ctx.request.full and day.date >= windows.today - timedelta(days=windows.lookback_days):
        return True
    return before.digest != day.digest and (_is_open(day, ctx.now()) or before.read_on != windows.today.isoformat())


def _is_open(day: Day, now: datetime) -> bool:
    return now < datetime(day.date.year, day.date.month, day.date.day, tzinfo=UTC) + OPEN_FOR
