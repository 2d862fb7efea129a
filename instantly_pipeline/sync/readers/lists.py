"""Streams read whole in one go: one object, a bare array, or a list by cursor."""

from __future__ import annotations

from datetime import datetime

from instantly_pipeline.errors import BadBody
from instantly_pipeline.streams.model import Absent
from instantly_pipeline.sync.context import records_in
from instantly_pipeline.sync.held import hold, release
from instantly_pipeline.sync.sink import Sink

EVERYTHING = (None, None)


async def read_object(sink: Sink) -> None:
    """One request, one object: the workspace itself, or its lifetime figures."""
    stream, ctx = sink.stream, sink.ctx
    at = ctx.now()
    answer = await ctx.shared(stream.path, lambda: sink.client.get(stream.path, stream.params))
    if not isinstance(answer, dict):
        raise BadBody(f"{stream.path} did not answer with an object.")
    await sink.page([answer], EVERYTHING)
    await sink.land(at=at)


async def read_array(sink: Sink) -> None:
    """One request, a bare array of lifetime figures. Records it leaves out are kept: it never claims to be complete."""
    stream, ctx = sink.stream, sink.ctx
    at = ctx.now()
    answer = await sink.client.get(stream.path, stream.params)
    if not isinstance(answer, list):
        raise BadBody(f"{stream.path} did not answer with an array.")
    await sink.page(records_in(stream, answer), EVERYTHING)
    await sink.land(at=at)


async def read_scan(sink: Sink) -> None:
    """Pages by cursor. What a complete scan did not see is deleted; an emptied stream is read again, then held.

    A record that came without a key may be any of those missing: then nothing is taken for deleted.
    """
    index = sink.ctx.log(sink.stream.name).index
    seen, at = await _scan(sink)
    known = index.alive()
    if known and not seen:
        sink.ctx.say(f"It came back empty, and {len(known)} records were known: reading it again.", sink.stream.name)
        seen, at = await _scan(sink)
    gone = known.keys() - seen
    if sink.stream.absent is not Absent.DELETED or None in seen:
        gone = set()
    if gone and not seen and not sink.ctx.request.accept_deletes:
        hold(sink, gone, "the whole stream came back empty, twice")
        gone = set()
    else:
        release(sink)
        await sink.page([], EVERYTHING)
    sink.gone({key for key in gone if key})
    await sink.land(at=at)


async def _scan(sink: Sink) -> tuple[set[str | None], datetime]:
    """The keys of a complete scan (None among them where a record had none), and when it began."""
    stream, ctx = sink.stream, sink.ctx
    seen: set[str | None] = set()
    at = ctx.now()
    async for page in sink.client.pages(stream.method, stream.path, params=stream.params):
        seen.update(ctx.log(stream.name).keys(page.items))
        await sink.page(page.items)
    return seen, at
