"""Streams read whole in one go: one object, a bare array, or a list by cursor."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection

from instantly_pipeline.api.client import Page
from instantly_pipeline.errors import PipelineError
from instantly_pipeline.streams.model import Absent, Stream
from instantly_pipeline.sync.context import Context, Listing, records_in
from instantly_pipeline.sync.held import accepted, hold, release
from instantly_pipeline.sync.sink import Sink

EVERYTHING = (None, None)
SUSPICIOUS = 10  # so many records missing, and more than half of all, and the list is read again


async def read_object(sink: Sink) -> None:
    """One request, one object: the workspace itself, or its lifetime figures."""
    stream, ctx = sink.stream, sink.ctx
    at = ctx.now()
    answer = await ctx.shared(stream.path, lambda: sink.client.get(stream.path, stream.params))
    await sink.page(records_in(stream, answer), EVERYTHING)
    await sink.land(at=at)


async def read_array(sink: Sink) -> None:
    """One request, a bare array of lifetime figures. Records it leaves out are kept: it never claims to be complete."""
    stream, ctx = sink.stream, sink.ctx
    at = ctx.now()
    answer = await ctx.shared(stream.path, lambda: sink.client.get(stream.path, stream.params))
    records = records_in(stream, answer)
    log = ctx.log(stream.name)
    seen = {key for key in log.keys(records) if key is not None}
    left_out = log.index.alive().keys() - seen
    sink.put(records, *([(key[:-1], key) for key in sorted(seen)] if left_out else [EVERYTHING]))
    await sink.land(at=at)


async def read_scan(sink: Sink) -> None:
    """Pages by cursor. What a complete scan did not see is deleted.

    A scan that lost most of what was known, or lost anything and ended on an empty page, is made again, and only what
    neither has seen is gone; an emptied stream is held. An entry that came without a key, or was no record at all, may
    be any of those missing: then nothing is taken for deleted.
    """
    ahead = sink.ctx.listed.get(sink.stream.name)
    at = ahead.asked_at if ahead else sink.ctx.now()
    seen, on_nothing = await _scan(sink)
    known = sink.ctx.log(sink.stream.name).index.alive()
    if _looks_cut_short(known.keys(), seen, on_nothing=on_nothing):
        lost = len(known.keys() - seen)
        sink.ctx.say(f"{lost} of {len(known)} known records were not in the list: reading it again.", sink.stream.name)
        seen |= (await _scan(sink))[0]
    gone = known.keys() - seen
    if sink.stream.absent is not Absent.DELETED or None in seen:
        gone = set()
    held = set() if seen else gone - accepted(sink)
    sink.gone(gone - held)
    if not held:
        sink.verified(EVERYTHING)
    await sink.land(at=at)
    if held:
        await hold(sink, held, "the whole stream came back empty, twice")
    else:
        await release(sink)


def _looks_cut_short(known: Collection[str], seen: Collection[str | None], *, on_nothing: bool) -> bool:
    lost = sum(key not in seen for key in known)
    return lost > 0 and (on_nothing or (lost >= SUSPICIOUS and lost > len(known) / 2))


async def read_ahead(ctx: Context, stream: Stream) -> Listing:
    """Read a short list before its turn, for the plan: the next scan of it takes these pages as its own."""
    at, pages = ctx.now(), []
    error: PipelineError | None = None
    try:
        async for page in ctx.client.pages(stream.method, stream.path, params=stream.params):
            pages.append(page)
    except PipelineError as end:
        error = end
    ctx.listed[stream.name] = Listing(pages, at, error)
    return ctx.listed[stream.name]


async def _scan(sink: Sink) -> tuple[set[str | None], bool]:
    """The keys of a complete scan (None among them where a record had none), and whether its last page was empty.

    An empty page behind a cursor may be the end, or the answer to a cursor whose record is gone meanwhile (reference,
    section 21).
    """
    stream, ctx = sink.stream, sink.ctx
    seen: set[str | None] = set()
    on_nothing = False
    ahead = ctx.listed.pop(stream.name, None)
    async for page in _again(ahead) if ahead else sink.client.pages(stream.method, stream.path, params=stream.params):
        seen.update(ctx.log(stream.name).keys(page.items))
        if page.dropped:
            seen.add(None)
            sink.odd(None, f"{page.dropped} entries of a page were no records", expected="object")
        on_nothing = not page.items
        await sink.page(page.items)
    return seen, on_nothing


async def _again(ahead: Listing) -> AsyncGenerator[Page]:
    """What was read ahead, as if it came now; its error at its end."""
    for page in ahead.pages:
        yield page
    if ahead.error is not None:
        raise ahead.error
