"""Ranges of lead keys, and how a list of leads is entered where a range begins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from instantly_pipeline.sync.leads.keyspace import id_of


class CursorOrigin(StrEnum):
    """Why a cursor should work."""

    GIVEN = "given"  # the server gave it, or a lead has this id
    GUESSED = "guessed"  # nobody has this id
    EARLIER = "earlier"  # the server gave it in this scan; it lies before the range


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The keys in (low, high]; None leaves a side open. `cursor` asks for what follows `low`."""

    low: str | None = None
    high: str | None = None
    cursor: str | None = None
    origin: CursorOrigin = CursorOrigin.GIVEN

    @classmethod
    def between(cls, low: str | None, high: str | None, origin: CursorOrigin = CursorOrigin.GIVEN) -> KeyRange:
        """A range that is entered by the id at its low end."""
        return cls(low, high, id_of(low) if low else None, origin)

    @property
    def bounds(self) -> tuple[str | None, str | None]:
        """`low` and `high`."""
        return self.low, self.high

    def contains(self, key: str) -> bool:
        """Whether a key is in the range."""
        return (self.low or "") < key and (self.high is None or key <= self.high)

    def overlaps(self, other: KeyRange) -> bool:
        """Whether some key may be in both."""
        return (self.high is None or other.low is None or other.low < self.high) and (
            other.high is None or self.low is None or self.low < other.high
        )

    def is_within(self, other: KeyRange) -> bool:
        """Whether every key of the range is in the other one."""
        return (other.low is None or (self.low is not None and self.low >= other.low)) and (
            other.high is None or (self.high is not None and self.high <= other.high)
        )
