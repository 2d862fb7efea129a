"""Only what has changed is rebuilt, and the result is always that of a full build."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instantly_pipeline.errors import ModelError, PublishRefused
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.models.runner import ModelResult
from instantly_pipeline.warehouse.warehouse import Warehouse
from tests.warehouse.lake_writer import LakeWriter, Opener, at, tiny_stream

pytestmark = pytest.mark.whole

THINGS = tiny_stream()

FILES = {
    "macros.sql": "create or replace macro doubled(x) as x * 2;",
    "seeds/limits.csv": "name,most\nx,1\ny,2\n",
    "seeds/limits.yml": "models: [{name: limits, columns: [{name: name, type: VARCHAR}, {name: most, type: BIGINT}]}]",
    "intermediate/clock.sql": "select workspace_id, max(verified_at) as as_of from staging.stg_things group by all",
    "intermediate/versions.sql": (
        "select _key, count(*) as versions from history.things where _op = 'upsert' group by all"
    ),
    "intermediate/named.sql": "select * from staging.stg_things where name is not null",
    "intermediate/intermediate.yml": "models: [{name: clock, materialized: table, key: [workspace_id]}]",
    "marts/dim.sql": "select workspace_id, 'name of ' || workspace_id as title, as_of from intermediate.clock",
    "marts/facts.sql": (
        "with t as (select * from intermediate.named) select t.workspace_id, t.id, t.name, d.title, "
        "doubled(l.most) as most, v.versions from t join marts.dim d using (workspace_id) "
        "left join seeds.limits l using (name) left join intermediate.versions v on v._key = t._key "
        "where not t.is_deleted"
    ),
    "marts/fresh.sql": "select id, workspace_id, verified_at from staging.stg_things",
    "marts/odd.sql": "select stream, sum(occurrences)::bigint as n from meta.quarantine where reason <> '' group by 1",
    "marts/alive.sql": "select id, name from raw.things where _deleted_at is null",
    "marts/gone.sql": "select count(*) as gone from raw.things where _deleted_at is not null",
    "marts/marts.yml": (
        "models: [{name: dim, key: [workspace_id]}, {name: facts, key: [workspace_id, id], checks: [{not_null: name}]}]"
    ),
    "checks/few.sql": "select * from marts.facts where versions > 3",
    "checks/checks.yml": "models: [{name: few, of: marts.facts, warn: true}]",
}


def write_sql(folder: Path) -> Path:
    """An SQL folder with models of every kind."""
    for name in ("staging", "intermediate", "marts", "checks", "seeds"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path, content in FILES.items():
        (folder / path).write_text(content)
    return folder


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """That folder."""
    return write_sql(tmp_path / "sql")


def made(warehouse: Warehouse) -> set[str]:
    """The tables that are made now."""
    results = warehouse.run_models()
    return {name for name, result in results.items() if result.rebuilt and result.rows is not None}


def everything(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Rows, columns and comments of every table and view of the models, seeds and records."""
    found = con.execute(
        "select schema_name || '.' || table_name from duckdb_tables() "
        "where schema_name not in ('log', 'meta', 'main', '_build') "
        "union all select schema_name || '.' || view_name from duckdb_views() where not internal"
    ).fetchall()
    tables = {name: sorted(map(str, con.execute(f"select * from {name}").fetchall())) for (name,) in found}
    described = con.execute(
        "select schema_name, table_name, column_name, data_type, comment from duckdb_columns() where not internal "
        "and schema_name not in ('log', 'meta', 'main', '_build') order by all"
    ).fetchall()
    return tables | {"described": described}


@pytest.fixture
def warehouse(lake: LakeWriter, opener: Opener, sql: Path) -> Warehouse:
    """Two things, everything made once."""
    lake.upsert(THINGS, [{"id": "a", "name": "x"}, {"id": "b", "name": "y"}])
    lake.log("verified", [{"stream": "things", "verified_at": at(0)}])
    opened = opener(THINGS, sql_dir=sql, load=True)
    assert made(opened) == ALL
    return opened


def again(opener: Opener, sql: Path) -> Warehouse:
    """A warehouse that reads the SQL folder again, loaded."""
    return opener(THINGS, sql_dir=sql, load=True)


