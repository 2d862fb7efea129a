"""Instants in checkpoints."""

from __future__ import annotations

from datetime import datetime

from instantly_pipeline.api.clock import MAX_SKEW


def instant(text: object, now: datetime) -> datetime | None:
    """A timestamp from a checkpoint, capped at `now`; None if it is invalid or has no offset.

    None also if it is later than clocks may differ: it was written with a wrong clock, so the real time is unknown.
    """
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return min(at, now) if at is not None and at.tzinfo is not None and at - now <= MAX_SKEW else None
