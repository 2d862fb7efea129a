"""Answers that are not simply lists become rows, whatever their shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.streams.registry import all_streams

LIVE: dict[str, Any] = {
    "email_date_data": {
        "ann@send.example": {
            "2026-08-18": {"sent": 10, "landed_inbox": 10, "received": 9},
            "2026-08-19": {"sent": 9, "landed_inbox": 8, "landed_spam": 1, "received": 11},
        },
        "new@send.example": {},
    },
    "aggregate_data": {
        "ann@send.example": {"sent": 19, "received": 20, "health_score": 98, "health_score_label": "98%"}
    },
}

_KEYS = st.sampled_from(["email_date_data", "aggregate_data", "a@b.example", "2026-08-18", "sent", "email_account", ""])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=20,
)


def rows(stream: str, answer: object) -> list[dict[str, object]]:
    function = all_streams()[stream].rows
    assert function is not None
    return function(answer)


def test_warmup_by_day_is_one_row_per_address_and_date() -> None:
    assert rows("warmup_analytics", LIVE) == [
        {"email": "ann@send.example", "date": "2026-08-18", "sent": 10, "landed_inbox": 10, "received": 9},
        {
            "email": "ann@send.example",
            "date": "2026-08-19",
            "sent": 9,
            "landed_inbox": 8,
            "landed_spam": 1,
            "received": 11,
        },
    ]


def test_warmup_in_sum_is_one_row_per_address() -> None:
    assert rows("warmup_summary", LIVE) == [
        {
            "email": "ann@send.example",
            "sent": 19,
            "received": 20,
            "health_score": 98,
            "health_score_label": "98%",
        }
    ]


def test_the_older_flat_map_gives_the_same_days_and_no_sums() -> None:
    flat = LIVE["email_date_data"]
    assert rows("warmup_analytics", flat) == rows("warmup_analytics", LIVE)
    assert rows("warmup_summary", flat) == []


def test_a_half_answer_gives_the_half_that_is_there() -> None:
    assert rows("warmup_analytics", {"aggregate_data": LIVE["aggregate_data"]}) == []
    assert len(rows("warmup_summary", {"aggregate_data": LIVE["aggregate_data"]})) == 1
    assert len(rows("warmup_analytics", {"email_date_data": LIVE["email_date_data"]})) == 2


def test_figures_cannot_replace_the_address_and_date_they_stand_under() -> None:
    answer = {"a@b.example": {"2026-08-18": {"email": "x@y.example", "date": "1999-01-01", "sent": 1}}}
    assert rows("warmup_analytics", answer) == [{"email": "a@b.example", "date": "2026-08-18", "sent": 1}]


def test_a_date_given_as_a_timestamp_is_cut_to_its_day() -> None:
    answer = {"a@b.example": {"2026-08-18T00:00:00.000Z": {"sent": 1}}}
    assert [row["date"] for row in rows("warmup_analytics", answer)] == ["2026-08-18"]


def test_account_days_without_an_address_are_left_out_and_other_oddities_are_kept_to_be_noted() -> None:
    answer = [
        {"email_account": "a@b.example", "date": "2026-08-18", "sent": 1},
        {"email_account": "", "date": "2026-08-18", "sent": 2},
        {"date": "2026-08-18", "sent": 3},
    ]
    assert [row["sent"] for row in rows("account_daily_analytics", answer)] == [1, 3]


@pytest.mark.medium
@pytest.mark.parametrize("stream", ["warmup_analytics", "warmup_summary", "account_daily_analytics"])
@given(answer=JSON)
def test_garbage_never_raises_and_gives_only_objects(stream: str, answer: object) -> None:
    assert all(isinstance(row, dict) for row in rows(stream, answer))
