"""Lists read page by page, and which records missing from them are deleted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from instantly_pipeline.api.client import ApiClient, Page
from instantly_pipeline.api.paging import PAGE_SIZE
from instantly_pipeline.errors import BadRequest, NotFound, PipelineError, StreamError
from instantly_pipeline.lake.index.sorted_files import IndexEntry
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Absent, Stream
from instantly_pipeline.sync.context import Context, Listing
from instantly_pipeline.sync.held_deletions import accepted_keys, held_keys, hold, release
from instantly_pipeline.sync.last_reading import last_reading
from instantly_pipeline.sync.readers.deletions import Missing, asked_column, look_up
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import EVERYTHING, Sink

LONG_LIST = 10  # pages, the upper estimate of a list that was never read
FEW = 3  # records missing from two reads that are deleted if the API cannot be asked; more are held
INSTANT = "timestamp_created"
MILLISECOND = timedelta(milliseconds=1)  # the precision of the API's instants


class ScanReader:
    """Pages by cursor."""

    async def read(self, sink: Sink) -> None:
        """Read the list to its end."""
        await read_list(sink)

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """As many pages as last time, unless the plan has read them."""
        if stream.name in ctx.listed:
            return exactly(stream, 0, f"every page of the list ({len(known.campaigns):,} records)")
        last = last_reading(ctx.checkpoints, stream.name)
        if last is not None and last.requests is not None:
            return exactly(stream, last.requests, "every page of the list, as many as last time")
        if stream.name == "accounts":
            senders = len(_senders(known.campaigns))
            low = max(-(-senders // PAGE_SIZE), 1)
            return Cost(stream.name, low, f"never read; the campaigns use {senders:,} accounts", low, 2 * low + 1)
        return Cost(stream.name, 1, f"never read; 1 to {LONG_LIST} pages", 1, LONG_LIST)

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """One record; if the API lists them only by parent, one of a parent."""
        one, parent = {"limit": "1"}, stream.parent
        value = seen.field_of(parent.stream, parent.column) if parent else None
        by_parent = Probe({**one, parent.param: value}) if parent and parent.param and value else None
        return Probe(one, otherwise=by_parent)


def _ignore(_: Page) -> None:
    """Take no note of a page."""


async def read_list(sink: Sink, *, on_page: Callable[[Page], None] = _ignore) -> None:
    """Read a list to its end; missing records are requested by id, and deleted if the API confirms it.

    If a missing record still exists, or the API cannot be asked, the list is read again. Records that are missing from
    both reads and cannot be requested are deleted if they are few, else held. `on_page` is called for each page.
    """
    ahead = sink.ctx.listed.get(sink.stream.name)
    at = ahead.asked_at if ahead else sink.ctx.now()
    shown, missing = await _scan_up_to_twice(sink, on_page)
    held = _to_hold(sink, missing, shown)
    sink.delete(missing.deleted if shown.is_vague else missing.deleted | (missing.unknown - held))
    if not held and not missing.existing:
        sink.mark_verified(EVERYTHING)
    await sink.flush(at=at)
    if missing.existing:
        sink.fail(
            f"The list ended early: {len(missing.existing)} records that still exist are not in it, so new ones "
            "may be missing too. What was read is kept; the next sync reads the list again."
        )
    if held:
        await hold(sink, held, "they are missing from two reads of the list, and the API cannot be asked by id")
    else:
        await release(sink)


def _senders(campaigns: Sequence[Record]) -> set[str]:
    """The addresses that campaigns send from."""
    listed = [record.get("email_list") for record in campaigns]
    return {str(email).lower() for emails in listed if isinstance(emails, list) for email in emails}


async def _scan_up_to_twice(sink: Sink, on_page: Callable[[Page], None]) -> tuple[_Shown, Missing]:
    """Read the list, a second time if it may have ended early; what it contained, and which live records it did not."""
    shown, stream = await _scan(sink, on_page), sink.stream.name
    known = sink.ctx.log(stream).index.alive()
    missing = await _missing(sink, {key: entry for key, entry in known.items() if key not in shown.ids}, shown)
    if missing.existing or (missing.unknown and not shown.is_vague):
        count = len(missing.existing | missing.unknown)
        sink.ctx.say(f"{count} of {len(known)} known records are missing from the list: reading it again.", stream)
        shown += await _scan(sink, on_page)
        missing = missing.without(shown.ids)
    return shown, missing


async def _missing(sink: Sink, missing: Mapping[str, IndexEntry], shown: _Shown) -> Missing:
    if not missing or sink.stream.absent is not Absent.DELETED:
        return Missing()
    witness = next(iter(shown.ids.items()), None)
    return await look_up(sink, missing, witness, each=bool(accepted_keys(sink) & missing.keys()))


def _to_hold(sink: Sink, missing: Missing, shown: _Shown) -> set[str]:
    """The keys that could not be looked up and must not be deleted; up to `FEW` may be, if the list looked complete."""
    if shown.is_vague:
        return missing.unknown & held_keys(sink.ctx, sink.stream.name)
    held = missing.unknown - accepted_keys(sink)
    return held if len(held) > FEW or missing.existing else set()


async def read_ahead(ctx: Context, stream: Stream) -> Listing:
    """Read a short list for the plan; the scan in the same run uses these pages."""
    at, pages = ctx.now(), []
    error: PipelineError | None = None
    try:
        async for page in list_pages(ctx.client, stream):
            pages.append(page)
    except PipelineError as end:
        error = end
    ctx.listed[stream.name] = Listing(pages, at, error)
    return ctx.listed[stream.name]


@dataclass(slots=True)
class _Shown:
    """What a scan contained: keys, and the ids as the API spells them."""

    ids: dict[str, str] = field(default_factory=dict)
    is_vague: bool = False  # an entry had no key or was not a record: it may be any of the missing ones

    def __iadd__(self, other: _Shown) -> _Shown:
        self.ids |= other.ids
        self.is_vague |= other.is_vague
        return self


async def _scan(sink: Sink, on_page: Callable[[Page], None]) -> _Shown:
    """Read all pages of the list."""
    stream, shown, edges = sink.stream, _Shown(), list[str]()
    ahead = sink.ctx.listed.pop(stream.name, None)
    try:
        async for page in _replay(ahead) if ahead else _pages(sink):
            on_page(page)
            _note_shown(sink, shown, page)
            await sink.page(page.items)
            if page.next_cursor is not None and (before := _before_the_last(stream, page)):
                edges.append(before)
        for cursor in edges:
            await _read_edge(sink, shown, cursor)
    except StreamError:
        await sink.flush()  # keep what was read
        raise
    return shown


def list_pages(client: ApiClient, stream: Stream, start: str | None = None, **params: str) -> AsyncGenerator[Page]:
    """The pages of a stream's list; `params` are sent too."""
    return client.pages(
        stream.method, stream.path, params={**(stream.params or {}), **params}, start=start,
        cursor_of=stream.cursor_of, size=stream.page_size,
    )  # fmt: skip


