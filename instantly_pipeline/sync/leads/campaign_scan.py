"""Campaign scans: reading the leads of single campaigns and lists, and new leads at the tail.

Leads that a campaign should have but did not return are now elsewhere or deleted: they are requested by id, like those
missing from a sweep. The tail are leads created since the newest known one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from instantly_pipeline.api.bodies import Page
from instantly_pipeline.api.paging import is_about_the_page
from instantly_pipeline.errors import BadRequest, Exhausted, NotFound, StreamError
from instantly_pipeline.lake.index.keys import KeySet
from instantly_pipeline.sync.leads.chain import OutOfOrder
from instantly_pipeline.sync.leads.deletions import ENDED_EARLY
from instantly_pipeline.sync.leads.keyspace import KeyRange, id_of, key_at, timed
from instantly_pipeline.sync.leads.leads_run import LeadsRun
from instantly_pipeline.sync.leads.parallel_scan import ParallelScan, StaleCursor
from instantly_pipeline.sync.leads.scope import Kind, Scope, leads_in
from instantly_pipeline.sync.readers.fetch import MOST_FAILURES
from instantly_pipeline.sync.sink import Sink

AT_ONCE = 16
PAGES_AT_ONCE = 4  # of one scope: the batch that is written has pages of all
LARGE = 5_000  # leads: worth reading in several ranges
MOST_FAILURES_AT_FIRST = 3  # failed campaigns and lists, if none was read before; each takes about 50 tries
PARENTS = {Kind.CAMPAIGN: "campaigns", Kind.LIST: "lead_lists"}  # the stream of each kind


class FilterIgnored(StreamError):
    """The API returned leads of other campaigns or lists than requested."""


async def scan_scopes(run: LeadsRun, scopes: Sequence[Scope]) -> StreamError | None:
    """Read the leads of some campaigns and lists; each is recorded once its missing leads are looked up.

    One that fails does not stop the others: the stream ends as failed. If all fail, the first error is returned.
    FilterIgnored if the API ignores the filter by campaign or list.
    """
    tally, most = _Tally(len(scopes)), run.sink.ctx.sizes.pages_per_step
    finished: dict[Scope, _Seen] = {}
    async with aclosing(_side_by_side(run, scopes, tally)) as read:
        async for scope, seen in read:
            finished[scope] = seen
            if sum(one.pages for one in finished.values()) >= most:
                await _record(run, finished)
                finished = {}
    await _record(run, finished)
    return tally.report(run.sink)


async def scan_tail(run: LeadsRun) -> None:
    """Read the leads created since the newest known one: ids made from a timestamp follow it.

    If the API does not accept the newest id as a cursor (the lead may be deleted), the next sweep finds new leads.
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
    """The keys of a scope's leads, and the ranges that could not be read."""

    keys: KeySet = field(default_factory=KeySet)
    some_key: str | None = None
    pages: int = 0
    left: list[KeyRange] = field(default_factory=list)
    is_closed: bool = False  # the scope is deleted and the API refuses it
    error: StreamError | None = None

    def add(self, keys: Sequence[str], pages: int) -> None:
        self.keys.add(keys)
        self.some_key = keys[0] if keys else self.some_key
        self.pages += pages


