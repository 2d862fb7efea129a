"""A sweep: reads all leads, or some ranges of ids, and finds missing ones.

Each page covers a range of ids. Known leads of that range that are not on the page are requested by id before they are
deleted, together with a lead that was just read: a response without that one is not reliable. An interrupted sweep
resumes range by range. If ids are out of order, the whole list is read again with a set of the keys seen.
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
from instantly_pipeline.lake.index.keys import KeySet
from instantly_pipeline.sync.leads.chain import Chunk, OutOfOrder
from instantly_pipeline.sync.leads.deletions import ENDED_EARLY
from instantly_pipeline.sync.leads.keyspace import KeyRange
from instantly_pipeline.sync.leads.lead_state import Answer, CampaignFingerprint, Segment, UnfinishedSweep
from instantly_pipeline.sync.leads.leads_run import LeadsRun
from instantly_pipeline.sync.leads.parallel_scan import MOST_CHAINS, ParallelScan, StaleCursor

LEAST_PAGES = 2  # per range
RESUME_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Swept:
    """The state of the campaigns before the sweep, and the ranges that could not be read."""

    fingerprints: Mapping[str, CampaignFingerprint]
    unread: Sequence[KeyRange] = ()


async def sweep(run: LeadsRun) -> Swept:
    """Read all leads. Missing ones are in `run.deletions`; the checkpoint stays until they are resolved.

    BadRequest if the API does not list leads without a campaign or list.
    """
    sink = run.sink
    begun = _resume(run) or _begin(run, _parts(run))
    unread: list[KeyRange] = []
    try:
        try:
            unread = await _read_ranges(run, begun.ranges, checkpoint=partial(_save, run, begun))
        except StaleCursor:
            run.say("The API no longer accepts the cursor: sweeping from the beginning.")
            sink.forget_batch()
            begun = _begin(run, [KeyRange()])
            unread = await _read_ranges(run, begun.ranges, checkpoint=partial(_save, run, begun))
    except StaleCursor as end:
        sink.forget_batch()
        raise StreamError(
            "The API did not accept a cursor of the list of leads that it had returned itself. What was read is kept; "
            "the next sync continues."
        ) from end
    except OutOfOrder:
        run.say("The ids are out of order: sweeping again with a set of the ids seen.")
        sink.forget_batch()
        _begin(run, [KeyRange()])
        await _in_any_order(run)
    except StreamError:
        await sink.flush()  # keep what was read, without moving the checkpoint
        raise
    return Swept(run.state.sweep_fingerprints(), unread)


async def sweep_segments(run: LeadsRun, segments: Sequence[Segment]) -> None:
    """Sweep some segments. If one cannot be read, the next sync sweeps everything."""
    ranges = [segment.keys for segment in segments]

    def checkpoint(scan: ParallelScan) -> None:
        run.deletions.save()
        run.state.record_segments(scan.finished())

    try:
        unread = await _read_ranges(run, ranges, may_cut=False, checkpoint=checkpoint)
    except (StaleCursor, OutOfOrder, BadRequest) as end:
        run.sink.forget_batch()
        kind = "ids out of order" if isinstance(end, OutOfOrder) else "the API does not accept its cursor"
        run.say(f"A segment could not be swept ({kind}): the next sync sweeps everything.")
        run.state.forget_segments()
        return
    run.state.record_segments(ranges, unread=unread, is_all=True)


def equal_parts(run: LeadsRun, leads: int) -> list[KeyRange]:
    """The whole key space, in ranges of `leads` known leads each."""
    cuts = run.sink.ctx.log(run.sink.stream.name).index.spread(leads)
    return [KeyRange.between(low, high) for low, high in pairwise([None, *cuts, None])]


def _resume(run: LeadsRun) -> UnfinishedSweep | None:
    """The interrupted sweep to resume; None if there is none, or it is too old.

    It has no ranges left if only missing leads were still to be resolved.
    """
    unfinished = run.state.unfinished_sweep()
    if unfinished is None or run.sink.ctx.now() - unfinished.started_at >= RESUME_WITHIN:
        return None
    run.say(f"Resuming the sweep of {unfinished.started_at:%Y-%m-%dT%H:%M} after {unfinished.rows} rows.")
    run.deletions.control = unfinished.control
    return unfinished


def _begin(run: LeadsRun, ranges: Sequence[KeyRange]) -> UnfinishedSweep:
    begun = UnfinishedSweep(run.sink.ctx.now(), 0, tuple(ranges), None)
    run.state.begin_sweep(begun, run.selector.fingerprints)
    run.deletions.forget()
    return begun


def _parts(run: LeadsRun) -> list[KeyRange]:
    """About two ranges per chain, so that none has to be split, and of whole pages."""
    pages = max(-(-run.selector.leads() // (2 * MOST_CHAINS * PAGE_SIZE)), LEAST_PAGES)
    return equal_parts(run, min(pages * PAGE_SIZE, run.sink.ctx.sizes.leads_per_segment))


def _save(run: LeadsRun, begun: UnfinishedSweep, scan: ParallelScan) -> None:
    """Write the progress of a sweep since `begun`."""
    run.deletions.save()
    rows = begun.rows + run.sink.result.rows_read
    run.state.save_sweep(UnfinishedSweep(begun.started_at, rows, tuple(scan.left()), run.deletions.control))


async def _read_ranges(
    run: LeadsRun, ranges: Sequence[KeyRange], *, checkpoint: Callable[[ParallelScan], None], may_cut: bool = True
) -> list[KeyRange]:
    """Read ranges, landing batch by batch; returns those that could not be read."""
    sink, any_id = run.sink, run.state.takes_any_id()
    scan = ParallelScan(sink, ranges, any_id=any_id, may_cut=may_cut)
    async with aclosing(scan.batches()) as batches:
        async for batch in batches:
            for chunk in batch:
                await _take(run, chunk)
            scan.land(batch)
            await sink.flush(checkpoint=partial(checkpoint, scan), at=min(chunk.asked_at for chunk in batch))
    if scan.any_id is not None and scan.any_id != any_id:
        run.state.record_any_id(is_so=scan.any_id)
    scan.report_unreadable()
    return scan.left() if scan.unreadable else []


async def _take(run: LeadsRun, chunk: Chunk) -> None:
    """Take the records, and look up the leads missing from the range of the chunk."""
    sink, deletions = run.sink, run.deletions
    for page in chunk.pages:
        sink.take(page.items)
        sink.no_records(page.dropped)
    if chunk.at_end and not chunk.pages[-1].items:
        await _check_end(run, chunk)
    index = sink.ctx.log(sink.stream.name).index
    missing = [key for key, _ in index.unseen(KeySet(chunk.keys), *chunk.range.bounds)]
    deletions.control = chunk.keys[-1] if chunk.keys else deletions.control or chunk.range.low
    existing = await deletions.confirm(missing)
    if chunk.at_end and any(key > (chunk.keys[-1] if chunk.keys else "") for key in existing):
        raise StreamError(ENDED_EARLY)
    sink.mark_verified(chunk.range.bounds)


async def _check_end(run: LeadsRun, chunk: Chunk) -> None:
    """StreamError if the list ended with an empty page because the lead of its cursor was deleted.

    For such a cursor the API may return an empty page (reference, section 21), which is not the end of the list.
    """
    last = chunk.keys[-1] if chunk.keys else chunk.range.low
    witness = chunk.keys[0] if len(chunk.keys) > 1 else run.deletions.control
    if last in (None, witness, chunk.chain.range.low) or witness is None:
        return  # no lead to request, or none known to exist beside it
    existing, answer = await run.deletions.ask([str(last)], witness)
    if answer is Answer.CONFIRMED and not existing:
        raise StreamError(
            "The list of leads ended at a lead that was deleted meanwhile. What was read is kept; the next sync "
            "continues."
        )


async def _in_any_order(run: LeadsRun) -> None:
    """Read the whole list with a set of the keys seen; missing leads are looked up at its end."""
    sink, stream = run.sink, run.sink.stream
    log, at = sink.ctx.log(stream.name), sink.ctx.now()
    seen, some_key = KeySet(), None
    async for page in sink.client.pages(stream.method, stream.path, params=stream.params, body={}):
        keys = [key for key in log.keys(page.items) if key is not None]
        seen.add(keys)
        some_key = keys[0] if keys else some_key
        sink.no_records(page.dropped)
        await sink.page(page.items)
    await sink.flush()
    run.deletions.control = some_key
    if await run.deletions.confirm([key for key, _ in log.index.unseen(seen)]):
        raise StreamError(ENDED_EARLY)
    sink.mark_verified((None, None))
    await sink.flush(at=at)
