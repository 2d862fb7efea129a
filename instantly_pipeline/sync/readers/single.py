"""Streams that take one request: one object, or a bare array."""

from __future__ import annotations

from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.answers import records_in
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import EVERYTHING, Sink


class _OneRequest:
    """The cost and the probe of both readers."""

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """One request, unless it was already made."""
        if ctx.knows(stream.path):
            return exactly(stream, 0, "already requested to identify the workspace or for the plan")
        return exactly(stream, 1, "one request")

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The figures of today."""
        return Probe(seen.dates)


class ObjectReader(_OneRequest):
    """One object: the workspace itself, or its lifetime figures."""

    async def read(self, sink: Sink) -> None:
        """Take the object."""
        stream, ctx = sink.stream, sink.ctx
        at = ctx.now()
        answer = await ctx.shared(stream.path, lambda: sink.client.get(stream.path, stream.params))
        await sink.page(records_in(stream, answer, or_object=True), EVERYTHING)
        await sink.flush(at=at)


class ArrayReader(_OneRequest):
    """A bare array of lifetime figures, which may be incomplete: missing records are kept."""

    async def read(self, sink: Sink) -> None:
        """Take the array; missing records are not marked as verified."""
        stream, ctx = sink.stream, sink.ctx
        at = ctx.now()
        answer = await ctx.shared(stream.path, lambda: sink.client.get(stream.path, stream.params))
        records = records_in(stream, answer)
        log = ctx.log(stream.name)
        seen = {key for key in log.keys(records) if key is not None}
        missing = log.index.alive().keys() - seen
        sink.put(records, *([(key[:-1], key) for key in sorted(seen)] if missing else [EVERYTHING]))
        await sink.flush(at=at)
