"""Daily figures over a window of days: of every campaign, and of the workspace."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import date

import orjson

from instantly_pipeline.errors import NotFound, PipelineError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.answers import records_in
from instantly_pipeline.sync.collapses import Collapses
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import COUNTERS, counters_now
from instantly_pipeline.sync.readers.campaigns import dates_between, every_campaign, rows_in
from instantly_pipeline.sync.readers.due_windows import OwnDays, choose_windows
from instantly_pipeline.sync.readers.fetch import Answer, fetch_all
from instantly_pipeline.sync.readers.parts import OF_DAYS, SplitRequest
from instantly_pipeline.sync.readers.range_end import Doubtful, rows_of_days
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.readers.refusals import end_partial, note_refusal
from instantly_pipeline.sync.readings import A_DAY, Readings, Span
from instantly_pipeline.sync.results import Cost, Outcome
from instantly_pipeline.sync.sink import Sink, days_of

THE_WORKSPACE = "last"  # its name in the checkpoint of its own days

Rows = list[Record] | None  # None: the campaign is deleted; its rows are kept


@dataclass(frozen=True, slots=True)
class Days:
    """Some days of a campaign, or of the workspace (campaign None)."""

    campaign: str | None
    span: Span


class CampaignWindowReader:
    """Daily figures of the campaigns over the lookback; the first time from the start date.

    The lookback counts from the last day that was read, so a pause of any length leaves no gap. `due_windows` says
    which campaigns are read.
    """

    async def read(self, sink: Sink) -> None:
        """Request what is due, then the other windows if only they can explain the workspace's own days."""
        ctx, stream = sink.ctx, sink.stream
        counters = await counters_now(ctx) if ctx.knows(ctx.streams[COUNTERS].path) else None
        due, own_days = choose_windows(ctx, stream, counters), OwnDays(ctx, stream)
        moved: set[str] = set()
        if due.others:
            sink.on_version = lambda key, *_: moved.add(orjson.loads(key)[-1])
        await _Windows(sink, due.now, due.readings).read()
        is_whole, is_explained = sink.result.outcome is not Outcome.FAILED, True
        if is_whole and due.others and own_days.unexplained(moved):
            await _Windows(sink, due.others, due.readings).read()
            is_whole, is_explained = sink.result.outcome is not Outcome.FAILED, not own_days.unexplained(moved)
        if is_whole:
            own_days.save(is_explained=is_explained)
        _end_refused(sink, due.readings, [*due.now, *due.others])

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """The requests that the due days take; up to those of all windows if the workspace's own days moved."""
        due, every = choose_windows(ctx, stream, known.counters), len(every_campaign(ctx))
        requests = _requests_for(ctx, stream, due.readings, due.now)
        new = sum(campaign not in due.readings for campaign in due.now)
        parts = [f"all days of {new:,} new ones"] if new else []
        if len(due.now) > new or not new:
            parts.insert(0, f"the last {ctx.windows.lookback_days} days of {len(due.now) - new:,}")
        why = f"of {every:,} campaigns: {', '.join(parts)}"
        if due.others:
            why += f"; {len(due.others):,} were read today and have not moved"
        if not due.others or not OwnDays(ctx, stream).unexplained():
            return exactly(stream, requests, why)
        most = requests + _requests_for(ctx, stream, due.readings, due.others)
        likely = requests if due.now else most
        return Cost(stream.name, likely, f"{why}: read if no other explains the workspace's own days", likely, most)

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today, of all campaigns together."""
        return Probe(seen.dates)


class WorkspaceWindowReader:
    """Daily figures of the whole workspace, deleted campaigns included."""

    async def read(self, sink: Sink) -> None:
        """Request the due days."""
        readings = Readings.of(sink.ctx, sink.stream)
        await _Windows(sink, [None], readings).read()
        _end_refused(sink, readings, [None])

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """The requests that the due days take."""
        requests = _requests_for(ctx, stream, Readings.of(ctx, stream), [None])
        made = sum(ctx.knows(_request(stream, span)) for span in _due_own(ctx, stream))
        why = "one request" if requests == 1 else f"the days take {requests:,} requests"
        return exactly(stream, requests - made, why)

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today."""
        return Probe(seen.dates)


async def read_own_days(ctx: Context, stream: Stream) -> None:
    """Request the workspace's due days ahead of their turn, if that takes one request, as `Context.own_days`.

    The reader takes the same response, or reports the error.
    """
    due = _due_own(ctx, stream)
    if len(due) != 1 or ctx.limits_of_days(stream).requests_for(len(due[0].days())) != 1:
        return
    with suppress(PipelineError):
        batch = ctx.log(stream.name).normalize(await _own_rows(ctx, stream, due[0]))
        days = zip((orjson.loads(key)[-1] for key in batch.keys), batch.hashes, strict=True)
        ctx.own_days = {day: digest for day, digest in days if day >= ctx.windows.lookback.isoformat()}


