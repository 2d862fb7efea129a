"""Leads: a sweep through the whole workspace in id order.

Page i owns the ids after the last id of page i-1 up to its own last id, so each batch decides absence for its own range
and the sweep resumes where it was cut off. What is missing is asked for by id before it is taken for deleted; a lead
that was just seen is asked along, so that an answer which leaves out everything is not believed. Where ids come out of
order, a sweep over the whole with a set of seen keys takes its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from instantly_pipeline.api.client import Page
from instantly_pipeline.errors import StreamError
from instantly_pipeline.lake.record import Record
from instantly_pipeline.sync.held import hold, release
from instantly_pipeline.sync.sink import PAGES_PER_BATCH, SECONDS_PER_BATCH, Sink

ASKED_AT_ONCE = 99  # and one that is known to be there: a request takes 100 ids
PAGES_AHEAD = 20
RESUME_WITHIN = timedelta(hours=24)


class _OutOfOrder(Exception):
    """The server does not list by ascending id."""


@dataclass(slots=True)
class _Position:
    """How far the sweep is: everything up to `key` is decided, `cursor` asks for what follows."""

    started_at: str
    cursor: str | None = None
    key: str | None = None
    rows: int = 0


async def read_sweep(sink: Sink) -> None:
    """Read every lead there is, deciding absence range by range."""
    position = _resume(sink)
    try:
        held = await _in_order(sink, position)
    except _OutOfOrder:
        sink.ctx.say("The ids came out of order: sweeping again, keeping a set of what was seen.", sink.stream.name)
        sink.forget_batch()
        held = await _in_any_order(sink)
    sink.ctx.states.forget(sink.stream.name)
    if held:
        hold(sink, held, "the API did not confirm by id that these are gone")
    else:
        release(sink)
    await sink.land()


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


async def _in_order(sink: Sink, position: _Position) -> set[str]:
    held: set[str] = set()
    recent: set[str] = set()
    async for batch in _batches(sink, position.cursor):
        keys, recent = _ascending(sink, batch, position.key, recent)
        last = batch[-1]
        upper = max(keys, default=position.key) if last.next_cursor else None
        held |= await _decide(sink, batch, keys, (position.key, upper))
        position.rows += sum(len(page.items) for page in batch)
        position.cursor, position.key = last.next_cursor, upper
        await _land(sink, position)
    return held


async def _land(sink: Sink, position: _Position) -> None:
    def checkpoint() -> None:
        state = {"sweep": {name: getattr(position, name) for name in _Position.__slots__}}
        sink.ctx.states.write(sink.stream.name, state)

    await sink.land(checkpoint=checkpoint)


async def _batches(sink: Sink, start: str | None) -> AsyncIterator[list[Page]]:
    """Pages in batches. Fetching goes on while a batch is being landed, a bounded number of pages ahead."""
    queue: asyncio.Queue[Page | BaseException | None] = asyncio.Queue(maxsize=PAGES_AHEAD)
    fetching = asyncio.create_task(_fetch(sink, start, queue))
    clock = sink.ctx.time
    try:
        batch: list[Page] = []
        since = clock.monotonic()
        while (got := await queue.get()) is not None:
            if isinstance(got, BaseException):
                if batch:
                    yield batch
                raise got
            batch.append(got)
            if len(batch) >= PAGES_PER_BATCH or clock.monotonic() - since >= SECONDS_PER_BATCH:
                yield batch
                batch, since = [], clock.monotonic()
        if batch:
            yield batch
    finally:
        fetching.cancel()


async def _fetch(sink: Sink, start: str | None, queue: asyncio.Queue[Page | BaseException | None]) -> None:
    stream = sink.stream
    try:
        async for page in sink.client.pages(stream.method, stream.path, params=stream.params, body={}, start=start):
            await queue.put(page)
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
    sink: Sink, batch: Sequence[Page], keys: Sequence[str], bounds: tuple[str | None, str | None]
) -> set[str]:
    """Take the records; decide what is gone in the range of the batch. Returns what must be held."""
    for page in batch:
        sink.take(page.items)
    sink.verified(bounds)
    known = sink.ctx.log(sink.stream.name).index.alive(*bounds)
    missing = sorted(known.keys() - set(keys))
    control = keys[-1] if keys else bounds[0]
    return await _confirm(sink, missing, control, at_end=bounds[1] is None)


async def _confirm(sink: Sink, missing: Sequence[str], control: str | None, *, at_end: bool) -> set[str]:
    """Ask for the missing by id: those that are there are taken, those that are not are gone, the rest is held."""
    held: set[str] = set()
    for chunk in _chunks(missing, ASKED_AT_ONCE):
        there, believed = await _ask(sink, chunk, control)
        if at_end and len(there) > len(chunk) / 2 and len(chunk) > 1:
            raise StreamError(
                "the list of leads ended early: leads known to be behind its end are still there. "
                "What was read is kept; the next sync goes on from here."
            )
        sink.take(list(there.values()))
        gone = set(chunk) - there.keys()
        if believed:
            sink.gone(gone)
        else:
            held |= gone
    return held


async def _ask(sink: Sink, keys: Sequence[str], control: str | None) -> tuple[dict[str, Record], bool]:
    """Those of `keys` that the API has, and whether its silence about the others can be believed.

    It is not believed without a lead that surely is there among those asked for, nor when it names others: a server
    that ignores `ids` would answer with the whole workspace. The user may decide to believe it without the first.
    """
    asked = {*keys, control} if control else set(keys)
    body: dict[str, object] = {"ids": [orjson.loads(key)[0] for key in sorted(asked)]}
    found: dict[str, Record] = {}
    async for page in sink.client.pages(sink.stream.method, sink.stream.path, body=body):
        for key, record in zip(sink.ctx.log(sink.stream.name).keys(page.items), page.items, strict=True):
            if key is None or key not in asked:
                return {}, False
            found[key] = record
    believed = control in found or sink.ctx.request.accept_deletes
    return {key: record for key, record in found.items() if key != control}, believed


async def _in_any_order(sink: Sink) -> set[str]:
    """The whole list once, keeping the keys seen; absence is decided at its end."""
    seen: set[str] = set()
    log = sink.ctx.log(sink.stream.name)
    async for batch in _batches(sink, None):
        for page in batch:
            seen.update(key for key in log.keys(page.items) if key is not None)
            sink.take(page.items)
        await sink.land()
    missing = sorted(log.index.alive().keys() - seen)
    held = await _confirm(sink, missing, next(iter(seen), None), at_end=False)
    sink.verified((None, None))
    await sink.land()
    return held


def _chunks(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
