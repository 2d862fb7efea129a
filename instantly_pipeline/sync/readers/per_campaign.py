"""Lifetime figures, one request per campaign: only of campaigns whose counters changed."""

from __future__ import annotations

import orjson

from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import COUNTERS
from instantly_pipeline.sync.readers.campaigns import every_campaign, rows_of
from instantly_pipeline.sync.readers.fetch import alone, fetch_all
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Range, Sink, below


class PerCampaignReader:
    """One request for every campaign whose counters changed since its lifetime figures were last read."""

    async def read(self, sink: Sink) -> None:
        """Request the campaigns that changed.

        The counters are older than the figures, so a change in between is read again next time rather than missed.
        """
        done = _CountersRead(sink.ctx, sink.stream)
        campaigns = done.changed()
        sink.total = len(campaigns)

        async def ask(campaign: str) -> list[Record] | None:
            return await rows_of(sink, campaign, or_object=True)

        def take(campaign: str, rows: list[Record] | None) -> None:
            if rows is not None:
                sink.put([row | {"campaign_id": campaign} for row in rows], _whole(sink, campaign))
            done.note(campaign)

        await fetch_all(sink, campaigns, lambda campaign: alone(sink, campaign, ask), take, checkpoint=done.save)

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """One request per changed campaign."""
        changed, every = len(_CountersRead(ctx, stream).changed()), len(every_campaign(ctx))
        why = "are read again" if ctx.request.full else "changed"
        return exactly(stream, changed, f"{changed:,} of {every:,} campaigns {why}, {every - changed:,} are skipped")

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today, of all campaigns together."""
        return Probe(seen.dates)


class _CountersRead:
    """The checkpoint of a stream: by campaign, the hash of its counters when its figures were last read."""

    def __init__(self, ctx: Context, stream: Stream) -> None:
        self._ctx, self._name = ctx, stream.name
        self._now = {orjson.loads(key)[0]: digest for key, digest in ctx.hashes(COUNTERS).items()}
        found = ctx.checkpoints.read(self._name).items()
        self._read = {campaign: digest for campaign, digest in found if isinstance(digest, str)}

    def changed(self) -> list[str]:
        """The campaigns whose counters have changed since; all with `--full`."""
        every, is_full = every_campaign(self._ctx), self._ctx.request.full
        return [c for c in every if is_full or self._read.get(c) != self._now.get(c, "")]

    def note(self, campaign: str) -> None:
        """Record that the figures of a campaign were read; `save` writes it."""
        self._read[campaign] = self._now.get(campaign, "")

    def save(self) -> None:
        """Write the checkpoint."""
        self._ctx.checkpoints.write(self._name, self._read)


def _whole(sink: Sink, campaign: str) -> Range:
    """The range of keys that the response about one campaign verifies."""
    if sink.stream.key == ("campaign_id",):
        key = orjson.dumps([campaign]).decode()
        return key[:-1], key
    return below(campaign)
