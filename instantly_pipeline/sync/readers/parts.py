"""Putting one question about many things (the days of a range, accounts) so that the server answers it.

A question is refused because it is too large, because it is put in a form the server does not take, because of one of
the things it names, or for something that has nothing to do with any of this. One of its things asked for alone tells
the last case from the others. Then fewer are asked for at once, until what was refused is either answered part by part,
which shows how much is too much, or comes down to one thing, which is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from instantly_pipeline.errors import (
    BadRequest,
    Fatal,
    Forbidden,
    NotFound,
    PipelineError,
    StreamError,
    TooLarge,
    WorkspaceError,
)
from instantly_pipeline.sync.manner import Manner

_Item = TypeVar("_Item")
_Got = TypeVar("_Got")

OF_DAYS: tuple[type[StreamError], ...] = (BadRequest, TooLarge)  # 404 says that whose days they are is gone
OF_ACCOUNTS: tuple[type[StreamError], ...] = (BadRequest, TooLarge, NotFound)


@dataclass(frozen=True, slots=True)
class Refused:
    """Instead of an answer: this was refused, and others like it were answered."""

    error: StreamError


@dataclass(frozen=True, slots=True)
class Answer(Generic[_Item, _Got]):
    """What was asked for, when, and what came: the answer, or the error that concerns this item alone."""

    item: _Item
    asked_at: datetime
    got: _Got | Refused | PipelineError


async def attempt(asked: Awaitable[_Got]) -> _Got | PipelineError:
    """What comes, or the error it ends in; one that concerns more than this question is raised."""
    try:
        return await asked
    except (Fatal, WorkspaceError, Forbidden):
        raise
    except PipelineError as error:
        return error


async def in_parts(
    manner: Manner,
    items: Sequence[_Item],
    ask: Callable[[Sequence[_Item], str], Awaitable[_Got]],
    *,
    refusals: tuple[type[StreamError], ...],
    now: Callable[[], datetime],
    is_known: Callable[[], bool] = lambda: False,
) -> AsyncGenerator[Answer[Sequence[_Item], _Got]]:
    """Ask for `items` in as few questions as the server takes; each part with its answer or its error.

    `ask` gets some of them and the form in which to ask. `refusals` are the errors that may mean any of the cases
    above. `is_known` says whether others like these are answered in this run: then it is these that are refused.
    Of several that ask for more than was answered in this run, one asks and the others wait for what it finds out.
    """
    question = _Question(manner, items, ask, refusals, now, is_known)
    turn = _Turn(manner.unproven)
    try:
        while question.rest:
            if question.is_to_be_alone():
                await turn.take()
            if not question.is_to_be_alone():  # it may have waited, and somebody else found out
                turn.leave()
            if (answer := await question.step()) is not None:
                yield answer
    finally:
        turn.leave()


class _Turn:
    """A place at the lock of an endpoint."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._has_it = False

    async def take(self) -> None:
        if not self._has_it:
            await self._lock.acquire()
            self._has_it = True

    def leave(self) -> None:
        if self._has_it:
            self._lock.release()
            self._has_it = False


