"""Leads: a sweep through the whole workspace in id order.

Page i owns the ids after the last id of page i-1 up to its own last id, so each batch decides absence for its own range
and the sweep resumes where it was cut off. What is missing is asked for by id before it is taken for deleted; a lead
that was just seen is asked along, so that an answer which leaves out everything is not believed. Where ids come out of
order, a sweep over the whole with a set of seen keys takes its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from instantly_pipeline.api.client import Page
from instantly_pipeline.errors import BadRequest, StreamError
from instantly_pipeline.sync.absences import ASKED_AT_ONCE, Absences, ask
from instantly_pipeline.sync.held import hold, release
from instantly_pipeline.sync.sink import PAGES_PER_BATCH, SECONDS_PER_BATCH, Sink

PAGES_AHEAD = 20
RESUME_WITHIN = timedelta(hours=24)


class _StaleCursor(Exception):
    """The place at which a sweep was to be resumed is not known to the server any more."""


class _OutOfOrder(Exception):
    """The server does not list by ascending id."""


@dataclass(slots=True)
class _Position:
    """How far the sweep is: everything up to `key` is decided, `cursor` asks for what follows."""

    started_at: str
    cursor: str | None = None
    key: str | None = None
    rows: int = 0


@dataclass(slots=True)
class _Batch:
    """Some pages in a row, and when the first was asked for."""

    asked_at: datetime
    pages: list[Page]


async def read_sweep(sink: Sink) -> None:
    """Read every lead there is, deciding absence range by range."""
    position, absences = _resume(sink), Absences(sink)
    try:
        try:
            await _in_order(sink, position, absences)
        except _StaleCursor:
            sink.ctx.say("The server does not know the place any more: sweeping from the beginning.", sink.stream.name)
            await _in_order(sink, _Position(sink.ctx.now().isoformat()), absences)
    except _OutOfOrder:
        sink.ctx.say("The ids came out of order: sweeping again, keeping a set of what was seen.", sink.stream.name)
        sink.forget_batch()
        absences.forget()
        await _in_any_order(sink, absences)
    except StreamError:
        await sink.land()  # what was taken is good; the checkpoint stays where it was
        raise
    held = await absences.judge()
    if held:
        hold(sink, held, "the API, asked by id and by its counters, does not bear them out")
    else:
        release(sink)
    await sink.land()
    sink.ctx.states.forget(sink.stream.name)
    absences.forget()


def _resume(sink: Sink) -> _Position:
    now = sink.ctx.now()
    state = sink.ctx.states.read(sink.stream.name)
    try:
        position = _Position(**state["sweep"])
        fresh = now - datetime.fromisoformat(position.started_at) < RESUME_WITHIN
    except (KeyError, TypeError, ValueError):
        return _Position(now.isoformat())
    if not fresh or position.cursor is None:
        return _Position(now.isoformat())
    sink.ctx.say(f"Going on with the sweep of {position.started_at[:16]} after {position.rows} rows.", sink.stream.name)
    return position


async def _in_order(sink: Sink, position: _Position, absences: Absences) -> None:
    def checkpoint() -> None:
        absences.save()
        state = {"sweep": {name: getattr(position, name) for name in _Position.__slots__}}
        sink.ctx.states.write(sink.stream.name, state)

    if position.cursor is None:
        absences.forget()
    recent: set[str] = set()
    async with aclosing(_sure(sink, position.cursor)) as batches:
        async for batch in batches:
            keys, recent = _ascending(sink, batch.pages, position.key, recent)
            last = batch.pages[-1]
            upper = max(keys, default=position.key) if last.next_cursor else None
            await _decide(sink, batch, keys, (position.key, upper), absences)
            position.rows += sum(len(page.items) for page in batch.pages)
            position.cursor, position.key = last.next_cursor, upper
            await sink.land(checkpoint=checkpoint, at=batch.asked_at)


async def _sure(sink: Sink, start: str | None) -> AsyncGenerator[_Batch]:
    """The batches; _StaleCursor where the first request of a resumed sweep is refused, or brings nothing.

    What the API says to a cursor whose lead is gone is not known (reference, section 21).
    """
    resumed = start is not None
    try:
        async with aclosing(_batches(sink, start)) as batches:
            async for batch in batches:
                if resumed and not batch.pages[0].items:
                    raise _StaleCursor
                resumed = False
                yield batch
    except BadRequest:
        if resumed:
            raise _StaleCursor from None
        raise


async def _batches(sink: Sink, start: str | None) -> AsyncGenerator[_Batch]:
    """Pages in batches. Fetching goes on while a batch is being landed, a bounded number of pages ahead."""
    queue: asyncio.Queue[tuple[datetime, Page] | BaseException | None] = asyncio.Queue(maxsize=PAGES_AHEAD)
    fetching = asyncio.create_task(_fetch(sink, start, queue))
    clock = sink.ctx.time
    batch: _Batch | None = None
    since = clock.monotonic()
    try:
        while (got := await queue.get()) is not None:
            if isinstance(got, BaseException):
                if batch:
                    yield batch
                raise got
            batch = batch or _Batch(got[0], [])
            batch.pages.append(got[1])
            if len(batch.pages) >= PAGES_PER_BATCH or clock.monotonic() - since >= SECONDS_PER_BATCH:
                yield batch
                batch, since = None, clock.monotonic()
        if batch:
            yield batch
    finally:
        fetching.cancel()


async def _fetch(
    sink: Sink, start: str | None, queue: asyncio.Queue[tuple[datetime, Page] | BaseException | None]
) -> None:
    stream = sink.stream
    at = sink.ctx.now()
    try:
        async for page in sink.client.pages(stream.method, stream.path, params=stream.params, body={}, start=start):
            await queue.put((at, page))
            at = sink.ctx.now()
        await queue.put(None)
    except Exception as error:  # noqa: BLE001 - handed to the one who waits at the other end
        await queue.put(error)


def _ascending(sink: Sink, batch: Sequence[Page], after: str | None, recent: set[str]) -> tuple[list[str], set[str]]:
    """The keys of a batch, in order, and those of its last page; a row doubled across two pages is no disorder."""
    keys: list[str] = []
    last = after
    for page in batch:
        found = [key for key in sink.ctx.log(sink.stream.name).keys(page.items) if key is not None]
        for key in found:
            if last is not None and key < last and key not in recent:
                raise _OutOfOrder
            last = key if last is None else max(last, key)
        keys += found
        recent = set(found)
    return keys, recent


async def _decide(
    sink: Sink, batch: _Batch, keys: Sequence[str], bounds: tuple[str | None, str | None], absences: Absences
) -> None:
    """Take the records; note what is missing in the range of the batch."""
    for page in batch.pages:
        sink.take(page.items)
    known = sink.ctx.log(sink.stream.name).index.alive(*bounds)
    missing = sorted(known.keys() - set(keys))
    absences.control = keys[-1] if keys else absences.control or bounds[0]
    await _confirm(sink, missing, absences, at_end=bounds[1] is None)
    sink.verified(bounds)


async def _confirm(sink: Sink, missing: Sequence[str], absences: Absences, *, at_end: bool) -> None:
    """Ask for the missing by id: those that are there are taken, the others are noted."""
    for start in range(0, len(missing), ASKED_AT_ONCE):
        chunk = missing[start : start + ASKED_AT_ONCE]
        there, answer = await ask(sink, chunk, absences.control)
        sink.take(list(there.values()))
        if at_end and len(there) > len(chunk) / 2 and len(chunk) > 1:
            raise StreamError(
                "The list of leads ended early: leads known to be behind its end are still there. "
                "What was read is kept; the next sync goes on."
            )
        absences.add(set(chunk) - there.keys(), answer)


async def _in_any_order(sink: Sink, absences: Absences) -> None:
    """The whole list once, keeping the keys seen; absence is decided at its end."""
    seen: set[str] = set()
    log = sink.ctx.log(sink.stream.name)
    at = sink.ctx.now()
    async for batch in _batches(sink, None):
        for page in batch.pages:
            seen.update(key for key in log.keys(page.items) if key is not None)
            sink.take(page.items)
        await sink.land()
    missing = sorted(log.index.alive().keys() - seen)
    absences.control = next(iter(seen), None)
    await _confirm(sink, missing, absences, at_end=False)
    sink.verified((None, None))
    await sink.land(at=at)
