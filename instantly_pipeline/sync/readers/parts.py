"""Requests about many items (the days of a range, accounts), split only as far as the API requires.

All items are requested at once. If that is refused, one of them is requested on its own, which shows whether the
request can be answered at all, then the others, and if these are refused, fewer of them. An item that is refused on its
own is skipped. If many in a row are, the last item of all decides whether to continue.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from instantly_pipeline.errors import BadRequest, NotFound, PipelineError, StreamError, TooLarge
from instantly_pipeline.sync.limits import Limits
from instantly_pipeline.sync.readers.fetch import Answer, Refused, attempt

_Item = TypeVar("_Item")
_Got = TypeVar("_Got")

OF_DAYS: tuple[type[StreamError], ...] = (BadRequest, TooLarge)  # 404 is about the campaign, not its days
OF_ACCOUNTS: tuple[type[StreamError], ...] = (BadRequest, TooLarge, NotFound)


@dataclass
class SplitRequest(Generic[_Item, _Got]):
    """A request about many items that can be split.

    `refusals` are the errors that may mean too many items, or a refused one among them; `is_known` says whether a
    request like this was answered in this run.
    """

    limits: Limits
    ask: Callable[[Sequence[_Item]], Awaitable[_Got]]
    refusals: tuple[type[StreamError], ...]
    now: Callable[[], datetime]
    is_known: Callable[[], bool] = lambda: False
    _is_answered: bool = False
    _refused: int = 0  # the size of the last refused part
    _answered: list[int] = field(default_factory=list)  # the sizes of the parts answered since then

    async def answers(self, items: Sequence[_Item]) -> AsyncGenerator[Answer[Sequence[_Item], _Got]]:
        """Each part with its answer or its error; Refused for items that are skipped.

        If nothing is answered, all refusals become one error about all items.
        """
        held: list[Answer[Sequence[_Item], _Got]] = []
        async with aclosing(self._parts(items)) as answers:
            async for answer in answers:
                if isinstance(answer.got, Refused) and not self._can_be_answered():
                    held.append(answer)
                    continue
                if self._can_be_answered():
                    for one in held:
                        yield one
                    held.clear()
                yield answer
        for one in held[:1]:
            if isinstance(one.got, Refused):
                yield Answer(items, one.asked_at, one.got.error)

    async def _parts(self, items: Sequence[_Item]) -> AsyncGenerator[Answer[Sequence[_Item], _Got]]:
        left, in_a_row = [items], 0  # parts left, the next one last; single items refused in a row
        while left:
            part = left.pop()
            if (most := self.limits.at_most(len(part))) < len(part):
                left += groups(part, most)[::-1]
                continue
            answer = await self._ask(part)
            if isinstance(answer.got, Refused) and len(part) > 1:
                left += self._smaller(part)[::-1]
                continue
            yield answer
            in_a_row = in_a_row + 1 if isinstance(answer.got, Refused) else 0
            rest = [item for part in left[::-1] for item in part]
            if rest and in_a_row > self._patience():
                yield Answer(rest, answer.asked_at, answer.got)
                return
            if rest and in_a_row == self._patience():  # try the last item next: it decides whether to continue
                left = [part for part in (rest[:-1], rest[-1:]) if part]

    async def _ask(self, part: Sequence[_Item]) -> Answer[Sequence[_Item], _Got]:
        at, got = self.now(), await attempt(self.ask(part))
        if isinstance(got, self.refusals):
            self._refused, self._answered = len(part), []
            return Answer(part, at, Refused(got))
        if isinstance(got, PipelineError):
            self._refused = 0
        else:
            self._is_answered = self.limits.was_answered = True
            self._learn(len(part))
        return Answer(part, at, got)

    def _learn(self, size: int) -> None:
        """If a refused part was then answered in smaller ones, the largest of these is the limit."""
        self._answered.append(size)
        if self._refused > 1 and sum(self._answered) == self._refused:
            self.limits.learn(most=max(self._answered))

    def _smaller(self, part: Sequence[_Item]) -> list[Sequence[_Item]]:
        """A refused part split: one item and the others until anything is answered, then the next smaller size."""
        if not self._can_be_answered():
            return [part[:1], part[1:]]
        half = -(-len(part) // 2)
        return groups(part, next((size for size in self.limits.kind.sizes if size < len(part)), half))

    def _patience(self) -> int:
        """How many single items may be refused in a row before the last item is tried."""
        return self.limits.kind.in_a_row if self._can_be_answered() else self.limits.kind.tries

    def _can_be_answered(self) -> bool:
        return self._is_answered or self.is_known()


def groups(items: Sequence[_Item], size: int) -> list[Sequence[_Item]]:
    """The items in groups of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]
