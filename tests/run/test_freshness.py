"""Which published streams count as late, as incomplete, and as still synced."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from instantly_pipeline.run.freshness import incomplete, late, still_synced
from instantly_pipeline.warehouse.published.status import StreamStatus

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def stream(name: str, outcome: str = "ok", hours: float | None = 1) -> StreamStatus:
    read = None if hours is None else NOON - timedelta(hours=hours)
    return StreamStatus("w1", "acme", name, outcome, None, read, 10, False, 0, True)


def names(streams: list[StreamStatus]) -> list[str]:
    return [one.stream for one in streams]


def test_a_stream_is_late_26_hours_after_it_was_read_in_full() -> None:
    streams = [stream("in time", hours=26), stream("late", hours=26.1), stream("never", hours=None)]
    assert names(late(streams, now=NOON)) == ["late", "never"]


@pytest.mark.parametrize(
    ("outcome", "counts"), [("ok", True), ("partial", True), ("held", False), ("skipped", False), ("failed", False)]
)
def test_a_stream_is_incomplete_unless_it_was_read_as_it_should_be(outcome: str, counts: bool) -> None:
    assert names(incomplete([stream("leads", outcome)])) == ([] if counts else ["leads"])


def test_a_stream_that_the_settings_leave_out_is_not_waited_for() -> None:
    streams = [replace(stream("leads"), chosen=False), stream("campaigns")]
    assert names(still_synced(streams)) == ["campaigns"]
