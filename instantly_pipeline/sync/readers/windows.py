"""Daily figures over a window of days: of every campaign, and of the workspace."""

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
from instantly_pipeline.sync.readers.parts import OF_DAYS, SplitRequest
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.readers.refusals import end_partial, note_refusal
from instantly_pipeline.sync.readings import A_DAY, Readings, Span
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink, days_of

THE_WORKSPACE = "last"  # its name in the checkpoint of its own days

Rows = list[Record] | None  # None: the campaign is deleted; its rows are kept


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
        """The first parts of the keys of their rows."""
        return (self.campaign,) if self.campaign is not None else ()


def choose_windows(ctx: Context, stream: Stream) -> list[str]:
    """The campaigns to read: listed ones, those never read or with missing days, and deleted ones that may change."""
    done, listed = Readings.of(ctx, stream), set(ctx.ids("campaigns", alive_only=True))
    return [
        c for c in every_campaign(ctx)
        if c in listed or done.last(c) is None or done.is_behind(c) or _may_change(ctx, stream, c, str(done.last(c)))
    ]  # fmt: skip


class CampaignWindowReader:
    """Daily figures of every campaign over the lookback; the first time from the start date.

    The lookback counts from the last day that was read, so a pause of any length leaves no gap. The API still answers
    about deleted campaigns; they are read while they have days in the lookback or their counters change.
    """

    async def read(self, sink: Sink) -> None:
        """Request the due days of the campaigns that may have new figures."""
        await _Windows(sink, {campaign: campaign for campaign in choose_windows(sink.ctx, sink.stream)}).read()

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """The requests that the due days take."""
        chosen, every = choose_windows(ctx, stream), len(every_campaign(ctx))
        done = Readings.of(ctx, stream)
        new = sum(campaign not in done for campaign in chosen)
        parts = [f"all days of {new:,} new ones"] if new else []
        if len(chosen) > new or not new:
            parts.insert(0, f"the last {ctx.windows.lookback_days} days of {len(chosen) - new:,}")
        return exactly(stream, _requests_for(ctx, stream, chosen), f"of {every:,} campaigns: {', '.join(parts)}")

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today, of all campaigns together."""
        return Probe(seen.dates)


class WorkspaceWindowReader:
    """Daily figures of the whole workspace, deleted campaigns included."""

    async def read(self, sink: Sink) -> None:
        """Request the due days."""
        await _Windows(sink, {THE_WORKSPACE: None}).read()

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """The requests that the due days take."""
        requests = _requests_for(ctx, stream, [THE_WORKSPACE])
        return exactly(stream, requests, "one request" if requests == 1 else f"the days take {requests:,} requests")

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today."""
        return Probe(seen.dates)


def _requests_for(ctx: Context, stream: Stream, names: Sequence[str]) -> int:
    """How many requests the due days of `names` take, with as many days in each as the API accepts."""
    limits, done = ctx.limits_of_days(stream), Readings.of(ctx, stream)
    return sum(limits.requests_for(len(span.days())) for name in names for span in done.due(name))


class _Windows:
    """The windows of one stream in one run. `campaigns`: by name in the checkpoint; None for the workspace."""

    def __init__(self, sink: Sink, campaigns: Mapping[str, str | None]) -> None:
        self._sink, self._campaigns = sink, campaigns
        self._done, self._collapses = Readings.of(sink.ctx, sink.stream), Collapses(sink)
        self._limits = sink.ctx.limits_of_days(sink.stream)
        self._listed = {*sink.ctx.ids("campaigns", alive_only=True), THE_WORKSPACE}
        self._due = {name: self._due_of(name, campaign) for name, campaign in campaigns.items()}

    def _due_of(self, name: str, campaign: str | None) -> list[Span]:
        parent = () if campaign is None else (campaign,)
        return self._done.due(name, self._collapses.first_day(self._done.first_day(name), *parent))

    async def read(self) -> None:
        """Request what is due, the longest span first, since that finds the limits of the API."""
        sink, due = self._sink, self._due
        sink.total = sum(self._limits.requests_for(len(span.days())) for spans in due.values() for span in spans)
        longest_first = sorted(due, key=lambda name: min((span.first - span.last for span in due[name]), default=A_DAY))
        await fetch_all(
            sink, longest_first, self._ask, self._take, refuse=self._refuse, checkpoint=self._done.save,
            before=self._collapses.save,
        )  # fmt: skip
        if days := sum(self._done.refused_days(name) for name in due):
            end_partial(sink, f"{days:,} days")

    async def _ask(self, name: str) -> AsyncGenerator[Answer[Days, Rows]]:
        """Request one span after the other; stop if the campaign is deleted or refuses all days."""
        campaign = self._campaigns[name]

        async def rows(days: Sequence[date]) -> Rows:
            return await rows_in(self._sink, campaign, dates_between(days[-1], days[0]))

        request = SplitRequest(self._limits, rows, OF_DAYS, self._sink.ctx.now)
        for span in self._due[name]:
            async with aclosing(request.answers(span.days())) as answers:
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


def _may_change(ctx: Context, stream: Stream, campaign: str, last_read: str) -> bool:
    """Whether an unlisted campaign has days in the lookback, or its counters changed since it was last read."""
    key = orjson.dumps([campaign]).decode()
    counters = ctx.log(COUNTERS).index.lookup([key]).get(key)
    if counters is not None and str(datetime.fromtimestamp(counters.at / 1e6, UTC).date()) >= last_read:
        return True
    start = ctx.windows.today - timedelta(days=ctx.windows.lookback_days)
    bounds = days_of((campaign,), start.isoformat(), ctx.windows.today.isoformat())
    return bool(ctx.log(stream.name).index.alive(*bounds))
