"""What an endpoint accepts in one request: how many days or accounts, which date format, and accounts it refuses.
And whether it includes the last one of the days.

These limits are not documented and they change: a year of days was accepted in 2025, more than 31 were refused in
August 2026 (reference, section 6.3). What is learned from refusals is kept for a week, per workspace and endpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.streams.model import Stream

REMEMBERED = timedelta(days=7)  # then everything is requested again, which costs a few refused requests


class Dates(StrEnum):
    """The format of the first and the last day in a request."""

    INSTANTS = "instants"  # timestamps: the first and the last millisecond
    PLAIN = "plain"  # dates without a time


@dataclass(frozen=True, slots=True)
class Learned:
    """The checkpoint of an endpoint: the most it accepted at once, in which date format (None: the default), whether it
    includes a plain end date (None: not known), and since when that is known."""

    most: int | None
    form: Dates | None
    since: date
    end_included: bool | None = None

    @classmethod
    def read(cls, found: dict[str, Any], today: date) -> Learned:
        """From what `as_json` wrote; nothing learned if that is too old or invalid."""
        with suppress(KeyError, TypeError, ValueError):
            most, form, since = found["most"], found["form"], date.fromisoformat(found["since"])
            if is_recent(since, today) and (most is None or (isinstance(most, int) and most > 0)):
                end = found.get("end_included")
                return cls(most, Dates(form) if form else None, since, end if isinstance(end, bool) else None)
        return cls(None, None, today)

    def as_json(self) -> dict[str, Any]:
        """As it is stored in the checkpoint."""
        found = {"most": self.most, "form": self.form, "since": self.since.isoformat()}
        return found if self.end_included is None else found | {"end_included": self.end_included}


@dataclass(frozen=True, slots=True)
class Kind:
    """How to split a refused request: `sizes` are tried first, in descending order, then halves.

    If so many in a row are refused one by one, and the last one too, all in between count as refused: `tries` as long
    as nothing was answered, `in_a_row` after that.
    """

    sizes: tuple[int, ...]
    tries: int
    in_a_row: int


# Days that are refused, other than for their number, lie at one end of a range: too old, or not over yet. Any account
# may be refused, which says nothing about the others, so a whole batch counts as refused only if nothing is answered.
# The live API was reported to accept 31 days; 28 are within any limit of a month, and its halves are whole weeks.
DAYS = Kind(sizes=(31, 28), tries=1, in_a_row=7)
ACCOUNTS = Kind(sizes=(), tries=3, in_a_row=100)


def of_endpoint(stream: Stream, what: str) -> str:
    """The name of a checkpoint about the endpoint of a stream; streams of one endpoint share it."""
    return f"asking.{stream.path.removeprefix('/api/v2/').replace('/', '.')}.{what}"


class Limits:
    """What one endpoint accepts, as far as this and earlier runs know; never more than `most`."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        name: str,
        today: date,
        kind: Kind,
        *,
        most: int | None = None,
        form: Dates = Dates.PLAIN,
        end_included: bool | None = None,
    ) -> None:
        self.kind = kind
        self.was_answered = False  # any request, in this run
        self.finding_end = asyncio.Lock()
        self.was_end_sought = False  # in this run
        self.without_last = 0  # answers of this run in which the last day is missing
        self._end_included = end_included
        self._checkpoints, self._name, self._today, self._most, self._form = checkpoints, name, today, most, form
        self._learned = Learned.read(checkpoints.read(name), today)

    def at_most(self, count: int) -> int:
        """How many of `count` items to request at once."""
        return min(most for most in (count, self._most, self._learned.most) if most is not None)

    def requests_for(self, count: int) -> int:
        """How many requests `count` items take."""
        return -(-count // self.at_most(count)) if count else 0

    @property
    def form(self) -> Dates:
        """The date format to use."""
        return self._learned.form or self._form

    @property
    def end_included(self) -> bool | None:
        """Whether a plain end date is part of its range; None if that is not known."""
        return self._learned.end_included if self._end_included is None else self._end_included

    def learn(self, *, most: int | None = None, form: Dates | None = None, end_included: bool | None = None) -> None:
        """Store that `most` items were accepted where more were refused, `form` where the other one was refused, or
        whether ends are included."""
        before = self._learned
        end = before.end_included if end_included is None else end_included
        self._learned = Learned(most or before.most, form or before.form, self._today, end)
        self._checkpoints.write(self._name, self._learned.as_json())


class RefusedAccounts:
    """A checkpoint: the accounts that an endpoint refuses in any request, and since when.

    After `REMEMBERED` each is requested again, on its own.
    """

    def __init__(self, checkpoints: Checkpoints, name: str, today: date, *, full: bool) -> None:
        self._checkpoints, self._name, self._today = checkpoints, name, today
        self._since: dict[str, date] = {}
        for account, since in checkpoints.read(name).items():
            with suppress(TypeError, ValueError):
                self._since[account] = date.fromisoformat(since)
        self.known = frozenset(self._since)  # when the run began
        self.skipped = frozenset(one for one in self.known if not full and is_recent(self._since[one], today))

    def add(self, accounts: Iterable[str]) -> None:
        """Add refused accounts; `save` writes them."""
        self._since.update(dict.fromkeys(accounts, self._today))

    def forget(self, account: str) -> None:
        """Remove an account that was answered."""
        self._since.pop(account, None)

    def count(self, accounts: Iterable[str]) -> int:
        """How many of these accounts are refused."""
        return sum(account in self._since for account in accounts)

    def save(self) -> None:
        """Write the checkpoint."""
        if self._since or self.known:
            self._checkpoints.write(self._name, {account: since.isoformat() for account, since in self._since.items()})


def is_recent(since: date, today: date) -> bool:
    """Whether what was learned on the day `since` still counts."""
    return timedelta(0) <= today - since < REMEMBERED
