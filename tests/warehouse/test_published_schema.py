"""The published file is an interface: every table and column with its type, and what the comments say of them.

Whoever reads the file by name or type has to hear of a change (CHANGELOG.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.snapshots import assert_snapshot
from tests.warehouse.lake_writer import LakeWriter, Opener, at

SNAPSHOT = Path(__file__).with_name("published_schema.txt")
# intermediate and staging may change without notice
PUBLIC = ("marts", "raw", "history", "meta", "seeds")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file of an empty lake, as a reader opens it."""
    opener = Opener(LakeWriter(tmp_path_factory.mktemp("published")), empty_build)
    warehouse = opener(load=True)
    warehouse.run_models()
    path = warehouse.publish(run_id="run", now=at(1)).path
    opener.close()
    with duckdb.connect(str(path), read_only=True) as con:
        yield con


def described(con: duckdb.DuckDBPyConnection) -> str:
    """Every public table with its columns, one a line."""
    rows = con.execute(
        "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() "
        "where not internal and schema_name in (select unnest(?)) order by 1, column_index",
        [list(PUBLIC)],
    ).fetchall()
    lines: list[str] = []
    for table, column, kind in rows:
        if table not in lines:
            lines.append(table)
        lines.append(f"  {column} {kind}")
    return "\n".join(lines) + "\n"


@pytest.mark.snapshot
def test_the_published_tables_are_those_of_the_snapshot(published: duckdb.DuckDBPyConnection) -> None:
    assert_snapshot(described(published), SNAPSHOT)


@pytest.mark.parametrize("schema", ["marts", "raw", "history", "meta", "seeds"])
def test_every_table_and_column_says_what_it_is(published: duckdb.DuckDBPyConnection, schema: str) -> None:
    tables = published.execute(
        "select table_name, comment from duckdb_tables() where schema_name = ?", [schema]
    ).fetchall()
    columns = published.execute(
        "select table_name || '.' || column_name, comment from duckdb_columns() where schema_name = ?", [schema]
    ).fetchall()
    assert len(tables) > 1
    assert [name for name, comment in [*tables, *columns] if not comment] == []


def test_instants_of_the_marts_carry_no_zone_and_texts_no_json(published: duckdb.DuckDBPyConnection) -> None:
    kinds = {row[0] for row in published.execute(
        "select distinct data_type from duckdb_columns() where schema_name = 'marts'").fetchall()}  # fmt: skip
    assert kinds <= {"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}
