"""All columns at once give what each value by itself would."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.lake.records.coerce import coerce, is_converted, plain_columns
from instantly_pipeline.streams.model import Type

from .helpers import THINGS

COLUMNS = [column for column in THINGS.columns if column.type is not Type.JSON]
TEXTS = st.sampled_from(["", "a", "2026-03-01", "2026-03-01T10:20:30.123Z", "2026-02-30", "0001-01-01T00:00:00+14:00"])
WHOLE = st.integers(-3, 3) | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**70)])
NUMBERS = WHOLE | st.sampled_from([0.0, -0.0, 1.0, 1.5, 2.0**53, 1e300])
ODD = st.none() | st.booleans() | NUMBERS | TEXTS | st.just([1]) | st.just({"a": 1})
FITTING = {
    Type.TEXT: TEXTS, Type.INT: WHOLE, Type.FLOAT: NUMBERS, Type.BOOL: st.booleans(),
    Type.INSTANT: TEXTS, Type.DATE: TEXTS,
}  # fmt: skip


def records(values: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.fixed_dictionaries({}, optional=values), max_size=4)


@given(
    records({column.name: st.none() | FITTING[column.type] for column in COLUMNS})
    | records(dict.fromkeys((column.name for column in COLUMNS), ODD))
)
def test_a_column_taken_at_once_holds_what_each_value_by_itself_becomes(rows: list[dict[str, Any]]) -> None:
    found = plain_columns(rows, COLUMNS)
    for column in COLUMNS:
        if column.name in found:
            values = [row.get(column.name) for row in rows]
            assert found[column.name].to_pylist() == [coerce(value, column.type) for value in values]
            assert not any(is_converted(value, column.type) for value in values)


def test_well_formed_records_leave_no_column_to_be_looked_at() -> None:
    row = {
        "id": "a", "count": 1, "score": 2, "live": True, "made_at": "2026-03-01T10:20:30.123Z", "day": "2026-03-01",
        "status": 2.0, "more": {"a": 1}, "unknown": [1],
    }  # fmt: skip
    found = plain_columns([row, {"id": "b", "name": None, "score": 0.5}], THINGS.columns)
    assert found.keys() == {column.name for column in COLUMNS}
    assert found["made_at"].to_pylist() == [datetime(2026, 3, 1, 10, 20, 30, 123_000, UTC), None]
    assert found["status"].to_pylist() == [2, None]


@pytest.mark.parametrize(
    ("name", "value"),
    [("count", 1.5), ("count", True), ("score", True), ("live", 1), ("name", 1), ("day", "soon"), ("count", 2**63)],
)
def test_a_column_with_a_value_of_another_type_is_left_to_be_looked_at(name: str, value: Any) -> None:
    assert name not in plain_columns([{name: value}], THINGS.columns)
