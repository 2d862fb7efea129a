"""Lists read in increments: a sync reads as far back as the newest record it knows, and some lists whole once a day.

A list without a parameter for dates must come newest first (reference, section 1.3); where a page turns out not to, the
list is read to its end. What is missing from a list shows only in a whole reading.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from instantly_pipeline.api.client import Page
from instantly_pipeline.errors import BadRequest
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.streams.model import Absent, Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.descent import Descent
from instantly_pipeline.sync.instants import instant
from instantly_pipeline.sync.last_reading import last_reading
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.readers.scan import LONG_LIST, list_pages, read_list
from instantly_pipeline.sync.results import Cost, Outcome
from instantly_pipeline.sync.sink import Sink

WHOLE_EVERY = timedelta(hours=20)  # a day, less what a daily schedule may be early
OVERLAP = timedelta(hours=1)  # records may become visible later than their timestamps say
OVERLAP_OF_DATES = timedelta(days=1)  # the parameter takes days, in a zone that is not documented


class IncrementReader:
    """The records that are newer than the newest known one; the whole list if it is due."""

    async def read(self, sink: Sink) -> None:
        """Read the whole list the first time, with `--full` and, if records can be deleted, once a day."""
        position = _Position.of(sink.ctx, sink.stream)
        descent = Descent(sink.stream.newest or "", now=sink.ctx.now())
        whole_at: datetime | None
        if position.is_whole_due(sink.ctx, sink.stream):
            await read_list(sink, on_page=lambda page: _take(descent, page))
            if sink.result.outcome is Outcome.FAILED:
                return  # it ended early
            whole_at, done = sink.ctx.now(), descent.newest
        else:
            await _read_new(sink, position, descent)
            whole_at, done = position.whole_at, max(filter(None, (descent.newest, position.newest)), default=None)
        save = partial(_Position(done, whole_at).save, sink.ctx.checkpoints, sink.stream.name)
        await sink.flush(checkpoint=save)

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """One page, or as many as in the last whole reading."""
        position = _Position.of(ctx, stream)
        if not position.is_whole_due(ctx, stream):
            return exactly(stream, 1, f"records since {position.newest:%Y-%m-%d %H:%M} UTC")
        if last_reading(ctx.checkpoints, stream.name) is None:
            return Cost(stream.name, 1, f"never read; 1 to {LONG_LIST} pages", 1, LONG_LIST)
        pages = len(ctx.log(stream.name).index.alive()) // stream.page_size + 1
        return exactly(stream, pages, "every page of the list")

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """One record."""
        return Probe({"limit": "1"})


@dataclass(frozen=True, slots=True)
class _Position:
    """The checkpoint: the newest record that was read, by the API's own time, and the last whole reading."""

    newest: datetime | None
    whole_at: datetime | None

    @classmethod
    def of(cls, ctx: Context, stream: Stream) -> _Position:
        found, now = ctx.checkpoints.read(stream.name), ctx.now()
        return cls(instant(found.get("newest"), now), instant(found.get("whole_at"), now))

    def save(self, checkpoints: Checkpoints, name: str) -> None:
        instants = {"newest": self.newest, "whole_at": self.whole_at}
        checkpoints.write(name, {key: at and at.isoformat() for key, at in instants.items()})

    def is_whole_due(self, ctx: Context, stream: Stream) -> bool:
        """Whether the list is read to its end."""
        if self.newest is None or self.whole_at is None or ctx.request.full or ctx.request.accept_deletes:
            return True
        return stream.absent is Absent.DELETED and ctx.now() - self.whole_at >= WHOLE_EVERY


async def _read_new(sink: Sink, position: _Position, descent: Descent) -> None:
    """Read the records since the newest known one."""
    stream, known = sink.stream, position.newest or datetime.min.replace(tzinfo=UTC)
    overlap = OVERLAP_OF_DATES if stream.since_param else OVERLAP
    since = {stream.since_param: f"{known - overlap:%Y-%m-%d}"} if stream.since_param else {}
    try:
        async with aclosing(list_pages(sink.client, stream, **since)) as pages:
            async for page in pages:
                descent.take(page.items)
                sink.no_records(page.dropped)
                await sink.page(page.items)
                if descent.is_below(known - overlap):
                    return  # with a date too: a server may ignore it
    except BadRequest:
        if not since:
            raise
        await read_list(sink, on_page=lambda page: _take(descent, page))  # the API does not take the date


def _take(descent: Descent, page: Page) -> None:
    descent.take(page.items)
