"""Walking a list page by page: what the next page is asked with, how large it is, and when the list is over.

A list goes on as long as there is a cursor, behind an empty page too, and is over where none is given. Whether it was
whole is not decided here: a list that ends early looks like one that is over (reference, sections 20 and 21).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace

from instantly_pipeline.api.bodies import Page
from instantly_pipeline.api.retry import CannotConnect
from instantly_pipeline.errors import BadRequest, EdgeBlocked, Exhausted, LoopingCursor, NotFound, RateLimited

PAGE_SIZE = 100  # the most every list takes; the default is 10, above 100 is 400 or an empty answer
SIZES = (PAGE_SIZE, 10, 1)  # a page that cannot be read is read in parts, then record by record
MOST_EMPTY = 20  # pages without a record in a row, each with another cursor: no source tells of more than one

# The cursor that leads on behind a record (reference, section 1.3); None where the record lacks a part of it.
CursorOf = Callable[[Mapping[str, object]], str | None]
Ask = Callable[[str | None, int], Awaitable[Page]]


async def walk(
    ask: Ask, *, where: str, start: str | None = None, cursor_of: CursorOf | None = None
) -> AsyncGenerator[Page]:
    """The pages of a list from the cursor `start` on; `ask` answers a cursor and a size. `where` names it in errors.

    A page without a cursor that is full, or says things nobody knows, may be the last one, or its cursor has another
    name by now: with `cursor_of` it is asked on behind its last record. Where the server refuses that, or has nothing,
    the list was over.

    A page that cannot be read is read in smaller ones, up to the record it fails for; then its error is raised.
    LoopingCursor where a cursor comes again, or where too many pages in a row are empty.
    """
    pages = _Sized(ask)
    asked, cursor, empty, guessed = {start}, start, 0, False
    while True:
        try:
            page, size = await pages.ask(cursor)
        except (BadRequest, NotFound, Exhausted) as error:
            if not guessed or not is_about_the_page(error):
                raise
            page, size = Page([], cursor, None), PAGE_SIZE
        count = len(page.items) + page.dropped
        empty = 0 if count else empty + 1
        if not count and page.next_cursor == cursor:
            page = replace(page, next_cursor=None)  # the place behind which there is nothing, named once more
        if page.next_cursor is not None and (page.next_cursor in asked or empty > MOST_EMPTY):
            again = "a cursor for the second time" if page.next_cursor in asked else f"{empty} empty pages in a row"
            raise LoopingCursor(
                f"{where} gave {again} after {len(asked)} pages; the list was left unfinished and nothing is taken for "
                "deleted. Run the sync again."
            )
        is_doubtful = count >= size or page.is_odd
        guess = cursor_of(page.items[-1]) if cursor_of and page.items and is_doubtful else None
        guessed = page.next_cursor is None and guess not in (None, *asked)
        page = replace(page, next_cursor=guess) if guessed else page
        yield page
        if page.next_cursor is None:
            return
        cursor = page.next_cursor
        asked.add(cursor)


def is_about_the_page(error: Exception) -> bool:
    """Whether another page might be read: the server was reached, and did not refuse us altogether."""
    return not isinstance(error.__cause__, RateLimited | EdgeBlocked | CannotConnect)


class _Sized:
    """Asks for pages as large as can be read."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._left: list[int] = []  # for each size below the largest: how many records of the one above it are left

    async def ask(self, cursor: str | None) -> tuple[Page, int]:
        """The page and the size it was asked with."""
        while True:
            size = SIZES[len(self._left)]
            try:
                page = await self._ask(cursor, size)
            except Exhausted as error:
                if size == SIZES[-1] or not is_about_the_page(error):
                    raise
                self._left.append(size)
                continue
            self._took(len(page.items) + page.dropped)
            return page, size

    def _took(self, records: int) -> None:
        """Where a larger page was read in parts, the next one is asked for whole."""
        self._left = [left - records for left in self._left]
        while self._left and self._left[-1] <= 0:
            self._left.pop()
