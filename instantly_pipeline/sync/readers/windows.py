"""Daily figures over a window: of every campaign, and of the workspace."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import orjson

from instantly_pipeline.errors import NotFound
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.collapses import Collapses
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import COUNTERS
from instantly_pipeline.sync.readers.campaigns import dates_between, every_campaign, rows_in
from instantly_pipeline.sync.readers.fetch import Answer, fetch_all
from instantly_pipeline.sync.readers.parts import OF_DAYS, Question
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.readers.refusals import end_partial, note_refusal
from instantly_pipeline.sync.readings import A_DAY, Readings, Span
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink, days_of

THE_WORKSPACE = "last"  # its name in the checkpoint of its own days

Rows = list[Record] | None  # None: the campaign is gone, and what is known of it stays


@dataclass(frozen=True, slots=True)
class Days:
    """Some days of a campaign, or of the workspace (campaign None)."""

    campaign: str | None
    span: Span

    @property
    def name(self) -> str:
        """The name in the checkpoint."""
        return self.campaign or THE_WORKSPACE

    @property
    def parent(self) -> tuple[str, ...]:
        """What the keys of their rows begin with."""
        return (self.campaign,) if self.campaign is not None else ()


def choose_windows(ctx: Context, stream: Stream) -> list[str]:
    """The campaigns to ask for their days: listed ones, those never asked for or with days missing, and others while
    they may move."""
    done, listed = Readings.of(ctx, stream), set(ctx.ids("campaigns", alive_only=True))
    return [
        c for c in every_campaign(ctx)
        if c in listed or done.last(c) is None or done.is_behind(c) or _may_move(ctx, stream, c, str(done.last(c)))
    ]  # fmt: skip


class CampaignWindowReader:
    """Daily figures of every campaign over the lookback; the first time from the start date.

    The lookback is counted from the last day that was read, so a pause of any length leaves no hole. A deleted campaign
    still answers, and is asked while it has days within the lookback or its counters move.
    """

    async def read(self, sink: Sink) -> None:
        """Ask for the days due of the campaigns that may have new ones."""
        await _Windows(sink, {campaign: campaign for campaign in choose_windows(sink.ctx, sink.stream)}).read()

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """As many requests as the days due take."""
        chosen, every = choose_windows(ctx, stream), len(every_campaign(ctx))
        done = Readings.of(ctx, stream)
        new = sum(campaign not in done for campaign in chosen)
        parts = [f"all days of {new:,} new ones"] if new else []
        if len(chosen) > new or not new:
            parts.insert(0, f"the last {ctx.windows.lookback_days} days of {len(chosen) - new:,}")
        return exactly(stream, _questions(ctx, stream, chosen), f"of {every:,} campaigns: {', '.join(parts)}")

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today, of all campaigns together."""
        return Probe(seen.dates)


class WorkspaceWindowReader:
    """Daily figures of the whole workspace, deleted campaigns included."""

    async def read(self, sink: Sink) -> None:
        """Ask for the days due."""
        await _Windows(sink, {THE_WORKSPACE: None}).read()

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """As many requests as the days due take."""
        requests = _questions(ctx, stream, [THE_WORKSPACE])
        return exactly(stream, requests, "one request" if requests == 1 else f"days in {requests:,} parts")

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today."""
        return Probe(seen.dates)


def _questions(ctx: Context, stream: Stream, names: Sequence[str]) -> int:
    """Requests for the days due of each of `names`, in parts as long as the API is known to take."""
    limits, done = ctx.limits_of_days(stream), Readings.of(ctx, stream)
    return sum(limits.questions(len(span.days())) for name in names for span in done.due(name))


class _Windows:
    """The windows of one stream in one run: by its name in the checkpoint, each campaign, or None for the workspace."""

    def __init__(self, sink: Sink, campaigns: Mapping[str, str | None]) -> None:
        self._sink, self._campaigns = sink, campaigns
        self._done, self._collapses = Readings.of(sink.ctx, sink.stream), Collapses(sink)
        self._limits = sink.ctx.limits_of_days(sink.stream)
        self._listed = {*sink.ctx.ids("campaigns", alive_only=True), THE_WORKSPACE}
        self._due = {name: self._due_of(name, campaign) for name, campaign in campaigns.items()}

    def _due_of(self, name: str, campaign: str | None) -> list[Span]:
        parent = () if campaign is None else (campaign,)
        return self._done.due(name, self._collapses.reach(self._done.first_day(name), *parent))

    async def read(self) -> None:
        """Ask for what is due, the longest first: that shows how much is too much."""
        sink, due = self._sink, self._due
        sink.total = sum(self._limits.questions(len(span.days())) for spans in due.values() for span in spans)
        longest_first = sorted(due, key=lambda name: min((span.first - span.last for span in due[name]), default=A_DAY))
        await fetch_all(
            sink, longest_first, self._ask, self._take, refuse=self._refuse, checkpoint=self._done.save,
            before=self._collapses.save,
        )  # fmt: skip
        if days := sum(self._done.refused_days(name) for name in due):
            end_partial(sink, f"{days:,} days")

    async def _ask(self, name: str) -> AsyncGenerator[Answer[Days, Rows]]:
        """One span after the other; no more of a campaign that is gone, or refused whatever is asked."""
        campaign = self._campaigns[name]

        async def rows(days: Sequence[date]) -> Rows:
            return await rows_in(self._sink, campaign, dates_between(days[-1], days[0]))

        question = Question(self._limits, rows, OF_DAYS, self._sink.ctx.now)
        for span in self._due[name]:
            async with aclosing(question.about(span.days())) as answers:
                async for answer in answers:
                    part = Days(campaign, Span.of(answer.item))
                    if isinstance(answer.got, NotFound) and campaign is not None:
                        rest = Span(self._due[name][-1].first, part.span.last)
                        yield Answer(replace(part, span=rest), answer.asked_at, None)
                        return
                    yield Answer(part, answer.asked_at, answer.got)
                    if isinstance(answer.got, OF_DAYS):
                        return

    def _take(self, days: Days, rows: Rows) -> None:
        if rows is not None:
            given = {} if days.campaign is None else {"campaign_id": days.campaign}
            self._collapses.take([row | given for row in rows], days_of(days.parent, *days.span.as_texts()))
        if rows is not None or days.name not in self._listed:
            self._done.note_read(days.name, days.span)

    def _refuse(self, days: Days) -> None:
        self._done.note_refused(days.name, days.span)
        whose = "the workspace" if days.campaign is None else f"campaign {days.campaign}"
        note_refusal(self._sink, f"{days.span} of {whose}")


def _may_move(ctx: Context, stream: Stream, campaign: str, last_read: str) -> bool:
    """Whether a campaign that is not listed has days within the lookback, or its counters moved since it was read."""
    key = orjson.dumps([campaign]).decode()
    counters = ctx.log(COUNTERS).index.lookup([key]).get(key)
    if counters is not None and str(datetime.fromtimestamp(counters.at / 1e6, UTC).date()) >= last_read:
        return True
    start = ctx.windows.today - timedelta(days=ctx.windows.lookback_days)
    bounds = days_of((campaign,), start.isoformat(), ctx.windows.today.isoformat())
    return bool(ctx.log(stream.name).index.alive(*bounds))
