"""Fetching many things side by side, and taking the answers one after the other.

As many requests are under way as the client allows; one task takes the answers and writes the batches. So a checkpoint
that is written after a batch never says more than what is in the lake.
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

AHEAD = 2 * CONCURRENCY  # asked for and not yet taken: the client's places stay taken while a batch is written
MOST_FAILURES = 20  # so many items that cannot be read, and the stream is given up for this run
HOPELESS = 8  # and earlier where the first so many all could not be read

_Item = TypeVar("_Item")
_Part = TypeVar("_Part")
_Got = TypeVar("_Got")


@dataclass(frozen=True, slots=True)
class Refused:
    """Instead of an answer: this was refused, and others like it were answered."""

    error: StreamError


@dataclass(frozen=True, slots=True)
class Answer(Generic[_Item, _Got]):
    """What was asked for, when, and what came: the answer, or the error that concerns this item alone."""

    item: _Item
    asked_at: datetime
    got: _Got | Refused | PipelineError


async def attempt(asked: Awaitable[_Got]) -> _Got | PipelineError:
    """What comes, or the error it ends in; one that concerns more than this question is raised."""
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
    """Ask for the items, `take` each answer, write batch by batch; call `before` before and `checkpoint` after each.

    An item may be answered in parts. `refuse` gets what was refused while others were answered. What cannot be read
    does not cost the others: the stream goes on, and ends as failed, naming how many.
    """
    failed: list[PipelineError] = []
    taken, since = 0, sink.ctx.now()

    async def land() -> None:
        before()
        await sink.flush(checkpoint=checkpoint, at=since)

    async with aclosing(_first_alone(items, ask)) as answers:
        async for answer in answers:
            if isinstance(answer.got, PipelineError):
                failed.append(answer.got)
                if len(failed) > MOST_FAILURES or (not taken and len(failed) >= HOPELESS):
                    break
                continue
            since = min(since, answer.asked_at)
            if isinstance(answer.got, Refused):
                refuse(answer.item)
                continue
            take(answer.item, answer.got)
            taken += 1
            if sink.is_full():
                await land()
                since = sink.ctx.now()
    await land()
    if failed:
        of = max(len(items), taken + len(failed))
        sink.fail(f"{len(failed)} of {of} could not be read, the first one because: {failed[0]}")


async def alone(
    sink: Sink, item: _Item, asked: Callable[[_Item], Awaitable[_Got]]
) -> AsyncGenerator[Answer[_Item, _Got]]:
    """The one answer to what is asked for in one request."""
    at = sink.ctx.now()
    yield Answer(item, at, await attempt(asked(item)))


async def _first_alone(items: Sequence[_Item], ask: Ask[_Item, _Part, _Got]) -> AsyncGenerator[Answer[_Part, _Got]]:
    """The answers about the first item, or the first that is not refused outright; then about all others side by side.

    So one finds out for all how the API wants to be asked.
    """
    begun, is_refused = 0, True
    while is_refused and begun < len(items):
        is_refused = False
        async with aclosing(ask(items[begun])) as answers:
            async for answer in answers:
                is_refused = isinstance(answer.got, BadRequest | TooLarge | NotFound)
                yield answer
        begun += 1
    async with aclosing(_side_by_side(items[begun:], ask)) as answers:
        async for answer in answers:
            yield answer


async def _side_by_side(items: Sequence[_Item], ask: Ask[_Item, _Part, _Got]) -> AsyncGenerator[Answer[_Part, _Got]]:
    """The answers as they come. An error that concerns more than one item is raised."""
    come: asyncio.Queue[Answer[_Part, _Got] | Exception | None] = asyncio.Queue()
    left = iter(items)
    places = asyncio.Semaphore(AHEAD)

    async def work() -> None:
        try:
            for item in left:
                await places.acquire()
                async with aclosing(ask(item)) as answers:
                    async for answer in answers:
                        come.put_nowait(answer)
                        await places.acquire()
                places.release()
            come.put_nowait(None)
        except Exception as error:  # noqa: BLE001 - handed to the one who waits at the other end
            come.put_nowait(error)

    workers = [asyncio.create_task(work()) for _ in range(min(CONCURRENCY, len(items)))]
    at_work = len(workers)
    try:
        while at_work:
            answer = await come.get()
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                at_work -= 1
                continue
            places.release()
            yield answer
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def together(work: Iterable[Coroutine[object, object, _Got]]) -> list[_Got]:
    """The results, in order; where one fails, the others do not go on beside what follows."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
