"""How an endpoint wants its questions put: how many days or accounts at once, and its dates in which form.

Nobody says so beforehand, and it changes: a year of days was answered in 2025, more than 31 were refused in August 2026
(reference, section 6.3). What refusals taught is remembered for a while, per workspace and endpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from instantly_pipeline.lake.state import States

REMEMBERED = timedelta(days=7)  # then more is asked for again, which costs a few refused requests
STRETCHES = (31, 30, 14, 7, 3, 1)  # days: those reported of the live API, a month, two weeks, a week, ..., a day


class Dates(StrEnum):
    """How the first and the last day of a question are written."""

    INSTANTS = "instants"  # the first and the last millisecond
    PLAIN = "plain"  # dates without a time


@dataclass(frozen=True, slots=True)
class Learned:
    """The checkpoint of an endpoint: the most it took at once (None: whatever was asked for), in which form, and since
    when that is known."""

    most: int | None
    form: str | None
    since: date

    @classmethod
    def read(cls, found: dict[str, Any]) -> Learned | None:
        """What was written by `as_json`; None for anything else."""
        with suppress(KeyError, TypeError, ValueError):
            most, form = found["most"], found["form"]
            if (most is None or (isinstance(most, int) and most > 0)) and (form is None or isinstance(form, str)):
                return cls(most, form, date.fromisoformat(found["since"]))
        return None

    def as_json(self) -> dict[str, Any]:
        """As it lies in the lake."""
        return {"most": self.most, "form": self.form, "since": self.since.isoformat()}


class Manner:
    """How one endpoint wants questions about many things put, as far as this run and those before it know.

    `forms` are the ways to write a question, the wanted one first; `smaller` says how many to ask for where a number
    is too many, `most` how many are never exceeded. `in_order` says that what is asked for must stay together: days.
    """

    def __init__(
        self,
        states: States,
        name: str,
        today: date,
        *,
        smaller: Callable[[int], int],
        most: int | None = None,
        forms: tuple[str, ...] = ("",),
        in_order: bool = False,
    ) -> None:
        self.smaller = smaller
        self.in_order = in_order
        self.proven = 0  # so many at once were answered in this run
        self.gave_up = False  # a question in this run was refused in whatever way it was put
        self.unproven = asyncio.Lock()  # held by whoever asks for more than that, so that one question finds out
        self._states, self._name, self._today = states, name, today
        self._limit = most
        self._forms = forms
        learned = Learned.read(states.read(name))
        self._learned = learned if learned and is_recent(learned.since, today) else None

    def at_most(self, count: int) -> int:
        """How many of `count` things to ask for at once."""
        learned = self._learned.most if self._learned else None
        return min([count, *(most for most in (self._limit, learned) if most is not None)])

    def questions(self, count: int) -> int:
        """How many questions so many things take."""
        return -(-count // self.at_most(count)) if count else 0

    @property
    def form(self) -> str:
        """The form in which to ask."""
        learned = self._learned.form if self._learned else None
        return learned if learned in self._forms else self._forms[0]

    def other_forms(self) -> tuple[str, ...]:
        """Forms worth a try where a question is refused: none once one was answered in this run."""
        return () if self.proven else tuple(form for form in self._forms if form != self.form)

    def was_answered(self, count: int) -> None:
        """So many at once were answered."""
        self.proven = max(self.proven, count)

    def takes(self, form: str) -> None:
        """This form was answered where the other was refused."""
        self._learn(self._learned.most if self._learned else None, form)

    def takes_at_most(self, most: int, *, not_: int) -> None:
        """So many were answered, part by part, where `not_` at once were refused and never answered in this run."""
        if self.proven < not_:
            self._learn(most, self._learned.form if self._learned else None)

    def _learn(self, most: int | None, form: str | None) -> None:
        self._learned = Learned(most, form, self._today)
        self._states.write(self._name, self._learned.as_json())


class LeftOut:
    """The accounts that an endpoint refuses whatever is asked of them; a checkpoint.

    They are asked for again, each alone, when that is a while ago.
    """

    def __init__(self, states: States, name: str, today: date, *, full: bool) -> None:
        self._states, self._name, self._today = states, name, today
        self._since: dict[str, str] = {}
        self._now: set[str] = set()
        for account, since in states.read(name).items():
            with suppress(TypeError, ValueError):
                self._since[account] = date.fromisoformat(since).isoformat()
        self.known = frozenset(self._since)
        recent = (name for name, since in self._since.items() if is_recent(date.fromisoformat(since), today))
        self.resting: frozenset[str] = frozenset() if full else frozenset(recent)

    def update(self, accounts: Iterable[str]) -> None:
        """These were refused; `save` makes it last."""
        for account in accounts:
            self._since[account] = self._today.isoformat()
            self._now.add(account)

    def is_refused_now(self, account: str) -> bool:
        """Whether it was refused in this run."""
        return account in self._now

    def forget(self, account: str) -> None:
        """It was answered."""
        self._since.pop(account, None)

    def among(self, accounts: Iterable[str]) -> int:
        """How many of these are left out now."""
        return sum(account in self._since for account in accounts)

    def save(self) -> None:
        """Write the checkpoint."""
        if self._since or self.known:
            self._states.write(self._name, self._since)


def is_recent(since: date, today: date) -> bool:
    """Whether what was learned on a day still holds."""
    return timedelta(0) <= today - since < REMEMBERED


def fewer_days(count: int) -> int:
    """The next shorter stretch."""
    return next(days for days in STRETCHES if days < count or days == 1)


def half(count: int) -> int:
    """Half as many."""
    return max(count // 2, 1)
