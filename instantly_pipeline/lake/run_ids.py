"""Run ids: readers of the log rely on their order, so each sorts behind those of all runs the lake knows."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from instantly_pipeline.lake.lake_files import RUN_FILE
from instantly_pipeline.lake.layout import Layout

_STAMP = "%Y%m%dT%H%M%S%f"


def new_run_id(layout: Layout, now: datetime) -> str:
    """A new run's id, e.g. `20260305T231000557Z-9f3a1c`; it sorts behind those of all runs the lake knows.

    Where the clock stands still or went back, the id is one millisecond behind the last.
    """
    stamp = now.astimezone(UTC).replace(tzinfo=None)
    last = _last_stamp(layout)
    if last is not None and stamp <= last:
        stamp = last + timedelta(milliseconds=1)
    return f"{stamp.strftime(_STAMP)[:-3]}Z-{secrets.token_hex(3)}"


def _last_stamp(layout: Layout) -> datetime | None:
    """The instant in the id of the last run that wrote anything, to the millisecond, rounded up."""
    stems = []
    for partition in (*layout.changes.glob("*/ws=*"), *layout.meta.glob("*/ws=*")):
        days = sorted(partition.glob("synced=*"))
        stems += [path.stem for path in days[-1].glob("*.parquet")] if days else []
    stamps = [stem.partition("Z-")[0] for stem in stems if RUN_FILE.match(stem)]
    try:
        return datetime.strptime(max(stamps), _STAMP) + timedelta(milliseconds=1) if stamps else None  # noqa: DTZ007
    except ValueError:  # digits that are no date
        return None
