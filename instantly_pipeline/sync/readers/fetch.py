"""Concurrent requests for many items, whose answers are taken one after the other.

There are as many requests in flight as the client allows; one task takes the answers and writes the batches. So a
checkpoint that is written after a batch never covers more than what is in the lake.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from instantly_pipeline.api.client import CONCURRENCY
from instantly_pipeline.errors import (
    BadRequest,
    Fatal,
    Forbidden,
    NotFound,
    PipelineError,
    StreamError,
    TooLarge,
    WorkspaceError,
)
from instantly_pipeline.sync.sink import Sink

AHEAD = 2 * CONCURRENCY  # answers not yet taken: keeps the client busy while a batch is written
MOST_FAILURES = 20  # failed items after which the stream is given up for this run
MOST_FAILURES_AT_FIRST = 8  # the same if no item was read before them

_Item = TypeVar("_Item")
_Part = TypeVar("_Part")
_Got = TypeVar("_Got")


@dataclass(frozen=True, slots=True)
class Refused:
    """In place of an answer: the item was refused while others like it were answered."""

    error: StreamError


@dataclass(frozen=True, slots=True)
class Answer(Generic[_Item, _Got]):
    """What was requested, when, and the answer or the error about this item."""

    item: _Item
    asked_at: datetime
    got: _Got | Refused | PipelineError


async def attempt(asked: Awaitable[_Got]) -> _Got | PipelineError:
    """The result, or the error about this request; errors about the stream, the workspace or the run are raised."""
    try:
        return await asked
    except (Fatal, WorkspaceError, Forbidden):
        raise
    except PipelineError as error:
        return error


Ask = Callable[[_Item], AsyncGenerator[Answer[_Part, _Got]]]


async def fetch_all(
    sink: Sink,
    items: Sequence[_Item],
    ask: Ask[_Item, _Part, _Got],
    take: Callable[[_Part, _Got], None],
    *,
    refuse: Callable[[_Part], None] = lambda _: None,
    checkpoint: Callable[[], None] = lambda: None,
    before: Callable[[], None] = lambda: None,
) -> None:
    """Request the items, `take` each answer, write batch by batch; call `before` before and `checkpoint` after each.

    An item may be answered in parts. `refuse` gets items that were refused while others were answered. Items that fail
    do not stop the others: the stream ends as failed, with their number.
    """
    failed: list[PipelineError] = []
    taken, since = 0, sink.ctx.now()

    async def write_batch() -> None:
        before()
        await sink.flush(checkpoint=checkpoint, at=since)

    async with aclosing(_first_alone(items, ask)) as answers:
        async for answer in answers:
            if isinstance(answer.got, PipelineError):
                failed.append(answer.got)
                if len(failed) > MOST_FAILURES or (not taken and len(failed) >= MOST_FAILURES_AT_FIRST):
                    break
                continue
            since = min(since, answer.asked_at)
            if isinstance(answer.got, Refused):
                refuse(answer.item)
                continue
            take(answer.item, answer.got)
            taken += 1
            if sink.is_full():
                await write_batch()
                since = sink.ctx.now()
    await write_batch()
    if failed:
        of = max(len(items), taken + len(failed))
        sink.fail(f"{len(failed)} of {of} requests failed. The first error: {failed[0]}")


async def alone(
    sink: Sink, item: _Item, asked: Callable[[_Item], Awaitable[_Got]]
) -> AsyncGenerator[Answer[_Item, _Got]]:
    """The answer to an item that takes one request."""
    at = sink.ctx.now()
    yield Answer(item, at, await attempt(asked(item)))


async def _first_alone(items: Sequence[_Item], ask: Ask[_Item, _Part, _Got]) -> AsyncGenerator[Answer[_Part, _Got]]:
    """The answers for the first item, or the first one that is not refused; then for all others concurrently.

    The first one finds the API's limits for all.
    """
    begun, is_refused = 0, True
    while is_refused and begun < len(items):
        is_refused = False
        async with aclosing(ask(items[begun])) as answers:
            async for answer in answers:
                is_refused = isinstance(answer.got, BadRequest | TooLarge | NotFound)
                yield answer
        begun += 1
    async with aclosing(_concurrently(items[begun:], ask)) as answers:
        async for answer in answers:
            yield answer


async def _concurrently(items: Sequence[_Item], ask: Ask[_Item, _Part, _Got]) -> AsyncGenerator[Answer[_Part, _Got]]:
    """The answers as they arrive. An error about more than one item is raised."""
    arrived: asyncio.Queue[Answer[_Part, _Got] | Exception | None] = asyncio.Queue()
    left = iter(items)
    places = asyncio.Semaphore(AHEAD)

    async def work() -> None:
        try:
            for item in left:
                await places.acquire()
                async with aclosing(ask(item)) as answers:
                    async for answer in answers:
                        arrived.put_nowait(answer)
                        await places.acquire()
                places.release()
            arrived.put_nowait(None)
        except Exception as error:  # noqa: BLE001 - raised at the other end of the queue
            arrived.put_nowait(error)

    workers = [asyncio.create_task(work()) for _ in range(min(CONCURRENCY, len(items)))]
    running = len(workers)
    try:
        while running:
            answer = await arrived.get()
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                running -= 1
                continue
            places.release()
            yield answer
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def gather_or_cancel(work: Iterable[Coroutine[object, object, _Got]]) -> list[_Got]:
    """The results, in order; if one fails, the others are cancelled before its error is raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
