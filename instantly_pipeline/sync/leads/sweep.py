"""A sweep: everything, or some ranges of ids, read so that what is missing is decided too.

Each page decides absence for the ids it covers. What is missing is asked for by id before it is taken for deleted; a
lead that was just seen is asked along, so that an answer which leaves out everything is not believed. A sweep resumes
where it was interrupted, range by range. Where ids come out of order, a sweep over the whole with a set of seen keys
takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import pairwise

from instantly_pipeline.api.paging import PAGE_SIZE
from instantly_pipeline.errors import BadRequest, StreamError
from instantly_pipeline.sync.leads.chain import Chunk, OutOfOrder
from instantly_pipeline.sync.leads.deletions import ENDED_EARLY
from instantly_pipeline.sync.leads.keyspace import KeyRange
from instantly_pipeline.sync.leads.lead_state import Answer, CampaignFingerprint, Segment, UnfinishedSweep
from instantly_pipeline.sync.leads.leads_run import LeadsRun
from instantly_pipeline.sync.leads.parallel_scan import MOST_CHAINS, ParallelScan, StaleCursor

LEAST_PAGES = 2  # of a part
RESUME_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Swept:
    """What was read: the campaigns as they were before, and the ranges that could not be read."""

    fingerprints: Mapping[str, CampaignFingerprint]
    unread: Sequence[KeyRange] = ()


async def sweep(run: LeadsRun) -> Swept:
    """Read every lead there is. What was found missing is in `run.deletions`; its checkpoint stays until that is
    resolved.

    BadRequest where the server does not list leads without their campaign or list.
    """
    sink = run.sink
    begun = _resume(run) or _begin(run, _parts(run))
    unread: list[KeyRange] = []
    try:
        try:
            unread = await _read_ranges(run, begun.ranges, checkpoint=partial(_save, run, begun))
        except StaleCursor:
            run.say("The server does not know the place any more: sweeping from the beginning.")
            sink.forget_batch()
            begun = _begin(run, [KeyRange()])
            unread = await _read_ranges(run, begun.ranges, checkpoint=partial(_save, run, begun))
    except StaleCursor as end:
        sink.forget_batch()
        raise StreamError(
            "The server did not take a place in the list of leads that it had given itself. What was read is kept; the "
            "next sync goes on."
        ) from end
    except OutOfOrder:
        run.say("The ids came out of order: sweeping again, keeping a set of what was seen.")
        sink.forget_batch()
        _begin(run, [KeyRange()])
        await _in_any_order(run)
    except StreamError:
        await sink.flush()  # what was taken is good; the checkpoint stays where it was
        raise
    return Swept(run.state.sweep_fingerprints(), unread)


async def sweep_segments(run: LeadsRun, segments: Sequence[Segment]) -> None:
    """Sweep some parts of the whole. Where one cannot be entered, the next sync sweeps everything."""
    ranges = [segment.keys for segment in segments]

    def checkpoint(scan: ParallelScan) -> None:
        run.deletions.save()
        run.state.record_segments(scan.finished())

    try:
        unread = await _read_ranges(run, ranges, may_cut=False, checkpoint=checkpoint)
    except (StaleCursor, OutOfOrder, BadRequest) as end:
        run.sink.forget_batch()
        kind = "ids out of order" if isinstance(end, OutOfOrder) else "the server does not take the place"
        run.say(f"A segment could not be swept ({kind}): the next sync sweeps everything.")
        run.state.forget_segments()
        return
    run.state.record_segments(ranges, unread=unread, is_all=True)


def equal_parts(run: LeadsRun, leads: int) -> list[KeyRange]:
    """The whole, in parts of so many known leads each."""
    cuts = run.sink.ctx.log(run.sink.stream.name).index.spread(leads)
    return [KeyRange.between(low, high) for low, high in pairwise([None, *cuts, None])]


def _resume(run: LeadsRun) -> UnfinishedSweep | None:
    """Go on with a sweep that was interrupted; None where there is none, or it is too old.

    It has no ranges left where what is missing was yet to be resolved.
    """
    unfinished = run.state.unfinished_sweep()
    if unfinished is None or run.sink.ctx.now() - unfinished.started_at >= RESUME_WITHIN:
        return None
    run.say(f"Going on with the sweep of {unfinished.started_at:%Y-%m-%dT%H:%M} after {unfinished.rows} rows.")
    run.deletions.control = unfinished.control
    return unfinished


def _begin(run: LeadsRun, ranges: Sequence[KeyRange]) -> UnfinishedSweep:
    begun = UnfinishedSweep(run.sink.ctx.now(), 0, tuple(ranges), None)
    run.state.begin_sweep(begun, run.selector.fingerprints)
    run.deletions.forget()
    return begun


def _parts(run: LeadsRun) -> list[KeyRange]:
    """About two parts for every chain, so that none has to be cut, and of whole pages."""
    pages = max(-(-run.selector.leads() // (2 * MOST_CHAINS * PAGE_SIZE)), LEAST_PAGES)
    return equal_parts(run, min(pages * PAGE_SIZE, run.sink.ctx.sizes.leads_per_slice))


def _save(run: LeadsRun, begun: UnfinishedSweep, scan: ParallelScan) -> None:
    """Write how far a sweep has come since it was as in `begun`."""
    run.deletions.save()
    rows = begun.rows + run.sink.result.rows_read
    run.state.save_sweep(UnfinishedSweep(begun.started_at, rows, tuple(scan.left()), run.deletions.control))


async def _read_ranges(
    run: LeadsRun, ranges: Sequence[KeyRange], *, checkpoint: Callable[[ParallelScan], None], may_cut: bool = True
) -> list[KeyRange]:
    """Read ranges, landing batch by batch; `may_cut` them where chains are free. What could not be read."""
    sink, any_id = run.sink, run.state.takes_any_id()
    scan = ParallelScan(sink, ranges, any_id=any_id, may_cut=may_cut)
    async with aclosing(scan.batches()) as batches:
        async for batch in batches:
            for chunk in batch:
                await _decide(run, chunk)
            scan.land(batch)
            await sink.flush(checkpoint=partial(checkpoint, scan), at=min(chunk.asked_at for chunk in batch))
    if scan.any_id is not None and scan.any_id != any_id:
        run.state.record_any_id(is_so=scan.any_id)
    scan.report_unreadable()
    return scan.left() if scan.unreadable else []


async def _decide(run: LeadsRun, chunk: Chunk) -> None:
    """Take the records; note what is missing in the range of the chunk."""
    sink, deletions = run.sink, run.deletions
    for page in chunk.pages:
        sink.take(page.items)
        sink.no_records(page.dropped)
    if chunk.at_end and not chunk.pages[-1].items:
        await _check_end(run, chunk)
    known = sink.ctx.log(sink.stream.name).index.alive(*chunk.range.bounds)
    missing = sorted(known.keys() - set(chunk.keys))
    deletions.control = chunk.keys[-1] if chunk.keys else deletions.control or chunk.range.low
    there = await deletions.confirm(missing)
    if chunk.at_end and any(key > (chunk.keys[-1] if chunk.keys else "") for key in there):
        raise StreamError(ENDED_EARLY)
    sink.mark_verified(chunk.range.bounds)


async def _check_end(run: LeadsRun, chunk: Chunk) -> None:
    """StreamError where the list ended on an empty page because the lead it was asked from is gone.

    To a cursor whose lead is gone a server may answer with nothing (reference, section 21), which is no end.
    """
    last = chunk.keys[-1] if chunk.keys else chunk.range.low
    witness = chunk.keys[0] if len(chunk.keys) > 1 else run.deletions.control
    if last in (None, witness, chunk.chain.range.low) or witness is None:
        return  # nothing to ask for: no lead of this list, or none that shows what the answer is worth
    there, answer = await run.deletions.ask([str(last)], witness)
    if answer is Answer.CONFIRMED and not there:
        raise StreamError(
            "The list of leads ended behind a lead that was deleted meanwhile. What was read is kept; the next sync "
            "goes on."
        )


async def _in_any_order(run: LeadsRun) -> None:
    """The whole list once, keeping the keys seen; absence is decided at its end."""
    sink, stream = run.sink, run.sink.stream
    log, at = sink.ctx.log(stream.name), sink.ctx.now()
    seen: set[str] = set()
    async for page in sink.client.pages(stream.method, stream.path, params=stream.params, body={}):
        seen.update(key for key in log.keys(page.items) if key is not None)
        sink.no_records(page.dropped)
        await sink.page(page.items)
    await sink.flush()
    run.deletions.control = next(iter(seen), None)
    if await run.deletions.confirm(sorted(log.index.alive().keys() - seen)):
        raise StreamError(ENDED_EARLY)
    sink.mark_verified((None, None))
    await sink.flush(at=at)
