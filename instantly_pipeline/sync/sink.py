"""Where a reader puts its records: batches of pages, written to the lake one after the other.

A checkpoint passed with a batch is written only after the batch is in the lake. Hashing and writing happen in a thread,
so that fetching continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.lake.change_log import OnVersion
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.quarantine import Quarantine
from instantly_pipeline.sync.results import Event, Outcome, StreamResult

PAGES_PER_BATCH = 50
SECONDS_PER_BATCH = 30.0
_T = TypeVar("_T")
Range = tuple[str | None, str | None]
EVERYTHING: Range = (None, None)


class Sink:
    """Takes the records of one stream of one workspace."""

    def __init__(self, ctx: Context, stream: Stream, result: StreamResult, client: ApiClient) -> None:
        self.ctx = ctx
        self.stream = stream
        self.result = result
        self.client = client
        self.done = 0
        self.total: int | None = None
        self.on_version: OnVersion | None = None  # called for each version written
        self._since = ctx.clock.monotonic()
        self._quarantine = Quarantine(ctx.logs, ctx.now, stream, result)
        self._flushing = asyncio.Lock()
        self._lost: Exception | None = None  # why a batch was not written: no later checkpoint may cover it
        self.forget_batch()

    def forget_batch(self) -> None:
        """Drop what was taken and is not written yet."""
        self._records: list[Record] = []
        self._verified: list[Range] = []
        self._deleted: set[str] = set()
        self._pages = 0

    def take(self, records: Sequence[Record]) -> None:
        """Take the records of one response."""
        self._records += records
        self._pages += 1
        self.done += 1
        self.result.rows_read += len(records)

    def mark_verified(self, bounds: Range) -> None:
        """Mark the keys in (low, high] as verified by the batch: it has every record that exists there."""
        self._verified.append(bounds)

    def delete(self, keys: Collection[str]) -> None:
        """Write a tombstone for these keys, unless they are in the batch."""
        self._deleted.update(keys)

    def put(self, records: Sequence[Record], *verified: Range) -> None:
        """Take the records of one response, with the ranges of keys that it verifies."""
        self.take(records)
        self._verified += verified
        self.show()

    def is_full(self) -> bool:
        """Whether the batch should be written."""
        waited = self.ctx.clock.monotonic() - self._since
        return self._pages >= PAGES_PER_BATCH or waited >= SECONDS_PER_BATCH

    async def page(self, records: Sequence[Record], verified: Range | None = None) -> None:
        """Take the records of one response; write the batch when it is full."""
        self.put(records, *([verified] if verified is not None else []))
        await self.flush_if_full()

    async def flush_if_full(self) -> None:
        """Write the batch when it is full; where several tasks take, one does, and the others wait for it."""
        async with self._flushing:
            if self.is_full():
                await self.flush()

    async def flush(self, *, checkpoint: Callable[[], None] = lambda: None, at: datetime | None = None) -> None:
        """Write the batch and its tombstones, then call `checkpoint`. `at` is when the records were requested.

        Where a batch could not be written, this and all later calls raise the error, and no checkpoint is called.
        """
        batch = self._records, self._verified, self._deleted
        self.forget_batch()
        self._since = self.ctx.clock.monotonic()
        async with self.ctx.writing:  # one writer per workspace: timestamps and file numbers only grow
            if self._lost is not None:
                raise self._lost
            try:
                await uncancelled(asyncio.to_thread(self._write, *batch, at or self.ctx.now()))
            except Exception as error:
                self._lost = error
                raise
            checkpoint()
        self.show()

    def show(self) -> None:
        """Report the progress of this stream; it may take more requests than expected."""
        total = None if self.total is None else max(self.total, self.done)
        self.ctx.on_event(
            Event("progress", self.ctx.workspace, self.stream.name, rows=self.result.rows_read, done=self.done,
                  total=total)
        )  # fmt: skip

    def fail(self, reason: str) -> None:
        """Set the outcome to FAILED; what was read is kept."""
        self.result.outcome, self.result.reason = Outcome.FAILED, reason

    def no_records(self, count: int) -> None:
        """Log entries of a page that were not records."""
        if count:
            self._quarantine.note_no_records(count)

    def _write(self, records: list[Record], verified: list[Range], deleted: Collection[str], at: datetime) -> None:
        log = self.ctx.log(self.stream.name)
        batch = log.normalize(records)
        self.result.changes += log.append(batch, deleted=deleted, on_version=self.on_version)
        for low, high in verified:
            self.ctx.logs.add("verified", stream=self.stream.name, key_from=low, key_to=high, verified_at=at)
        self._quarantine.note(batch)
        self.ctx.logs.flush()


async def uncancelled(work: Coroutine[Any, Any, _T]) -> _T:
    """The result of work in a thread, which cannot be stopped halfway: a cancellation is raised after it has ended."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def below(*parts: str) -> Range:
    """The range of all keys that begin with `parts` and continue: `["a","b",` up to the last of them."""
    prefix = orjson.dumps(list(parts)).decode()[:-1]
    return f"{prefix},", f"{prefix},~"


def days_of(parent: tuple[str, ...], first: str, last: str) -> Range:
    """The range of the keys `[*parent, date]` for the dates first..last, both included."""
    head = orjson.dumps([*parent, first]).decode()[:-1]
    tail = orjson.dumps([*parent, last]).decode()[:-1]
    return head, f"{tail}~"
