"""Reads a range of a list newest first, by time: what is missing from an answer cannot pass for the end of the list.

Within one question the server's cursors are followed. Wherever that ends (a cursor that is lost or repeated, a page
that fails, the last page) the next question asks for what is not newer than the oldest record seen so far. That record
has to be in the answer, so an empty answer proves nothing, and one with that record and nothing older is the end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from instantly_pipeline.api.client import ApiClient, Page
from instantly_pipeline.api.paging import MAX_EMPTY_PAGES, PAGE_SIZE, SIZES, is_about_the_page
from instantly_pipeline.api.retry import DEFAULT_RETRY, RetryPolicy
from instantly_pipeline.errors import BadRequest, Exhausted, NotFound, StreamError
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.descent import Descent

CREATED = "timestamp_created"
LOWEST, HIGHEST = "min_timestamp_created", "max_timestamp_created"
SECOND = timedelta(seconds=1)  # whether bounds are inclusive is unknown, and so is how exactly a server compares
MILLISECOND = timedelta(milliseconds=1)  # the precision of the API's instants
WIDER = (timedelta(days=1), timedelta(days=30), None)  # where to ask from if nothing is shown; None: from the newest
# of a page behind a cursor: deep ones have been seen to fail (reference, section 1.4), and time is a way around them
A_FEW_TRIES = replace(DEFAULT_RETRY, tries=3)


@dataclass(frozen=True, slots=True)
class Part:
    """One page, and `timestamp_created` of its records, newest first; without those that have none or a future one."""

    page: Page
    instants: Sequence[datetime]

    @property
    def goes_on(self) -> bool:
        """Whether the page has a cursor."""
        return self.page.next_cursor is not None


@dataclass(slots=True)
class _Answer:
    """What a question from `asked_from` on has shown: anything at all, any full page, and the size of the last page."""

    asked_from: datetime | None
    has_shown: bool = False
    was_full: bool = False
    last: int = 0


class NewestFirst:
    """One range of a list, from `high` (None: the newest record) down to `low`.

    `high` is the instant of a record that is known. A record from after `now` shows nothing: what comes next is older.
    `is_end_seen` becomes true once the list has shown that nothing
    older is left in the range.
    """

    def __init__(
        self, client: ApiClient, stream: Stream, params: Mapping[str, str], *, low: datetime, high: datetime | None,
        now: datetime,
    ) -> None:  # fmt: skip
        self.is_end_seen = False
        self._now = now
        self._client, self._stream, self._path = client, stream, stream.path
        self._params = {**params, "sort_order": "desc", LOWEST: as_text(low - SECOND)}
        self._known = high  # the oldest record known; everything between it and `high` was seen
        self._from = high  # where the next question begins
        self._edge = SECOND
        self._wider = list(WIDER)

    async def parts(self) -> AsyncGenerator[Part]:
        """The pages; some repeat records of earlier ones.

        StreamError if a page cannot be read, or the list is not in order. It ends without `is_end_seen` if the list
        shows nothing where there should be a record.
        """
        goes_on = True
        while goes_on:
            answer = _Answer(self._from)
            try:
                async with aclosing(self._question()) as pages:
                    async for page in pages:
                        part = Part(page, self._instants(page))
                        if not self._note(answer, part):
                            break
                        yield part
            except (BadRequest, NotFound, Exhausted) as error:
                if self._from == answer.asked_from or not is_about_the_page(error):
                    raise
                continue
            goes_on = self._ask_on(answer)

    def _note(self, answer: _Answer, part: Part) -> bool:
        """Note a page; False if what the question asked for is not in it: the record it began with, or a newer one."""
        answer.last = len(part.page.items) + part.page.dropped
        answer.was_full = answer.was_full or answer.last >= PAGE_SIZE
        if not part.instants:
            return True
        if not answer.has_shown and answer.asked_from and self._known and part.instants[0] < self._known:
            return False
        answer.has_shown = True
        self._from = min(part.instants[-1], self._from or part.instants[-1])
        self._known = min(part.instants[-1], self._known or part.instants[-1])
        return True

    def _ask_on(self, answer: _Answer) -> bool:
        """Whether to ask again after a question whose pages have ended, and from where."""
        if not answer.has_shown:
            return answer.asked_from is not None and self._ask_wider(answer.asked_from)
        if self._from != answer.asked_from:
            self._edge = SECOND
            return True
        if self._edge == SECOND and answer.was_full:  # many of one second: the last page may be a lost cursor's
            self._edge = MILLISECOND
            return True
        if answer.last >= PAGE_SIZE:
            raise StreamError(
                f"{self._path} shows {PAGE_SIZE} e-mails of one instant and no cursor, so older ones cannot be "
                "reached. What was read is kept; the next sync tries again."
            )
        self.is_end_seen = True
        return False

    def _ask_wider(self, asked_from: datetime) -> bool:
        """Whether to ask again from further up, after a question that has not shown the record it began with."""
        if not self._wider:
            return False
        wider = self._wider.pop(0)
        self._from = None if wider is None else asked_from + wider
        return True

    async def _question(self) -> AsyncGenerator[Page]:
        """The pages of one question, as far as its cursors lead.

        If the first page fails it is asked for in smaller sizes; the question then ends after as many records as a page
        has, so that the next one is asked in the usual size.
        """
        high = self._from
        params = self._params if high is None else {**self._params, HIGHEST: as_text(high + self._edge)}
        page, size = await self._first_page(params)
        count, empty = 0, 0
        seen: set[str | None] = {None}
        while True:
            yield page
            count += len(page.items)
            empty = 0 if page.items else empty + 1
            cursor = page.next_cursor or self._guessed_cursor(page)
            if cursor in seen or empty > MAX_EMPTY_PAGES or (size < PAGE_SIZE <= count):
                return
            seen.add(cursor)
            page = await self._page(params, cursor, size, A_FEW_TRIES)

    def _guessed_cursor(self, page: Page) -> str | None:
        """The cursor for what follows a full page without one, where time cannot tell: all of it is of one instant."""
        is_doubtful = self._edge == MILLISECOND and len(page.items) >= PAGE_SIZE
        return self._stream.cursor_of(page.items[-1]) if is_doubtful else None

    async def _first_page(self, params: Mapping[str, str]) -> tuple[Page, int]:
        """The page and the size it was requested with."""
        for size in SIZES[:-1]:
            try:
                return await self._page(params, None, size), size
            except Exhausted as error:
                if not is_about_the_page(error):
                    raise
        return await self._page(params, None, SIZES[-1]), SIZES[-1]

    async def _page(
        self, params: Mapping[str, str], cursor: str | None, size: int, retry: RetryPolicy | None = None
    ) -> Page:
        return await self._client.page("GET", self._path, params=params, cursor=cursor, size=size, retry=retry)

    def _instants(self, page: Page) -> list[datetime]:
        descent = Descent(CREATED, now=self._now)  # of one page: the next question begins further up again
        found = descent.take(page.items)
        if not descent.is_sorted:
            raise StreamError(
                f"{self._path} does not list the newest first, so what is missing cannot be told. What was read "
                "before is kept."
            )
        return found


def as_text(at: datetime) -> str:
    """An instant as the API writes it: `2026-03-05T23:10:00.557Z`."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
