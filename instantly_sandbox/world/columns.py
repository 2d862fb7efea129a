"""The two tables of a workspace: leads, and the log of their events."""

from dataclasses import dataclass, fields

import numpy as np

from instantly_sandbox.world.seeded import Ints

SENT, OPENED, CLICKED, REPLIED, AUTO_REPLIED, BOUNCED, UNSUBSCRIBED, COMPLETED, INTEREST, EDITED = range(10)
KINDS = (
    "sent",
    "opened",
    "clicked",
    "replied",
    "auto_replied",
    "bounced",
    "unsubscribed",
    "completed",
    "interest",
    "edited",
)
NOBODY = -1
V4_UNTIL = 1_760_400_000_000  # 2025-10-14: the day the live API nested status_summary, one before the first v7 id


@dataclass
class Leads:
    """Columns of leads, one row each. `campaign` and `lead_list` are indexes, NOBODY for none."""

    hi: np.ndarray
    lo: np.ndarray
    created: Ints
    campaign: np.ndarray
    lead_list: np.ndarray
    account: np.ndarray
    contact: Ints
    verification: np.ndarray
    skipped: Ints  # instant at which the campaign skipped the lead
    deleted: Ints
    moved: Ints
    move_to: np.ndarray  # a campaign index, or -2 - list index

    def __len__(self) -> int:
        return len(self.created)

    @classmethod
    def join(cls, parts: "list[Leads]") -> "Leads":
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


@dataclass
class Events:
    """The log, one row per event. `at` is when it happened, `seen` when Instantly noticed (at or later)."""

    row: np.ndarray
    kind: np.ndarray
    step: np.ndarray
    variant: np.ndarray
    value: np.ndarray
    campaign: np.ndarray
    account: np.ndarray
    at: Ints
    seen: Ints

    def __len__(self) -> int:
        return len(self.at)

    def take(self, index: np.ndarray) -> "Events":
        return Events(*(getattr(self, f.name)[index] for f in fields(self)))

    def between(self, first: int, last: int) -> "Events":
        """A stretch of the log, without copying."""
        return Events(*(getattr(self, f.name)[first:last] for f in fields(self)))

    @classmethod
    def join(cls, parts: "list[Events]") -> "Events":
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


EVENT_TYPES = (np.int32, np.int8, np.int8, np.int8, np.int32, np.int16, np.int16, np.int64, np.int64)


def no_events() -> Events:
    return typed([np.zeros(0)] * len(EVENT_TYPES))


def typed(columns: list[np.ndarray]) -> Events:
    """A log of these columns in their stored types."""
    return Events(*[column.astype(t) for column, t in zip(columns, EVENT_TYPES, strict=True)])
