"""What Dagster shows where deletions are held, and where Instantly's counters say something else."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg
import httpx
import pytest

from instantly_pipeline.sync.results import Request
from instantly_pipeline.warehouse.published.query import query
from tests.orchestration.pipeline import Pipeline, failed_checks, run_of

pytestmark = pytest.mark.whole


def answers(pipe: Pipeline, path: str, body: Any, *, status: int = 200) -> None:
    fault = {"match": {"path": path}, "kind": "status", "status": status, "body": body}
    httpx.post(f"{pipe.url}/_sandbox/faults", json=fault, verify=False).raise_for_status()


def test_held_deletions_are_a_failed_check_that_blocks_nothing(pipe: Pipeline) -> None:
    before = query(pipe.published, "select max(published_at) from meta.published").rows
    answers(pipe, "/api/v2/custom-tags", {"items": []})
    answers(pipe, "/api/v2/custom-tags/{id}", {"message": "not found"}, status=404)
    report = pipe.sync(Request(streams=("custom_tags",)))
    assert report.exit_code == 3
    assert run_of(report.dagster_run_id).status is dg.DagsterRunStatus.SUCCESS
    failed = failed_checks(report.dagster_run_id)
    assert {one["severity"] for one in failed.values()} == {"WARN"}
    check = failed["lake/custom_tags:read"]
    assert check["outcome"] == "held"
    held = query(pipe.published, "select held_deletes from meta.stream_status where stream = 'custom_tags'").rows
    assert held == [(check["held_deletes"],)] != [(0,)]
    assert query(pipe.published, "select max(published_at) from meta.published").rows > before
    accepted = pipe.sync(Request(streams=("custom_tags",), accept_deletes=True))
    assert (accepted.exit_code, failed_checks(accepted.dagster_run_id)) == (0, {})
    assert query(pipe.published, "select count(*) from raw.custom_tags where _deleted_at is null").rows == [(0,)]


def test_counters_that_say_something_else_are_a_check_that_warns(pipe: Pipeline) -> None:
    text = httpx.get(f"{pipe.url}/_sandbox/state/campaign_analytics", verify=False).text
    rows = [json.loads(line) for line in text.splitlines()]
    answers(pipe, "/api/v2/campaigns/analytics", [row | {"leads_count": row["leads_count"] + 100} for row in rows])
    report = pipe.sync(Request(streams=("campaign_analytics",)))
    assert report.exit_code == 0
    found = failed_checks(report.dagster_run_id)
    assert found
    assert {check["severity"] for check in found.values()} == {"WARN"}
    wrong = query(
        pipe.published, "select distinct metric from meta.reconciliation where abs(difference) > 50 order by 1"
    ).rows
    assert wrong == [("leads",)], found


def mutate(pipe: Pipeline, *ops: dict[str, Any]) -> None:
    httpx.post(f"{pipe.url}/_sandbox/mutate", json=ops, verify=False).raise_for_status()


def variables(pipe: Pipeline) -> int:
    return int(query(pipe.published, "select count(*) from marts.lead_custom_variables").rows[0][0])


def test_who_accepts_deletions_is_not_asked_again_by_a_mart_that_is_empty(pipe: Pipeline) -> None:
    """Here no lead was deleted: each has lost its variables."""
    text = httpx.get(f"{pipe.url}/_sandbox/state/leads", verify=False).text
    ids = [json.loads(line)["id"] for line in text.splitlines()]
    mutate(pipe, *({"op": "update", "collection": "leads", "id": one, "set": {"payload": None}} for one in ids))
    before = variables(pipe)
    refused = pipe.sync(Request(streams=("leads",)))
    assert (refused.exit_code, variables(pipe)) == (1, before)
    assert "sync --accept-deletes" in (refused.problem or "")
    assert pipe.sync(Request(streams=("leads",), accept_deletes=True)).exit_code == 0
    assert variables(pipe) == 0
