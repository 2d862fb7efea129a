"""Group commit: what arrives while the disk is busy is written with one write and one fsync, then answered together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self, TypeVar

from instantly_pipeline.lake.inbox import InboxWriter, Received, aside_writer
from instantly_pipeline.lake.layout import Layout

_T = TypeVar("_T")
_Waiting = list[tuple[Received, "asyncio.Future[None]"]]


class GroupCommit:
    """Stores events in the inbox of a data directory; an async context manager, whose end closes the segments.

    Only its one thread touches the disk.
    """

    def __init__(self, layout: Layout) -> None:
        self._inbox = InboxWriter(layout)
        self._aside = aside_writer(layout)
        self._waiting: _Waiting = []
        self._wake = asyncio.Event()
        self._is_closing = False
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="inbox")

    @property
    def dropped(self) -> int:
        """How many of those kept aside were dropped because there were too many."""
        return self._aside.dropped

    async def __aenter__(self) -> Self:
        self._committing = asyncio.create_task(self._commit_all())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_closing = True
        self._wake.set()
        await self._committing
        for writer in (self._inbox, self._aside):
            await self._on_disk(writer.close)
        self._disk.shutdown()

    async def store(self, event: Received) -> None:
        """Store an event; it is durable when this returns. StorageError where the disk refuses it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, done))
        self._wake.set()
        await done

    async def probe(self) -> None:
        """StorageError where the disk does not take a small file now."""
        await self._on_disk(self._inbox.probe)

    async def _commit_all(self) -> None:
        due: float | None = None
        while self._waiting or not self._is_closing:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), due)
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            problems, due = await self._on_disk(lambda: self._write([event for event, _ in batch]))  # noqa: B023
            for event, done in batch:
                problem = problems[event.reason is None]
                if done.done():  # its request was cancelled
                    continue
                if problem is None:
                    done.set_result(None)
                else:
                    done.set_exception(problem)

    def _write(self, events: list[Received]) -> tuple[dict[bool, Exception | None], float | None]:
        """Append events and what is aside. Returns what went wrong with each, and the seconds until one is due."""
        problems: dict[bool, Exception | None] = {}
        for writer, are_events in ((self._inbox, True), (self._aside, False)):
            part = [event for event in events if (event.reason is None) == are_events]
            problems[are_events] = _append(writer, part) if part else None
        times = [writer.close_if_due() for writer in (self._inbox, self._aside)]
        return problems, min((seconds for seconds in times if seconds is not None), default=None)

    async def _on_disk(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


def _append(writer: InboxWriter, events: list[Received]) -> Exception | None:
    try:
        writer.append(events)
    except Exception as error:  # noqa: BLE001 - whatever it is, those who wait for these events are told
        return error
    return None
