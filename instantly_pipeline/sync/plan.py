"""The number of requests a sync will make, per stream.

Each cost comes from the function that chooses what the stream's reader reads, so the two cannot differ. A plan itself
requests only Instantly's counters, the list of campaigns and the workspace's own days. A sync passes them on to the
readers, so its plan costs no extra requests. A stream that was never read can only be estimated: its cost is a range.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import orjson

from instantly_pipeline.api.client import count_requests
from instantly_pipeline.errors import PipelineError, StreamError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Read, Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import COUNTERS, Counters, counters_now
from instantly_pipeline.sync.last_reading import was_refused
from instantly_pipeline.sync.readers.reader import Known, exactly
from instantly_pipeline.sync.readers.registry import reader_of
from instantly_pipeline.sync.readers.scan import read_ahead
from instantly_pipeline.sync.readers.windows import read_own_days
from instantly_pipeline.sync.results import Cost, Plan

CAMPAIGNS = "campaigns"
IDENTIFY = "identify workspace"  # its line in the plan


async def make_plan(ctx: Context, streams: Mapping[str, Stream], *, identified: int, per_minute: float) -> Plan:
    """The plan of a run that reads `streams`, after `identified` requests that identified the workspace."""
    before = ctx.client.stats.requests
    counters, campaigns, _ = await asyncio.gather(
        _ask_counters(ctx, streams), _ask_campaigns(ctx, streams), _ask_own_days(ctx, streams)
    )
    known = Known(streams, counters, campaigns)
    try:
        costs = [Cost(IDENTIFY, identified, "every run starts with this", identified, identified)]
        costs += [_cost(ctx, stream, known) for stream in streams.values()]
    finally:
        ctx.expected.clear()
    return Plan(tuple(costs), identified + ctx.client.stats.requests - before, per_minute)


async def _ask_counters(ctx: Context, streams: Mapping[str, Stream]) -> Counters | None:
    """Instantly's counters, if a stream needs them. Errors are reported by the reader."""
    payer = next((s.name for s in streams.values() if s.name == COUNTERS or s.read is Read.SWEEP), None)
    if payer is None:
        return None
    with count_requests() as stats:
        try:
            counters = await counters_now(ctx)
        except PipelineError:
            counters = None
    ctx.ahead[payer] = stats
    if counters is not None:
        now = {orjson.dumps([campaign]).decode(): digest for campaign, digest in counters.hashes.items()}
        with suppress(StreamError):  # a damaged file in the lake: reported by the reader too
            ctx.expected[COUNTERS] = {**ctx.hashes(COUNTERS), **now}
    return counters


async def _ask_campaigns(ctx: Context, streams: Mapping[str, Stream]) -> list[Record]:
    """The campaigns, if this run reads them; as many as could be listed."""
    if CAMPAIGNS not in streams:
        return []
    with count_requests() as stats:
        listing = await read_ahead(ctx, streams[CAMPAIGNS])
    ctx.ahead[CAMPAIGNS] = stats
    campaigns = [record for page in listing.pages for record in page.items]
    if listing.error is None:
        with suppress(StreamError):
            batch = ctx.log(CAMPAIGNS).normalize(campaigns)
            ctx.expected[CAMPAIGNS] = dict(zip(batch.keys, batch.hashes, strict=True))
    return campaigns


async def _ask_own_days(ctx: Context, streams: Mapping[str, Stream]) -> None:
    """The workspace's own days, if this run reads them and the windows that they say something about."""
    by_read = {stream.read: stream for stream in streams.values()}
    own = by_read.get(Read.WORKSPACE_WINDOW)
    if own is None or Read.CAMPAIGN_WINDOW not in by_read or was_refused(ctx.checkpoints, own.name):
        return
    with count_requests() as stats:
        await read_own_days(ctx, own)
    ctx.ahead[own.name] = stats


def _cost(ctx: Context, stream: Stream, known: Known) -> Cost:
    """The requests of a stream's reader, with those the plan already made for it."""
    ahead = ctx.requests_ahead(stream.name)
    if was_refused(ctx.checkpoints, stream.name):
        is_answered = ctx.knows(stream.path) or stream.name in ctx.listed
        return exactly(stream, ahead + (not is_answered), "refused last time, tried once more")
    try:
        cost = reader_of(stream).estimate(ctx, stream, known)
    except StreamError as error:
        cost = Cost(stream.name, 0, f"unknown: {error}", 0, 1)
    return replace(cost, requests=cost.requests + ahead, low=cost.low + ahead, high=cost.high + ahead)