def test_nothing_is_made_again_where_nothing_changed(warehouse: Warehouse, opener: Opener, sql: Path) -> None:
    before = warehouse.run_models()
    assert not [name for name, result in before.items() if result.rebuilt]
    assert before["facts"].rows == 2
    assert [name for name, _ in before["facts"].columns][:3] == ["workspace_id", "id", "name"]
    warehouse.close()
    assert made(again(opener, sql)) == set()


def test_a_sync_that_found_nothing_new_makes_only_what_shows_when_it_was(
    warehouse: Warehouse, lake: LakeWriter
) -> None:
    lake.log("verified", [{"stream": "things", "verified_at": at(5)}])
    warehouse.load()
    assert made(warehouse) == {"clock", "dim", "fresh"}
    as_of = warehouse.connection.execute("select as_of from marts.dim").fetchall()
    assert as_of == [(at(5).replace(tzinfo=None),)]


def test_a_changed_record_makes_what_shows_it(warehouse: Warehouse, lake: LakeWriter) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "y"}], 1)
    warehouse.load()
    assert "facts" in made(warehouse)
    assert warehouse.connection.execute("select name, most, versions from marts.facts where id = 'a'").fetchall() == [
        ("y", 4, 2)
    ]


def test_a_filter_that_no_row_needed_so_far_is_an_input(warehouse: Warehouse, lake: LakeWriter) -> None:
    """With statistics DuckDB would leave out a column that has one value, or a table without rows."""
    lake.delete(THINGS, [{"id": "a"}], 1)
    lake.log(
        "quarantine",
        [{"stream": "things", "key": "k", "column": "c", "reason": "odd", "seen_at": at(1), "occurrences": 2}],
    )
    warehouse.load()
    assert {"alive", "gone", "odd", "facts"} <= made(warehouse)
    con = warehouse.connection
    assert con.execute("select id from marts.alive").fetchall() == [("b",)]
    assert con.execute("select gone from marts.gone").fetchall() == [(1,)]
    assert con.execute("select * from marts.odd").fetchall() == [("things", 2)]


ALL = {"clock", "dim", "facts", "fresh", "odd", "gone", "alive"}


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("macros.sql", "create or replace macro doubled(x) as x * 3;", ALL),
        ("seeds/limits.csv", "name,most\nx,7\n", {"facts"}),
        ("marts/gone.sql", "select count(*) as gone from raw.things", {"gone"}),
        ("intermediate/named.sql", "select * from staging.stg_things where name = 'x'", {"facts"}),
        ("marts/marts.yml", "models: [{name: gone, description: Gone now}]", {"gone", "facts"}),
    ],
)
def test_an_edit_makes_again_what_it_concerns(
    warehouse: Warehouse, opener: Opener, sql: Path, path: str, content: str, expected: set[str]
) -> None:
    warehouse.close()
    (sql / path).write_text(content)
    edited = again(opener, sql)
    found = made(edited)
    assert expected <= found
    assert found <= expected | {"dim", "facts"}
    assert everything(edited.connection) == of_a_full_build(edited, sql)


def of_a_full_build(warehouse: Warehouse, sql: Path, stream: Stream = THINGS) -> dict[str, Any]:
    """What is in a build file that is rebuilt from the same lake."""
    layout = type(warehouse.layout)(warehouse.layout.root)
    layout.build_file = layout.work / "full.duckdb"
    with Warehouse(layout, {stream.name: stream}, sql_dir=sql) as full:
        full.remove()
        full.load()
        full.run_models()
        return everything(full.connection)


def test_a_macro_that_is_gone_from_the_file_is_gone(warehouse: Warehouse, opener: Opener, sql: Path) -> None:
    warehouse.close()
    (sql / "macros.sql").write_text("create or replace macro tripled(x) as x * 3;")
    with pytest.raises(ModelError, match="doubled"):
        again(opener, sql).run_models()


def test_a_model_that_asks_the_clock_is_always_made(warehouse: Warehouse, opener: Opener, sql: Path) -> None:
    warehouse.close()
    (sql / "intermediate/today.sql").write_text("select current_date as today")
    (sql / "marts/ages.sql").write_text(
        "select t.id, d.today from staging.stg_things t cross join intermediate.today d"
    )
    opened = again(opener, sql)
    assert made(opened) == {"ages"}
    assert made(opened) == {"ages"}


def test_a_model_left_out_and_taken_back_is_made(warehouse: Warehouse, opener: Opener, sql: Path) -> None:
    warehouse.close()
    (sql / "marts/gone.sql").unlink()
    without = again(opener, sql)
    without.run_models()
    without.close()
    (sql / "marts/gone.sql").write_text(FILES["marts/gone.sql"])
    assert made(again(opener, sql)) == {"gone"}


