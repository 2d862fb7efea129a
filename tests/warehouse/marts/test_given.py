"""The helper itself: what it gives is what the SQL sees, and a row that cannot be is refused."""

from __future__ import annotations

import pytest

from tests.warehouse.marts.given import expect

pytestmark = pytest.mark.medium

DAY = {"workspace_id": "w", "campaign_id": "c", "date": "2026-02-01", "sent": 10}


def test_a_given_model_takes_the_place_of_its_sql() -> None:
    found = expect("fct_campaign_daily", {"intermediate.int_campaign_day": [DAY]}, "campaign_id, sent, sent_7d, opened")
    assert found == [{"campaign_id": "c", "sent": 10, "sent_7d": 10, "opened": None}]


def test_what_lies_between_a_given_table_and_the_model_runs_as_it_is() -> None:
    given = {
        "raw.daily_analytics": [DAY | {"_key": "k"}],
        "raw.campaigns": [{"workspace_id": "w", "id": "c", "name": "N"}],
    }
    assert expect("fct_campaign_daily", given, "campaign_name, sent") == [{"campaign_name": "N", "sent": 10}]


def test_a_given_seed_takes_the_place_of_the_shipped_one() -> None:
    target = {"workspace_id": "w", "metric": "sent", "target": 7}
    given = {
        "intermediate.int_workspace_day": [{"workspace_id": "w", "date": "2026-02-02"}],
        "intermediate.int_workspace_clock": [{"workspace_id": "w"}],
    }
    assert expect("rpt_workspace_daily", given | {"seeds.targets": [target]}, "sent_target") == [{"sent_target": 7.0}]
    assert expect("rpt_workspace_daily", given, "sent_target") == [{"sent_target": None}]


def test_a_column_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(AssertionError, match="no column sentt"):
        expect("fct_campaign_daily", {"intermediate.int_campaign_day": [{"sentt": 1}]})
