"""E-mails, a range of `timestamp_created` at a time, newest first, within the time that a run has for them.

Three listings are read, in this order: what was received, what was answered by hand, and everything. The last one is
the truth, whatever the filters of the others leave out; the first two bring forward what people wait for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from instantly_pipeline.api.paging import PAGE_SIZE, is_about_the_page
from instantly_pipeline.errors import BadRequest, Forbidden, PipelineError, StreamError, UnreadableFile, WorkspaceError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.emails.newest_first import NewestFirst, Part
from instantly_pipeline.sync.emails.progress import EmailProgress, ListingProgress
from instantly_pipeline.sync.emails.ranges import Range
from instantly_pipeline.sync.emails.records import to_store
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink

MINUTES = 10  # of a run for e-mails, as for the steps; without --full
OVERLAP = timedelta(minutes=10)  # read again below each range: e-mails that were stored before and became visible later
LATE = timedelta(days=2)  # the same once a day, as a production warehouse does at each sync (reference, section 12)
RECEIVED, BY_HAND = 2, 3  # `ue_type`


@dataclass(frozen=True, slots=True)
class Listing:
    """One way to list e-mails: `email_type` with the `ue_type` it stands for, or all. `days` are read again daily."""

    name: str
    email_type: str | None
    ue_type: int | None
    days: timedelta

    @property
    def params(self) -> dict[str, str]:
        """The query."""
        return {} if self.email_type is None else {"email_type": self.email_type}

    def is_ignored(self, records: Sequence[Record]) -> bool:
        """Whether an answer shows that the server does not apply the filter."""
        return self.ue_type is not None and any(record.get("ue_type") not in (None, self.ue_type) for record in records)


def listings(ctx: Context) -> tuple[Listing, ...]:
    """What is listed, in the order of reading.

    What changes after an e-mail was stored (read or not, interest, reminders) belongs to received ones: those of the
    lookback are read again once a day.
    """
    lookback = timedelta(days=ctx.windows.lookback_days)
    return (
        Listing("received", "received", RECEIVED, lookback),
        Listing("manual", "manual", BY_HAND, LATE),
        Listing("all", None, None, LATE),
    )


class EmailsReader:
    """Increments, what changed lately, and the past, bounded per run."""

    async def read(self, sink: Sink) -> None:
        """Read what is new, then what is due, until the time that a run has for e-mails is over."""
        await _Emails(sink).read()

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """At least one request per listing; at most what the run has time for."""
        rate = ctx.own_rates.get(stream.name, 1.0)
        least, needed = len(listings(ctx)), sum(_needed(ctx, stream, known))
        most = max(least, needed if ctx.request.full else int(MINUTES * rate))
        likely = min(max(least, needed), most)
        why = f"new ones and about {max(needed - least, 0):,} pages that are due"
        if needed > most:
            why += f"; at most {MINUTES} minutes per run"
        return Cost(stream.name, likely, why, least, max(most, 2 * needed), rate)

    def probe(self, stream: Stream, seen: Seen) -> Probe:
        """The newest e-mail."""
        return Probe({"limit": "1", "preview_only": "true"})


class _Emails:
    """The e-mails of one run."""

    def __init__(self, sink: Sink) -> None:
        ctx = sink.ctx
        self._sink, self._ctx, self._stream = sink, ctx, sink.stream
        self._progress = EmailProgress(ctx.checkpoints, sink.stream.name)
        self._params = dict(sink.stream.params or {}) | ({} if ctx.email_bodies else {"preview_only": "true"})
        self._floor = _floor(ctx)
        self._listings = list(listings(ctx))
        self._ends_at = ctx.clock.monotonic() + 60 * MINUTES
        self._failed: PipelineError | None = None

    async def read(self) -> None:
        """Read what is new in every listing, then listing by listing what is due. On an error what was read is kept."""
        sink, request = self._sink, self._ctx.request
        for listing in self._listings:
            self._progress.of(listing.name).begin(self._ctx.windows.today, again=request.full)
        sink.total = sum(_needed(self._ctx, self._stream, None))
        try:
            for listing in tuple(self._listings):
                await self._attempt(listing, [(self._floor, None)])
            for listing in tuple(self._listings):
                await self._attempt(listing, self._due(listing))
        except (StreamError, WorkspaceError):
            await self._flush()
            raise
        await self._flush()
        left = sum(_pages(self._progress.of(listing.name), self._due(listing)) for listing in self._listings)
        if self._failed is not None:
            sink.fail(str(self._failed))
        elif left:
            sink.result.end_partial(
                f"about {left:,} pages of e-mails since {self._floor:%Y-%m-%d} are left for later runs"
                " (sync --full reads them all)"
            )

    def _due(self, listing: Listing) -> list[Range]:
        return _due(self._progress.of(listing.name), listing, self._floor)

    async def _attempt(self, listing: Listing, ranges: Sequence[tuple[datetime, datetime | None]]) -> None:
        """Read ranges of a listing, newest e-mails (without an upper end) whatever the time.

        One that fails leaves the others of this listing for a later run.
        """
        try:
            for low, high in ranges:
                if listing in self._listings and (high is None or self._has_time):
                    await self._read(listing, low, high)
        except BadRequest as error:
            if listing.email_type is None:
                raise
            self._drop(listing, f"refuses it ({error})")
        except (Forbidden, UnreadableFile):
            raise
        except StreamError as error:
            if not is_about_the_page(error):
                raise
            self._failed = self._failed or error

    @property
    def _has_time(self) -> bool:
        return self._ctx.request.full or self._ctx.clock.monotonic() < self._ends_at

    async def _read(self, listing: Listing, low: datetime, high: datetime | None) -> None:
        """Read a range down to `low`; without `high` from the newest e-mail down to what is known.

        Of a listing of which nothing is known that is one page: the newest of each listing come before the past of any.
        """
        progress, sink = self._progress.of(listing.name), self._sink
        is_first = high is None and progress.known.top is None
        if high is None and progress.known.top is not None:
            low = progress.known.top
        bottom = max(low - OVERLAP, self._floor)
        params, now = self._params | listing.params, self._ctx.now()
        listed = NewestFirst(sink.client, self._stream, params, low=bottom, high=high, now=now)
        async with aclosing(listed.parts()) as parts:
            async for part in parts:
                high = part.instants[0] if high is None and part.instants else high
                self._take(listing, part, high)
                oldest = part.instants[-1] if part.instants else None
                is_down = oldest is not None and (oldest <= bottom or (oldest <= low and not part.goes_on))
                if is_first or is_down or listing not in self._listings or not self._has_time:
                    return
                if sink.is_full():
                    await self._flush()
        if high is not None:
            progress.add(low, high) if listed.is_end_seen else progress.add_known(low, high)

    def _take(self, listing: Listing, part: Part, high: datetime | None) -> None:
        """Take a page, which lists everything from its oldest record up to `high`."""
        progress, sink, records = self._progress.of(listing.name), self._sink, part.page.items
        if listing.is_ignored(records):
            self._drop(listing, "does not apply it")
        if part.instants and high is not None:
            progress.add_page(part.instants, high)
        bodies = self._ctx.email_bodies
        sink.take([to_store(self._stream, record, with_texts=bodies) for record in records])
        sink.no_records(part.page.dropped)
        sink.show()

    async def _flush(self) -> None:
        await self._sink.flush(checkpoint=self._progress.save)

    def _drop(self, listing: Listing, why: str) -> None:
        """Leave a listing out of this run: the listing of all e-mails has what it would bring."""
        if listing in self._listings:
            self._listings.remove(listing)
            self._ctx.note(f"email_type={listing.email_type} brings nothing forward: the API {why}.", self._stream.name)


def _floor(ctx: Context) -> datetime:
    """The first instant to read from."""
    day = ctx.windows.begin
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _due(progress: ListingProgress, listing: Listing, floor: datetime) -> list[Range]:
    top = progress.known.top
    return [] if top is None else progress.due(floor, top - listing.days)


def _pages(progress: ListingProgress, ranges: Sequence[Range]) -> int:
    """About how many requests the ranges take, at least one each."""
    per_second = progress.emails / progress.seconds / PAGE_SIZE if progress.seconds else 0.0
    return sum(max(1, round(per_second * (high - low).total_seconds())) for low, high in ranges)


def _needed(ctx: Context, stream: Stream, known: Known | None) -> Iterator[int]:
    """About how many requests each listing takes without a bound. Of one never read, by the campaigns' counters."""
    saved, floor, now = EmailProgress(ctx.checkpoints, stream.name), _floor(ctx), ctx.now()
    for listing in listings(ctx):
        progress = saved.of(listing.name)
        progress.begin(ctx.windows.today, again=ctx.request.full)
        top = progress.known.top
        if top is not None:
            due = _due(progress, listing, floor)
            yield max(1, _pages(progress, [(top, max(top, now))])) + _pages(progress, due)
        elif listing.email_type is None and known is not None and known.counters is not None:
            yield 1 + sum(known.counters.sent.values()) // PAGE_SIZE
        else:
            yield 1
