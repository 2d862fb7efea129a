"""What the control law keeps of a request, and of a time in which all are refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Turn:
    """One request that was let out; `is_held` where the law held it back: only then its success says anything."""

    sent_at: float
    rate: float
    is_held: bool


@dataclass(slots=True)
class Refusal:
    """A time in which everything is refused, which the request of `turn` began. `accepted`: in all, `until` then."""

    turn: Turn
    began_at: float
    until: float
    accepted: int
    pause: float
    probe_at: float
    refused: int = 0
    probe: Turn | None = None

    @property
    def is_momentary(self) -> bool:
        """Whether no probe was refused, and no wait was named."""
        return self.until == self.turn.sent_at
