"""When events alone are synced: which streams that reads, and whether there is a reason to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from instantly_pipeline.lake.inbox import first_closed_segment
from instantly_pipeline.lake.layout import Layout

EVENT_STREAMS = ("webhook_events", "webhook_deliveries")  # of `sync --events`
TRIED_AGAIN_AFTER = 300  # seconds, where a run that was started for events did not take them in


def start_key(data_dir: Path, *, now: Callable[[], float] = time.time) -> str | None:
    """A name for the run that should take in what was received; None if there is nothing.

    It stays the same while the oldest segment is there, so that no second run starts beside one that is about to take
    it in; only after a while it changes, since that run may have failed.
    """
    oldest = first_closed_segment(Layout(data_dir))
    if oldest is None:
        return None
    return f"{oldest.stem}@{int(now() // TRIED_AGAIN_AFTER)}"
