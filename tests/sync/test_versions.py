"""What makes a version, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sync.harness import Bench, assert_mirrors, stream_result

pytestmark = pytest.mark.medium

ACCOUNT_STREAMS = ("account_daily_analytics", "warmup_analytics")


def versions_of(at: Bench, stream: str, key: str) -> list[dict[str, Any]]:
    return [row for row in at.rows(stream) if row["_key"] == json.dumps([key])]


@pytest.mark.parametrize("touch", [True, False], ids=["updated moves", "updated stands"])
@pytest.mark.parametrize(
    "values", [{"first_name": "Other"}, {"payload": {"city": "Other"}}, {"mood": 1}, {"phone": None}, {"status": -3}]
)
def test_a_change_of_any_field_is_one_version_of_one_record(at: Bench, values: dict[str, Any], touch: bool) -> None:
    at.sync("leads")
    before = len(at.rows("leads"))
    lead = next(row["id"] for row in at.state("leads") if row.get("phone"))
    at.mutate({"op": "update", "collection": "leads", "id": lead, "set": values, "touch": touch})
    for _ in range(2):
        at.sync("leads", full=True)
    assert len(at.rows("leads")) == before + 1
    assert len(versions_of(at, "leads", lead)) == 2
    assert_mirrors(at, ("leads",))


def test_nulls_that_were_absent_before_make_no_version(at: Bench) -> None:
    at.sync()
    before = {stream: at.rows(stream) for stream in ("leads", "campaigns", "accounts", "daily_analytics")}
    at.post("/switches", {"omit_nulls": False})
    assert any(None in row.values() for row in at.state("leads"))
    assert at.sync(full=True).exit_code == 0
    assert {stream: at.rows(stream) for stream in before} == before


def test_a_field_there_and_back_again_is_three_versions(at: Bench) -> None:
    at.sync("leads")
    lead = at.state("leads")[7]["id"]
    name = at.state("leads")[7].get("first_name")
    for value in ("B", name):
        at.mutate({"op": "update", "collection": "leads", "id": lead, "set": {"first_name": value}})
        at.sync("leads", full=True)
    found = versions_of(at, "leads", lead)
    assert [row["first_name"] for row in found] == [name, "B", name]
    assert found[0]["_row_hash"] == found[2]["_row_hash"]


@pytest.mark.parametrize("stream", ACCOUNT_STREAMS)
def test_a_restated_day_of_an_account_is_a_new_version(at: Bench, stream: str) -> None:
    """The day of the first sync goes on after it."""
    at.sync("accounts", *ACCOUNT_STREAMS)
    today = at.clock.now().date()
    before = {row["_key"]: row for row in at.rows(stream) if row["date"] == today}
    assert before
    at.advance(hours=11)
    report = at.sync("accounts", *ACCOUNT_STREAMS, full=True)
    assert report.exit_code == 0
    rows = [row for row in at.rows(stream) if row["date"] == today]
    again = [row for row in rows if row["_key"] in before and row["_row_hash"] != before[row["_key"]]["_row_hash"]]
    assert len(again) == len({row["_key"] for row in again}) > 0
    assert stream_result(report, stream).changes.deleted == 0
