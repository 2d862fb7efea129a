"""Free space of the build file: given back, bounded, and nothing else changes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from instantly_pipeline.warehouse.db.build_file import give_back_space, open_build
from instantly_pipeline.warehouse.db.shrink import MOST_FREE, shrink
from tests.warehouse.lake_writer import LakeWriter, Opener, at, tiny_stream

THINGS = tiny_stream()
TOLD = """
select table_name, sql, comment, (select list(comment order by column_name) from duckdb_columns() c
    where (c.schema_name, c.table_name) = (t.schema_name, t.table_name) and c.database_name = t.database_name)
from duckdb_tables() t where database_name = current_database() order by all
"""


def wide(rows: int) -> str:
    return f"select i as id, repeat(md5(i::varchar), 2) || sha256(i::varchar) as text from range({rows}) r(i)"


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A build file whose last blocks are those of small tables, with much free space before them."""
    made = open_build(
        tmp_path / "build.duckdb", storage_version="v1.2.0", memory_limit="512MB", spill=tmp_path / "spill", say=print
    )
    with made:
        for statement in (
            f"create table marts.gone as {wide(60_000)}",
            f"create table marts.stays as {wide(5_000)}",
            'create table marts."odd name" (a varchar primary key, b decimal(9, 2) not null default 3, c varchar[])',
            'create view marts.seen as select a from marts."odd name"',
            "comment on table marts.\"odd name\" is 'it''s odd'",
            "comment on column marts.\"odd name\".b is 'a number'",
            f"create table marts.late as from ({wide(400)}) order by id desc",
        ):
            made.execute(statement)
            made.execute("force checkpoint")
        made.execute('insert into marts."odd name" select i::varchar, i, [i] from range(100) r(i)')
        made.execute("drop table marts.gone")
        made.execute("force checkpoint")
        yield made


def blocks(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """All of them, and those in use."""
    found = con.execute("select total_blocks, used_blocks from pragma_database_size() where database_name = 'build'")
    total, used = found.fetchall()[0]
    return total, used


def contents(con: duckdb.DuckDBPyConnection) -> list[Any]:
    """Every row in its order, every definition and description."""
    tables = ("marts.stays", 'marts."odd name"', "marts.late", "marts.seen", "_build.facts")
    return [con.execute(f"from {table}").fetchall() for table in tables] + con.execute(TOLD).fetchall()


def test_free_space_before_the_last_tables_is_given_back(con: duckdb.DuckDBPyConnection) -> None:
    total, used = blocks(con)
    assert total > 2 * used
    shrink(con)
    total, used = blocks(con)
    assert total <= used * (1 + MOST_FREE) + 2  # the tables that moved lie where there was room


def test_rows_order_keys_and_descriptions_stay(con: duckdb.DuckDBPyConnection) -> None:
    before = contents(con)
    shrink(con)
    assert contents(con) == before
    with pytest.raises(duckdb.ConstraintException):
        con.execute("insert into marts.\"odd name\" (a, b) values ('1', 1)")


def test_a_file_with_little_free_space_is_left_as_it_is(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    shrink(con)
    before = (tmp_path / "build.duckdb").read_bytes()
    shrink(con)
    assert (tmp_path / "build.duckdb").read_bytes() == before


class KilledAtCheckpoint:
    """Runs statements, but not the checkpoint."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def execute(self, sql: str, *given: Any) -> duckdb.DuckDBPyConnection:
        if sql == "force checkpoint":
            raise KeyboardInterrupt
        return self._con.execute(sql, *given)


def test_a_kill_leaves_what_was_there(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A copy of the open file is what a kill leaves."""
    before = contents(con)
    stopped: Any = KilledAtCheckpoint(con)
    with pytest.raises(KeyboardInterrupt):
        shrink(stopped)
    killed = shutil.copy(tmp_path / "build.duckdb", tmp_path / "killed.duckdb")
    with duckdb.connect() as other:
        other.execute(f"attach '{killed}' as build (read_only); use build")
        assert contents(other) == before


@pytest.mark.whole
def test_after_many_syncs_the_published_file_is_little_larger_than_a_fresh_one(
    lake: LakeWriter, opener: Opener, tmp_path: Path
) -> None:
    sql = tmp_path / "sql"
    for name in ("large", "small", "zero"):
        (sql / "marts").mkdir(parents=True, exist_ok=True)
        limit = {"large": "", "small": " where count < 10", "zero": " where count < 0"}[name]
        (sql / f"marts/{name}.sql").write_text(f"select id, name, count, made from raw.things{limit}")
    chance = random.Random(7)

    def changed(ids: range | list[int]) -> list[dict[str, object]]:
        return [{"id": f"{i:06}", "name": chance.randbytes(150).hex(), "count": chance.randrange(50)} for i in ids]

    def published(sync: int) -> int:
        with opener(THINGS, sql_dir=sql, load=True) as warehouse:
            warehouse.run_models()
            return warehouse.publish(run_id=f"r{sync}", now=at(sync)).bytes

    lake.upsert(THINGS, changed(range(20_000)))
    published(0)
    sizes = []
    for sync in range(1, 31):
        lake.upsert(THINGS, changed(chance.sample(range(20_000), chance.choice((1, 20, 400)))), sync)
        sizes.append(published(sync))
    opener.close()
    lake.layout.build_file.unlink()
    fresh = published(31)
    assert max(sizes) <= 1.2 * fresh


def test_a_file_whose_last_table_is_larger_than_what_is_free_is_copied(tmp_path: Path) -> None:
    path, spill = tmp_path / "build.duckdb", tmp_path / "spill"

    def opened() -> duckdb.DuckDBPyConnection:
        return open_build(path, storage_version="v1.2.0", memory_limit="512MB", spill=spill, say=pytest.fail)

    with opened() as con:
        for statement in (
            f"create table marts.gone as {wide(30_000)}",
            "create macro twice(x) as 2 * x",
            'create table marts."odd name" (a varchar primary key, b integer not null default 3)',
            'insert into marts."odd name" select i::varchar, twice(i) from range(100) r(i)',
            'create view marts.seen as select twice(b) as a from marts."odd name"',
            "comment on column marts.\"odd name\".b is 'it''s a number'",
            f"create table marts.late as {wide(5_000)}",
            f"create table marts.stays as from ({wide(40_000)}) order by id desc",
        ):
            con.execute(statement)
            con.execute("force checkpoint")
        con.execute("drop table marts.gone")
        con.execute("force checkpoint")
        before = contents(con)
        give_back_space(con, path, "v1.2.0")
    assert list(tmp_path.glob(".build*")) == []
    with opened() as con:
        total, used = blocks(con)
        assert total <= used + 1
        assert contents(con) == before
        assert (
            con.execute("select tags['storage_version'] from duckdb_databases() where database_name = 'build'")
            .fetchall()[0][0]
            .startswith("v1.2.0")
        )


def test_what_a_killed_copy_left_is_removed(lake: LakeWriter, opener: Opener) -> None:
    lake.layout.work.mkdir(parents=True)
    left = lake.layout.work / ".build.duckdb.0123abcd.tmp"
    left.write_bytes(b"x")
    opener(THINGS, load=True)
    assert not left.exists()


def test_a_file_that_moving_does_not_shorten_is_copied(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instantly_pipeline.warehouse.db.shrink._tables_beyond", lambda con, end: [])
    assert not shrink(con)