class Stop(Exception):
    """Stands for a kill."""


def test_what_was_broken_off_is_made_the_next_time(
    warehouse: Warehouse, lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "y"}], 1)
    warehouse.load()

    def stop(name: str) -> None:
        if name == "facts":
            raise Stop

    with pytest.raises(Stop):
        warehouse.run_models(on_model=stop)
    warehouse.close()
    opened = again(opener, sql)
    assert "facts" in made(opened)
    assert everything(opened.connection) == of_a_full_build(opened, sql)


# --- checks


def test_a_check_is_asked_again_once_its_table_changed(warehouse: Warehouse, lake: LakeWriter) -> None:
    assert not [result.name for result in warehouse.run_checks() if not result.passed]
    assert len(warehouse.run_checks()) == len(warehouse.run_checks())
    for hours, name in enumerate("xyxyx", start=1):
        lake.upsert(THINGS, [{"id": "a", "name": name}], hours)
    warehouse.load()
    warehouse.run_models()
    assert [result.name for result in warehouse.run_checks() if not result.passed] == ["few"]


def test_a_check_that_failed_is_asked_again(warehouse: Warehouse) -> None:
    """Also of a table that did not change since, as far as anybody said so."""
    con, name = warehouse.connection, "marts.facts: one row per workspace_id, id"
    con.execute("insert into marts.facts select * from marts.facts")
    assert [result.name for result in warehouse.run_checks() if not result.passed] == [name]
    con.execute("delete from marts.facts")
    assert [result.passed for result in warehouse.run_checks() if result.name == name] == [True]


def test_a_check_that_is_edited_is_asked_again(warehouse: Warehouse, opener: Opener, sql: Path) -> None:
    warehouse.run_checks()
    warehouse.close()
    (sql / "checks/few.sql").write_text("select * from marts.facts where versions > 0")
    edited = again(opener, sql)
    edited.run_models()
    assert [result.failing_rows for result in edited.run_checks() if result.name == "few"] == [2]


def test_a_check_that_asks_the_session_through_a_macro_is_always_asked(
    warehouse: Warehouse, opener: Opener, sql: Path
) -> None:
    warehouse.close()
    with (sql / "macros.sql").open("a") as macros:
        macros.write("\ncreate or replace macro zone() as current_setting('TimeZone');")
    (sql / "checks/few.sql").write_text("select * from raw.things where zone() <> 'UTC'")
    opened = again(opener, sql)
    opened.run_models()
    assert [result.name for result in opened.run_checks() if not result.passed] == []
    opened.connection.execute("set TimeZone = 'Asia/Tokyo'")
    assert [result.name for result in opened.run_checks() if not result.passed] == ["few"]


def test_a_refused_publication_stays_refused_until_the_rows_are_right(
    warehouse: Warehouse, opener: Opener, sql: Path
) -> None:
    warehouse.close()
    (sql / "marts/marts.yml").write_text("models: [{name: gone, checks: [{expression: gone > 0}]}]")
    for _ in range(2):
        opened = again(opener, sql)
        opened.run_models()
        with pytest.raises(PublishRefused):
            opened.publish(run_id="r", now=at(1))
        opened.close()


# --- what is published


def files(folder: Path) -> dict[str, int]:
    """The published Parquet files, each with what tells whether it was replaced."""
    return {path.stem: path.stat().st_ino for path in folder.glob("*/*.parquet")}


