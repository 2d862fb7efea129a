"""Pulls `/webhook-events`: each attempt to deliver an event, and with it the event.

The list takes dates and has a random cursor; its order is not documented. It is read by weeks, some at once, the oldest
first, and it is noted up to where they were read, so that a first pull resumes. From then on a pull starts at the day
of the last attempt known: if the API lists attempts newest first, it ends where those known begin, else it reads the
day. A server that ignores the dates shows it by its first page: then one window reads the whole list for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.catalog.webhook_events import DELIVERIES, EVENTS
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.descent import Descent, instant_in
from instantly_pipeline.sync.events.records import delivery_of, event_in
from instantly_pipeline.sync.readers.fetch import gather_or_cancel
from instantly_pipeline.sync.results import StreamResult
from instantly_pipeline.sync.sink import Sink

CHECKPOINT = "webhook_events.pulled"
CREATED = "timestamp_created"
DAYS_AT_ONCE = 7
AT_ONCE = 16  # windows: of a pull that was cut off, at most so many are read again
# How far behind the last attempt known a pull begins: attempts may be listed late. Third parties report three attempts
# within 30 seconds; nothing is documented.
OVERLAP = timedelta(hours=1)
LONGEST_RETRY = timedelta(days=1)  # an attempt whose next one is due later is not waited for

A_DAY = timedelta(days=1)

Window = tuple[date, date | None]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull found, by stream."""

    events: StreamResult
    deliveries: StreamResult


def windows(ctx: Context) -> list[Window]:
    """The days that a pull reads, a window at a time: first and last day, None for an open end."""
    first = _first_day(ctx)
    found: list[Window] = []
    while first + timedelta(days=DAYS_AT_ONCE) <= ctx.windows.today:
        last = first + timedelta(days=DAYS_AT_ONCE - 1)
        found.append((first, last))
        first = last + timedelta(days=1)
    return [*found, (min(first, ctx.windows.today), None)]


def was_pulled(ctx: Context) -> bool:
    """Whether a pull goes on where one before ended."""
    return _since(ctx) is not None and not ctx.request.full


async def pull(ctx: Context, client: ApiClient) -> Pulled:
    """Read the attempts that are new or may have changed since the last pull; all of them with `--full`."""
    found = Pulled(_result(ctx, EVENTS.name), _result(ctx, DELIVERIES.name))
    puller = _Puller(Sink(ctx, EVENTS, found.events, client), Sink(ctx, DELIVERIES, found.deliveries, client))
    await puller.read(windows(ctx))
    return found


def _result(ctx: Context, stream: str) -> StreamResult:
    return StreamResult(ctx.workspace_id, ctx.workspace, stream, ctx.now())


