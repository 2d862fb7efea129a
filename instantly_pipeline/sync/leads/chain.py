"""A chain: one range of a list of leads, read page by page. Page i covers the keys after page i-1 up to its last."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from instantly_pipeline.api.bodies import Page
from instantly_pipeline.sync.leads.keyspace import CursorOrigin, KeyRange, pages_left

PACED = 8  # the last pages of a chain, which estimate its density


class OutOfOrder(Exception):
    """The API does not list by ascending id."""


@dataclass(slots=True, eq=False)
class Chain:
    """A range that is being read, or was."""

    range: KeyRange
    at: str | None = None  # read up to here
    asked: str | None = None  # the cursor of the last request
    recent: Collection[str] = ()  # the keys of the last page
    entered: bool = False  # the first page has arrived
    ended: bool = False  # no more requests
    places: deque[str] = field(default_factory=lambda: deque(maxlen=PACED + 1))  # positions after the last pages
    landed: str | None = None  # in the lake up to here
    cursor: str | None = None  # of the page after `landed`
    finished: bool = False  # all of it has landed

    def __post_init__(self) -> None:
        low = self.range.low
        self.at = self.landed = low
        self.asked = self.cursor = self.range.cursor
        if low is not None:
            self.recent = {low}
            self.places.append(low)

    @property
    def paced(self) -> int:
        """How many pages the density is known from, since the chain was last split."""
        return max(len(self.places) - 1, 0)

    @property
    def pages_left(self) -> float:
        """About how many pages are left; 0 if the density is unknown."""
        if not self.paced:
            return 0.0
        return pages_left(self.places[-1], self.range.high, since=self.places[0], pages=self.paced)

    @property
    def is_past_its_range(self) -> bool:
        """Whether everything up to the range's end was read."""
        return self.range.high is not None and self.at is not None and self.at >= self.range.high

    @property
    def left(self) -> KeyRange | None:
        """What has not landed yet; None if all has."""
        if self.finished or (self.landed is not None and self.landed == self.range.high):
            return None
        origin = self.range.origin if self.landed == self.range.low else CursorOrigin.GIVEN
        return KeyRange(self.landed, self.range.high, self.cursor, origin)

    def take(self, keys: list[str]) -> list[str]:
        """Advance to the end of a page with these keys; returns those that are in the range.

        OutOfOrder if the keys do not ascend.
        """
        low = self.range.low
        if not self.entered and self.range.origin is CursorOrigin.EARLIER and low is not None:
            keys = [key for key in keys if key > low]
        _check_order(keys, self.at, self.recent)
        self.at = max([self.at, *keys]) if self.at is not None else max(keys, default=None)
        if self.at is not None:
            self.places.append(self.at)
        self.entered, self.recent = True, set(keys)
        return keys

    def end_at(self, high: str | None) -> None:
        """Change the end of the range."""
        self.range = replace(self.range, high=high)

    def cut_at(self, high: str) -> None:
        """Let the range end at `high`, and forget its density."""
        self.end_at(high)
        while self.paced:
            self.places.popleft()

    def land(self, chunk: Chunk) -> None:
        """Note that the chunk is in the lake."""
        self.landed, self.cursor, self.finished = chunk.range.high, chunk.cursor, chunk.finished


@dataclass(slots=True)
class Chunk:
    """Consecutive pages of one chain, which cover the keys of `range`. `at_end`: they are the last of the list."""

    range: KeyRange
    asked_at: datetime
    pages: list[Page]
    keys: list[str]
    at_end: bool
    finished: bool
    cursor: str | None  # of the next page
    chain: Chain

    def join(self, following: Chunk) -> None:
        """Add the pages that follow."""
        self.range = replace(self.range, high=following.range.high)
        self.cursor, self.at_end, self.finished = following.cursor, following.at_end, following.finished
        self.pages += following.pages
        self.keys += following.keys


def _check_order(keys: list[str], after: str | None, recent: Collection[str]) -> None:
    """OutOfOrder if keys do not ascend; a row repeated on the next page is allowed."""
    last = after
    for key in keys:
        if last is not None and key < last and key not in recent:
            raise OutOfOrder
        last = key if last is None else max(last, key)
