"""A sweep: everything, or some ranges of ids, read so that what is missing is decided too.

Each page decides absence for the ids it covers. What is missing is asked for by id before it is taken for deleted; a
lead that was just seen is asked along, so that an answer which leaves out everything is not believed. A sweep resumes
where it was cut off, range by range. Where ids come out of order, a sweep over the whole with a set of seen keys takes
its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import timedelta

from instantly_pipeline.errors import BadRequest, StreamError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.sync.leads.deletions import ASKED_AT_ONCE, Absences, Answer, ask
from instantly_pipeline.sync.leads.keyspace import id_of
from instantly_pipeline.sync.leads.parallel_scan import MOST_CHAINS, Crawl, Entry, OutOfOrder, Piece, Span, StaleCursor
from instantly_pipeline.sync.leads.selector import PER_PAGE, SERVER, SWEEP, SWEEP_TOKENS, Gate, Slice, instant
from instantly_pipeline.sync.sink import Sink

LEAST_PAGES = 2  # of a part
RESUME_WITHIN = timedelta(hours=24)
ENDED_EARLY = (
    "The list of leads ended early: leads known to be behind its end are still there. What was read is kept; the next "
    "sync goes on."
)


async def sweep(sink: Sink, gate: Gate, absences: Absences) -> tuple[dict[str, str], list[Span]]:
    """Read every lead there is; the gate's tokens as they were before it began, and what could not be read.

    `absences` holds what was found missing. The checkpoint is forgotten by `forget_sweep`, once that is judged.
    BadRequest where the server does not list leads without their campaign or list.
    """
    left: list[Span] = []
    try:
        spans, tokens = _resumed(sink, absences) or _begin(sink, gate, absences)
        try:
            left = await _through(sink, spans, absences, checkpoint=_checkpoint(sink, absences))
        except StaleCursor:
            sink.ctx.say("The server does not know the place any more: sweeping from the beginning.", sink.stream.name)
            sink.forget_batch()
            spans, tokens = _begin(sink, gate, absences, spans=[Span()])
            left = await _from_beginning(sink, spans, absences)
    except OutOfOrder:
        sink.ctx.say("The ids came out of order: sweeping again, keeping a set of what was seen.", sink.stream.name)
        sink.forget_batch()
        absences.forget()
        await _in_any_order(sink, absences)
    except StreamError:
        await sink.flush()  # what was taken is good; the checkpoint stays where it was
        raise
    return tokens, left


def forget_sweep(sink: Sink) -> None:
    """The sweep is over and judged."""
    sink.ctx.checkpoints.forget(SWEEP)
    sink.ctx.checkpoints.forget(SWEEP_TOKENS)


async def sweep_slices(sink: Sink, slices: Sequence[Slice], gate: Gate, absences: Absences) -> None:
    """Sweep some parts of the whole. A part that cannot be entered is left for the next full sweep."""
    spans = [Span(one.low, one.high, id_of(one.low) if one.low else None) for one in slices]
    try:
        left = await _through(
            sink, spans, absences, may_cut=False, checkpoint=lambda crawl: gate.rolled(crawl.finished())
        )
    except (StaleCursor, OutOfOrder, BadRequest) as end:
        sink.forget_batch()
        kind = "ids out of order" if isinstance(end, OutOfOrder) else "the server does not take the place"
        sink.ctx.say(f"A part could not be swept ({kind}): the next sync sweeps everything.", sink.stream.name)
        gate.forget_slices()
        return
    gate.rolled([(one.low, one.high) for one in slices], done=True, but=left)


def _resumed(sink: Sink, absences: Absences) -> tuple[list[Span], dict[str, str]] | None:
    """The spans that are left of a sweep that was cut off; None where there is none, or it is too old.

    None are left where all had landed and what is missing was yet to be judged.
    """
    state, now = sink.ctx.checkpoints.read(SWEEP), sink.ctx.now()
    try:
        started_at = instant(state["sweep"]["started_at"], now)
        fresh = started_at is not None and now - started_at < RESUME_WITHIN
        spans = [Span(low, high, cursor, Entry[entry]) for low, high, cursor, entry in state["sweep"]["spans"]]
    except (KeyError, TypeError, ValueError):
        return None
    if not fresh:
        return None
    absences.control = state["sweep"].get("control")
    started, rows = state["sweep"]["started_at"], state["sweep"].get("rows", 0)
    sink.ctx.say(f"Going on with the sweep of {started[:16]} after {rows} rows.", sink.stream.name)
    return spans, sink.ctx.checkpoints.read(SWEEP_TOKENS)


def _begin(
    sink: Sink, gate: Gate, absences: Absences, *, spans: list[Span] | None = None
) -> tuple[list[Span], dict[str, str]]:
    """A sweep from the beginning: in equal parts of what is known."""
    absences.forget()
    sink.ctx.checkpoints.forget(SWEEP)
    sink.ctx.checkpoints.write(SWEEP_TOKENS, gate.tokens)
    if spans is None:
        cuts = sink.ctx.log(sink.stream.name).index.spread(_every(gate, sink.ctx.sizes.leads_per_slice))
        lows = [None, *cuts]
        spans = [Span(low, high, id_of(low) if low else None) for low, high in zip(lows, [*cuts, None], strict=True)]
    return spans, gate.tokens


async def _from_beginning(sink: Sink, spans: list[Span], absences: Absences) -> list[Span]:
    """What could not be read. StreamError where the server refuses a place that it has just given."""
    try:
        return await _through(sink, spans, absences, checkpoint=_checkpoint(sink, absences))
    except StaleCursor as end:
        sink.forget_batch()
        raise StreamError(
            "The server did not take a place in the list of leads that it had given itself. What was read is kept; the "
            "next sync goes on."
        ) from end


def _every(gate: Gate, most: int) -> int:
    """How many leads a part has: whole pages, and about two parts for every chain, so that none has to be cut."""
    pages = max(-(-gate.leads() // (2 * MOST_CHAINS * PER_PAGE)), LEAST_PAGES)
    return min(pages * PER_PAGE, most)


def _checkpoint(sink: Sink, absences: Absences) -> Callable[[Crawl], None]:
    started = sink.ctx.checkpoints.read(SWEEP).get("sweep", {})
    begun, before = started.get("started_at", sink.ctx.now().isoformat()), started.get("rows", 0)

    def write(crawl: Crawl) -> None:
        absences.save()
        spans = [[span.low, span.high, span.cursor, span.entry.name] for span in crawl.left()]
        rows = before + sink.result.rows_read
        state = {"started_at": begun, "rows": rows, "spans": spans, "control": absences.control}
        sink.ctx.checkpoints.write(SWEEP, {"sweep": state})

    return write


async def _through(
    sink: Sink,
    spans: list[Span],
    absences: Absences,
    *,
    checkpoint: Callable[[Crawl], None],
    may_cut: bool = True,
) -> list[Span]:
    """Read the spans, landing batch by batch; `may_cut` them where chains are free. What could not be read."""
    any_id = sink.ctx.checkpoints.read(SERVER).get("any_id")
    crawl = Crawl(sink, spans, any_id=any_id, may_cut=may_cut)
    async with aclosing(crawl.batches()) as batches:
        async for batch in batches:
            for piece in batch:
                await _decide(sink, piece, absences)
            crawl.landed(batch)
            await sink.flush(checkpoint=lambda: checkpoint(crawl), at=min(piece.asked_at for piece in batch))
    if crawl.any_id is not None and crawl.any_id != any_id:
        sink.ctx.checkpoints.write(SERVER, sink.ctx.checkpoints.read(SERVER) | {"any_id": crawl.any_id})
    report_unreadable(sink, crawl)
    return crawl.left() if crawl.unreadable else []


def report_unreadable(sink: Sink, crawl: Crawl) -> None:
    """Say which leads the server could not give, whatever was asked; everything else was read."""
    if crawl.unreadable:
        parts = ", ".join(f"from {_name(span.low)} to {_name(span.high)}" for span in crawl.left())
        sink.fail(
            f"The server could not give the leads with ids {parts}: {crawl.unreadable[0]} All others were read; the "
            "next sync asks for these again."
        )


def _name(key: str | None) -> str:
    return id_of(key) if key else "the end of the list"


async def _decide(sink: Sink, piece: Piece, absences: Absences) -> None:
    """Take the records; note what is missing in the range of the piece."""
    for page in piece.pages:
        sink.take(page.items)
        sink.no_records(page.dropped)
    if piece.at_end and not piece.pages[-1].items:
        await _check_end(sink, piece, absences.control)
    known = sink.ctx.log(sink.stream.name).index.alive(piece.low, piece.high)
    missing = sorted(known.keys() - set(piece.keys))
    absences.control = piece.keys[-1] if piece.keys else absences.control or piece.low
    there = await confirm(sink, missing, absences)
    if piece.at_end and any(key > (piece.keys[-1] if piece.keys else "") for key in there):
        raise StreamError(ENDED_EARLY)
    sink.mark_verified((piece.low, piece.high))


async def _check_end(sink: Sink, piece: Piece, seen_before: str | None) -> None:
    """StreamError where the list ended on an empty page because the lead it was asked from is gone.

    To a cursor whose lead is gone a server may answer with nothing (reference, section 21), which is no end.
    """
    last = piece.keys[-1] if piece.keys else piece.low
    witness = piece.keys[0] if len(piece.keys) > 1 else seen_before
    if last in (None, witness, piece.chain.span.low) or witness is None:
        return  # nothing to ask for: no lead of this list, or none that shows what the answer is worth
    there, answer = await ask(sink, [str(last)], witness)
    if answer is Answer.CONFIRMED and not there:
        raise StreamError(
            "The list of leads ended behind a lead that was deleted meanwhile. What was read is kept; the next sync "
            "goes on."
        )


async def confirm(sink: Sink, missing: Sequence[str], absences: Absences) -> dict[str, Record]:
    """Ask for the missing by id: those that are there are taken, and returned, the others are noted."""
    found: dict[str, Record] = {}
    for start in range(0, len(missing), ASKED_AT_ONCE):
        chunk = missing[start : start + ASKED_AT_ONCE]
        there, answer = await ask(sink, chunk, absences.control)
        sink.take(list(there.values()))
        absences.add(set(chunk) - there.keys(), answer)
        found |= there
    return found


async def _in_any_order(sink: Sink, absences: Absences) -> None:
    """The whole list once, keeping the keys seen; absence is decided at its end."""
    stream, log = sink.stream, sink.ctx.log(sink.stream.name)
    seen: set[str] = set()
    at = sink.ctx.now()
    async for page in sink.client.pages(stream.method, stream.path, params=stream.params, body={}):
        seen.update(key for key in log.keys(page.items) if key is not None)
        sink.no_records(page.dropped)
        await sink.page(page.items)
    await sink.flush()
    missing = sorted(log.index.alive().keys() - seen)
    absences.control = next(iter(seen), None)
    if await confirm(sink, missing, absences):
        raise StreamError(ENDED_EARLY)
    sink.mark_verified((None, None))
    await sink.flush(at=at)
