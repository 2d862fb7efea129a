"""Touches: the leads of one campaign or list, or those at the tail, are read and taken; the rest is not decided.

What a campaign should have and did not show has moved or is gone: it is asked for by id, like what a sweep misses.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from instantly_pipeline.api.client import Page
from instantly_pipeline.api.paging import is_about_the_page
from instantly_pipeline.errors import BadRequest, Exhausted, NotFound, StreamError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.sync.leads.deletions import Absences
from instantly_pipeline.sync.leads.keyspace import id_of, key_at, timed
from instantly_pipeline.sync.leads.parallel_scan import Crawl, OutOfOrder, Span, StaleCursor
from instantly_pipeline.sync.leads.selector import SERVER, Gate, newest_timed
from instantly_pipeline.sync.leads.sweep import ENDED_EARLY, confirm, report_unreadable
from instantly_pipeline.sync.readers.fetch import MOST_FAILURES, together
from instantly_pipeline.sync.sink import Sink

AT_ONCE = 16
LEADS_PER_WAVE = 5_000
HOPELESS = 3  # campaigns and lists, the first ones, that fail: some 50 tries each
PARENTS = {"campaign": "campaigns", "list_id": "lead_lists"}  # the streams that list what leads can be asked by


class FilterIgnored(StreamError):
    """The server answered with leads of other campaigns or lists."""


async def touch(sink: Sink, scopes: Sequence[str], gate: Gate, absences: Absences) -> StreamError | None:
    """Read the leads of some campaigns and lists, in waves; each is noted once all of it is decided.

    A scope is `campaign=<id>` or `list_id=<id>`. One that cannot be read does not cost the others: the stream goes on,
    and ends as failed; where none can, the first one's error is returned. FilterIgnored where the server does not look
    at the scope.
    """
    places, tally = asyncio.Semaphore(AT_ONCE), _Tally(len(scopes))

    async def one(scope: str) -> _Seen:
        async with places, tally.turn():
            if tally.is_hopeless():
                return _Seen(left=[Span()])
            return tally.count(await _leads_of(sink, scope, may_cut=gate.leads_of(scope) >= LEADS_PER_WAVE))

    for wave in _waves(scopes, gate):
        seen = dict(zip(wave, await together([one(scope) for scope in wave]), strict=True))
        await sink.flush()
        absences.control = next((min(found.keys) for found in seen.values() if found.keys), absences.control)
        missing = _missing(sink, seen)
        there = await confirm(sink, list(missing), absences)
        absences.save()
        ended = {scope for scope in seen if not seen[scope].is_closed}
        short = {missing[key] for key, lead in there.items() if _is_in(lead, missing[key])} & ended
        if short:
            sink.fail(ENDED_EARLY)
        whole = [scope for scope, found in seen.items() if not found.left and scope not in short]
        await sink.flush(checkpoint=lambda whole=whole: gate.touched(whole))  # type: ignore[misc]
    return tally.report(sink)


def _waves(scopes: Sequence[str], gate: Gate) -> Iterator[list[str]]:
    """The scopes in groups of some thousand leads; a larger one is a group of its own."""
    wave: list[str] = []
    size = 0
    for scope in scopes:
        leads = gate.leads_of(scope)
        if wave and size + leads > LEADS_PER_WAVE:
            yield wave
            wave, size = [], 0
        wave.append(scope)
        size += leads
    if wave:
        yield wave


@dataclass(slots=True)
class _Seen:
    """The keys of a scope's leads, and what of it could not be read."""

    keys: set[str] = field(default_factory=set)
    left: list[Span] = field(default_factory=list)
    is_closed: bool = False  # it is deleted, and the server refuses it
    error: StreamError | None = None  # why it could not be read

    def decides(self, key: str) -> bool:
        """Whether the lead would have been seen."""
        return not any((span.low or "") < key and (span.high is None or key <= span.high) for span in self.left)


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

    def count(self, seen: _Seen) -> _Seen:
        """One more."""
        if seen.error is None:
            self._read += 1
        else:
            self._errors.append(seen.error)
        return seen

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


async def _leads_of(sink: Sink, scope: str, *, may_cut: bool) -> _Seen:
    """Take all leads of a scope. A small one is one chain: others go on beside."""
    seen = _Seen()
    name, parent = scope.split("=", 1)
    try:
        await _read(sink, scope, seen, may_cut=may_cut)
    except (NotFound, BadRequest, Exhausted) as error:
        if not is_about_the_page(error):
            raise
        seen.is_closed = not isinstance(error, Exhausted) and not sink.ctx.is_listed(PARENTS[name], parent)
        if not seen.is_closed:
            seen.error, seen.left = error, [Span()]
    return seen


async def _read(sink: Sink, scope: str, seen: _Seen, *, may_cut: bool) -> None:
    name, parent = scope.split("=", 1)
    any_id = sink.ctx.checkpoints.read(SERVER).get("any_id")
    crawl = Crawl(sink, [Span()], body={name: parent}, any_id=any_id, may_cut=may_cut)
    try:
        async with aclosing(crawl.batches()) as batches:
            async for batch in batches:
                for piece in batch:
                    _take(sink, piece.pages, scope)
                    seen.keys.update(piece.keys)
                crawl.landed(batch)
                if sink.is_full():
                    await sink.flush()
        report_unreadable(sink, crawl)
        seen.left = crawl.left()
    except (OutOfOrder, StaleCursor):
        stream = sink.stream
        async for page in sink.client.pages(stream.method, stream.path, body={name: parent}):
            _take(sink, [page], scope)
            seen.keys.update(key for key in sink.ctx.log(stream.name).keys(page.items) if key is not None)


def _take(sink: Sink, pages: Sequence[Page], scope: str) -> None:
    """Take the leads of some pages; FilterIgnored where they are of another parent."""
    for page in pages:
        if not all(_is_in(record, scope) for record in page.items):
            raise FilterIgnored(f"{sink.stream.path} answered with leads of another campaign or list than asked for.")
        sink.take(page.items)
        sink.no_records(page.dropped)


def _is_in(lead: Record, scope: str) -> bool:
    name, parent = scope.split("=", 1)
    return bool(lead.get(name, lead.get(f"{name}_id")) == parent)


def _missing(sink: Sink, seen: Mapping[str, _Seen]) -> dict[str, str]:
    """The leads the lake has of these scopes and that were not seen, and where they should be."""
    known = sink.ctx.log(sink.stream.name).index.alive_in(list(seen))
    return {key: scope for key, scope in sorted(known) if key not in seen[scope].keys and seen[scope].decides(key)}


async def touch_tail(sink: Sink) -> None:
    """Take the leads that were made since the newest one known: their ids follow it, as long as they tell the time.

    Where the server does not take the newest one as a cursor (it may be gone), the next sweep finds what is new.
    """
    newest = newest_timed(sink.ctx, sink.stream.name)
    if newest is None:
        return
    until = key_at(timed(sink.ctx.now() + timedelta(days=1)))
    log = sink.ctx.log(sink.stream.name)
    try:
        async for page in sink.client.pages(sink.stream.method, sink.stream.path, body={}, start=id_of(newest)):
            keyed = [(key, record) for key, record in zip(log.keys(page.items), page.items, strict=True) if key]
            if page.items and (not keyed or keyed[0][0] < newest):
                return
            await sink.page([record for key, record in keyed if key <= until])
            if keyed and keyed[-1][0] > until:
                return
    except BadRequest:
        return
