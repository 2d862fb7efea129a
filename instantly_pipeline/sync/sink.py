"""Where a reader puts its records: batches of pages, landed in the lake one after the other.

A checkpoint given with a batch moves only after the batch has landed. Decoding, hashing and writing happen beside the
event loop, so that fetching goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.lake.change_log import OnVersion
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.lake.records.normalize import DOES_NOT_FIT, Anomaly, Batch, Drift, Rejected
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.results import Event, Outcome, StreamResult

PAGES_PER_BATCH = 50
SECONDS_PER_BATCH = 30.0
NAMED = 1_000  # records with one anomaly that are named in a run; of more the number is noted
Range = tuple[str | None, str | None]
EVERYTHING: Range = (None, None)


class Sink:
    """Takes the records of one stream of one workspace."""

    def __init__(self, ctx: Context, stream: Stream, result: StreamResult, client: ApiClient) -> None:
        self.ctx = ctx
        self.stream = stream
        self.result = result
        self.client = client  # counts what this stream asks
        self.done = 0
        self.total: int | None = None
        self.on_version: OnVersion | None = None  # told of each version that is written
        self._since = ctx.clock.monotonic()
        self._seen_anomalies: set[tuple[str | None, str]] = set()
        self._named: Counter[tuple[str, str]] = Counter()
        self.forget_batch()

    def forget_batch(self) -> None:
        """Drop what was taken and has not landed."""
        self._records: list[Record] = []
        self._verified: list[Range] = []
        self._gone: set[str] = set()
        self._pages = 0

    def take(self, records: Sequence[Record]) -> None:
        """Take the records of one answer."""
        self._records += records
        self._pages += 1
        self.done += 1
        self.result.rows_read += len(records)

    def mark_verified(self, bounds: Range) -> None:
        """The keys in (low, high] are decided by what was taken."""
        self._verified.append(bounds)

    def delete(self, keys: Collection[str]) -> None:
        """These keys get a tombstone, unless they are in the batch."""
        self._gone.update(keys)

    def put(self, records: Sequence[Record], *verified: Range) -> None:
        """Take the records of one answer, with the ranges of keys it decides."""
        self.take(records)
        self._verified += verified
        self.show()

    def is_full(self) -> bool:
        """Whether the batch should land."""
        waited = self.ctx.clock.monotonic() - self._since
        return self._pages >= PAGES_PER_BATCH or waited >= SECONDS_PER_BATCH

    async def page(self, records: Sequence[Record], verified: Range | None = None) -> None:
        """Take the records of one answer; land when the batch is full."""
        self.put(records, *([verified] if verified is not None else []))
        if self.is_full():
            await self.flush()

    async def flush(self, *, checkpoint: Callable[[], None] = lambda: None, at: datetime | None = None) -> None:
        """Write what was taken and tombstones; then move `checkpoint`. `at` is when the records were asked for."""
        batch = self._records, self._verified, self._gone
        self.forget_batch()
        self._since = self.ctx.clock.monotonic()
        async with self.ctx.writing:  # one writer a workspace: instants and file numbers only grow
            await _to_its_end(asyncio.to_thread(self._write, *batch, at or self.ctx.now()))
            checkpoint()
        self.show()

    def show(self) -> None:
        """Tell whoever watches how far this stream is; it may take more requests than it looked like."""
        total = None if self.total is None else max(self.total, self.done)
        self.ctx.on_event(
            Event("progress", self.ctx.workspace, self.stream.name, rows=self.result.rows_read, done=self.done,
                  total=total)
        )  # fmt: skip

    def fail(self, reason: str) -> None:
        """What was read is good, and not all: the stream ends as failed."""
        self.result.outcome, self.result.reason = Outcome.FAILED, reason

    def odd(self, key: str | None, reason: str, *, column: str = "", expected: str = "", found: str = "") -> None:
        """Note something odd about a record, once a run."""
        if (key, column + reason) in self._seen_anomalies:
            return
        self._seen_anomalies.add((key, column + reason))
        self._quarantine(key, reason, column=column, expected=expected, found=found)

    def no_records(self, count: int) -> None:
        """Note entries of a page that were no records; there is nothing of them to keep."""
        if count:
            self.result.put_aside["no records"] += count
            self._quarantine(None, "entries of a page were no records", expected="object", times=count)

    def _write(self, records: list[Record], verified: list[Range], deleted: Collection[str], at: datetime) -> None:
        log = self.ctx.log(self.stream.name)
        batch = log.normalize(records)
        self.result.changes += log.append(batch, deleted=deleted, on_version=self.on_version)
        for low, high in verified:
            self.ctx.logs.add("verified", stream=self.stream.name, key_from=low, key_to=high, verified_at=at)
        self._note(batch)
        self.ctx.logs.flush()

    def _note(self, batch: Batch) -> None:
        self._note_anomalies(batch.anomalies)
        self._note_drift(batch.drift)
        self._note_rejected(batch.rejected)

    def _note_rejected(self, rejected: Sequence[Rejected]) -> None:
        for (key, reason), times in Counter((one.key, one.reason) for one in rejected).items():
            self.result.put_aside[reason] += times
            kept = f"{reason}; kept in the lake's log of rejected records"
            self._quarantine(key, kept, column=",".join(self.stream.key), times=times)
        for one in rejected:
            self.ctx.logs.add(
                "rejected", stream=self.stream.name, record=one.text, reason=one.reason, seen_at=self.ctx.now()
            )

    def _quarantine(
        self, key: str | None, reason: str, *, column: str = "", expected: str = "", found: str = "", times: int = 1
    ) -> None:
        self.ctx.logs.add(
            "quarantine", stream=self.stream.name, key=key, column=column, expected=expected, found_type=found,
            reason=reason, seen_at=self.ctx.now(), occurrences=times,
        )  # fmt: skip

    def _note_anomalies(self, anomalies: Sequence[Anomaly]) -> None:
        self.result.misfits += sum(one.reason == DOES_NOT_FIT for one in anomalies)
        more: Counter[Anomaly] = Counter()
        for one in anomalies:
            if self._named[one.column, one.reason] < NAMED:
                self._named[one.column, one.reason] += 1
                self.odd(one.key, one.reason, column=one.column, expected=one.expected, found=one.found)
            else:
                more[replace(one, key=None)] += 1
        for one, times in more.items():
            self._quarantine(None, one.reason, column=one.column, expected=one.expected, found=one.found, times=times)

    def _note_drift(self, drift: Counter[Drift]) -> None:
        for what, times in drift.items():
            self.ctx.logs.add(
                "schema_drift", stream=self.stream.name, field=what.field, kind=what.kind, seen_at=self.ctx.now(),
                times=times,
            )  # fmt: skip


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await work in a thread; a cancellation waits for it, since a thread cannot be stopped halfway."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def below(*parts: str) -> Range:
    """The range of all keys that begin with `parts` and have more: `["a","b",` up to the last of them."""
    prefix = orjson.dumps(list(parts)).decode()[:-1]
    return f"{prefix},", f"{prefix},~"


def days_of(parent: tuple[str, ...], first: str, last: str) -> Range:
    """The range of the keys `[*parent, date]` for the dates first..last, both included."""
    head = orjson.dumps([*parent, first]).decode()[:-1]
    tail = orjson.dumps([*parent, last]).decode()[:-1]
    return head, f"{tail}~"
