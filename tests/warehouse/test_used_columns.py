"""Which columns a SELECT reads: too many is a model made in vain, one too few is a model that shows what was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import duckdb
import pytest

from instantly_pipeline.warehouse.models.lineage.used_columns import Planner, is_volatile, volatile_functions

TABLES = {
    "raw.x": [
        ("id", "VARCHAR"),
        ("a b", "BIGINT"),
        ("made", 'STRUCT(day DATE, "by whom" VARCHAR)'),
        ("t", "TIMESTAMP"),
    ],
    "raw.y": [("id", "VARCHAR"), ("n", "BIGINT")],
}
VIEWS = {
    "staging.x": "select id, made, t from raw.x where t is not null",
    "staging.again": "select * exclude (t) from staging.x -- all of it",
}
X, Y = ["a b", "id", "made", "t"], ["id", "n"]


def nothing(_: duckdb.DuckDBPyConnection) -> None:
    """No functions to make."""


@pytest.fixture(scope="module")
def planner() -> Iterator[Planner]:
    with closing(Planner(nothing)) as made:
        yield made


@pytest.mark.parametrize(
    ("sql", "x", "y"),
    [
        ("select id from raw.x join raw.y using (id)", ["id"], ["id"]),
        ("select count(*) from raw.x", [], Y),
        ("select id from staging.again", ["id", "t"], Y),
        ("select * from staging.again", ["id", "made", "t"], Y),
        ("select n from raw.y where exists (select 1 from raw.x where x.id = y.id and x.t > '2026-01-01')",
         ["id", "t"], Y),
        ("with every as materialized (from raw.y) select count(id) from every anti join raw.x using (id)",
         ["id"], ["id"]),
    ],
)  # fmt: skip
def test_the_columns_read_are_those_of_the_plan(planner: Planner, sql: str, x: list[str], y: list[str]) -> None:
    assert planner.columns_read(sql, TABLES, VIEWS) == {"raw.x": x, "raw.y": y}


@pytest.mark.parametrize("sql", ['select "a b" from raw.x', "select made.day from raw.x", "from raw.y"])
def test_all_columns_are_read_where_the_plan_names_none_that_is_known(planner: Planner, sql: str) -> None:
    assert planner.columns_read(sql, TABLES, VIEWS) == {"raw.x": X, "raw.y": Y}


def test_nothing_is_fetched_to_plan_with() -> None:
    """DuckDB would load an extension from the net for a function it does not know."""
    found: list[object] = []

    def prepare(con: duckdb.DuckDBPyConnection) -> None:
        found.extend(con.execute("select current_setting('autoinstall_known_extensions')").fetchall())

    with closing(Planner(prepare)) as made:
        made.columns_read("select 1", {}, {})
    assert found == [(False,)]


@pytest.mark.parametrize(
    ("sql", "volatile"),
    [
        ("select id, t + interval 1 day from raw.x", False),
        ("select unnest(range(3)) from generate_series(1, 2)", False),
        ("select id from raw.x where t < current_date", True),
        ("select NOW () from raw.x", True),
        ("select age(t) from raw.x", True),
        ("select current_localtimestamp() from raw.x", True),
        ("select gen_random_uuid() from raw.x", True),
        ("select current_setting('TimeZone')", True),
        ("from read_csv('some.csv')", True),
    ],
)
def test_what_asks_the_clock_chance_files_or_settings_is_volatile(sql: str, volatile: bool) -> None:
    with duckdb.connect() as con:
        assert is_volatile(sql, volatile_functions(con)) is volatile
