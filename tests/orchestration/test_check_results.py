"""What the checks on the published file say, without a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from instantly_pipeline.orchestration.assets.check_results import complete_result, fresh_result, outcome_sentence
from instantly_pipeline.orchestration.assets.stream_results import read_check, read_metadata
from instantly_pipeline.sync.results import Outcome, StreamResult, SyncReport, WorkspaceResult
from instantly_pipeline.warehouse.checks.checks import CheckResult
from instantly_pipeline.warehouse.published.status import StreamStatus

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def stream(name: str, outcome: str, hours: float | None, *, reason: str | None = None, held: int = 0) -> StreamStatus:
    read = None if hours is None else NOON - timedelta(hours=hours)
    return StreamStatus("w1", "acme", name, outcome, reason, read, 10, False, held, True)


def promise(*, passed: bool, blocking: bool = False) -> CheckResult:
    return CheckResult("a: b", "a", blocking, passed, 0 if passed else 3, "b", "select 1")


def test_a_refused_or_held_stream_is_named_with_its_reason() -> None:
    found = complete_result(
        [stream("leads", "skipped", 3, reason="answered 403"), stream("tags", "held", 1, reason="7 held", held=7),
         stream("campaigns", "ok", 1), stream("steps", "partial", 1)]
    )  # fmt: skip
    assert not found.passed
    assert (found.description or "").split("\n\n") == [
        "acme, leads: skipped: answered 403", "acme, tags: held: 7 held"
    ]  # fmt: skip


def test_what_steers_is_taken_out_of_names_and_reasons() -> None:
    odd = replace(stream("leads", "failed", 3, reason="\x1b[31m\n"), workspace_name="ac\u202eme\x9b")
    found = complete_result([odd])
    assert found.description == "ac\ufffdme\ufffd, leads: failed: \ufffd[31m\ufffd"
    table = found.metadata["incomplete_streams"]
    assert isinstance(table, dg.TableMetadataValue)
    assert table.records[0].data["workspace"] == "ac\ufffdme\ufffd"


def test_streams_that_are_well_or_still_filling_pass() -> None:
    assert complete_result([stream("campaigns", "ok", 1), stream("steps", "partial", 1)]).passed


def test_a_stream_read_too_long_ago_or_never_is_late() -> None:
    found = fresh_result([stream("a", "ok", 25), stream("b", "ok", 27), stream("c", "skipped", None)], now=NOON)
    assert not found.passed
    table = found.metadata["late_streams"]
    assert isinstance(table, dg.TableMetadataValue)
    shown = [(record.data["stream"], record.data["last_read_in_full"]) for record in table.records]
    assert shown == [("c", "never"), ("b", "2026-03-04 09:00 UTC")]


def test_the_log_says_whether_a_broken_promise_keeps_the_tables_back() -> None:
    assert outcome_sentence([promise(passed=True)]) == "All 1 checks passed."
    warned = outcome_sentence([promise(passed=True), promise(passed=False)])
    assert warned == "1 of 2 checks passed; the failed ones are only warnings."
    assert outcome_sentence([promise(passed=False, blocking=True)]) == "0 of 1 checks passed; nothing is published."


def test_a_materialization_counts_rejected_records_and_type_mismatches_and_says_why() -> None:
    read = StreamResult(
        "w1", "ac\u202eme", "leads", NOON, NOON, reason="rejected records: 1 (no key)", type_mismatches=3
    )
    read.rejected["no key"] = 1
    report = SyncReport("r1", NOON, NOON, [WorkspaceResult("ac\u202eme", "w1", Outcome.OK, streams=[read])])
    found = read_metadata(report, "leads")
    assert (found["rows_rejected"], found["type_mismatches"]) == (1, 3)
    assert found["reason"] == "ac\ufffdme: rejected records: 1 (no key)"
    check = read_check(report, "leads")
    assert (check.passed, check.description) == (True, "ok.\nac\ufffdme: rejected records: 1 (no key)")
