"""Which streams in the published file are late or incomplete."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from instantly_pipeline.sync.results import FINE
from instantly_pipeline.warehouse.published.status import StreamStatus

# The time since a stream was last read in full; the shipped schedules publish at least daily.
LATE = timedelta(hours=26)
TOO_LATE = timedelta(hours=50)


def still_synced(streams: Sequence[StreamStatus]) -> list[StreamStatus]:
    """The streams that INSTANTLY_STREAMS chose in the last sync: the others are no longer updated."""
    return [one for one in streams if one.chosen]


def late(streams: Sequence[StreamStatus], *, now: datetime) -> list[StreamStatus]:
    """The streams not read in full within `LATE`, or never."""
    oldest = now - LATE
    return [one for one in streams if one.last_success_at is None or one.last_success_at < oldest]


def incomplete(streams: Sequence[StreamStatus]) -> list[StreamStatus]:
    """The streams that were skipped or failed in their last sync, or whose deletions are held."""
    return [one for one in streams if one.outcome not in FINE]
