"""The readers of events and of the attempts to deliver them: one pull is for both."""

from __future__ import annotations

import asyncio

from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.records.normalize import Batch
from instantly_pipeline.streams.catalog.webhook_events import EVENTS
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.events.intake import take_in
from instantly_pipeline.sync.events.named_leads import are_followed, named_leads, read_named_leads
from instantly_pipeline.sync.events.pull import Pulled, pull, was_pulled, windows
from instantly_pipeline.sync.last_reading import last_reading
from instantly_pipeline.sync.quarantine import Quarantine
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink, uncancelled

PULL = "webhook events"  # what a pull found, as the two streams share it
ATTEMPTS_PER_PAGE = 100
# Attempts per lead of a campaign in 90 days of the sandbox's world: an e-mail of a step each, and what follows from it.
ATTEMPTS_PER_LEAD = 3.2


class EventsReader:
    """Takes in what was received, pulls the rest, and reads the leads that new events name."""

    async def read(self, sink: Sink) -> None:
        """Received events first, so that they are in the lake even if the API refuses the pull."""
        ctx = sink.ctx
        follow = are_followed(ctx)  # before this run reads all leads for the first time
        await _take_in(sink)
        try:
            pulled = await pull(ctx, sink.client)
        except PipelineError as error:
            ctx.know(PULL, error)
            raise
        ctx.know(PULL, pulled)
        sink.result.add(pulled.events)
        await read_named_leads(ctx, sink.client, sink.result, follow=follow)

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """The pages of the pull, and of the leads: how many events there are is not known before."""
        weeks, last = len(windows(ctx)), last_reading(ctx.checkpoints, stream.name)
        leads = len(named_leads(ctx).requests()) if are_followed(ctx) else 0
        if was_pulled(ctx) and last is not None:
            least = weeks + leads
            why = "what is new since the last pull, and the leads that it names"
            return Cost(stream.name, least, why, least, least + 2 * max(last.requests or 0, ATTEMPTS_PER_PAGE))
        counted = sum(known.counters.leads.values()) if known.counters else 0
        about = weeks + round(counted * ATTEMPTS_PER_LEAD / ATTEMPTS_PER_PAGE)
        why = f"all since {windows(ctx)[0][0]}; there are events only where webhooks are set up"
        return Cost(stream.name, about, why, weeks, 3 * about + ATTEMPTS_PER_PAGE)

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """One attempt."""
        return Probe({"limit": "1"})


class DeliveriesReader:
    """Has what the pull of events found."""

    async def read(self, sink: Sink) -> None:
        """Take what the events of this run have pulled; pull where events are not read."""
        found = await sink.ctx.shared(PULL, lambda: pull(sink.ctx, sink.client))
        if isinstance(found, PipelineError):
            raise found
        if isinstance(found, Pulled):
            sink.result.add(found.deliveries)

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """Nothing where events are read in the same run."""
        if EVENTS.name in known.streams:
            return exactly(stream, 0, f"read with {EVENTS.name}")
        return EventsReader().estimate(ctx, stream, known)

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """One attempt."""
        return Probe({"limit": "1"})


async def _take_in(sink: Sink) -> None:
    """Take in the received events of this workspace."""
    ctx = sink.ctx
    quarantine = Quarantine(ctx.logs, ctx.now, sink.stream, sink.result)

    def note(batch: Batch) -> None:
        quarantine.note(batch)
        ctx.logs.flush()

    async with ctx.writing:
        log = ctx.log(sink.stream.name)
        done = await uncancelled(asyncio.to_thread(take_in, ctx.layout, ctx.workspace_id, log, note))
    received = done.inserted + done.updated + done.unchanged
    if received:
        ctx.say(f"{received:,} received events were taken in, {done.unchanged:,} of them known.", sink.stream.name)
    sink.result.rows_read += received
    sink.result.changes += done
