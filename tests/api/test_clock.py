"""The machine's clock is what it claims to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from instantly_pipeline.api.clock import SYSTEM

from .fakes import run


def test_the_wall_clock_is_aware_and_in_utc() -> None:
    assert SYSTEM.now().tzinfo is UTC
    assert abs(SYSTEM.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_sleep_waits_as_long_as_it_was_told_by_the_monotonic_clock() -> None:
    before = SYSTEM.monotonic()
    run(SYSTEM.sleep(0.02))
    assert SYSTEM.monotonic() - before >= 0.015
