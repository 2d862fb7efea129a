"""Skipping leads that the API cannot return: finds where the list can be read again after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from instantly_pipeline.api.retry import RetryPolicy
from instantly_pipeline.errors import BadRequest, Exhausted, NotFound
from instantly_pipeline.sync.leads.chain import Chain
from instantly_pipeline.sync.leads.keyspace import CursorOrigin, KeyRange, between, further, id_of, next_place
from instantly_pipeline.sync.sink import Sink

MOST_PLACES = 10  # failing pages of one list that are skipped: each costs a minute of retries
TWICE = RetryPolicy(tries=2, edge_tries=2, unreached_tries=2)  # for requests that are expected to fail


class CursorProbe:
    """Tests whether the API accepts an id as a cursor. `any_id`: even one that no lead has; None if unknown."""

    def __init__(self, sink: Sink, body: Mapping[str, object], any_id: bool | None) -> None:
        self.any_id = any_id
        self._sink = sink
        self._body = body

    async def has_page_behind(self, key: str) -> bool:
        """Whether the API accepts an id as a cursor and can return the page after it."""
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


@dataclass(frozen=True, slots=True)
class Detour:
    """A chain ends at `ends_at`, and `then` is read in place of its rest. `is_gap`: leads between are skipped."""

    ends_at: str | None
    then: KeyRange | None
    is_gap: bool = True


class Detours:
    """Finds detours around the pages of one list that always fail."""

    def __init__(self, sink: Sink, cursors: CursorProbe) -> None:
        self._sink = sink
        self._cursors = cursors
        self._places = 0

    async def detour(self, chain: Chain) -> Detour | None:
        """The detour around a chain's failing page; None if there is none, or there were too many."""
        self._places += 1
        if self._places > MOST_PLACES:
            return None
        await self._learn_of_cursors(chain)
        high = chain.range.high
        if self._cursors.any_id is not False:
            following = next_place(chain.at)
            if following and await self._cursors.has_page_behind(following):  # only the cursor failed
                return Detour(chain.at, KeyRange(chain.at, high, id_of(following), CursorOrigin.GUESSED), is_gap=False)
            behind = await self._nearest_place(chain.at, high)
            if behind is not None:
                return Detour(behind, KeyRange.between(behind, high, CursorOrigin.GUESSED))
        known = await self._nearest_known(chain.at, high)
        if known is not None:
            return Detour(known, KeyRange.between(known, high))
        if high is not None and await self._cursors.has_page_behind(high):
            return Detour(high, None)
        return None

    async def _learn_of_cursors(self, chain: Chain) -> None:
        """Test whether the API accepts an id that no lead has, at a position where it has just returned a page."""
        read = chain.places[0] if chain.places and chain.places[0] != chain.at else None
        near = next_place(read) if read else None
        if self._cursors.any_id is None and near is not None:
            self._cursors.any_id = await self._cursors.has_page_behind(near)

    async def _nearest_known(self, failing: str | None, up_to: str | None) -> str | None:
        """The nearest known lead after which a page can be read, for an API that accepts no other ids."""
        known = self._sink.ctx.log(self._sink.stream.name).index.alive(failing, up_to)
        for key in sorted(known.keys() - {up_to})[:MOST_PLACES]:
            if await self._cursors.has_page_behind(key):
                return key
        return None

    async def _nearest_place(self, failing: str | None, up_to: str | None) -> str | None:
        """The nearest key after `failing` from which a page can be read; None if there is none."""
        for behind in further(failing, up_to):
            if await self._cursors.has_page_behind(behind):
                break
            failing = behind
        else:
            return None
        while (middle := between(failing, behind)) is not None:
            if await self._cursors.has_page_behind(middle):
                behind = middle
            else:
                failing = middle
        return behind