async def _own_rows(ctx: Context, stream: Stream, span: Span) -> list[Record]:
    """The workspace's rows over some days, requested once per run."""
    params = dates_between(span.first, span.last)
    return records_in(stream, await ctx.shared(_request(stream, span), lambda: ctx.client.get(stream.path, params)))


def _request(stream: Stream, span: Span) -> str:
    return f"{stream.name} {span}"


def _name(campaign: str | None) -> str:
    """The name in the checkpoint."""
    return THE_WORKSPACE if campaign is None else campaign


def _parent(campaign: str | None) -> tuple[str, ...]:
    """The first parts of the keys of the rows."""
    return () if campaign is None else (campaign,)


def _due(readings: Readings, collapses: Collapses, campaign: str | None) -> list[Span]:
    """The due days of a campaign, or of the workspace: back to the oldest collapsed day that is not yet believed."""
    name = _name(campaign)
    return readings.due(name, collapses.first_day(readings.first_day(name), *_parent(campaign)))


def _due_own(ctx: Context, stream: Stream) -> list[Span]:
    return _due(Readings.of(ctx, stream), Collapses(ctx, stream), None)


def _requests_for(ctx: Context, stream: Stream, readings: Readings, campaigns: Sequence[str | None]) -> int:
    """How many requests the due days take, with as many days in each as the API accepts."""
    limits, collapses = ctx.limits_of_days(stream), Collapses(ctx, stream)
    return sum(limits.requests_for(len(span.days())) for c in campaigns for span in _due(readings, collapses, c))


def _end_refused(sink: Sink, readings: Readings, campaigns: Sequence[str | None]) -> None:
    """End as partial if the API refuses days, whether or not they were due in this run."""
    if days := sum(readings.refused_days(_name(campaign)) for campaign in campaigns):
        end_partial(sink, f"{days:,} days")


class _Windows:
    """Some windows of one stream in one run."""

    def __init__(self, sink: Sink, campaigns: Sequence[str | None], readings: Readings) -> None:
        self._sink, self._done = sink, readings
        self._collapses = Collapses(sink.ctx, sink.stream)
        self._limits = sink.ctx.limits_of_days(sink.stream)
        self._doubtful = Doubtful(self._limits)
        self._listed = set(sink.ctx.ids("campaigns", alive_only=True))
        self._due = {campaign: _due(readings, self._collapses, campaign) for campaign in campaigns}

    async def read(self) -> None:
        """Request what is due, the longest span first, since that finds the limits of the API."""
        sink, due = self._sink, self._due
        requests = sum(self._limits.requests_for(len(span.days())) for spans in due.values() for span in spans)
        sink.total = sink.done + requests
        longest_first = sorted(due, key=lambda one: min((span.first - span.last for span in due[one]), default=A_DAY))
        await fetch_all(
            sink, longest_first, self._ask, self._take, refuse=self._refuse, checkpoint=self._done.save,
            before=self._collapses.save,
        )  # fmt: skip
        self._doubtful.settle(self._done)

    async def _ask(self, campaign: str | None) -> AsyncGenerator[Answer[Days, Rows]]:
        """Request one span after the other; stop if the campaign is deleted or refuses all days."""

        sink = self._sink

        async def between(first: date, last: date) -> Rows:
            if campaign is None:
                return await _own_rows(sink.ctx, sink.stream, Span(first, last))
            return await rows_in(sink, campaign, dates_between(first, last))

        async def rows(days: Sequence[date]) -> Rows:
            return await rows_of_days(sink.ctx, sink.stream, self._limits, between, days)

        request = SplitRequest(self._limits, rows, OF_DAYS, self._sink.ctx.now)
        for span in self._due[campaign]:
            async with aclosing(request.answers(span.days())) as answers:
                async for answer in answers:
                    part = Days(campaign, Span.of(answer.item))
                    if isinstance(answer.got, NotFound) and campaign is not None:
                        rest = Span(self._due[campaign][-1].first, part.span.last)
                        yield Answer(replace(part, span=rest), answer.asked_at, None)
                        return
                    yield Answer(part, answer.asked_at, answer.got)
                    if isinstance(answer.got, OF_DAYS):
                        return

    def _take(self, days: Days, rows: Rows) -> None:
        if rows is not None:
            given = {} if days.campaign is None else {"campaign_id": days.campaign}
            bounds = days_of(_parent(days.campaign), *days.span.as_texts())
            self._collapses.take(self._sink, [row | given for row in rows], bounds)
            self._doubtful.note([_name(days.campaign)], days.span, rows)
        if rows is not None or days.campaign not in self._listed:
            self._done.note_read(_name(days.campaign), days.span)

    def _refuse(self, days: Days) -> None:
        self._done.note_refused(_name(days.campaign), days.span)
        whose = "the workspace" if days.campaign is None else f"campaign {days.campaign}"
        note_refusal(self._sink, f"{days.span} of {whose}")
