"""Lifetime figures asked for campaign by campaign: of those whose counters moved."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import orjson

from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import COUNTERS
from instantly_pipeline.sync.readers.campaigns import every_campaign, rows_of
from instantly_pipeline.sync.readers.fetch import Answer, alone, fetch_all
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Range, Sink, below


class PerCampaignReader:
    """One request for every campaign whose counters moved since its lifetime figures were last read."""

    async def read(self, sink: Sink) -> None:
        """Ask for what moved.

        The counters were taken before, so a change in between is read again next time rather than missed.
        """
        counters, done = _counters(sink.ctx), sink.ctx.checkpoints.read(sink.stream.name)
        campaigns = choose_lifetimes(sink.ctx, sink.stream)
        sink.total = len(campaigns)

        async def ask(campaign: str) -> list[Record] | None:
            return await rows_of(sink, campaign)

        def take(campaign: str, rows: list[Record] | None) -> None:
            if rows is not None:
                sink.put([row | {"campaign_id": campaign} for row in rows], _whole(sink, campaign))
            done[campaign] = counters.get(campaign, "")

        def asked(campaign: str) -> AsyncGenerator[Answer[str, list[Record] | None]]:
            return alone(sink, campaign, ask)

        await fetch_all(
            sink, campaigns, asked, take, checkpoint=lambda: sink.ctx.checkpoints.write(sink.stream.name, done)
        )

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """As many as moved."""
        chosen, every = len(choose_lifetimes(ctx, stream)), len(every_campaign(ctx))
        why = "read again" if ctx.request.full else "moved"
        return exactly(stream, chosen, f"{chosen:,} of {every:,} campaigns {why}, {every - chosen:,} are skipped")

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today, of all campaigns together."""
        return Probe(seen.dates)


def choose_lifetimes(ctx: Context, stream: Stream) -> list[str]:
    """The campaigns whose counters moved since their lifetime figures were last read."""
    counters, done = _counters(ctx), ctx.checkpoints.read(stream.name)
    return [c for c in every_campaign(ctx) if ctx.request.full or done.get(c) != counters.get(c, "")]


def _counters(ctx: Context) -> dict[str, str]:
    """The hash of each campaign's counters."""
    return {orjson.loads(key)[0]: digest for key, digest in ctx.hashes(COUNTERS).items()}


def _whole(sink: Sink, campaign: str) -> Range:
    """The range of keys one campaign's answer decides."""
    if sink.stream.key == ("campaign_id",):
        key = orjson.dumps([campaign]).decode()
        return key[:-1], key
    return below(campaign)
