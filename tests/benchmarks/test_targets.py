"""What is met and what is not follows from what was measured."""

from __future__ import annotations

from typing import Any

from benchmarks import lineup
from benchmarks.parts import FIRST, REREAD, SIX_HOURS
from benchmarks.targets import FULL, Row, targets

STEPS = {"reading": 40.0, "load": 3.0, "models": 9.0, "checks": 3.0, "publish": 5.0}


def test_seconds_and_memory_are_held_against_a_full_workspace() -> None:
    assert _measured(_run(SIX_HOURS))["six hours later: reading"] == ("60 s", "yes")
    assert _measured(_run(SIX_HOURS, reading=61.0))["six hours later: reading"] == ("60 s", "no")
    assert _measured(_run(FIRST, peak_mb=1537.0))["first: peak of all processes"] == ("1.5 GB", "no")


def test_a_smaller_workspace_neither_meets_nor_misses_them() -> None:
    rows = _measured(_run(SIX_HOURS, leads=10_000, reading=1.0))

    assert rows["six hours later: reading"] == ("60 s at 1,000,000", "-")


def test_a_run_that_failed_or_lost_leads_meets_nothing() -> None:
    assert _measured(_run(FIRST, exit_code=1))["first sync to the published file"][1] == "no"
    assert _measured(_run(FIRST, found=FULL - 1))["first sync to the published file"][1] == "no"


def test_reading_what_changed_is_held_against_reading_everything() -> None:
    rows = targets(_results(_run(SIX_HOURS), _run(REREAD, reading=39.0)))

    assert [met for what, _, _, met in rows if what.endswith("reading everything anew")] == ["no"]


def _run(run: str, **more: object) -> dict[str, Any]:
    record = {"part": "workspace", "label": lineup.PUBLISHED, "run": run, "leads": FULL, "campaigns": 200, "bytes": 1}
    record |= {"seconds": 60.0, "cpu": 70.0, "peak_mb": 900.0, "exit_code": 0, "requests": 9, "found": FULL}
    return record | {"there": FULL, "campaigns_moved": 138, "leads_changed": 1127} | STEPS | more


def _results(*records: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"workspace": {"about": {}, "records": list(records)}}


def _measured(record: dict[str, Any]) -> dict[str, tuple[str, str]]:
    rows: list[Row] = targets(_results(record))
    return {what.partition(" leads, ")[2]: (wanted, met) for what, wanted, _, met in rows}
