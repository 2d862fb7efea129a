"""Reading a list of leads in several ranges of ids side by side.

A range is read by a chain of pages of its own; page i owns the ids after the last id of page i-1 up to its own last id.
There are as many chains as bring more pages (see `tempo`): where whoever takes the pages waits, and one more would not
only stand in line, a chain is added. It takes a range that waits or, where the server takes any id as a cursor, half of
the range that has most left. So the chains balance however the ids lie, a fast server is read by few chains and a slow
one by many. A range is cut in two at a time: ids lie in lumps, and of several cuts most would fall into one gap, where
each costs a page and brings none.

A lead that the server cannot give, whatever is asked, is read around: the range goes on at an id behind it, and what
lies between is `left` in the end.

Whether a server takes any id as a cursor is found out by trying: a chain that begins at an id nobody has must answer
with ids behind it. What the server refuses goes back to the range before it, which knows a cursor that was given.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from instantly_pipeline.api.client import Page
from instantly_pipeline.api.paging import is_about_the_page
from instantly_pipeline.api.retry import RetryPolicy
from instantly_pipeline.errors import BadRequest, Exhausted, NotFound
from instantly_pipeline.sync.leads.concurrency import Tempo
from instantly_pipeline.sync.leads.keyspace import between, cuts, further, id_of, next_place, pages_left
from instantly_pipeline.sync.sink import PAGES_PER_BATCH, SECONDS_PER_BATCH, Sink

MOST_CHAINS = 64
PAGES_AHEAD = 64  # read and not yet taken, of all chains
PACED = 8  # pages, the last ones of a chain, by which its pace is known
WORTH_CUTTING = 6  # pages each half should have left
PAGES_BETWEEN_CUTS = 2
PATIENCE = 8  # pages read before the first cut of a list that is not large
FRUITLESS_CUTS = 2
MOST_UNREADABLE = 10  # places of one list that are read around: each costs a minute of tries
TWICE = RetryPolicy(tries=2, edge_tries=2, unreached_tries=2)  # of what is expected to fail
LARGE = 500  # pages: to a list this long a second spent on a few chains is dear, and a page read twice is cheap


class OutOfOrder(Exception):
    """The server does not list by ascending id."""


class StaleCursor(Exception):
    """A range cannot be entered at the place where it should begin, and nothing is known of what lies before it."""


class Entry(Enum):
    """Why a cursor should work."""

    KNOWN = auto()  # the server gave it, or a lead has this id
    TRIED = auto()  # nobody has this id
    EARLIER = auto()  # the server gave it in this crawl; it lies before the range


@dataclass(slots=True, eq=False)
class Span:
    """The keys in (low, high]; None leaves a side open. `cursor` asks for what follows `low`."""

    low: str | None = None
    high: str | None = None
    cursor: str | None = None
    entry: Entry = Entry.KNOWN


@dataclass(slots=True, eq=False)
class _Chain:
    """A span that is being read, or was."""

    span: Span
    at: str | None  # read up to here
    asked: str | None  # the cursor of the page last asked for
    recent: Collection[str]  # the keys of its last page
    entered: bool = False  # its first page is there
    ended: bool = False  # nothing more is asked for
    places: deque[str] = field(default_factory=lambda: deque(maxlen=PACED + 1))  # after each of its last pages
    landed: str | None = None
    cursor: str | None = None  # asks for what follows `landed`
    finished: bool = False  # all of it has landed

    @classmethod
    def of(cls, span: Span) -> _Chain:
        """A chain that begins to read `span`."""
        low, cursor = span.low, span.cursor
        chain = cls(span, low, cursor, {low} if low else (), landed=low, cursor=cursor)
        chain.places.extend([low] if low else [])
        return chain

    @property
    def paced(self) -> int:
        """Of how many pages the pace is known, since the chain was cut last."""
        return max(len(self.places) - 1, 0)


@dataclass(slots=True)
class Piece:
    """Pages of one chain in a row: they decide the keys in (low, high]. `at_end`: the list has nothing behind them."""

    low: str | None
    high: str | None
    asked_at: datetime
    pages: list[Page]
    keys: list[str]
    at_end: bool
    finished: bool
    cursor: str | None
    chain: _Chain


class Crawl:
    """The spans of one list, read side by side; `body` filters the list. Iterate over `batches`, land each.

    `any_id` says whether the server takes any id as a cursor, None where that is not known yet; `may_cut` whether
    spans are cut further.
    """

    def __init__(
        self,
        sink: Sink,
        spans: list[Span],
        *,
        body: Mapping[str, object] | None = None,
        any_id: bool | None = None,
        may_cut: bool = True,
    ) -> None:
        self.any_id = any_id
        self.unreadable: list[Exhausted] = []  # why something is left in the end
        self._gaps = 0
        self._may_cut = may_cut
        self._sink = sink
        self._body = dict(body or {})
        self._chains: list[_Chain] = []
        self._waiting = list(spans)
        self._refused: list[Span] = []
        self._running: set[asyncio.Task[None]] = set()
        self._queue: asyncio.Queue[Piece | Exception | None] = asyncio.Queue()
        self._places = asyncio.Semaphore(PAGES_AHEAD)
        self._cuts = 0
        self._tempo = Tempo()
        large = body is None and (sink.total or 0) >= LARGE
        self._patience = PAGES_BETWEEN_CUTS if large else PATIENCE

    def left(self) -> list[Span]:
        """What has not landed yet, in order: from here another process can go on. In the end: what cannot be read."""
        spans = [*self._waiting, *self._refused]
        for chain in self._chains:
            if not chain.finished and (chain.landed is None or chain.landed != chain.span.high):
                entry = chain.span.entry if chain.landed == chain.span.low else Entry.KNOWN
                spans.append(Span(chain.landed, chain.span.high, chain.cursor, entry))
        return sorted(spans, key=lambda span: span.low or "")

    def finished(self) -> list[tuple[str | None, str | None]]:
        """The bounds of the spans that have landed whole."""
        return [(chain.span.low, chain.span.high) for chain in self._chains if chain.finished]

    async def batches(self) -> AsyncGenerator[list[Piece]]:
        """The pages as pieces, some dozens at a time. OutOfOrder, StaleCursor, and whatever the client raises."""
        clock = self._sink.ctx.clock
        batch: list[Piece] = []
        pages, since = 0, clock.monotonic()
        try:
            while self._is_going():
                got = await self._queue.get()
                if isinstance(got, Exception):
                    if batch and not isinstance(got, OutOfOrder):
                        yield batch
                    raise got
                if got is None:
                    continue  # a chain ended: perhaps another one is due
                self._places.release()
                _join(batch, got)
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

    def landed(self, batch: list[Piece]) -> None:
        """What the batch holds is in the lake: `left` moves on."""
        for piece in batch:
            chain = piece.chain
            chain.landed, chain.cursor, chain.finished = piece.high, piece.cursor, piece.finished

    def _is_going(self) -> bool:
        """Whether there is more to wait for; where nothing waits to be taken, a chain is added if that helps."""
        if self._queue.empty():
            self._grow()
        return bool(self._running) or not self._queue.empty()

    def _grow(self) -> None:
        if self._running and (len(self._running) >= MOST_CHAINS or self._tempo.is_crowded()):
            return
        if self._refused and (not self._running or not self._waiting):
            self._give_back()
        if not self._waiting:
            self._cut()
        if self._waiting:
            chain = _Chain.of(self._waiting.pop(0))
            self._chains.append(chain)
            self._running.add(asyncio.create_task(self._read(chain)))

    async def _read(self, chain: _Chain) -> None:
        end: Exception | None = None
        try:
            await self._pages(chain)
        except Exception as error:  # noqa: BLE001 - handed to the one who waits at the other end
            end = error
        chain.ended = True
        self._running.discard(asyncio.current_task())
        self._queue.put_nowait(end)

    async def _pages(self, chain: _Chain) -> None:
        sink, stream = self._sink, self._sink.stream
        asked_at, since = sink.ctx.now(), sink.ctx.clock.monotonic()
        pages = sink.client.pages(
            stream.method, stream.path, params=stream.params, body=self._body, start=chain.span.cursor,
            cursor_of=stream.cursor_of,
        )  # fmt: skip
        try:
            async with aclosing(pages) as listed:
                async for page in listed:
                    if not page.items and page.next_cursor is not None:
                        chain.asked = page.next_cursor
                        continue  # says nothing yet
                    now = sink.ctx.clock.monotonic()
                    self._tempo.took(page.seconds, of=now - since, at=now)
                    piece = self._piece(chain, page, asked_at)
                    if piece is None:
                        return
                    await self._places.acquire()
                    self._queue.put_nowait(piece)
                    if chain.ended:
                        return
                    chain.asked = page.next_cursor
                    asked_at, since = sink.ctx.now(), sink.ctx.clock.monotonic()
        except (BadRequest, NotFound):
            if chain.entered or chain.span.cursor is None:
                raise
            self._refuse(chain, wrong=True)
        except Exhausted as error:
            if not is_about_the_page(error) or not await self._read_around(chain, error):
                raise

    async def _read_around(self, chain: _Chain, error: Exhausted) -> bool:
        """End the chain before what cannot be read, and let another begin behind it; whether that can be done."""
        self._gaps += 1
        if self._gaps > MOST_UNREADABLE:
            return False
        await self._find_out(chain)
        takes_others = self.any_id is not False
        following = next_place(chain.at) if takes_others else None
        if following and await self._answers_behind(following):  # it was the cursor that the server had trouble with
            self._waiting.append(Span(chain.at, chain.span.high, id_of(following), Entry.TRIED))
            chain.span.high = chain.at
            return True
        behind, entry = await self._behind(chain.at, chain.span.high) if takes_others else None, Entry.TRIED
        if behind is None:
            behind, entry = await self._behind_known(chain.at, chain.span.high), Entry.KNOWN
        if behind is None and (chain.span.high is None or not await self._answers_behind(chain.span.high)):
            return False
        if behind is not None:
            self._waiting.append(Span(behind, chain.span.high, id_of(behind), entry))
            chain.span.high = behind
        self.unreadable.append(error)
        return True

    async def _find_out(self, chain: _Chain) -> None:
        """Whether the server takes an id that no lead has: asked where it has just given a page."""
        read = chain.places[0] if chain.places and chain.places[0] != chain.at else None
        near = next_place(read) if read else None
        if self.any_id is None and near is not None:
            self.any_id = await self._answers_behind(near)

    async def _behind_known(self, failing: str | None, up_to: str | None) -> str | None:
        """The nearest known lead from which the server can give a page, where it takes no other ids."""
        known = self._sink.ctx.log(self._sink.stream.name).index.alive(failing, up_to)
        for key in sorted(known.keys() - {up_to})[:MOST_UNREADABLE]:
            if await self._answers_behind(key):
                return key
        return None

    async def _behind(self, failing: str | None, up_to: str | None) -> str | None:
        """The nearest place behind `failing` from which the server can give a page; None where there is none."""
        for behind in further(failing, up_to):
            if await self._answers_behind(behind):
                break
            failing = behind
        else:
            return None
        while (middle := between(failing, behind)) is not None:
            if await self._answers_behind(middle):
                behind = middle
            else:
                failing = middle
        return behind

    async def _answers_behind(self, key: str) -> bool:
        """Whether the server takes an id as a cursor that no lead has, and can give what is behind it."""
        stream = self._sink.stream
        try:
            page = await self._sink.client.page(
                stream.method,
                stream.path,
                params=stream.params,
                body=self._body,
                cursor=id_of(key),
                size=1,
                retry=TWICE,
            )
        except (BadRequest, NotFound, Exhausted):
            return False
        keys = [found for found in self._sink.ctx.log(stream.name).keys(page.items) if found is not None]
        return min(keys) > key if keys else self.any_id is True

    def _piece(self, chain: _Chain, page: Page, asked_at: datetime) -> Piece | None:
        """The page as a piece of its chain; None where the server did not begin where it was told to."""
        keys = [key for key in self._sink.ctx.log(self._sink.stream.name).keys(page.items) if key is not None]
        span, low = chain.span, chain.at
        if not chain.entered and not self._is_believed(span, keys):
            self._refuse(chain, wrong=bool(keys))
            return None
        if not chain.entered and span.entry is Entry.EARLIER:
            keys = [key for key in keys if span.low is None or key > span.low]
        _check_order(keys, low, chain.recent)
        chain.at = max(keys, default=low) if low is None else max([low, *keys])
        if chain.at is not None:
            chain.places.append(chain.at)
        chain.entered, chain.recent = True, set(keys)
        at_end = page.next_cursor is None
        self._go_on(chain)
        chain.ended = at_end or (span.high is not None and chain.at is not None and chain.at >= span.high)
        high = span.high if chain.ended else chain.at
        return Piece(low, high, asked_at, [page], keys, at_end, chain.ended, page.next_cursor, chain)

    def _go_on(self, chain: _Chain) -> None:
        """A chain at the end of its range takes the next one along where nobody has begun it: the page reaches in."""
        span = chain.span
        while span.high is not None and chain.at is not None and chain.at >= span.high:
            following = next((other for other in self._waiting if other.low == span.high), None)
            if following is None:
                return
            self._waiting.remove(following)
            span.high = following.high

    def _is_believed(self, span: Span, keys: list[str]) -> bool:
        """Whether the first page of a chain begins where it was told to.

        What the API says to a cursor whose lead is gone, or never was, is not known (reference, section 21): 400, the
        first page or an empty one. To an id nobody has, an empty page is an answer only where the server is known to
        take any.
        """
        if span.cursor is None or span.entry is Entry.EARLIER:
            return True
        follows = bool(keys) and (span.low is None or min(keys) >= span.low)  # a row may come twice
        if span.entry is Entry.KNOWN:
            return follows
        if follows:
            self.any_id = True
        return follows or (not keys and self.any_id is True)

    def _refuse(self, chain: _Chain, *, wrong: bool) -> None:
        """The range goes back; `wrong`: the server has shown that it does not take such a cursor."""
        chain.ended = True
        self._chains.remove(chain)
        if chain.span.entry is Entry.TRIED and wrong:
            self.any_id = False
        self._refused.append(chain.span)

    def _give_back(self) -> None:
        """Join what was refused to the range before it; StaleCursor where there is none, or it was tried that way."""
        for span in sorted(self._refused, key=lambda span: span.low or ""):
            before = next((chain for chain in self._chains if chain.span.high == span.low), None)
            waits = next((other for other in self._waiting if other.high == span.low), None)
            if waits is not None:
                waits.high = span.high
            elif before is None or span.entry is Entry.EARLIER:
                raise StaleCursor
            elif before.ended:
                self._waiting.append(Span(span.low, span.high, before.asked, Entry.EARLIER))
            else:
                before.span.high = span.high
        self._refused = []

    def _cut(self) -> None:
        """Cut the range that has most left, if it is worth it and the server may take any id as a cursor."""
        if not self._may_cut or self.any_id is False or (self.any_id is None and self._cuts >= FRUITLESS_CUTS):
            return
        least = PAGES_BETWEEN_CUTS if self.any_id else self._patience
        going = [chain for chain in self._chains if not chain.ended and chain.paced >= least]
        if not going:
            return
        chain = max(going, key=_pages_left)
        at = cuts(chain.at or "", chain.span.high, self._sink.ctx.now())
        if not at or _pages_left(chain) < 2 * WORTH_CUTTING:
            return
        ends = [*at[1:], chain.span.high]
        self._waiting += [Span(low, high, id_of(low), Entry.TRIED) for low, high in zip(at, ends, strict=True)]
        chain.span.high = at[0]
        while chain.paced:
            chain.places.popleft()
        self._cuts += 1


def _pages_left(chain: _Chain) -> float:
    if not chain.paced:
        return 0.0
    return pages_left(chain.places[-1], chain.span.high, since=chain.places[0], pages=chain.paced)


def _check_order(keys: list[str], after: str | None, recent: Collection[str]) -> None:
    """OutOfOrder where keys do not ascend; a row doubled across two pages is no disorder."""
    last = after
    for key in keys:
        if last is not None and key < last and key not in recent:
            raise OutOfOrder
        last = key if last is None else max(last, key)


def _join(batch: list[Piece], piece: Piece) -> None:
    """Add a piece to the batch, to the end of its chain's last one where there is one."""
    before = next((other for other in reversed(batch) if other.chain is piece.chain), None)
    if before is None:
        batch.append(piece)
        return
    before.high, before.cursor = piece.high, piece.cursor
    before.at_end, before.finished = piece.at_end, piece.finished
    before.pages += piece.pages
    before.keys += piece.keys
