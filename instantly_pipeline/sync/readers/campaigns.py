"""Lifetime figures asked for campaign by campaign, and what all questions about one campaign have in common."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import date
from types import MappingProxyType

import orjson

from instantly_pipeline.errors import NotFound
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context, records_in
from instantly_pipeline.sync.counters import COUNTERS
from instantly_pipeline.sync.limits import Dates
from instantly_pipeline.sync.readers.asking import Answer, alone, each
from instantly_pipeline.sync.sink import Range, Sink, below


def choose_lifetimes(ctx: Context, stream: Stream) -> list[str]:
    """The campaigns whose counters moved since their lifetime figures were last read."""
    counters, done = _counters(ctx), ctx.checkpoints.read(stream.name)
    return [c for c in every_campaign(ctx) if ctx.request.full or done.get(c) != counters.get(c, "")]


async def read_per_campaign(sink: Sink) -> None:
    """Lifetime figures of every campaign whose counters moved since they were last read.

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

    await each(sink, campaigns, asked, take, checkpoint=lambda: sink.ctx.checkpoints.write(sink.stream.name, done))


async def rows_of(sink: Sink, campaign: str, params: Mapping[str, str] = MappingProxyType({})) -> list[Record] | None:
    """The rows of one request; None where the campaign is gone (its rows are kept).

    404 says so, and an answer without any row about a campaign that is not listed.
    """
    try:
        return await rows_in(sink, campaign, params)
    except NotFound:
        return None


async def rows_in(sink: Sink, campaign: str | None, params: Mapping[str, str]) -> list[Record] | None:
    """The rows of one request; None for an answer without any row about a campaign that is not listed.

    NotFound where the API does not know the campaign.
    """
    named = {} if campaign is None else {sink.stream.parent_param: campaign}
    answer = await sink.client.get(sink.stream.path, {**(sink.stream.params or {}), **named, **params})
    rows = records_in(sink.stream, answer)
    return rows if rows or campaign is None or sink.ctx.is_listed("campaigns", campaign) else None


def every_campaign(ctx: Context) -> Sequence[str]:
    """Every campaign the lake ever knew, deleted ones too: they still answer."""
    return sorted({*ctx.ids("campaigns"), *ctx.ids(COUNTERS)})


def dates_between(first: date, last: date, form: Dates = Dates.PLAIN) -> dict[str, str]:
    """The parameters of a range of days, both included (reference, section 6)."""
    if form is Dates.INSTANTS:
        return {"start_date": f"{first}T00:00:00.000Z", "end_date": f"{last}T23:59:59.999Z"}
    return {"start_date": first.isoformat(), "end_date": last.isoformat()}


def _counters(ctx: Context) -> dict[str, str]:
    """The hash of each campaign's counters."""
    return {orjson.loads(key)[0]: digest for key, digest in ctx.hashes(COUNTERS).items()}


def _whole(sink: Sink, campaign: str) -> Range:
    """The range of keys one campaign's answer decides."""
    if sink.stream.key == ("campaign_id",):
        key = orjson.dumps([campaign]).decode()
        return key[:-1], key
    return below(campaign)
