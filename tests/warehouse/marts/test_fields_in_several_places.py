"""A lead's last step stands in columns of its own or in its summary; flags may be absent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.warehouse.marts.given import Row, expect

pytestmark = pytest.mark.medium

AT = "2026-02-27T09:00:00.000Z"
LIVE = {"lastStep": {"from": "Ann@s.example", "stepID": "0_1_2", "timestamp_executed": AT}}
FLAT = LIVE["lastStep"]
COLUMNS = {
    "last_step_from": "Ann@s.example", "last_contacted_from": "Ann@s.example", "last_step_id": "0_1_2",
    "last_step_timestamp_executed": AT,
}  # fmt: skip
SUBSEQUENCE = {"from": "sub@s.example", "stepID": "0_4_0", "timestampExecuted": "2026-02-28T09:00:00.000Z"}
W = {"workspace_id": "w"}


def lead(**more: Any) -> Row:
    said = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in more.items()}
    return W | {"id": "1", "_key": "1", "campaign": "c", "status": 1} | said


@pytest.mark.parametrize(
    "shape",
    [
        COLUMNS,
        {"status_summary": LIVE},
        {"status_summary": FLAT},
        COLUMNS | {"status_summary": {"lastStep": {}}},
        {"last_step_from": "", "last_contacted_from": "", "last_step_id": "", "status_summary": LIVE},
        {"status_summary": {"lastStep": {"from": "", "stepID": ""}} | FLAT},
    ],
    ids=["columns", "nested", "flat", "columns first", "empty columns", "empty nested"],
)
def test_the_last_step_is_taken_from_where_it_stands(shape: Row) -> None:
    select = (
        "last_step_id, last_step_from, last_contacted_from, last_step_timestamp_executed::varchar as at, "
        "timestamp_last_contact::varchar as contact"
    )
    [row] = expect("stg_leads", {"raw.leads": [lead(**shape)]}, select)
    assert row == {
        "last_step_id": "0_1_2", "last_step_from": "Ann@s.example", "last_contacted_from": "Ann@s.example",
        "at": "2026-02-27 09:00:00", "contact": "2026-02-27 09:00:00",
    }  # fmt: skip
    version = lead(timestamp_last_contact=AT, **shape) | {"_op": "upsert", "_valid_from": "2026-03-01 00:00:00+00"}
    [event] = expect("fct_lead_event", {"history.leads": [version]}, "event, step, variant, last_contacted_from")
    assert tuple(event.values()) == ("contacted", "1", "2", "Ann@s.example")


@pytest.mark.parametrize(
    "summary",
    [None, {}, {"lastStep": None}, "step 0_1_2", "no json {", "[1]", "null", '"x"', {"lastStep": [FLAT]},
     {"lastStep": {"from": "", "stepID": "", "timestamp_executed": ""}},
     {"lastStep": {"from": {"email": "Ann@s.example"}, "stepID": [0, 1, 2], "timestamp_executed": 1772182800}}],
)  # fmt: skip
def test_a_summary_that_tells_nothing_leaves_it_unknown(summary: Any) -> None:
    select = "last_step_id, last_step_from, last_contacted_from, last_step_timestamp_executed, timestamp_last_contact"
    [row] = expect("stg_leads", {"raw.leads": [lead(status_summary=summary)]}, select)
    assert set(row.values()) == {None}


def test_what_a_subsequence_sent_after_it_is_its_mailbox_and_no_step_of_the_campaign() -> None:
    said = lead(status_summary=LIVE, status_summary_subseq=SUBSEQUENCE, timestamp_last_contact="2026-02-28 09:00:00+00")
    [row] = expect("stg_leads", {"raw.leads": [said]}, "last_step_id, last_step_from, last_contacted_from")
    assert tuple(row.values()) == ("0_1_2", "Ann@s.example", "sub@s.example")
    version = said | {"_op": "upsert", "_valid_from": "2026-03-01 00:00:00+00"}
    [event] = expect("fct_lead_event", {"history.leads": [version]}, "step, last_contacted_from")
    assert tuple(event.values()) == (None, "sub@s.example")


@pytest.mark.parametrize(
    ("setting", "clicks", "people", "rate"),
    [(True, 0, 0, 0.0), (True, 4, 2, 0.2), (False, 4, 2, None), (None, 4, 2, 0.2), (None, 0, 0, None),
     (None, 4, None, None), (True, None, None, None)],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["open", "link"])
def test_a_rate_is_null_where_tracking_is_off_or_nothing_shows_that_it_is_on(
    kind: str, setting: bool | None, clicks: int | None, people: int | None, rate: float | None
) -> None:
    count = {"open": "open_count", "link": "link_click_count"}[kind]
    given = {
        "raw.campaigns": [W | {"id": "c", "_key": "c", "status": 1, f"{kind}_tracking": setting}],
        "raw.campaign_analytics": [
            W
            | {"campaign_id": "c", "_key": "c", "new_leads_contacted_count": 10}
            | {count: clicks, f"{count}_unique": people}
        ],
    }
    column = {"open": "open_rate", "link": "click_rate"}[kind]
    [row] = expect("rpt_campaign_summary", given, column)
    assert row[column] == rate


@pytest.mark.parametrize("mart", ["dim_lead_list", "rpt_list_quality"])
def test_a_list_without_a_name_goes_by_its_id(mart: str) -> None:
    [row] = expect(mart, {"raw.lead_lists": [W | {"id": "l", "_key": "l"}]}, "list_name")
    assert row == {"list_name": "l"}
