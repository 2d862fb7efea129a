"""The request, the events and the results of a sync."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from instantly_pipeline.lake.change_log import Appended


@dataclass(frozen=True, slots=True)
class Request:
    """What to sync, by names of streams and groups. None means the streams of the settings, all workspaces."""

    streams: tuple[str, ...] | None = None
    workspaces: tuple[str, ...] | None = None
    full: bool = False
    accept_deletes: bool = False


class Outcome(StrEnum):
    """How a stream or a workspace ended."""

    OK = "ok"
    PARTIAL = "partial"  # read without errors, but not everything; the next run continues
    HELD = "held"  # read, but suspicious deletions were not carried out
    SKIPPED = "skipped"  # the key or the plan does not allow it
    FAILED = "failed"


FINE = (Outcome.OK, Outcome.PARTIAL)  # nothing for the user to do


@dataclass(frozen=True, slots=True)
class Cost:
    """The requests of one stream, without retries: exactly `requests`, or about as many, within `low` and `high`.

    `per_minute` is the expected rate of a stream whose path the API limits by itself.
    """

    stream: str
    requests: int
    why: str
    low: int
    high: int
    per_minute: float | None = None

    @property
    def is_estimate(self) -> bool:
        """Whether the exact number is unknown."""
        return self.low != self.high


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of one workspace; `asked` is how many the plan itself made, `per_minute` the expected rate."""

    costs: tuple[Cost, ...]
    asked: int
    per_minute: float

    @property
    def total(self) -> Cost:
        """All streams together."""
        requests, low, high = (sum(getattr(cost, name) for cost in self.costs) for name in ("requests", "low", "high"))
        return Cost("all", requests, "", low, high)

    def of(self, stream: str) -> int | None:
        """The requests of one stream; None if it is not in the plan."""
        return next((cost.requests for cost in self.costs if cost.stream == stream), None)

    def minutes(self, cost: Cost | None = None) -> float:
        """How long a stream takes at its expected rate; without one the whole run: streams are read side by side."""
        if cost is not None:
            return cost.requests / (cost.per_minute or self.per_minute)
        return max([self.total.requests / self.per_minute, *(self.minutes(cost) for cost in self.costs)])


@dataclass(slots=True)
class StreamResult:
    """One stream of one workspace in one run."""

    workspace_id: str
    workspace: str
    stream: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome = Outcome.OK
    reason: str | None = None
    rows_read: int = 0
    changes: Appended = field(default_factory=Appended)
    requests: int = 0
    retries: int = 0
    held_deletes: int = 0
    rejected: Counter[str] = field(default_factory=Counter)  # records that were not stored as rows, by reason
    type_mismatches: int = 0  # values that did not fit their column and are stored in `extra`

    @property
    def data_issues(self) -> str:
        """Rejected records and type mismatches as one sentence; empty if there are none."""
        why = ", ".join(reason if len(self.rejected) == 1 else f"{n:,} {reason}" for reason, n in self.rejected.items())
        records = [f"rejected records: {self.rejected.total():,} ({why})"] if why else []
        values = [f"type mismatches: {self.type_mismatches:,} (stored in extra)"] if self.type_mismatches else []
        return f"{', '.join([*records, *values])}; see meta.quarantine" if records or values else ""

    def add(self, other: StreamResult) -> None:
        """Add what was read of the stream elsewhere; a worse outcome of it counts."""
        self.rows_read += other.rows_read
        self.changes += other.changes
        self.rejected += other.rejected
        self.type_mismatches += other.type_mismatches
        if other.outcome is not Outcome.OK:
            self.outcome, self.reason = other.outcome, other.reason

    def end_partial(self, reason: str) -> None:
        """End as partial: something is left for later runs. A worse outcome stays."""
        if self.outcome is Outcome.OK:
            self.outcome = Outcome.PARTIAL
        self.reason = f"{self.reason}; {reason}" if self.reason else reason


@dataclass(slots=True)
class WorkspaceResult:
    """One workspace in one run; `workspace_id` is None if it could not be identified."""

    name: str
    workspace_id: str | None
    outcome: Outcome
    reason: str | None = None
    streams: list[StreamResult] = field(default_factory=list)
    requests: int = 0
    retries: int = 0
    responses_429: int = 0
    plan: Plan | None = None
    clock: str | None = None  # a warning about this machine's clock


@dataclass(slots=True)
class SyncReport:
    """The whole run; `accepted` are the streams the user passed with --accept-deletes.

    `taken_in` counts received events that were new and of workspaces that could not be reached.
    """

    run_id: str
    started_at: datetime
    ended_at: datetime
    workspaces: list[WorkspaceResult]
    accepted: frozenset[str] = frozenset()
    taken_in: int = 0

    @property
    def exit_code(self) -> int:
        """0 success, 1 nothing could be read or taken in, 3 something was skipped, failed or held."""
        if not self.taken_in and self.workspaces and all(w.outcome is Outcome.FAILED for w in self.workspaces):
            return 1
        ends = [w.outcome for w in self.workspaces] + [s.outcome for w in self.workspaces for s in w.streams]
        return 0 if all(end in FINE for end in ends) else 3


@dataclass(frozen=True, slots=True)
class Event:
    """Something to show while a sync runs; `total` is in the stream's own unit, None if unknown.

    `spent` is about a workspace: `done` of about `total` requests were made, and the others take `at_least` so many
    seconds, because of streams whose path the API limits by itself.
    """

    kind: str  # `say`, `start`, `progress`, `end`, `spent`
    workspace: str
    stream: str | None = None
    text: str = ""
    rows: int = 0
    done: int = 0
    total: int | None = None
    outcome: Outcome | None = None
    at_least: float = 0.0


OnEvent = Callable[[Event], None]


def silent(_: Event) -> None:
    """Show nothing."""
