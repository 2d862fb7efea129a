"""The reader of leads: reads all of them, or only what has changed, and then resolves missing leads."""

from __future__ import annotations

from instantly_pipeline.api.paging import is_about_the_page
from instantly_pipeline.errors import BadRequest, Exhausted
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import counters_now
from instantly_pipeline.sync.held_deletions import held_keys
from instantly_pipeline.sync.leads.campaign_scan import FilterIgnored, scan_scopes, scan_tail
from instantly_pipeline.sync.leads.deletions import ASKED_AT_ONCE, Deletions
from instantly_pipeline.sync.leads.lead_state import LeadState
from instantly_pipeline.sync.leads.leads_run import LeadsRun
from instantly_pipeline.sync.leads.missed_changes import MissedChanges
from instantly_pipeline.sync.leads.selector import Choice, LeadSelector
from instantly_pipeline.sync.leads.sweep import Swept, equal_parts, sweep, sweep_segments
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink

SEGMENTS = 112  # of all leads, swept in turn
OUTSIDE_CAMPAIGNS = 1.3  # the upper estimate of all leads, relative to those that campaigns count


class LeadsReader:
    """Reads all leads, or the campaigns and segments that the selector chooses."""

    async def read(self, sink: Sink) -> None:
        """Read what the selector chooses; everything with `--full`, the first time, and if it cannot choose."""
        ctx, name = sink.ctx, sink.stream.name
        state = LeadState(ctx.checkpoints, ctx.now)
        if state.migrate():
            ctx.say("The checkpoints of version 0.1.0 were renamed.", name)
        selector = LeadSelector(ctx, name, state, await counters_now(ctx))
        run = LeadsRun(sink, state, selector, Deletions(sink, state))
        choice = selector.choice(full=ctx.request.full)
        sink.total = choice.pages
        if not choice.is_sweep:
            try:
                return await _read_part(run, choice)
            except FilterIgnored as ignored:
                sink.forget_batch()
                sink.on_version = None
                _distrust(run, str(ignored).rstrip("."))
        return await _read_all(run)

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """What the selector chooses by the counters of the plan; a range if leads were never read."""
        state = LeadState(ctx.checkpoints, ctx.now)
        selector = LeadSelector(ctx, stream.name, state, known.counters)
        choice = selector.choice(full=ctx.request.full)
        held = len(held_keys(ctx, stream.name))
        requests = choice.pages + (-(-held // ASKED_AT_ONCE) + 1 if held else 0)
        if not choice.is_sweep:
            return exactly(stream, requests, f"{choice.why}; new leads are read at the tail")
        why = f"about {selector.leads():,}, all are read: {choice.why}"
        if state.swept_at() is None:
            return Cost(stream.name, requests, why, requests, round(OUTSIDE_CAMPAIGNS * requests) + 1)
        return exactly(stream, requests, why)

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """One lead; if the API lists leads only by campaign, one of a campaign."""
        campaign = seen.field_of("campaigns", "id")
        by_campaign = Probe(body={"limit": 1, "campaign": campaign}) if campaign else None
        return Probe(body={"limit": 1}, otherwise=by_campaign)


async def _read_part(run: LeadsRun, choice: Choice) -> None:
    """Read the tail, the scopes and the segments that were chosen."""
    sink, state, deletions = run.sink, run.state, run.deletions
    run.say(f"{choice.why}.")
    if run.selector.has_tail():
        await scan_tail(run)
    await scan_scopes(run, choice.scopes)
    await sink.flush()
    changes = MissedChanges(sink, run.selector, state)
    sink.on_version = changes.note
    if choice.segments:
        await sweep_segments(run, choice.segments)
    await deletions.confirm(sorted(held_keys(sink.ctx, sink.stream.name)))
    if deletions.is_ignored():
        raise FilterIgnored(f"{sink.stream.path} does not return leads by id.")
    await deletions.resolve()
    sink.on_version = None
    state.commit_scans(run.selector.fingerprints.keys())
    state.record_audit(run.selector.audit.read_to, unplaced=run.selector.audit.unplaced)
    if why := await changes.reason_for_distrust():
        _distrust(run, why)
    deletions.forget()


async def _read_all(run: LeadsRun) -> None:
    sink, selector = run.sink, run.selector
    sink.total = selector.pages_of_all()
    changes = MissedChanges(sink, selector, run.state)
    sink.on_version = changes.note
    swept = await _read_everything(run)
    await run.deletions.resolve()
    sink.on_version = None
    if why := await changes.reason_for_distrust():
        _distrust(run, why)
    segments = equal_parts(run, max(sink.ctx.sizes.leads_per_segment, -(-selector.leads() // SEGMENTS)))
    run.state.record_sweep(swept.fingerprints, segments, unread=swept.unread)
    run.state.record_audit(selector.audit.read_to, unplaced=0)


async def _read_everything(run: LeadsRun) -> Swept:
    """Read every lead: as one list, or by campaign and list if the API only lists them that way."""
    sink, state = run.sink, run.state
    was_by_parent = state.is_by_parent()
    if not was_by_parent or await _is_listing_all(sink):
        try:
            swept = await _sweep_around(run)
        except BadRequest:
            if await _is_listing_all(sink):
                raise  # something else was refused
            sink.forget_batch()
        else:
            if was_by_parent:
                state.record_by_parent(is_so=False)
            return swept
    if not was_by_parent:
        run.deletions.forget()
        state.record_by_parent(is_so=True)
        run.say("The API lists leads only by campaign or list: reading them that way.")
    return await _read_by_parent(run)


async def _sweep_around(run: LeadsRun) -> Swept:
    """Sweep. If the first sweep is stuck at a page, read by campaign and list, then resume it after the leads found."""
    try:
        return await sweep(run)
    except Exhausted as error:
        if run.state.swept_at() is not None or not is_about_the_page(error):
            raise
        run.say("A page fails and no known lead follows it: reading by campaign and list.")
        if await scan_scopes(run, run.selector.unscanned(run.selector.parents())):
            raise
    return await sweep(run)


async def _read_by_parent(run: LeadsRun) -> Swept:
    """Read the leads of every campaign and list; those that could not be read completely are not recorded as read."""
    sink, selector = run.sink, run.selector
    begun, parents = sink.ctx.now(), selector.parents()
    if refused := await scan_scopes(run, selector.unscanned(parents)):
        run.state.record_by_parent(is_so=False)  # something else was refused
        raise refused
    await run.deletions.confirm(selector.without_parent())
    unread = {scope.campaign_id for scope in selector.unscanned(parents)}
    if not unread:
        sink.mark_verified((None, None))
    await sink.flush(at=begun)
    return Swept({campaign: one for campaign, one in selector.fingerprints.items() if campaign not in unread})


async def _is_listing_all(sink: Sink) -> bool:
    """Whether the API now lists leads without a campaign or list."""
    try:
        await sink.client.page(sink.stream.method, sink.stream.path, body={}, size=1)
    except BadRequest:
        return False
    return True


def _distrust(run: LeadsRun, why: str) -> None:
    """Sweep everything for a week, because the counters miss changes."""
    ctx, stream = run.sink.ctx, run.sink.stream.name
    run.state.record_distrust(why)
    run.say(f"{why}; every sync sweeps all leads for a week (`reset --streams leads` ends that sooner).")
    ctx.logs.add("notices", stream=stream, notice=f"{why}; every sync sweeps all leads for a week", seen_at=ctx.now())
