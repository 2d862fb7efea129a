"""Campaign scans: the leads of one campaign or list are read and taken; the rest is not decided.

What a campaign should have and did not show has moved or is gone: it is asked for by id, like what a sweep misses. The
tail, leads that were made since the newest one known, is read alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from instantly_pipeline.api.bodies import Page
from instantly_pipeline.api.paging import is_about_the_page
from instantly_pipeline.errors import BadRequest, Exhausted, NotFound, StreamError
from instantly_pipeline.sync.leads.chain import OutOfOrder
from instantly_pipeline.sync.leads.deletions import ENDED_EARLY
from instantly_pipeline.sync.leads.keyspace import KeyRange, id_of, key_at, timed
from instantly_pipeline.sync.leads.leads_run import LeadsRun
from instantly_pipeline.sync.leads.parallel_scan import ParallelScan, StaleCursor
from instantly_pipeline.sync.leads.scope import Kind, Scope, leads_in
from instantly_pipeline.sync.leads.selector import LeadSelector
from instantly_pipeline.sync.readers.fetch import MOST_FAILURES, together
from instantly_pipeline.sync.sink import Sink

AT_ONCE = 16
LEADS_PER_WAVE = 5_000
HOPELESS = 3  # campaigns and lists, the first ones, that fail: some 50 tries each
PARENTS = {Kind.CAMPAIGN: "campaigns", Kind.LIST: "lead_lists"}  # the streams that list what leads can be asked by


class FilterIgnored(StreamError):
    """The server answered with leads of other campaigns or lists."""


async def scan_scopes(run: LeadsRun, scopes: Sequence[Scope]) -> StreamError | None:
    """Read the leads of some campaigns and lists, in waves; each is recorded once all of it is decided.

    One that cannot be read does not cost the others: the stream goes on, and ends as failed; where none can, the first
    one's error is returned. FilterIgnored where the server does not look at the scope.
    """
    sink, deletions, selector = run.sink, run.deletions, run.selector
    places, tally = asyncio.Semaphore(AT_ONCE), _Tally(len(scopes))

    async def one(scope: Scope) -> _Seen:
        async with places, tally.turn():
            if tally.is_hopeless():
                return _Seen(left=[KeyRange()])
            seen = await _scan(run, scope)
            tally.count(seen.error)
            return seen

    for wave in _waves(scopes, selector):
        seen = dict(zip(wave, await together([one(scope) for scope in wave]), strict=True))
        await sink.flush()
        deletions.control = next((min(found.keys) for found in seen.values() if found.keys), deletions.control)
        missing = _missing(sink, seen)
        there = await deletions.confirm(list(missing))
        deletions.save()
        still_here = {missing[key] for key, lead in there.items() if missing[key].has(lead)}
        short = {scope for scope in still_here if not seen[scope].is_closed}
        if short:
            sink.fail(ENDED_EARLY)
        whole = [scope for scope, found in seen.items() if not found.left and scope not in short]
        marks = {scope: selector.mark_of(scope) for scope in whole}
        await sink.flush(checkpoint=partial(run.state.record_scan, marks))
    return tally.report(sink)


async def scan_tail(run: LeadsRun) -> None:
    """Take the leads that were made since the newest one known: their ids follow it, as long as they tell the time.

    Where the server does not take the newest one as a cursor (it may be gone), the next sweep finds what is new.
    """
    sink, newest = run.sink, run.selector.newest_timed()
    if newest is None:
        return
    read_to = newest
    until = key_at(timed(sink.ctx.now() + timedelta(days=1)))
    log = sink.ctx.log(sink.stream.name)
    try:
        async for page in sink.client.pages(sink.stream.method, sink.stream.path, body={}, start=id_of(newest)):
            keyed = [(key, record) for key, record in zip(log.keys(page.items), page.items, strict=True) if key]
            if page.items and (not keyed or keyed[0][0] < newest):
                return
            await sink.page([record for key, record in keyed if key <= until])
            read_to = max([read_to, *(key for key, _ in keyed if key <= until)])
            if keyed and keyed[-1][0] > until:
                break
    except BadRequest:
        return
    await sink.flush(checkpoint=partial(run.state.record_tail, read_to))


@dataclass(slots=True)
class _Seen:
    """The keys of a scope's leads, and what of it could not be read."""

    keys: set[str] = field(default_factory=set)
    left: list[KeyRange] = field(default_factory=list)
    is_closed: bool = False  # it is deleted, and the server refuses it
    error: StreamError | None = None  # why it could not be read


