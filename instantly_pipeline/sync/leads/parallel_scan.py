"""Reading a list of leads in several ranges of ids side by side.

A range is read by a chain of pages of its own. There are as many chains as bring more pages (see `concurrency`): where
whoever takes the pages waits, and one more would not only stand in line, a chain is added. It takes a range that waits
or, where the server takes any id as a cursor, half of the range that has most left. So the chains balance however the
ids lie, a fast server is read by few chains and a slow one by many. A range is cut in two at a time: ids lie in lumps,
and of several cuts most would fall into one gap, where each costs a page and brings none.

Whether a server takes any id as a cursor is found out by trying: a chain that begins at an id nobody has must answer
with ids behind it. What the server refuses goes back to the range before it, which knows a cursor that was given.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial

from instantly_pipeline.api.bodies import Page
from instantly_pipeline.api.paging import is_about_the_page
from instantly_pipeline.errors import BadRequest, Exhausted, NotFound
from instantly_pipeline.sync.leads.chain import Chain, Chunk, OutOfOrder
from instantly_pipeline.sync.leads.concurrency import Concurrency
from instantly_pipeline.sync.leads.keyspace import CursorOrigin, KeyRange, cuts, id_of
from instantly_pipeline.sync.leads.unreadable import CursorProbe, Detours
from instantly_pipeline.sync.sink import PAGES_PER_BATCH, SECONDS_PER_BATCH, Sink

MOST_CHAINS = 64
PAGES_AHEAD = 64  # read and not yet taken, of all chains
WORTH_CUTTING = 6  # pages each half should have left
PAGES_BETWEEN_CUTS = 2
PATIENCE = 8  # pages read before the first cut of a list that is not large
FRUITLESS_CUTS = 2
LARGE = 500  # pages: to a list this long a second spent on a few chains is dear, and a page read twice is cheap


class StaleCursor(Exception):
    """A range cannot be entered at the place where it should begin, and nothing is known of what lies before it."""


class ParallelScan:
    """The ranges of one list, read side by side; `body` filters the list. Iterate over `batches`, `land` each.

    `any_id` says whether the server takes any id as a cursor, None where that is not known yet; `may_cut` whether
    ranges are cut further.
    """

    def __init__(
        self,
        sink: Sink,
        ranges: Sequence[KeyRange],
        *,
        body: Mapping[str, object] | None = None,
        any_id: bool | None = None,
        may_cut: bool = True,
    ) -> None:
        self.unreadable: list[Exhausted] = []  # why something is left in the end
        self._may_cut = may_cut
        self._sink = sink
        self._body = dict(body or {})
        self._cursors = CursorProbe(sink, self._body, any_id)
        self._detours = Detours(sink, self._cursors)
        self._chains: list[Chain] = []
        self._waiting = list(ranges)
        self._refused: list[KeyRange] = []
        self._running: set[asyncio.Task[None]] = set()
        self._queue: asyncio.Queue[Chunk | BaseException | None] = asyncio.Queue()
        self._places = asyncio.Semaphore(PAGES_AHEAD)
        self._cuts = 0
        self._concurrency = Concurrency()
        large = body is None and (sink.total or 0) >= LARGE
        self._patience = PAGES_BETWEEN_CUTS if large else PATIENCE

    @property
    def any_id(self) -> bool | None:
        """Whether the server takes any id as a cursor, as far as this scan has shown."""
        return self._cursors.any_id

    def left(self) -> list[KeyRange]:
        """What has not landed yet, in order: from here another process can go on. In the end: what cannot be read."""
        begun = [left for chain in self._chains if (left := chain.left) is not None]
        return sorted([*self._waiting, *self._refused, *begun], key=lambda one: one.low or "")

    def finished(self) -> list[KeyRange]:
        """The ranges that have landed whole."""
        return [chain.range for chain in self._chains if chain.finished]

    def report_unreadable(self) -> None:
        """Let the stream end as failed where the server could not give some leads, whatever was asked; name them."""
        if self.unreadable:
            ends = [(id_of(end) if end else "the end of the list" for end in one.bounds) for one in self.left()]
            parts = ", ".join(f"from {low} to {high}" for low, high in ends)
            self._sink.fail(
                f"The server could not give the leads with ids {parts}: {self.unreadable[0]} All others were read; the "
                "next sync asks for these again."
            )

    async def batches(self) -> AsyncGenerator[list[Chunk]]:
        """The pages as chunks, some dozens at a time. OutOfOrder, StaleCursor, and whatever the client raises."""
        clock = self._sink.ctx.clock
        batch: list[Chunk] = []
        pages, since = 0, clock.monotonic()
        try:
            while True:
                if self._queue.empty():
                    self._add_chain()  # whoever takes the pages waits
                if not self._running and self._queue.empty():
                    break
                got = await self._queue.get()
                if isinstance(got, BaseException):
                    if batch and not isinstance(got, OutOfOrder):
                        yield batch
                    raise got
                if got is None:
                    continue  # a chain ended: perhaps another one is due
                self._places.release()
                _add(batch, got)
                pages += 1
                if pages >= PAGES_PER_BATCH or clock.monotonic() - since >= SECONDS_PER_BATCH:
                    yield batch
                    batch, pages, since = [], 0, clock.monotonic()
            if batch:
                yield batch
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    def land(self, batch: Sequence[Chunk]) -> None:
        """What the batch holds is in the lake: `left` moves on."""
        for chunk in batch:
            chunk.chain.land(chunk)

    def _add_chain(self) -> None:
        """Begin to read another range, if there is one and that brings more pages."""
        if self._running and (len(self._running) >= MOST_CHAINS or self._concurrency.is_crowded()):
            return
        if self._refused and (not self._running or not self._waiting):
            self._give_back()
        if not self._waiting:
            self._cut()
        if self._waiting:
            chain = Chain(self._waiting.pop(0))
            self._chains.append(chain)
            task = asyncio.create_task(self._read(chain))
            self._running.add(task)
            task.add_done_callback(partial(self._end_chain, chain))

    def _end_chain(self, chain: Chain, task: asyncio.Task[None]) -> None:
        """A chain has ended; an error that ended it goes to the one who takes the pages."""
        chain.ended = True
        self._running.discard(task)
        if not task.cancelled():
            self._queue.put_nowait(task.exception())

    async def _read(self, chain: Chain) -> None:
        """Read a chain page by page, up to the end of its range."""
        sink, stream, clock = self._sink, self._sink.stream, self._sink.ctx.clock
        asked_at, since = sink.ctx.now(), clock.monotonic()
        pages = sink.client.pages(
            stream.method, stream.path, params=stream.params, body=self._body, start=chain.range.cursor,
            cursor_of=stream.cursor_of,
        )  # fmt: skip
        try:
            async with aclosing(pages) as listed:
                async for page in listed:
                    if page.items or page.next_cursor is None:  # an empty page with a cursor says nothing yet
                        now = clock.monotonic()
                        self._concurrency.note(page.seconds, of=now - since, at=now)
                        chunk = self._chunk(chain, page, asked_at)
                        if chunk is None:
                            return
                        await self._places.acquire()
                        self._queue.put_nowait(chunk)
                        if chain.ended:
                            return
                        asked_at, since = sink.ctx.now(), clock.monotonic()
                    chain.asked = page.next_cursor
        except (BadRequest, NotFound):
            if chain.entered or chain.range.cursor is None:
                raise
            self._refuse(chain, is_wrong=True)
        except Exhausted as error:
            if not is_about_the_page(error):
                raise
            await self._read_around(chain, error)

    async def _read_around(self, chain: Chain, error: Exhausted) -> None:
        """End the chain before what cannot be read, and let another begin behind it; `error` where that cannot be."""
        detour = await self._detours.detour(chain)
        if detour is None:
            raise error
        chain.end_at(detour.ends_at)
        if detour.then is not None:
            self._waiting.append(detour.then)
        if detour.is_gap:
            self.unreadable.append(error)

    def _chunk(self, chain: Chain, page: Page, asked_at: datetime) -> Chunk | None:
        """The page as a chunk of its chain; None where the server did not begin where it was told to."""
        keys = [key for key in self._sink.ctx.log(self._sink.stream.name).keys(page.items) if key is not None]
        if not chain.entered and not self._is_believed(chain.range, keys):
            self._refuse(chain, is_wrong=bool(keys))
            return None
        low = chain.at
        keys = chain.take(keys)
        self._take_over_ranges(chain)
        at_end = page.next_cursor is None
        chain.ended = at_end or chain.is_past_its_range
        decided = KeyRange(low, chain.range.high if chain.ended else chain.at)
        return Chunk(decided, asked_at, [page], keys, at_end, chain.ended, page.next_cursor, chain)

    def _take_over_ranges(self, chain: Chain) -> None:
        """A chain at the end of its range takes the next one along where nobody has begun it: the page reaches in."""
        while chain.is_past_its_range:
            following = next((other for other in self._waiting if other.low == chain.range.high), None)
            if following is None:
                return
            self._waiting.remove(following)
            chain.end_at(following.high)

    def _is_believed(self, of: KeyRange, keys: list[str]) -> bool:
        """Whether the first page of a chain begins where it was told to; it may show that the server takes any id.

        What the API says to a cursor whose lead is gone, or never was, is not known (reference, section 21): 400, the
        first page or an empty one. To an id nobody has, an empty page is an answer only where the server is known to
        take any.
        """
        if of.cursor is None or of.origin is CursorOrigin.EARLIER:
            return True
        follows = bool(keys) and (of.low is None or min(keys) >= of.low)  # a row may come twice
        if of.origin is CursorOrigin.GIVEN:
            return follows
        if follows:
            self._cursors.any_id = True
        return follows or (not keys and self._cursors.any_id is True)

    def _refuse(self, chain: Chain, *, is_wrong: bool) -> None:
        """The range goes back; `is_wrong`: the server has shown that it does not take such a cursor."""
        chain.ended = True
        self._chains.remove(chain)
        if chain.range.origin is CursorOrigin.GUESSED and is_wrong:
            self._cursors.any_id = False
        self._refused.append(chain.range)

    def _give_back(self) -> None:
        """Join what was refused to the range before it; StaleCursor where there is none, or it was tried that way."""
        for refused in sorted(self._refused, key=lambda one: one.low or ""):
            before = next((chain for chain in self._chains if chain.range.high == refused.low), None)
            waits = next((other for other in self._waiting if other.high == refused.low), None)
            if waits is not None:
                self._waiting[self._waiting.index(waits)] = replace(waits, high=refused.high)
            elif before is None or refused.origin is CursorOrigin.EARLIER:
                raise StaleCursor
            elif before.ended:
                self._waiting.append(KeyRange(refused.low, refused.high, before.asked, CursorOrigin.EARLIER))
            else:
                before.end_at(refused.high)
        self._refused = []

    def _cut(self) -> None:
        """Cut the range that has most left, if it is worth it and the server may take any id as a cursor."""
        any_id = self._cursors.any_id
        if not self._may_cut or any_id is False or (any_id is None and self._cuts >= FRUITLESS_CUTS):
            return
        least = PAGES_BETWEEN_CUTS if any_id else self._patience
        going = [chain for chain in self._chains if not chain.ended and chain.paced >= least]
        chain = max(going, key=lambda one: one.pages_left, default=None)
        if chain is None or chain.pages_left < 2 * WORTH_CUTTING:
            return
        at = cuts(chain.at or "", chain.range.high, self._sink.ctx.now())
        if not at:
            return
        ends = [*at[1:], chain.range.high]
        self._waiting += [KeyRange.between(low, high, CursorOrigin.GUESSED) for low, high in zip(at, ends, strict=True)]
        chain.cut_at(at[0])
        self._cuts += 1


def _add(batch: list[Chunk], chunk: Chunk) -> None:
    """Add a chunk to the batch, to the end of its chain's last one where there is one."""
    before = next((other for other in reversed(batch) if other.chain is chunk.chain), None)
    if before is None:
        batch.append(chunk)
    else:
        before.join(chunk)
