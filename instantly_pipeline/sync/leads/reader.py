"""Leads as a way of reading."""

from __future__ import annotations

from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.held_deletions import held_keys
from instantly_pipeline.sync.leads.deletions import ASKED_AT_ONCE
from instantly_pipeline.sync.leads.read_leads import read_leads
from instantly_pipeline.sync.leads.selector import Gate
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink

OUTSIDE_CAMPAIGNS = 1.3  # as many leads at most, set against those the campaigns count


class LeadsReader:
    """Pages by id: all of them, or those of what moved."""

    async def read(self, sink: Sink) -> None:
        """Read what the gate lets through."""
        await read_leads(sink)

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """As the gate chooses by the counters that the plan has asked for."""
        gate = Gate.made(ctx, stream.name, known.counters)
        choice = gate.choose(full=ctx.request.full)
        held = len(held_keys(ctx, stream.name))
        requests = choice.pages + (-(-held // ASKED_AT_ONCE) + 1 if held else 0)
        if not choice.sweep:
            return exactly(stream, requests, f"{choice.why}; new ones at the tail")
        why = f"all are read, {gate.leads():,} or so: {choice.why}"
        if not gate.was_swept():
            return Cost(stream.name, requests, why, requests, round(OUTSIDE_CAMPAIGNS * requests) + 1)
        return exactly(stream, requests, why)

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """One lead; of a campaign where the API lists leads by campaign only."""
        campaign = seen.field_of("campaigns", "id")
        by_campaign = Probe(body={"limit": 1, "campaign": campaign}) if campaign else None
        return Probe(body={"limit": 1}, otherwise=by_campaign)
