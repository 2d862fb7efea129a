"""What an endpoint takes in one question: how many days or accounts, dates in which form, and accounts it refuses.

Nobody says so beforehand, and it changes: a year of days was answered in 2025, more than 31 were refused in August 2026
(reference, section 6.3). What refusals taught is remembered for a while, per workspace and endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.streams.model import Stream

REMEMBERED = timedelta(days=7)  # then the whole is asked for again, which costs a few refused requests


class Dates(StrEnum):
    """How the first and the last day of a question are written."""

    INSTANTS = "instants"  # the first and the last millisecond
    PLAIN = "plain"  # dates without a time


@dataclass(frozen=True, slots=True)
class Learned:
    """The checkpoint of an endpoint: the most it took at once and in which form (None: as it was asked first), and
    since when that is known."""

    most: int | None
    form: Dates | None
    since: date

    @classmethod
    def read(cls, found: dict[str, Any], today: date) -> Learned:
        """What was written by `as_json` a short while ago; nothing learned where it is anything else."""
        with suppress(KeyError, TypeError, ValueError):
            most, form, since = found["most"], found["form"], date.fromisoformat(found["since"])
            if is_recent(since, today) and (most is None or (isinstance(most, int) and most > 0)):
                return cls(most, Dates(form) if form else None, since)
        return cls(None, None, today)

    def as_json(self) -> dict[str, Any]:
        """As it lies in the lake."""
        return {"most": self.most, "form": self.form, "since": self.since.isoformat()}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a question is about: `sizes` are how many to ask for where more were refused, the largest first.

    So many refused one by one in a row, and the last one as well, say that all between them are: `tries` as long as
    nothing was answered, `in_a_row` later on.
    """

    sizes: tuple[int, ...]  # below them, halves
    tries: int
    in_a_row: int


# What makes days refused, other than their number, begins at one end of them: too long ago, not over yet. Any account
# may be refused, and says nothing about the others: of all of a batch it is believed where nothing is answered.
# 31 days were reported of the live API; 28 are within every limit that counts months, their halves those of weeks.
DAYS = Kind(sizes=(31, 28), tries=1, in_a_row=7)
ACCOUNTS = Kind(sizes=(), tries=3, in_a_row=100)


def of_endpoint(stream: Stream, what: str) -> str:
    """The name of the checkpoint of what the endpoint of a stream takes; streams of one endpoint share it."""
    return f"asking.{stream.path.removeprefix('/api/v2/').replace('/', '.')}.{what}"


class Limits:
    """What one endpoint takes, as far as this run and those before it know; never more than `most` is asked for."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        name: str,
        today: date,
        kind: Kind,
        *,
        most: int | None = None,
        form: Dates = Dates.PLAIN,
    ) -> None:
        self.kind = kind
        self.was_answered = False  # anything, in this run
        self._checkpoints, self._name, self._today, self._most, self._form = checkpoints, name, today, most, form
        self._learned = Learned.read(checkpoints.read(name), today)

    def at_most(self, count: int) -> int:
        """How many of `count` things to ask for at once."""
        return min(most for most in (count, self._most, self._learned.most) if most is not None)

    def questions(self, count: int) -> int:
        """How many questions so many things take."""
        return -(-count // self.at_most(count)) if count else 0

    @property
    def form(self) -> Dates:
        """The form in which to ask."""
        return self._learned.form or self._form

    def learn(self, *, most: int | None = None, form: Dates | None = None) -> None:
        """So many were answered where more were refused, or this form was where the other one was."""
        self._learned = Learned(most or self._learned.most, form or self._learned.form, self._today)
        self._checkpoints.write(self._name, self._learned.as_json())


class LeftOut:
    """The accounts that an endpoint refuses whatever is asked of them, and since when; a checkpoint.

    They are asked for again, each alone, when that is a while ago.
    """

    def __init__(self, checkpoints: Checkpoints, name: str, today: date, *, full: bool) -> None:
        self._checkpoints, self._name, self._today = checkpoints, name, today
        self._since: dict[str, date] = {}
        for account, since in checkpoints.read(name).items():
            with suppress(TypeError, ValueError):
                self._since[account] = date.fromisoformat(since)
        self.known = frozenset(self._since)  # when the run began
        self.resting = frozenset(one for one in self.known if not full and is_recent(self._since[one], today))

    def add(self, accounts: Iterable[str]) -> None:
        """These were refused; `save` makes it last."""
        self._since.update(dict.fromkeys(accounts, self._today))

    def forget(self, account: str) -> None:
        """It was answered."""
        self._since.pop(account, None)

    def among(self, accounts: Iterable[str]) -> int:
        """How many of these are left out now."""
        return sum(account in self._since for account in accounts)

    def save(self) -> None:
        """Write the checkpoint."""
        if self._since or self.known:
            self._checkpoints.write(self._name, {account: since.isoformat() for account, since in self._since.items()})


def is_recent(since: date, today: date) -> bool:
    """Whether what was learned on a day still holds."""
    return timedelta(0) <= today - since < REMEMBERED