class _Tally:
    """How many of some campaigns and lists could be read, and why others could not."""

    def __init__(self, scopes: int) -> None:
        self._scopes = scopes
        self._read = 0
        self._errors: list[StreamError] = []
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Until one was read they are read one after the other: the server may be down."""
        async with self._turn:
            if not self._read:
                yield
                return
        yield

    def count(self, error: StreamError | None) -> None:
        """One more: read, or not because of `error`."""
        if error is None:
            self._read += 1
        else:
            self._errors.append(error)

    def is_hopeless(self) -> bool:
        """Whether it is likely that the others cannot be read either. Refusals cost little: they do not count."""
        failed = sum(isinstance(error, Exhausted) for error in self._errors)
        return failed > MOST_FAILURES or (not self._read and failed >= HOPELESS)

    def report(self, sink: Sink) -> StreamError | None:
        """Say what could not be read; the first error where nothing could."""
        if not self._errors:
            return None
        sink.fail(
            f"The leads of {self._scopes - self._read} of {self._scopes} campaigns and lists could not be read, of "
            f"the first one because: {str(self._errors[0]).rstrip('.')}. The next sync asks for these again."
        )
        return None if self._read else self._errors[0]


def _waves(scopes: Sequence[Scope], selector: LeadSelector) -> Iterator[list[Scope]]:
    """The scopes in groups of some thousand leads; a larger one is a group of its own."""
    wave: list[Scope] = []
    size = 0
    for scope in scopes:
        leads = selector.leads_of(scope)
        if wave and size + leads > LEADS_PER_WAVE:
            yield wave
            wave, size = [], 0
        wave.append(scope)
        size += leads
    if wave:
        yield wave


async def _scan(run: LeadsRun, scope: Scope) -> _Seen:
    """Take all leads of a scope. A small one is one chain: others go on beside."""
    seen = _Seen()
    try:
        await _read(run, scope, seen)
    except (NotFound, BadRequest, Exhausted) as error:
        if not is_about_the_page(error):
            raise
        is_refused = not isinstance(error, Exhausted)
        seen.is_closed = is_refused and not run.sink.ctx.is_listed(PARENTS[scope.kind], scope.id)
        if not seen.is_closed:
            seen.error, seen.left = error, [KeyRange()]
    return seen


async def _read(run: LeadsRun, scope: Scope, seen: _Seen) -> None:
    sink, stream, body = run.sink, run.sink.stream, {scope.kind.value: scope.id}
    may_cut = run.selector.leads_of(scope) >= LEADS_PER_WAVE
    scan = ParallelScan(sink, [KeyRange()], body=body, any_id=run.state.takes_any_id(), may_cut=may_cut)
    try:
        async with aclosing(scan.batches()) as batches:
            async for batch in batches:
                for chunk in batch:
                    _take(sink, chunk.pages, scope)
                    seen.keys.update(chunk.keys)
                scan.land(batch)
                if sink.is_full():
                    await sink.flush()
        scan.report_unreadable()
        seen.left = scan.left()
    except (OutOfOrder, StaleCursor):
        async for page in sink.client.pages(stream.method, stream.path, body=body):
            _take(sink, [page], scope)
            seen.keys.update(key for key in sink.ctx.log(stream.name).keys(page.items) if key is not None)


def _take(sink: Sink, pages: Sequence[Page], scope: Scope) -> None:
    """Take the leads of some pages; FilterIgnored where they are of another parent."""
    for page in pages:
        if not all(map(scope.has, page.items)):
            raise FilterIgnored(f"{sink.stream.path} answered with leads of another campaign or list than asked for.")
        sink.take(page.items)
        sink.no_records(page.dropped)


def _missing(sink: Sink, seen: Mapping[Scope, _Seen]) -> dict[str, Scope]:
    """The leads the lake has of these scopes and that would have been seen, and where they should be."""
    known = sorted(leads_in(sink.ctx.log(sink.stream.name).index, seen))
    return {
        key: scope
        for key, scope in known
        if key not in seen[scope].keys and not any(one.has(key) for one in seen[scope].left)
    }