class _Puller:
    """Reads windows, some at once, into two sinks. A window counts as read when those before it are, too."""

    def __init__(self, events: Sink, deliveries: Sink) -> None:
        self._events, self._deliveries = events, deliveries
        self._ctx = events.ctx
        self._known_until = _since(self._ctx) if was_pulled(self._ctx) else None
        self._flushing = asyncio.Lock()
        self._whole: Window | None = None  # the window whose pages are the whole list, if the dates are ignored
        self._is_judged = asyncio.Event()  # the first page

    async def read(self, every: Sequence[Window]) -> None:
        """Read the windows; what was read is noted as soon as it is in the lake.

        Where one fails, those that have begun are read to their end, and then its error is raised.
        """
        places, ends, failed = asyncio.Semaphore(AT_ONCE), dict[Window, datetime | None](), list[Exception]()

        async def one(window: Window) -> None:
            async with places:
                if window != every[0]:
                    await self._is_judged.wait()
                if failed or self._is_left_to_another(window):
                    return
                try:
                    end = await self._window(*window)
                    await self._flush()
                except Exception as error:  # noqa: BLE001 - raised below
                    failed.append(error)
                    return
                finally:
                    self._is_judged.set()
                if self._is_left_to_another(window):
                    return
                ends[window] = end  # not before it is in the lake: others note what has ended, too
                read = [window] if self._whole else takewhile(ends.__contains__, every)
                _note(self._ctx, max((at for each in read if (at := ends[each])), default=None))

        await gather_or_cancel(map(one, every))
        if self._whole is not None and len(every) > 1:
            text = f"{EVENTS.path} does not apply the dates it is asked for, so its whole list was read once."
            self._ctx.say(text, EVENTS.name)
            self._ctx.note(text, EVENTS.name)
        if failed:
            raise failed[0]

    async def _window(self, first: date, last: date | None) -> datetime | None:
        """Read a window to its end, or to where all is known; from when on the next pull has to read."""
        window = _Read(self._ctx.now(), self._known_until)
        params = {"from": first.isoformat()} | ({} if last is None else {"to": last.isoformat()})
        listed = self._events.client.pages(EVENTS.method, EVENTS.path, params=params, cursor_of=DELIVERIES.cursor_of)
        async with aclosing(listed) as pages:
            async for page in pages:
                await self._take(page.items, page.dropped)
                await self._flush(only_if_full=True)
                if self._whole is None and _has_others(page.items, first, last):
                    self._whole = first, last
                self._is_judged.set()
                if window.has_ended(page.items) or self._is_left_to_another((first, last)):
                    break
        if last is None or self._whole is not None:
            return window.since()
        return _midnight(last + timedelta(days=1)) - OVERLAP

    def _is_left_to_another(self, window: Window) -> bool:
        """Whether another window reads the whole list."""
        return self._whole not in (None, window)

    async def _take(self, attempts: Sequence[Record], dropped: int) -> None:
        events = [event_in(attempt) for attempt in attempts]
        once = list({event["event_id"]: event for event in events}.values())
        async with self._ctx.writing:  # events of other windows may be being written
            new = self._unknown(once)
        self._events.put(new)
        self._events.result.rows_read += len(once) - len(new)
        self._events.result.changes.unchanged += len(once) - len(new)
        ids = [event["event_id"] for event in events]
        self._deliveries.put([delivery_of(attempt, one) for attempt, one in zip(attempts, ids, strict=True)])
        self._deliveries.no_records(dropped)

    def _unknown(self, events: list[Record]) -> list[Record]:
        """The events that are not in the lake: an event does not change, and may have been received before."""
        log = self._ctx.log(EVENTS.name)
        keys = log.keys(events)
        known = log.index.lookup([key for key in keys if key is not None])
        return [event for key, event in zip(keys, events, strict=True) if key not in known]

    async def _flush(self, *, only_if_full: bool = False) -> None:
        async with self._flushing:
            if not only_if_full or self._events.is_full():
                await self._events.flush()
                await self._deliveries.flush()


class _Read:
    """What was read of one window since `begun`, by this machine, and from when on the next pull has to read."""

    def __init__(self, begun: datetime, known_until: datetime | None) -> None:
        self._descent = Descent(CREATED, now=begun)
        self._begun, self._known_until = begun, known_until
        self._retried: list[tuple[datetime, datetime]] = []  # attempts that may change, and when

    def has_ended(self, attempts: Sequence[Record]) -> bool:
        """Take a page; whether all attempts on later pages are known."""
        self._descent.take(attempts)
        for attempt in attempts:
            at, due = instant_in(attempt, CREATED), instant_in(attempt, "timestamp_next_retry")
            if at is not None and due is not None and attempt.get("will_retry"):
                self._retried.append((at, due))
        return self._descent.is_below(self._known_until)

    def since(self) -> datetime | None:
        """From when on the next pull reads; None if nothing was found.

        An attempt that another one follows is read again until that is over, but not for longer than `LONGEST_RETRY`.
        """
        newest, begun = self._descent.newest, self._begun
        if newest is None:
            return None
        open_ones = [at for at, due in self._retried if begun - OVERLAP <= due <= at + LONGEST_RETRY]
        return min([min(newest, begun) - OVERLAP, *open_ones])


def _has_others(attempts: Sequence[Record], first: date, last: date | None) -> bool:
    """Whether attempts are of other days than were asked for, in any zone."""
    made = [at.date() for attempt in attempts if (at := instant_in(attempt, CREATED)) is not None]
    return any(day < first - A_DAY or (last is not None and day > last + A_DAY) for day in made)


def _since(ctx: Context) -> datetime | None:
    """From when on attempts may be unknown; None if they were never pulled."""
    return instant_in(ctx.checkpoints.read(CHECKPOINT), "since")


def _note(ctx: Context, since: datetime | None) -> None:
    known = _since(ctx)
    if since is not None and (known is None or known < since):
        ctx.checkpoints.write(CHECKPOINT, {"since": since.isoformat()})


def _first_day(ctx: Context) -> date:
    since = None if ctx.request.full else _since(ctx)
    return ctx.windows.first_day if since is None else since.date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
