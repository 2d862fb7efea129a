"""Which campaign-days are due to be read by step, and which were read before.

A campaign-day is due if its daily row has changed since its steps were read: figures arrived, were revised, or
disappeared. A closed day is read at most once a day. Newest days first, up to a limit per run. `--full` has no limit
and reads all days of the lookback again: meetings and wins are counted by the current status of a lead, which changes
without the daily row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import orjson

from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.index.sorted_files import IndexEntry
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context

DAILY = "daily_analytics"
OPEN_FOR = timedelta(hours=48)  # a date is open until 24 h after its UTC end
NOT_READ = "?"  # in place of the daily row's hash: 404 for a listed campaign, or the day was refused


@dataclass(frozen=True, slots=True)
class Due:
    """The campaign-days to read in this run, newest first, and how many older ones are left for later runs."""

    days: list[Day]
    left: int


@dataclass(frozen=True, slots=True)
class Day:
    """One campaign-day with the hash of its daily row; empty if the row disappeared."""

    campaign: str
    date: date
    digest: str

    @property
    def key(self) -> str:
        """The key of the daily row."""
        return orjson.dumps([self.campaign, self.date.isoformat()]).decode()


def choose_days(ctx: Context, stream: Stream) -> Due:
    """What is due, from the daily rows in the lake and the checkpoint."""
    done = StepDays(ctx.checkpoints, stream.name)
    known = ctx.log(DAILY).index.entries()
    days = [
        day
        for key, entry in known.items()
        if (day := parse_day(key, (entry.hash or "") if entry.alive else "")) and _is_due(ctx, day, entry, done)
    ]
    days.sort(key=lambda day: (day.date, day.campaign), reverse=True)
    bound = len(days) if ctx.request.full else ctx.step_requests
    return Due(days[:bound], max(len(days) - bound, 0))


@dataclass(frozen=True, slots=True)
class DayRead:
    """The hash of the daily row when the steps of a day were read, and the date of reading."""

    digest: str
    read_on: str


class StepDays:
    """Which campaign-days were read; one checkpoint per month, so each stays small."""

    def __init__(self, checkpoints: Checkpoints, stream: str) -> None:
        self._checkpoints = checkpoints
        self._prefix = f"{stream}.days."
        self._months = {name: self._checkpoints.read(name) for name in self._checkpoints.names(self._prefix)}
        self._changed: set[str] = set()

    def get(self, key: str) -> DayRead | None:
        """When and from which row a day was last read; None if never."""
        found = self._months.get(self._month(key), {}).get(key)
        return DayRead(str(found[0]), str(found[1])) if isinstance(found, list) and len(found) == 2 else None

    def put(self, key: str, digest: str, today: date) -> None:
        """Record that a day was read; `save` writes it."""
        month = self._month(key)
        self._months.setdefault(month, {})[key] = [digest, today.isoformat()]
        self._changed.add(month)

    def save(self) -> None:
        """Write the months that changed."""
        for month in self._changed:
            self._checkpoints.write(month, self._months[month])
        self._changed = set()

    def _month(self, key: str) -> str:
        return f"{self._prefix}{orjson.loads(key)[1][:7]}"


def parse_day(key: str, digest: str = "") -> Day | None:
    """The campaign-day of a daily row; None if its key is not a campaign and a date."""
    try:
        campaign, day = orjson.loads(key)
        return Day(campaign, date.fromisoformat(day), digest)
    except (TypeError, ValueError):
        return None


def _is_due(ctx: Context, day: Day, entry: IndexEntry, done: StepDays) -> bool:
    """Whether a day changed since its steps were read; a closed day that was read today waits until tomorrow."""
    windows, before = ctx.windows, done.get(day.key)
    if before is None:
        return entry.alive and entry.scope == "figures"  # a day without figures has no steps
    if entry.alive and ctx.request.full and day.date >= windows.lookback:
        return True
    return before.digest != day.digest and (is_open(day, ctx.now()) or before.read_on != windows.today.isoformat())


def is_open(day: Day, now: datetime) -> bool:
    """Whether the figures of a day may still grow."""
    return now < datetime(day.date.year, day.date.month, day.date.day, tzinfo=UTC) + OPEN_FOR
