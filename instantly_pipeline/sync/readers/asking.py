"""Asking for many things side by side, and taking the answers one after the other.

As many requests are under way as the client has places for; answers are taken, and landed, by one hand only. So a
checkpoint that is written behind a batch never says more than what has landed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from instantly_pipeline.api.client import CONCURRENCY
from instantly_pipeline.errors import Fatal, Forbidden, PipelineError, WorkspaceError
from instantly_pipeline.sync.sink import Sink

AHEAD = 2 * CONCURRENCY  # asked for and not yet taken: the client's places stay taken while a batch is written
MOST_FAILURES = 20  # so many items that cannot be read, and the stream is given up for this run
HOPELESS = 8  # and earlier where the first so many all could not be read

_Item = TypeVar("_Item")
_Got = TypeVar("_Got")


@dataclass(frozen=True, slots=True)
class Answer(Generic[_Item, _Got]):
    """What was asked for, when, and what came: the answer, or the error that concerns this item alone."""

    item: _Item
    asked_at: datetime
    got: _Got | PipelineError


async def each(
    sink: Sink,
    items: Sequence[_Item],
    ask: Callable[[_Item], Awaitable[_Got]],
    take: Callable[[_Item, _Got], None],
    *,
    checkpoint: Callable[[], None] = lambda: None,
    before: Callable[[], None] = lambda: None,
) -> None:
    """Ask for the items, `take` each answer, land batch by batch, `before` before and `checkpoint` behind each.

    An item that cannot be read does not cost the others: the stream goes on, and ends as failed, naming how many.
    """
    failed: list[PipelineError] = []
    taken, since = 0, sink.ctx.now()

    async def land() -> None:
        before()
        await sink.land(checkpoint=checkpoint, at=since)

    async with aclosing(_side_by_side(sink, items, ask)) as answers:
        async for answer in answers:
            if isinstance(answer.got, PipelineError):
                failed.append(answer.got)
                if len(failed) > MOST_FAILURES or (not taken and len(failed) >= HOPELESS):
                    break
                continue
            since = min(since, answer.asked_at)
            take(answer.item, answer.got)
            taken += 1
            if sink.is_full():
                await land()
                since = sink.ctx.now()
    await land()
    if failed:
        sink.fail(f"{len(failed)} of {len(items)} could not be read, the first one because: {failed[0]}")


async def _side_by_side(
    sink: Sink, items: Sequence[_Item], ask: Callable[[_Item], Awaitable[_Got]]
) -> AsyncGenerator[Answer[_Item, _Got]]:
    """The answers as they come. An error that concerns more than one item is raised."""
    come: asyncio.Queue[Answer[_Item, _Got] | Exception] = asyncio.Queue()
    left = iter(items)
    places = asyncio.Semaphore(AHEAD)

    async def work() -> None:
        for item in left:
            await places.acquire()
            at = sink.ctx.now()
            try:
                come.put_nowait(Answer(item, at, await ask(item)))
            except (Fatal, WorkspaceError, Forbidden) as error:
                come.put_nowait(error)
            except PipelineError as error:
                come.put_nowait(Answer(item, at, error))
            except Exception as error:  # noqa: BLE001 - handed to the one who waits at the other end
                come.put_nowait(error)

    workers = [asyncio.create_task(work()) for _ in range(min(CONCURRENCY, len(items)))]
    try:
        for _ in items:
            answer = await come.get()
            places.release()
            if isinstance(answer, Exception):
                raise answer
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


def groups(items: Sequence[_Item], size: int) -> list[Sequence[_Item]]:
    """The items in pieces of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]
