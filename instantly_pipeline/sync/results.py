"""What a sync is asked to do, what it says while it runs, and what it says at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from instantly_pipeline.lake.change_log import Appended


@dataclass(frozen=True, slots=True)
class Request:
    """What to sync. None means all streams, all workspaces."""

    streams: tuple[str, ...] | None = None
    workspaces: tuple[str, ...] | None = None
    full: bool = False
    accept_deletes: bool = False


class Outcome(StrEnum):
    """How a stream or a workspace ended."""

    OK = "ok"
    PARTIAL = "partial"  # good as far as it went; the next run goes on
    HELD = "held"  # read, but suspicious deletions were not carried out
    SKIPPED = "skipped"  # the key or the plan does not allow it
    FAILED = "failed"


FINE = (Outcome.OK, Outcome.PARTIAL)  # read as far as it should be


@dataclass(frozen=True, slots=True)
class Cost:
    """What one stream will ask for: `requests`, or about so many, within `low` and `high`; retries come on top."""

    stream: str
    requests: int
    why: str
    low: int
    high: int

    @property
    def is_estimate(self) -> bool:
        """Whether it cannot be known yet."""
        return self.low != self.high


@dataclass(frozen=True, slots=True)
class Plan:
    """What one workspace will ask for; `asked` is what it took to find out, `per_minute` the rate to reckon with."""

    costs: tuple[Cost, ...]
    asked: int
    per_minute: float

    @property
    def total(self) -> Cost:
        """All streams together."""
        requests, low, high = (sum(getattr(cost, name) for cost in self.costs) for name in ("requests", "low", "high"))
        return Cost("all", requests, "", low, high)

    def of(self, stream: str) -> int | None:
        """The requests of one stream; None where it is not in the plan."""
        return next((cost.requests for cost in self.costs if cost.stream == stream), None)

    def minutes(self, requests: int) -> float:
        """How long so many requests take at the rate."""
        return requests / self.per_minute


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
    put_aside: Counter[str] = field(default_factory=Counter)  # records that became no rows, by why
    misfits: int = 0  # values that did not fit their column and were kept in `extra`

    @property
    def aside(self) -> str:
        """What was read and is not where one would look for it, in words; empty where all is."""
        why = ", ".join(
            reason if len(self.put_aside) == 1 else f"{n:,} {reason}" for reason, n in self.put_aside.items()
        )
        records = [f"{self.put_aside.total():,} put aside: {why}"] if why else []
        values = [f"{self.misfits:,} values did not fit and are in extra"] if self.misfits else []
        return f"{', '.join([*records, *values])} (see meta.quarantine)" if records or values else ""

    def end_partial(self, reason: str) -> None:
        """End as partial: something is left for later. What ended worse stays so."""
        if self.outcome is Outcome.OK:
            self.outcome = Outcome.PARTIAL
        self.reason = f"{self.reason}; {reason}" if self.reason else reason


@dataclass(slots=True)
class WorkspaceResult:
    """One workspace in one run; `workspace_id` is None where it could not be found out."""

    name: str
    workspace_id: str | None
    outcome: Outcome
    reason: str | None = None
    streams: list[StreamResult] = field(default_factory=list)
    requests: int = 0
    retries: int = 0
    responses_429: int = 0
    plan: Plan | None = None
    clock: str | None = None  # what is to be said about the machine's clock


@dataclass(slots=True)
class SyncReport:
    """The whole run; `accepted` are the streams whose deletions the user has accepted in words."""

    run_id: str
    started_at: datetime
    ended_at: datetime
    workspaces: list[WorkspaceResult]
    accepted: frozenset[str] = frozenset()

    @property
    def exit_code(self) -> int:
        """0 all well, 1 nothing could be read, 3 something was skipped, failed or held."""
        if self.workspaces and all(w.outcome is Outcome.FAILED for w in self.workspaces):
            return 1
        ends = [w.outcome for w in self.workspaces] + [s.outcome for w in self.workspaces for s in w.streams]
        return 0 if all(end in FINE for end in ends) else 3


@dataclass(frozen=True, slots=True)
class Event:
    """Something to show while a sync runs; `total` is in the stream's own unit and None where it is not known.

    `spent` is a workspace's: `done` of about `total` requests were made.
    """

    kind: str  # `say`, `start`, `progress`, `end`, `spent`
    workspace: str
    stream: str | None = None
    text: str = ""
    rows: int = 0
    done: int = 0
    total: int | None = None
    outcome: Outcome | None = None


OnEvent = Callable[[Event], None]


def silent(_: Event) -> None:
    """Show nothing."""