async def _pages(sink: Sink) -> AsyncGenerator[Page]:
    """The pages of the list; one parent after the other if the API lists records only by parent (400 without one)."""
    parent, begun = sink.stream.parent, False
    try:
        async for page in list_pages(sink.client, sink.stream):
            begun = True
            yield page
    except BadRequest:
        if begun or parent is None or parent.param is None:
            raise
    else:
        return
    for value in sink.ctx.ids(parent.stream, alive_only=True):
        with suppress(NotFound):
            async for page in list_pages(sink.client, sink.stream, **{parent.param: value}):
                yield page


def _note_shown(sink: Sink, shown: _Shown, page: Page) -> None:
    for key, record in zip(sink.ctx.log(sink.stream.name).keys(page.items), page.items, strict=True):
        if key is None:
            shown.is_vague = True
        else:
            shown.ids[key] = str(record.get(asked_column(sink.stream)))
    if page.dropped:
        shown.is_vague = True
        sink.no_records(page.dropped)


def _before_the_last(stream: Stream, page: Page) -> str | None:
    """If the cursor is a timestamp: the one just before the page's last record, in the order of the list."""
    if stream.cursor != (INSTANT,) or not page.items:
        return None
    try:
        first, last = (datetime.fromisoformat(str(page.items[n].get(INSTANT))) for n in (0, -1))
        before = last + MILLISECOND if first >= last else last - MILLISECOND
    except (ValueError, TypeError, OverflowError):
        return None
    return before.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _read_edge(sink: Sink, shown: _Shown, cursor: str) -> None:
    """Read records with the same timestamp as a page's last one: the page's own cursor skips all of them."""
    try:
        async with aclosing(list_pages(sink.client, sink.stream, cursor)) as pages:
            page = await anext(pages)
    except (BadRequest, NotFound):
        return  # this API does not take timestamps as cursors
    log = sink.ctx.log(sink.stream.name)
    new = [record for key, record in zip(log.keys(page.items), page.items, strict=True) if key not in shown.ids]
    _note_shown(sink, shown, page)
    await sink.page(new)


async def _replay(ahead: Listing) -> AsyncGenerator[Page]:
    """The pages that the plan has read; then their error, if any."""
    for page in ahead.pages:
        yield page
    if ahead.error is not None:
        raise ahead.error
