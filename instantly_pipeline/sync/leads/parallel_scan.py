"""Reading a list of leads in several ranges of ids concurrently.

Each range is read by its own chain of pages. A chain is added when the consumer waits for pages and one more request
would bring more of them (see `concurrency`). It takes a waiting range or, if the API accepts any id as a cursor, half
of the range that has most left. So the chains balance for any distribution of ids; a fast server is read by few chains,
a slow one by many. A range is only split in two: ids are clustered, and most of several splits would fall into one gap,
where each costs a request and brings no page.

Whether the API accepts any id as a cursor is found by trying: a chain that starts at an id no lead has must return ids
after it. A range that the API refuses is joined to the range before it, which has a cursor from the API.
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
PAGES_BETWEEN_CUTS = 1
PATIENCE = 8  # pages read before the first split of a list that is not large
FRUITLESS_CUTS = 2
LARGE = 500  # pages: for such a list it pays to split early, although a page may be read twice


class StaleCursor(Exception):
    """The API does not accept the cursor of a range, and there is no range before it to join it to."""


class ParallelScan:
    """The ranges of one list, read concurrently; `body` filters the list. Iterate over `batches`, `land` each.

    `any_id`: whether the API accepts any id as a cursor, None if unknown; `may_cut`: whether ranges may be split;
    `batch`: how many pages `batches` puts together.
    """

    def __init__(
        self,
        sink: Sink,
        ranges: Sequence[KeyRange],
        *,
        body: Mapping[str, object] | None = None,
        any_id: bool | None = None,
        may_cut: bool = True,
        batch: int = PAGES_PER_BATCH,
    ) -> None:
        self.unreadable: list[Exhausted] = []  # why something is left at the end
        self._may_cut = may_cut
        self._pages_per_batch = batch
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
        """Whether the API accepts any id as a cursor; None if this scan has not shown it."""
        return self._cursors.any_id

    def left(self) -> list[KeyRange]:
        """The ranges that have not landed yet, in order, from which another process can resume. At the end: what
        cannot be read."""
        begun = [left for chain in self._chains if (left := chain.left) is not None]
        return sorted([*self._waiting, *self._refused, *begun], key=lambda one: one.low or "")

    def finished(self) -> list[KeyRange]:
        """The ranges that have landed completely."""
        return [chain.range for chain in self._chains if chain.finished]

    def report_unreadable(self) -> None:
        """Set the stream to failed if the API could not return some leads; the reason names their ids."""
        if self.unreadable:
            ends = [(id_of(end) if end else "the end of the list" for end in one.bounds) for one in self.left()]
            parts = ", ".join(f"from {low} to {high}" for low, high in ends)
            self._sink.fail(
                f"The API could not return the leads with ids {parts}: {self.unreadable[0]} All others were read; the "
                "next sync tries these again."
            )

    async def batches(self) -> AsyncGenerator[list[Chunk]]:
        """The pages as chunks, `batch` at a time. OutOfOrder, StaleCursor, and whatever the client raises."""
        clock = self._sink.ctx.clock
        batch: list[Chunk] = []
        pages, since = 0, clock.monotonic()
        try:
            while True:
                if self._queue.empty():
                    self._add_chain()  # the consumer waits
                if not self._running and self._queue.empty():
                    break
                got = await self._queue.get()
                if isinstance(got, BaseException):
                    if batch and not isinstance(got, OutOfOrder):
                        yield batch
                    raise got
                if got is None:
                    continue  # a chain ended: maybe another one can start
                self._places.release()
                _add(batch, got)
                pages += 1
                if pages >= self._pages_per_batch or clock.monotonic() - since >= SECONDS_PER_BATCH:
                    yield batch
                    batch, pages, since = [], 0, clock.monotonic()
            if batch:
                yield batch
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    def land(self, batch: Sequence[Chunk]) -> None:
        """Note that the batch is in the lake, which advances `left`."""
        for chunk in batch:
            chunk.chain.land(chunk)

    def _add_chain(self) -> None:
        """Start another chain, if there is a range for it and it would bring more pages."""
        if self._running and (len(self._running) >= MOST_CHAINS or self._concurrency.is_crowded()):
            return
        if self._refused and (not self._running or not self._waiting):
            self._join_refused()
        if not self._waiting:
            self._cut()
        if self._waiting:
            chain = Chain(self._waiting.pop(0))
            self._chains.append(chain)
            task = asyncio.create_task(self._read(chain))
            self._running.add(task)
            task.add_done_callback(partial(self._end_chain, chain))

    def _end_chain(self, chain: Chain, task: asyncio.Task[None]) -> None:
        """Note that a chain has ended; its error is raised by `batches`."""
        chain.ended = True
        self._running.discard(task)
        if not task.cancelled():
            self._queue.put_nowait(task.exception())

    async def _read(self, chain: Chain) -> None:
        """Read a chain page by page to the end of its range."""
        sink, stream, clock = self._sink, self._sink.stream, self._sink.ctx.clock
        asked_at, since = sink.ctx.now(), clock.monotonic()
        pages = sink.client.pages(
            stream.method, stream.path, params=stream.params, body=self._body, start=chain.range.cursor,
            cursor_of=stream.cursor_of,
        )  # fmt: skip
        try:
            async with aclosing(pages) as listed:
                async for page in listed:
                    if page.items or page.next_cursor is None:  # skips empty pages that have a next cursor
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
        """End the chain before the page that fails, and start another after it; raises `error` if that cannot be."""
        detour = await self._detours.detour(chain)
        if detour is None:
            raise error
        chain.end_at(detour.ends_at)
        if detour.then is not None:
            self._waiting.append(detour.then)
        if detour.is_gap:
            self.unreadable.append(error)

    def _chunk(self, chain: Chain, page: Page, asked_at: datetime) -> Chunk | None:
        """The page as a chunk of its chain; None if the API did not start at the requested cursor."""
        keys = [key for key in self._sink.ctx.log(self._sink.stream.name).keys(page.items) if key is not None]
        if not chain.entered and not self._is_believed(chain.range, keys):
            self._refuse(chain, is_wrong=bool(keys))
            return None
        low = chain.at
        keys = chain.take(keys)
        self._take_over_ranges(chain)
        at_end = page.next_cursor is None
        chain.ended = at_end or chain.is_past_its_range
        covered = KeyRange(low, chain.range.high if chain.ended else chain.at)
        return Chunk(covered, asked_at, [page], keys, at_end, chain.ended, page.next_cursor, chain)

    def _take_over_ranges(self, chain: Chain) -> None:
        """A chain whose page reaches into the next range takes that one over, unless another chain has started it."""
        while chain.is_past_its_range:
            following = next((other for other in self._waiting if other.low == chain.range.high), None)
            if following is None:
                return
            self._waiting.remove(following)
            chain.end_at(following.high)

    def _is_believed(self, of: KeyRange, keys: list[str]) -> bool:
        """Whether the first page of a chain starts at its cursor; this may show that the API accepts any id.

        How the API treats a cursor whose lead is deleted or never existed is unknown (reference, section 21): it may
        answer 400, the first page, or an empty one. For an id that no lead has, an empty page counts only if the API is
        known to accept any id.
        """
        if of.cursor is None or of.origin is CursorOrigin.EARLIER:
            return True
        follows = bool(keys) and (of.low is None or min(keys) >= of.low)  # the row at the cursor may be repeated
        if of.origin is CursorOrigin.GIVEN:
            return follows
        if follows:
            self._cursors.any_id = True
        return follows or (not keys and self._cursors.any_id is True)

    def _refuse(self, chain: Chain, *, is_wrong: bool) -> None:
        """Give the range back; `is_wrong`: the API has shown that it does not accept such a cursor."""
        chain.ended = True
        self._chains.remove(chain)
        if chain.range.origin is CursorOrigin.GUESSED and is_wrong:
            self._cursors.any_id = False
        self._refused.append(chain.range)

    def _join_refused(self) -> None:
        """Join each refused range to the one before it; StaleCursor if there is none, or that was tried before."""
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
        """Split the range that has most left, if it is large enough and the API may accept any id as a cursor."""
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
    """Add a chunk to the batch, joined to the last one of its chain if there is one."""
    before = next((other for other in reversed(batch) if other.chain is chunk.chain), None)
    if before is None:
        batch.append(chunk)
    else:
        before.join(chunk)
