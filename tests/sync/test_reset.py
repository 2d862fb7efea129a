"""A stream that was reset is read again, and nothing known is lost or doubled."""

from __future__ import annotations

from instantly_pipeline.sync.reset import reset
from tests.sync.harness import Bench, stream_result


def test_a_reset_stream_is_read_from_its_beginning_and_appends_nothing(at: Bench) -> None:
    at.sync()
    before = at.rows("daily_analytics"), at.rows("step_analytics")
    assert reset(at.layout, ["daily_analytics", "step_analytics"]) == 1
    at.forget_requests()
    report = at.sync("daily_analytics", "step_analytics")
    windows = {r["start_date"] for r in at.requests() if r["path"].endswith("/daily")}
    assert windows == {"2026-05-01"}
    assert stream_result(report, "step_analytics").rows_read == len(before[1])
    assert (at.rows("daily_analytics"), at.rows("step_analytics")) == before


def test_resetting_one_stream_leaves_the_others_alone(at: Bench) -> None:
    at.sync()
    reset(at.layout, ["campaign_analytics"])
    at.forget_requests()
    at.sync()
    assert len([r for r in at.requests() if r["path"].endswith("/overview")]) == 1  # the workspace's own


def test_resetting_what_was_never_read_is_harmless(at: Bench) -> None:
    assert reset(at.layout, ["leads"]) == 0
