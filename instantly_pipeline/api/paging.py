"""Reads a list page by page: the next cursor, the page size, and the end of the list.

A list continues as long as a page has a cursor, even an empty page. Whether a list was complete is not decided here: a
list that was cut off looks like one that ended (reference, sections 20 and 21).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace

from instantly_pipeline.api.bodies import Page
from instantly_pipeline.api.retry import CannotConnect
from instantly_pipeline.errors import BadRequest, EdgeBlocked, Exhausted, LoopingCursor, NotFound, RateLimited

PAGE_SIZE = 100  # the maximum of every list; the default is 10, above 100 is a 400 or an empty answer
SIZES = (PAGE_SIZE, 10, 1)  # a page that fails is read in smaller pages, then record by record
MAX_EMPTY_PAGES = 20  # in a row, each with a new cursor; no source reports more than one

# The cursor for what follows a record (reference, section 1.3); None if the record lacks a part of it.
CursorOf = Callable[[Mapping[str, object]], str | None]
Fetch = Callable[[str | None, int], Awaitable[Page]]


async def walk(
    fetch: Fetch, *, where: str, start: str | None = None, cursor_of: CursorOf | None = None, size: int = PAGE_SIZE
) -> AsyncGenerator[Page]:
    """The pages of a list from the cursor `start` on; `fetch` reads one, given a cursor and a size, at first `size`.

    `where` names the list in errors. A page without a cursor that is full, or has unknown fields, may be the last one,
    or its cursor may have been renamed. With `cursor_of` the list is then continued after its last record; if the
    server refuses that or has no more records, the list has ended.

    A page that fails is read in smaller pages, down to the one record that fails; its error is raised. Raises
    LoopingCursor if a cursor comes twice, or after too many empty pages in a row.
    """
    pages = _ShrinkingPages(fetch, size)
    seen, cursor, empty, guessed = {start}, start, 0, False
    while True:
        try:
            page, size = await pages.fetch(cursor)
        except (BadRequest, NotFound, Exhausted) as error:
            if not guessed or not is_about_the_page(error):
                raise
            page = Page([], cursor, None)
        count = len(page.items) + page.dropped
        empty = 0 if count else empty + 1
        if not count and page.next_cursor == cursor:
            page = replace(page, next_cursor=None)  # an empty page that repeats its own cursor is the end
        if page.next_cursor is not None and (page.next_cursor in seen or empty > MAX_EMPTY_PAGES):
            problem = "the same cursor twice" if page.next_cursor in seen else f"{empty} empty pages in a row"
            raise LoopingCursor(
                f"{where} returned {problem} after {len(seen)} pages. The list was not read to its end, so nothing is "
                "marked as deleted. Run the sync again."
            )
        is_doubtful = count >= size or page.has_unknown_fields
        guess = cursor_of(page.items[-1]) if cursor_of and page.items and is_doubtful else None
        guessed = page.next_cursor is None and guess not in (None, *seen)
        page = replace(page, next_cursor=guess) if guessed else page
        yield page
        if page.next_cursor is None:
            return
        cursor = page.next_cursor
        seen.add(cursor)


def is_about_the_page(error: Exception) -> bool:
    """Whether another page might succeed: the server was reached and does not refuse every request."""
    return not isinstance(error.__cause__, RateLimited | EdgeBlocked | CannotConnect)


class _ShrinkingPages:
    """Fetches each page at the largest size that succeeds."""

    def __init__(self, fetch: Fetch, largest: int) -> None:
        self._fetch = fetch
        self._sizes = [largest, *(size for size in SIZES if size < largest)]
        self._left: list[int] = []  # per size below the largest: records left of the larger page that failed

    async def fetch(self, cursor: str | None) -> tuple[Page, int]:
        """The page and the size it was requested with."""
        while True:
            size = self._sizes[len(self._left)]
            try:
                page = await self._fetch(cursor, size)
            except Exhausted as error:
                if size == self._sizes[-1] or not is_about_the_page(error):
                    raise
                self._left.append(size)
                continue
            records = len(page.items) + page.dropped
            self._left = [left - records for left in self._left]
            while self._left and self._left[-1] <= 0:  # the larger page is read: back to its size
                self._left.pop()
            return page, size