class _Tally:
    """Counts the campaigns and lists that were read, and keeps the errors of the others."""

    def __init__(self, scopes: int) -> None:
        self._scopes = scopes
        self._read = 0
        self._errors: list[StreamError] = []
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Until one was read, scopes are read one after the other: the API may be down."""
        async with self._turn:
            if not self._read:
                yield
                return
        yield

    def count(self, error: StreamError | None) -> None:
        """Count one more scope, failed if there is an `error`."""
        if error is None:
            self._read += 1
        else:
            self._errors.append(error)

    def has_too_many_failures(self) -> bool:
        """Whether the others would probably fail too. Refusals cost little, so they do not count."""
        failed = sum(isinstance(error, Exhausted) for error in self._errors)
        return failed > MOST_FAILURES or (not self._read and failed >= MOST_FAILURES_AT_FIRST)

    def report(self, sink: Sink) -> StreamError | None:
        """Set the stream to failed if any scope failed; return the first error if all did."""
        if not self._errors:
            return None
        sink.fail(
            f"The leads of {self._scopes - self._read} of {self._scopes} campaigns and lists could not be read. The "
            f"first error: {str(self._errors[0]).rstrip('.')}. The next sync tries these again."
        )
        return None if self._read else self._errors[0]


async def _side_by_side(run: LeadsRun, scopes: Sequence[Scope], tally: _Tally) -> AsyncGenerator[tuple[Scope, _Seen]]:
    """The scopes as they have been read, some at once."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(scope: Scope) -> tuple[Scope, _Seen]:
        async with places, tally.turn():
            if tally.has_too_many_failures():
                return scope, _Seen(left=[KeyRange()])
            seen = await _scan(run, scope)
            tally.count(seen.error)
            return scope, seen

    tasks = [asyncio.create_task(one(scope)) for scope in scopes]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _record(run: LeadsRun, seen: Mapping[Scope, _Seen]) -> None:
    """Write the leads of scopes that have been read, look up the missing ones of all, and record them as read."""
    sink, deletions, selector = run.sink, run.deletions, run.selector
    await sink.flush()
    deletions.control = next((one.some_key for one in seen.values() if one.some_key), deletions.control)
    async with sink.ctx.writing:  # the leads of other scopes may be being written
        missing = _missing(sink, seen)
    existing = await deletions.confirm(sorted(missing))
    deletions.save()
    incomplete = {missing[key] for key, lead in existing.items() if missing[key].has(lead)}
    ended_early = {scope for scope in incomplete if not seen[scope].is_closed}
    if ended_early:
        sink.fail(ENDED_EARLY)
    complete = [scope for scope, found in seen.items() if not found.left and scope not in ended_early]
    marks = {scope: selector.mark_of(scope) for scope in complete}
    await sink.flush(checkpoint=partial(run.state.record_scan, marks))


async def _scan(run: LeadsRun, scope: Scope) -> _Seen:
    """Read all leads of a scope; errors about this scope alone are in the result."""
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
    may_cut = run.selector.leads_of(scope) >= LARGE
    any_id = run.state.takes_any_id()
    scan = ParallelScan(sink, [KeyRange()], body=body, any_id=any_id, may_cut=may_cut, batch=PAGES_AT_ONCE)
    try:
        async with aclosing(scan.batches()) as batches:
            async for batch in batches:
                for chunk in batch:
                    _take(sink, chunk.pages, scope)
                    seen.add(chunk.keys, len(chunk.pages))
                scan.land(batch)
                await sink.flush_if_full()
        scan.report_unreadable()
        seen.left = scan.left()
    except (OutOfOrder, StaleCursor):
        async for page in sink.client.pages(stream.method, stream.path, body=body):
            _take(sink, [page], scope)
            seen.add([key for key in sink.ctx.log(stream.name).keys(page.items) if key is not None], 1)


def _take(sink: Sink, pages: Sequence[Page], scope: Scope) -> None:
    """Take the leads of some pages; FilterIgnored if they are of another campaign or list."""
    for page in pages:
        if not all(map(scope.has, page.items)):
            raise FilterIgnored(f"{sink.stream.path} returned leads of another campaign or list than requested.")
        sink.take(page.items)
        sink.no_records(page.dropped)


def _missing(sink: Sink, seen: Mapping[Scope, _Seen]) -> dict[str, Scope]:
    """The live leads of these scopes that were not returned, although their range was read; each with its scope."""
    keys = KeySet()
    keys.update(one.keys for one in seen.values())
    known = leads_in(sink.ctx.log(sink.stream.name).index, seen, keys)
    return {key: scope for key, scope in known if not any(one.has(key) for one in seen[scope].left)}
