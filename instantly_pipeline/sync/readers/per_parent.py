"""One request, or the pages of a list, for each record of another stream that is due.

The lake says which records there are; `asked_parents` says which of them are due.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

import orjson

from instantly_pipeline.api.paging import PAGE_SIZE
from instantly_pipeline.errors import BadRequest, Forbidden, NotFound, PlanRequired, StreamError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Parent, Stream
from instantly_pipeline.sync.answers import records_in
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.last_reading import last_reading
from instantly_pipeline.sync.readers.asked_parents import AskedParents
from instantly_pipeline.sync.readers.fetch import alone, fetch_all
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.readers.scan import FEW, LONG_LIST, ScanReader
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Range, Sink, below

OVERLAP = timedelta(days=2)  # of readings by date: the zone of a date is not documented, and results arrive late


class FilterIgnored(StreamError):
    """The API returned records of another parent than it was asked for."""


@dataclass(frozen=True, slots=True)
class Found:
    """The records of one parent, and the requests they took; `is_whole` unless only recent ones were asked for, or the
    answer had entries that are no records.

    `records` is None if the API does not know the parent any more: what is stored is kept.
    """

    at: datetime
    records: list[Record] | None
    requests: int
    is_whole: bool = True


class PerParentReader:
    """One request for each record of the parent stream that is due."""

    async def read(self, sink: Sink) -> None:
        """Ask for every record that is due; only for what is recent if the API takes a date."""
        asked = self.asked(sink.ctx, sink.stream)

        async def ask(value: str) -> Found:
            return await find(sink, value, _since(sink, asked.asked_at(value)))

        def take(value: str, found: Found) -> None:
            sink.put(found.records or [], *verified(sink, value, found))

        await read_due(sink, asked, ask, take)

    def asked(self, ctx: Context, stream: Stream) -> AskedParents:
        """The parent's records, and what was asked for."""
        return AskedParents(ctx, stream)

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """One request per record that is due; all pages of it if it is read from the beginning."""
        parent = _declared(stream)
        if last_reading(ctx.checkpoints, parent.stream) is None:
            return _cost_of_unknown(ctx, stream, parent, known)
        asked = self.asked(ctx, stream)
        due = asked.due()
        is_whole = stream.since_param is None or ctx.request.full
        requests = sum(asked.asked[value].requests if is_whole and asked.is_known(value) else 1 for value in due)
        new = sum(not asked.is_known(value) for value in due)
        why = f"{len(due):,} of {len(asked.wanted):,} {_plural(parent)} are due"
        return Cost(stream.name, requests, why, requests, requests + (LONG_LIST * new if stream.cursor else 0))

    def probe(self, stream: Stream, seen: Seen) -> Probe | None:
        """The first record of the parent."""
        parent = _declared(stream)
        value = seen.field_of(parent.stream, parent.column)
        if value is None:
            return None
        return Probe(params=_params(stream, value, {"limit": "1"} if stream.cursor else {}), path=_path(stream, value))


async def read_due(
    sink: Sink, asked: AskedParents, ask: Callable[[str], Awaitable[Found]], take: Callable[[str, Found], None]
) -> None:
    """`ask` for every record that is due, and `take` what was found.

    A record that the API does not know (404) is asked for again next time. If it knows none of many, the stream fails:
    it may be the path that it does not know. Not if these are the ones it never knew, beside others that it does.

    A record that the key or the plan does not allow (403, 402) fails alone. If none is allowed, the stream is refused.
    """
    due, unknown, refusals = asked.due(), list[str](), list[Forbidden | PlanRequired]()
    sink.total = len(due)
    answered = 0

    async def ask_one(value: str) -> Found:
        try:
            return await ask(value)
        except (Forbidden, PlanRequired) as refusal:
            refusals.append(refusal)
            raise BadRequest(str(refusal)) from refusal

    def note(value: str, found: Found) -> None:
        nonlocal answered
        answered += 1
        take(value, found)
        if found.records is None:
            unknown.append(value)
        else:
            asked.note(value, found.at, found.requests if found.is_whole else None)

    await fetch_all(sink, due, lambda value: alone(sink, value, ask_one), note, checkpoint=asked.save)
    if refusals and not answered:
        raise refusals[0]
    if len(unknown) == len(due) > FEW and (not asked.asked or any(map(asked.is_known, unknown))):
        parents = _plural(_declared(sink.stream))
        sink.fail(f"The API answers 404 about each of {len(due)} {parents}; what was read before is kept.")