class _Question(Generic[_Item, _Got]):
    """What is left of a question, and what its refusals say so far."""

    def __init__(
        self,
        manner: Manner,
        items: Sequence[_Item],
        ask: Callable[[Sequence[_Item], str], Awaitable[_Got]],
        refusals: tuple[type[StreamError], ...],
        now: Callable[[], datetime],
        is_known: Callable[[], bool],
    ) -> None:
        self.manner = manner
        self.rest = list(items)
        self._ask, self._refusals, self._now, self._is_known = ask, refusals, now, is_known
        self._others_were_answered = False
        self._forget_doubt()

    def _forget_doubt(self) -> None:
        """Begin anew with what is left."""
        self._size: int | None = None  # of the parts; None: all that is left
        self._too_much: int | None = None  # so many were refused and are not explained yet,
        self._until = 0  # which they are when no more than so many are left
        self._fits = 0  # the largest part of them that was answered
        self._is_answered = False  # something was, since the question was begun anew

    def is_to_be_alone(self) -> bool:
        """Whether it is still to be found out how such questions want to be put."""
        in_doubt = not self._is_answered or self._too_much is not None
        return in_doubt and max(self._wanted(), self._too_much or 0) > self.manner.proven

    def _wanted(self) -> int:
        """How many to ask for at once."""
        return self.manner.at_most(min(self._size or len(self.rest), len(self.rest)))

    async def step(self) -> Answer[Sequence[_Item], _Got] | None:
        """Ask once. None where it was too much."""
        part, at = self.rest[: self._wanted()], self._now()
        got = await attempt(self._ask(part, self.manner.form))
        if not isinstance(got, self._refusals):
            return self._pass(part, at, got)
        if not self._is_answered:
            return await self._find_out(part, at, got)
        if len(part) == 1:
            return self._leave_out(part, at, got)
        self._is_too_much(part)
        return None

    def _pass(self, part: Sequence[_Item], at: datetime, got: _Got | PipelineError) -> Answer[Sequence[_Item], _Got]:
        """Go on behind a part that was answered, or failed for another reason."""
        if not isinstance(got, PipelineError):
            self._is_answered = self._others_were_answered = True
            self._fits = max(self._fits, len(part))
            self.manner.was_answered(len(part))
        del self.rest[: len(part)]
        if self._too_much is not None and len(self.rest) <= self._until:
            if self._fits:
                self.manner.takes_at_most(self._fits, not_=self._too_much)
            self._too_much = None
        return Answer(part, at, got)

    def _is_too_much(self, part: Sequence[_Item]) -> None:
        """Ask for fewer; when all of these have been answered, it was for their number."""
        self._too_much, self._until, self._fits = len(part), len(self.rest) - len(part), 0
        self._size = self.manner.smaller(len(part))

    def _leave_out(self, part: Sequence[_Item], at: datetime, error: StreamError) -> Answer[Sequence[_Item], _Got]:
        """Go on without some that were refused: they explain every refusal so far."""
        self.rest = [item for item in self.rest if item not in part]
        self._others_were_answered = True
        self._forget_doubt()
        return Answer(part, at, Refused(error))

    async def _find_out(
        self, part: Sequence[_Item], at: datetime, error: StreamError
    ) -> Answer[Sequence[_Item], _Got] | None:
        """The first refusal: whether one of those left is answered alone.

        Of days both ends are tried: what else makes a range refused (too old, not over yet) begins at one of them. Of
        others as many as halving would take to find one, spread over them all.
        """
        first = self.rest[:1]
        for form in ([self.manner.form] if len(part) > 1 else []) + [*self.manner.other_forms()]:
            at, got = self._now(), await attempt(self._ask(first, form))
            if not isinstance(got, PipelineError):
                return self._begin_with(part, at, got, form)
        refused = [*first]
        for item in self.rest[:0:-1][:1] if self.manner.in_order else _spread(self.rest):
            got = await attempt(self._ask([item], self.manner.form))
            if not isinstance(got, PipelineError):
                self.manner.was_answered(1)
                return self._leave_out(first if self.manner.in_order else refused, at, error)
            refused.append(item)
        return self._give_up(refused, at, error)

    def _begin_with(self, part: Sequence[_Item], at: datetime, got: _Got, form: str) -> Answer[Sequence[_Item], _Got]:
        """One was answered alone; the others go on in its form, or in fewer at once."""
        if form != self.manner.form:
            self.manner.takes(form)
        else:
            self._is_too_much(part)
        answer = self._pass(self.rest[:1], at, got)
        self._fits = 0
        return answer

    def _give_up(self, refused: Sequence[_Item], at: datetime, error: StreamError) -> Answer[Sequence[_Item], _Got]:
        """None of those that were tried is answered."""
        known = self._others_were_answered or self._is_known()
        self.manner.gave_up = self.manner.gave_up or not known
        if self.manner.in_order or not known:
            rest, self.rest = self.rest, []
            return Answer(rest, at, Refused(error) if known else error)
        return self._leave_out(refused, at, error)


def _spread(items: Sequence[_Item]) -> list[_Item]:
    """Some of the items behind the first, the last one foremost; of two that is the other, of a hundred six."""
    count = len(items).bit_length() - 1
    places = sorted({round(place * (len(items) - 1) / count) for place in range(1, count + 1)}, reverse=True)
    return [items[place] for place in places if place > 0]
