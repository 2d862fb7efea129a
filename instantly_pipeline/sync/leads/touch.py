"""Touches: the leads of one campaign, or those at the tail, are read and taken; nothing is decided about the rest.

What a campaign should have and did not show has moved or is gone: it is asked for by id, like what a sweep misses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import TypeVar

from instantly_pipeline.api.client import Page
from instantly_pipeline.errors import BadRequest, NotFound, StreamError
from instantly_pipeline.sync.leads.absences import Absences
from instantly_pipeline.sync.leads.crawl import Crawl, OutOfOrder, Span, StaleCursor
from instantly_pipeline.sync.leads.gate import CAMPAIGN, SERVER, Gate, newest_timed
from instantly_pipeline.sync.leads.ids import id_of, key_at, timed
from instantly_pipeline.sync.leads.sweep import confirm
from instantly_pipeline.sync.sink import Sink

AT_ONCE = 16
LEADS_PER_WAVE = 5_000
_T = TypeVar("_T")


class FilterIgnored(StreamError):
    """The server answered with leads of other campaigns."""


async def touch(sink: Sink, campaigns: Sequence[str], gate: Gate, absences: Absences) -> None:
    """Read the leads of some campaigns, in waves; each wave is noted when it has landed and its missing were asked for.

    FilterIgnored where the server does not look at `campaign`, which it does not where it does not know the name.
    """
    for wave in _waves(campaigns, gate):
        places = asyncio.Semaphore(AT_ONCE)

        async def one(campaign: str, places: asyncio.Semaphore = places) -> set[str]:
            async with places:
                return await _campaign(sink, campaign, may_cut=gate.leads_of(campaign) >= LEADS_PER_WAVE)

        seen = dict(zip(wave, await _side_by_side([one(campaign) for campaign in wave]), strict=True))
        await sink.land()
        absences.control = next((min(keys) for keys in seen.values() if keys), absences.control)
        await confirm(sink, _missing(sink, seen), absences)
        absences.save()
        await sink.land(checkpoint=lambda wave=wave: gate.touched(wave))  # type: ignore[misc]


async def _side_by_side(work: Iterable[Coroutine[object, object, _T]]) -> list[_T]:
    """The results; where one fails, the others do not go on beside what follows."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _waves(campaigns: Sequence[str], gate: Gate) -> Iterator[list[str]]:
    """The campaigns in groups of some thousand leads; a larger one is a group of its own."""
    wave: list[str] = []
    size = 0
    for campaign in campaigns:
        leads = gate.leads_of(campaign)
        if wave and size + leads > LEADS_PER_WAVE:
            yield wave
            wave, size = [], 0
        wave.append(campaign)
        size += leads
    if wave:
        yield wave


async def _campaign(sink: Sink, campaign: str, *, may_cut: bool) -> set[str]:
    """Take all leads of a campaign; their keys. A campaign that is deleted, and that the server refuses, has none.

    A small one is one chain: others go on beside it.
    """
    seen: set[str] = set()
    try:
        await _leads_of(sink, campaign, seen, may_cut=may_cut)
    except (NotFound, BadRequest):
        if sink.ctx.is_listed(campaign):
            raise
    return seen


async def _leads_of(sink: Sink, campaign: str, seen: set[str], *, may_cut: bool) -> None:
    any_id = sink.ctx.states.read(SERVER).get("any_id")
    crawl = Crawl(sink, [Span()], body={"campaign": campaign}, any_id=any_id, may_cut=may_cut)
    try:
        async with aclosing(crawl.batches()) as batches:
            async for batch in batches:
                for piece in batch:
                    _take(sink, piece.pages, campaign)
                    seen.update(piece.keys)
                if sink.is_full():
                    await sink.land()
    except (OutOfOrder, StaleCursor):
        stream = sink.stream
        async for page in sink.client.pages(stream.method, stream.path, body={"campaign": campaign}):
            _take(sink, [page], campaign)
            seen.update(key for key in sink.ctx.log(stream.name).keys(page.items) if key is not None)


def _take(sink: Sink, pages: Sequence[Page], campaign: str) -> None:
    """Take the leads of some pages; FilterIgnored where they are of other campaigns."""
    for page in pages:
        if any(record.get("campaign", record.get("campaign_id")) != campaign for record in page.items):
            raise FilterIgnored(f"{sink.stream.path} answered with leads of other campaigns than the one asked for.")
        sink.take(page.items)


def _missing(sink: Sink, seen: dict[str, set[str]]) -> list[str]:
    """The leads the lake has of these campaigns and that were not seen."""
    known = sink.ctx.log(sink.stream.name).index.alive_in([f"{CAMPAIGN}{campaign}" for campaign in seen])
    return sorted(key for key, scope in known if key not in seen[scope.removeprefix(CAMPAIGN)])


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
            if not keyed or keyed[0][0] < newest:
                return
            await sink.page([record for key, record in keyed if key <= until])
            if keyed[-1][0] > until:
                return
    except BadRequest:
        return
