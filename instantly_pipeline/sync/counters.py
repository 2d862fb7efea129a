"""Instantly's own counters of each campaign, `/campaigns/analytics`, requested once per run.

They are read before anything that is skipped because of them, so that the next run sees a change in between.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from instantly_pipeline.errors import KeyRejected, PipelineError
from instantly_pipeline.lake.records.normalize import Batch
from instantly_pipeline.sync.answers import records_in
from instantly_pipeline.sync.context import Context

COUNTERS = "campaign_analytics"


@dataclass(frozen=True, slots=True)
class Counters:
    """By campaign id: the hash of its counters, its number of leads, and its number of e-mails sent."""

    hashes: dict[str, str]
    leads: dict[str, int]
    sent: dict[str, int]


async def ask_counters(ctx: Context) -> object:
    """The response of /campaigns/analytics, requested once per run."""
    stream = ctx.streams[COUNTERS]
    return await ctx.shared(stream.path, lambda: ctx.client.get(stream.path, stream.params))


async def counters_now(ctx: Context, *, fresh: bool = False) -> Counters | None:
    """The counters as of this run, or `fresh` from the API; None if they cannot be read or parsed."""
    stream = ctx.streams[COUNTERS]
    try:
        answer = await ctx.client.get(stream.path, stream.params) if fresh else await ask_counters(ctx)
        rows = records_in(stream, answer)
    except KeyRejected:
        raise
    except PipelineError:
        return None
    batch = ctx.log(COUNTERS).normalize(rows)
    hashes = {orjson.loads(key)[0]: digest for key, digest in zip(batch.keys, batch.hashes, strict=True)}
    return Counters(hashes, _figures(batch, "leads_count"), _figures(batch, "emails_sent_count"))


def _figures(batch: Batch, name: str) -> dict[str, int]:
    figures = zip(batch.columns["campaign_id"].to_pylist(), batch.columns[name].to_pylist(), strict=True)
    return {campaign: figure for campaign, figure in figures if figure is not None}