def test_only_parquet_files_of_changed_tables_are_replaced(
    warehouse: Warehouse, lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    tables = warehouse.publish(run_id="r1", now=at(1)).tables
    before = files(lake.layout.publish)
    (lake.layout.publish / "marts/odd.parquet").chmod(0o644)
    (lake.layout.publish / "marts/odd.parquet").write_bytes(b"damaged")
    lake.log("verified", [{"stream": "things", "verified_at": at(5)}])
    warehouse.load()
    warehouse.run_models()
    assert warehouse.publish(run_id="r2", now=at(6)).tables == tables
    after = files(lake.layout.publish)
    assert {name for name in after if after[name] != before[name]} == {"things", "dim", "fresh", "odd"}
    warehouse.remove()
    rebuilt = again(opener, sql)
    rebuilt.run_models()
    rebuilt.publish(run_id="r3", now=at(7))
    assert not set(files(lake.layout.publish).values()) & set(after.values())


# --- any sequence

Step = Callable[[random.Random, LakeWriter, Path, float], None]


def _load_more(chance: random.Random, lake: LakeWriter, sql: Path, hours: float) -> None:
    names = [chance.choice(("x", "y", None)) for _ in "abc"]
    things = [{"id": key, "name": name} for key, name in zip("abc", names, strict=True) if chance.random() < 0.5]
    if things:
        lake.upsert(THINGS, things, hours * chance.choice((1, 1, 0.3)), ws=chance.choice(("ws-1", "ws-2")))


def _delete(chance: random.Random, lake: LakeWriter, sql: Path, hours: float) -> None:
    lake.delete(THINGS, [{"id": chance.choice("abc")}], hours, ws=chance.choice(("ws-1", "ws-2")))


def _verify(chance: random.Random, lake: LakeWriter, sql: Path, hours: float) -> None:
    upto = chance.choice((None, '["a"]', '["b"]'))
    lake.log("verified", [{"stream": "things", "key_to": upto, "verified_at": at(hours)}])


def _quarantine(chance: random.Random, lake: LakeWriter, sql: Path, hours: float) -> None:
    row = {"stream": "things", "key": "k", "column": "c", "reason": chance.choice(("odd", None)), "occurrences": 1}
    lake.log("quarantine", [{**row, "run_id": f"r{hours}", "seen_at": at(hours)}])


def _lose(chance: random.Random, lake: LakeWriter, sql: Path, hours: float) -> None:
    found = sorted(lake.layout.changes.glob("*/*/*/*.parquet"))
    if found:
        chance.choice(found).unlink()


EDITS = (
    ("macros.sql", "create or replace macro doubled(x) as x * 3;"),
    ("seeds/limits.csv", "name,most\nx,7\nx,8\n"),
    ("intermediate/named.sql", "select * exclude (made), made as when_made from staging.stg_things"),
    ("intermediate/intermediate.yml", "models: [{name: versions, materialized: table}]"),
    ("marts/facts.sql", "select workspace_id, id, name, count(*) over () as times from intermediate.named"),
    ("marts/dim.sql", "select workspace_id, as_of::date as title, as_of from intermediate.clock"),
)


def _edit(chance: random.Random, lake: LakeWriter, sql: Path, hours: float) -> None:
    path, content = chance.choice(EDITS)
    (sql / path).write_text(FILES[path] if (sql / path).read_text() == content else content)


STEPS: tuple[Step, ...] = (_load_more, _load_more, _delete, _verify, _quarantine, _lose, _edit, _edit)


def _any_sequence(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    lake, sql = LakeWriter(folder), write_sql(folder / "sql")
    opener = Opener(lake)
    for number in range(5):
        for step in chance.sample(STEPS, chance.randint(0, 3)):
            step(chance, lake, sql, number + chance.random())
        warehouse = again(opener, sql)
        if chance.random() < 0.3:
            _broken_off(warehouse, chance.choice(("clock", "dim", "facts")))
            warehouse = again(opener, sql)
        _results_agree(warehouse, warehouse.run_models())
        assert everything(warehouse.connection) == of_a_full_build(warehouse, sql)
        warehouse.close()


@pytest.mark.parametrize("examples", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_any_sequence_of_loads_edits_and_kills_gives_what_a_full_build_gives(
    tmp_path_factory: pytest.TempPathFactory, examples: int
) -> None:
    @settings(max_examples=examples)
    @given(seed=st.integers(0, 2**32))
    def play(seed: int) -> None:
        folder = tmp_path_factory.mktemp("lake")
        _any_sequence(folder, seed)
        shutil.rmtree(folder)

    play()


def _broken_off(warehouse: Warehouse, where: str) -> None:
    def stop(name: str) -> None:
        if name == where:
            raise Stop

    with pytest.raises(Stop):
        warehouse.run_models(on_model=stop)
    warehouse.close()


def _results_agree(warehouse: Warehouse, results: dict[str, ModelResult]) -> None:
    for name, result in results.items():
        full = warehouse.models()[name].full_name
        described = warehouse.connection.execute(f"describe {full}").fetchall()
        assert result.columns == [(row[0], row[1]) for row in described]
        if result.rows is not None:
            assert warehouse.connection.execute(f"select count(*) from {full}").fetchall() == [(result.rows,)]
