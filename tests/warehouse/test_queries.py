"""Every worked question runs on the published file of a world like the demo's, and answers what it promises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.docs.worked_queries import WorkedQuery, read_queries
from instantly_pipeline.errors import ModelError
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.warehouse import Warehouse
from tests.sync.harness import NOON, SMALL, bench
from tests.warehouse.lake_writer import SQL, begin_with_tables, shipped_models

pytestmark = pytest.mark.whole

QUERIES = read_queries(SQL)
ASKERS = {"sales lead", "agency owner", "deliverability"}
PUBLIC = ("marts.", "raw.", "history.", "meta.")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two syncs of a believable world, three days apart, published."""
    config = replace(SMALL, leads=2500, campaigns=8, accounts=16, days=70)
    with bench(tmp_path_factory.mktemp("demo"), config) as made:
        for days in (0, 3):
            made.advance(days=days)
            made.sync(settings={"streams": "all"})
    begin_with_tables(made.layout, empty_build)
    warehouse = Warehouse(made.layout, all_streams(), sql_dir=SQL, models=shipped_models())
    warehouse.load()
    warehouse.run_models()
    path = warehouse.publish(run_id="run", now=NOON).path
    with duckdb.connect(str(path), read_only=True) as con:
        yield con


def named(query: WorkedQuery) -> str:
    return query.path.stem


def test_there_are_34_and_each_says_who_asks_and_how_to_read_it() -> None:
    assert len(QUERIES) == 34
    assert {query.asked_by for query in QUERIES} == ASKERS
    for query in QUERIES:
        assert query.question.endswith("?"), query.path
        assert any(schema in query.sql for schema in PUBLIC), query.path
        assert "intermediate." not in query.sql, query.path
        assert "staging." not in query.sql, query.path


@pytest.mark.parametrize("query", QUERIES, ids=named)
def test_a_question_returns_the_columns_and_rows_it_promises(
    published: duckdb.DuckDBPyConnection, query: WorkedQuery
) -> None:
    answer = published.execute(query.sql)
    assert tuple(column[0] for column in answer.description or ()) == query.columns
    rows = answer.fetchall()
    assert rows or query.empty
    assert not rows or any(value is not None for row in rows for value in row)


@pytest.mark.parametrize("query", QUERIES, ids=named)
def test_no_column_of_an_answer_is_always_null(published: duckdb.DuckDBPyConnection, query: WorkedQuery) -> None:
    rows = published.execute(query.sql).fetchall()
    empty = [name for n, name in enumerate(query.columns) if rows and all(row[n] is None for row in rows)]
    assert set(empty) <= MAY_BE_NULL.get(named(query), set())


# what a world of two syncs three days apart without trouble has none of; nobody changes a campaign by hand in it, and
# no cost is set
MAY_BE_NULL = {
    "best_campaigns": {"cost_per_positive"},
    "can_i_trust_today": {"reason"},
    # e-mails are read from the start date on: of older cohorts the first ones are not known
    "cohort_curves": {"replied_by_week_8"},
    "hot_replies_waiting": {"assigned_to"},
    "replies_to_sort": {"assigned_to"},
    "sources_that_pay": {"cost"},
    "mailboxes_to_rest": {"warmup_score_change_7d"},
    "variants_to_keep": {"subsequence_name"},
    "who_changed_what": {"made_at", "made_by", "made_with"},
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select 1 as a", "Asked by"),
        ("-- Why?\n-- Asked by: me\nselect 1", "How to read it"),
        ("-- W?\nselect (", "SQL"),
    ],
)
def test_a_question_without_its_head_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "odd.sql").write_text(text)
    with pytest.raises(ModelError, match=said):
        read_queries(tmp_path)


@pytest.mark.parametrize("query", QUERIES, ids=named)
def test_what_is_counted_is_counted_by_workspace(query: WorkedQuery) -> None:
    """Two workspaces can have one name, and a client has several."""
    grouped = re.findall(r"group by (?!all)(.*?)(?=\n(?:having|order|qualify|limit|\)|$)|\Z)", query.sql, re.S)
    for columns in grouped:
        assert re.search(r"\bworkspace_id\b|\bclient\b", columns), columns
