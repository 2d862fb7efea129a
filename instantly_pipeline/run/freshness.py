"""What counts as late, and as not read as it should be, of the streams in the published file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from instantly_pipeline.settings import Settings
from instantly_pipeline.sync.results import FINE
from instantly_pipeline.warehouse.published.status import StreamStatus

# A stream not read in full for so long is late: the shipped schedules publish at least daily.
LATE = timedelta(hours=26)
TOO_LATE = timedelta(hours=50)


def still_synced(streams: Sequence[StreamStatus], settings: Settings) -> list[StreamStatus]:
    """Those that the settings ask for: the others cannot become fresh."""
    names = settings.stream_names()
    return [one for one in streams if names is None or one.stream in names]


def late(streams: Sequence[StreamStatus], *, now: datetime) -> list[StreamStatus]:
    """Those not read in full in time, or never."""
    oldest = now - LATE
    return [one for one in streams if one.last_success_at is None or one.last_success_at < oldest]


def incomplete(streams: Sequence[StreamStatus]) -> list[StreamStatus]:
    """Those that were skipped or failed when they were last asked for, or whose deletions are held."""
    return [one for one in streams if one.outcome not in FINE]
