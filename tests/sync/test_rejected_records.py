"""What was read and became no row, or not the whole of one, is said where the run is summed up, with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.results import Outcome
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, bench, stream_result

LISTS = {
    "campaigns": "/api/v2/campaigns", "custom_tags": "/api/v2/custom-tags", "lead_lists": "/api/v2/lead-lists",
    "leads": "/api/v2/leads/list",
}  # fmt: skip


@pytest.fixture
def at(tmp_path: Path) -> Any:
    config = SandboxConfig(leads=20, campaigns=2, accounts=2, days=3, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as made:
        yield made


def answers(at: Bench, path: str, *records: str) -> None:
    """A list is answered with these records, each JSON text."""
    at.fault(path, "status", status=200, body=f'{{"items": [{", ".join(records)}]}}')


def deep(record: dict[str, Any], levels: int) -> str:
    """A record with a field so many levels deep, as JSON text."""
    text = json.dumps(record)
    return f'{text[:-1]}, "deep": {"[" * levels}{"]" * levels}}}'


def status_of(at: Bench, stream: str) -> dict[str, Any]:
    return [row for row in at.log("stream_status") if row["stream"] == stream][-1]


@pytest.mark.parametrize("levels", [300, 900, 5_000])
@pytest.mark.parametrize("stream", LISTS)
def test_a_record_nested_too_deeply_is_named_and_the_others_are_read(at: Bench, stream: str, levels: int) -> None:
    first, second, *_ = at.state(stream)
    answers(at, LISTS[stream], deep(first, levels), json.dumps(second))
    result = stream_result(at.sync(stream), stream)
    assert (result.outcome, result.rows_read, result.changes.inserted) == (Outcome.OK, 2, 1)
    assert result.reason == "rejected records: 1 (nested too deeply); see meta.quarantine"
    assert (status_of(at, stream)["outcome"], status_of(at, stream)["reason"]) == ("ok", result.reason)
    [noted] = [row for row in at.log("quarantine") if "nested too deeply" in row["reason"]]
    assert (noted["stream"], noted["key"], noted["occurrences"]) == (stream, json.dumps([first["id"]]), 1)


def test_a_record_that_has_become_too_deep_is_not_taken_for_deleted(at: Bench) -> None:
    at.sync("custom_tags")
    tags = at.state("custom_tags")
    answers(at, LISTS["custom_tags"], deep(tags[0], 2_000), *map(json.dumps, tags[1:]))
    assert at.sync("custom_tags").exit_code == 0
    assert len(at.alive("custom_tags")) == len(tags)


@pytest.mark.parametrize("stream", LISTS)
def test_records_without_a_key_and_entries_that_are_none_are_counted(at: Bench, stream: str) -> None:
    first, *_ = at.state(stream)
    nameless = json.dumps({"name": "x"})
    answers(at, LISTS[stream], nameless, json.dumps(first), "null", "7", nameless)
    result = stream_result(at.sync(stream), stream)
    assert result.rejected == {"no key": 2, "not a record": 2}
    assert "rejected records: 4 (" in (result.reason or "")
    assert {row["occurrences"] for row in at.log("quarantine")} == {2}


def test_values_that_did_not_fit_are_counted(at: Bench) -> None:
    first, second, *_ = at.state("campaigns")
    answers(
        at, LISTS["campaigns"], json.dumps(first | {"status": {}}), json.dumps(second | {"status": "x", "name": []})
    )
    result = stream_result(at.sync("campaigns"), "campaigns")
    assert result.reason == "type mismatches: 3 (stored in extra); see meta.quarantine"


def test_a_stream_without_such_has_no_reason(at: Bench) -> None:
    assert {s.reason for w in at.sync("campaigns", "leads").workspaces for s in w.streams} == {None}