def _since(sink: Sink, asked_at: datetime | None) -> dict[str, str]:
    """The parameter for records since a parent was last asked for; none if all of them are to be read."""
    param = sink.stream.since_param
    is_whole = param is None or asked_at is None or sink.ctx.request.full
    return {} if param is None or asked_at is None or is_whole else {param: f"{asked_at - OVERLAP:%Y-%m-%d}"}


async def find(sink: Sink, value: str, since: Mapping[str, str]) -> Found:
    """The records of one parent, of one answer or of all pages of a list."""
    stream, at = sink.stream, sink.ctx.now()
    path, params = _path(stream, value), _params(stream, value, since)
    records, requests, has_junk = list[Record](), 0, False
    try:
        if not stream.cursor:
            answer = await sink.client.get(path, params)
            records, requests = records_in(stream, answer, or_object=True), 1
        else:
            listed = sink.client.pages("GET", path, params=params, cursor_of=stream.cursor_of)
            async with aclosing(listed) as pages:
                async for page in pages:
                    _require_parent(stream, value, page.items)
                    records += page.items
                    requests += 1
                    sink.no_records(page.dropped)
                    has_junk |= page.dropped > 0
    except NotFound:
        return Found(at, None, 1)
    _require_parent(stream, value, records)
    into = _declared(stream).into
    found = [record | {into: value} for record in records]
    has_junk |= None in sink.ctx.log(stream.name).keys(found)  # what it was about cannot be told
    return Found(at, found, requests, is_whole=not since and not has_junk)


def _require_parent(stream: Stream, value: str, records: Sequence[Record]) -> None:
    """FilterIgnored if a record is of another parent; of each page, since the list may be that of all parents."""
    into = _declared(stream).into
    if any(record.get(into) not in (None, value) for record in records):
        raise FilterIgnored(f"{stream.path} returns records of another {into} than it was asked for.")


def _declared(stream: Stream) -> Parent:
    if stream.parent is None:
        raise ValueError(f"the stream {stream.name} declares no parent")
    return stream.parent


def _path(stream: Stream, value: str) -> str:
    if _declared(stream).param is not None:
        return stream.path
    return re.sub(r"\{\w+\}", lambda _: quote(value, safe=""), stream.path)


def _params(stream: Stream, value: str, more: Mapping[str, str]) -> dict[str, str]:
    param = _declared(stream).param
    return {**(stream.params or {}), **({} if param is None else {param: value}), **more}


def verified(sink: Sink, value: str, found: Found) -> list[Range]:
    """The range of keys that all records of one parent verify: those that begin with it, or each record's own."""
    stream, into = sink.stream, _declared(sink.stream).into
    if found.records is None or not found.is_whole:
        return []
    if stream.key == (into,):
        key = orjson.dumps([value]).decode()
        return [(key[:-1], key)]
    if stream.key[0] == into:
        return [below(value.lower() if into == "email" else value)]
    return [(key[:-1], key) for key in sink.ctx.log(stream.name).keys(found.records) if key is not None]


def _plural(parent: Parent) -> str:
    return parent.stream.replace("_", " ")


def _cost_of_unknown(ctx: Context, stream: Stream, parent: Parent, known: Known) -> Cost:
    """The cost before the parent stream was ever read."""
    why = f"the {_plural(parent)} were never read; one request for each"
    if parent.stream in ctx.listed:
        count = len(known.campaigns)
        return exactly(stream, count, f"one for each of {count:,} {_plural(parent)}")
    pages = ScanReader().estimate(ctx, ctx.streams[parent.stream], known)
    most = PAGE_SIZE * pages.high * (LONG_LIST if stream.cursor else 1)
    return Cost(stream.name, pages.requests, why, 0, most)
