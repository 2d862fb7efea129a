"""The models: read, put in order, their lineage, and how they are built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.docs import generate as docs
from instantly_pipeline.errors import ModelError
from instantly_pipeline.streams.model import Column, Type
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.load.meta_tables import META_TABLES
from instantly_pipeline.warehouse.models.catalog import load_models, read_seeds, with_needs
from instantly_pipeline.warehouse.models.lineage.cached_lineage import Columns, origins
from instantly_pipeline.warehouse.models.lineage.column_lineage import ColumnLineage
from instantly_pipeline.warehouse.models.lineage.used_columns import is_volatile, volatile_functions
from instantly_pipeline.warehouse.models.model import Model, given_tables
from tests.snapshots import assert_snapshot
from tests.warehouse.lake_writer import SQL, LakeWriter, Opener, shipped_models, tiny_stream

pytestmark = pytest.mark.medium

THINGS = tiny_stream(
    Column("state", Type.INT, "State", labels={1: "it's on", -1: "off"}), Column("day", Type.DATE, "Day")
)
STREAMS = {"things": THINGS}


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """An SQL folder of its own."""
    folder = tmp_path / "sql"
    for name in ("staging", "intermediate", "marts", "checks", "seeds"):
        (folder / name).mkdir(parents=True)
    return folder


def write(sql: Path, path: str, text: str) -> None:
    (sql / path).write_text(text, encoding="utf-8")


# --- reading


def test_models_come_after_those_they_read(sql: Path) -> None:
    write(sql, "marts/a_mart.sql", "-- one row\nselect count(*) as things from intermediate.z")
    write(sql, "intermediate/z.sql", "with x as (select * from staging.stg_things) select * from x")
    models = load_models(sql, STREAMS)
    assert list(models) == ["stg_things", "z", "a_mart"]
    assert models["z"].depends_on == ("staging.stg_things",)
    assert models["a_mart"].grain == "one row"
    assert [models[name].materialized for name in models] == ["view", "view", "table"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select * from staging.stg_other", r"bad\.sql reads staging\.stg_other, which does not exist"),
        ("select * from things", "without a schema"),
        ("select frm", None),
        ("select * from raw.things where (", "not valid SQL"),
        ("select 1; select 2", "exactly one SELECT"),
        ("drop table raw.things", "exactly one SELECT"),
        ("select * from marts.bad", "in a circle: bad"),
    ],
)
def test_a_model_that_cannot_be_is_refused_by_name(sql: Path, text: str, said: str | None) -> None:
    write(sql, "marts/bad.sql", text)
    if said is None:
        assert load_models(sql, STREAMS)["bad"].depends_on == ()
        return
    with pytest.raises(ModelError, match=said):
        load_models(sql, STREAMS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: [", "not valid YAML"),
        ("- a", "holds no mapping"),
        ("models: [{description: x}]", "needs a `name`"),
        ("models: [{name: m, columns: [{name: a}, x]}]", "needs a name and a type"),
        ("models: [{name: m, check: [{unique: a}]}]", "has 'check', which means nothing. Known are: name,.*checks"),
        ("models: [{name: m, columns: [{name: a, type: INT, description: b, or c}]}]", "put its description in quotes"),
        ("models: [{name: m, checks: [{nonsense: 1}]}]", "none or two of"),
        ("models: [{name: m}, {name: m}]", "a second time"),
        ("models: [{name: other}]", "there is no other.sql"),
    ],
)
def test_a_contract_that_cannot_be_is_refused_by_file(sql: Path, text: str, said: str) -> None:
    write(sql, "marts/m.sql", "select 1 as a")
    write(sql, "marts/m.yml", text)
    with pytest.raises(ModelError, match=said):
        load_models(sql, STREAMS)


def test_a_selection_takes_what_it_is_built_from_and_no_more() -> None:
    chosen = with_needs(shipped_models(), ["dim_workspace"])
    assert list(chosen)[-1] == "dim_workspace"
    assert "int_workspace_clock" in chosen
    assert "dim_lead" not in chosen
    with pytest.raises(ModelError, match="no model 'dim_moon'"):
        with_needs(shipped_models(), ["dim_moon"])


# --- lineage


def steps(models: Mapping[str, Model], given: Mapping[str, Mapping[str, str]]) -> dict[str, Columns]:
    """The lineage of models by full name."""
    lineage = ColumnLineage(models, given)
    return {model.full_name: lineage.of(model.name) for model in models.values()}


def test_columns_are_followed_one_step_and_up_to_raw(sql: Path) -> None:
    write(sql, "intermediate/i.sql", "select id, count + 1 as more, name from staging.stg_things")
    write(
        sql, "marts/m.sql",
        "with a as (select * from intermediate.i), b as (select id, sum(more) over (partition by name) as s from a) "
        "select id, s, v.x from b cross join lateral (select b.s * 2 as x) as v union all select id, more, 0 from a",
    )  # fmt: skip
    models = load_models(sql, STREAMS)
    lineage = steps(models, given_tables(STREAMS, {}))
    step = lineage["marts.m"]
    assert step["id"] == [("intermediate.i", "id")]
    assert set(step["s"]) == {("intermediate.i", "more"), ("intermediate.i", "name")}
    assert origins("marts.m", "x", lineage) == {("raw.things", "count"), ("raw.things", "name")}


def test_a_union_by_name_is_followed_by_name(sql: Path) -> None:
    write(
        sql, "marts/m.sql",
        "with a as (select id, name as x from staging.stg_things union all by name select count as x from raw.things) "
        "select id, x from a",
    )  # fmt: skip
    found = ColumnLineage(load_models(sql, STREAMS), given_tables(STREAMS, {})).of("m")
    assert found == {
        "id": [("staging.stg_things", "id")], "x": [("staging.stg_things", "name"), ("raw.things", "count")]
    }  # fmt: skip


def test_every_column_of_the_marts_comes_from_somewhere() -> None:
    models, streams = shipped_models(), all_streams()
    lineage = steps(models, given_tables(streams, {}))
    for model in models.values():
        if model.schema == "marts":
            assert [column.name for column in model.columns] == list(lineage[model.full_name]), model.name
    found = origins("marts.rpt_campaign_summary", "reply_rate", lineage)
    assert ("raw.campaign_analytics", "reply_count_unique") in found
    assert ("raw.campaign_analytics", "new_leads_contacted_count") in found
    assert not [column for table, column in found if table == "raw.leads"]


@pytest.fixture(scope="module")
def lineage() -> dict[str, Columns]:
    """That of the shipped models."""
    return steps(shipped_models(), given_tables(all_streams(), read_seeds(SQL)))


@pytest.mark.parametrize(
    ("mart", "made_up"),
    [
        ("fct_lead_event", {"source"}), ("rpt_funnel", set()), ("rpt_cohort_weekly", set()),
        ("rpt_time_to_reply", set()),
        ("rpt_esp_matrix", set()), ("rpt_list_quality", set()), ("rpt_suppression_audit", {"finding"}),
        ("rpt_contact_pressure", set()), ("rpt_provider_pair", set()), ("rpt_source_performance", {"source"}),
        ("rpt_stored_contacts", set()), ("rpt_stored_leads", set()), ("rpt_replies_waiting", {"is_answer_known"}),
        ("rpt_copy_performance", set()), ("rpt_suppression_summary", {"finding"}),
    ],
)  # fmt: skip
def test_every_column_about_leads_leads_back_to_what_was_synced(
    lineage: dict[str, Columns], mart: str, made_up: set[str]
) -> None:
    """All but those whose every value is a word of ours."""
    table = f"marts.{mart}"
    assert {column for column in lineage[table] if not origins(table, column, lineage)} == made_up


# --- making


def test_the_default_staging_view_decodes_and_takes_times_as_utc(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    rows = [{"id": "a", "state": 1, "made": "2026-02-01T23:30:00.000Z", "day": "2026-02-01"}, {"id": "b", "state": 5}]
    lake.upsert(THINGS, [*rows, {"id": "c", "name": "kept", "state": -1}])
    lake.delete(THINGS, [{"id": "c"}], 2)
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    made = warehouse.run_models()["stg_things"]
    expected = warehouse.models()["stg_things"].columns
    assert made.columns == [(column.name, column.type) for column in expected]
    con = warehouse.connection
    con.execute("set TimeZone = 'Asia/Kolkata'")
    found = con.execute("select id, name, state_label, made::varchar, day::varchar, is_deleted, deleted_at::varchar "
                        "from staging.stg_things order by id").fetchall()  # fmt: skip
    assert found == [
        ("a", None, "it's on", "2026-02-01 23:30:00", "2026-02-01", False, None),
        ("b", None, "unknown (5)", None, None, False, None),
        ("c", "kept", "off", None, None, True, "2026-03-01 08:00:00"),
    ]


def test_a_file_in_the_staging_folder_takes_the_place_of_the_default(opener: Opener, sql: Path) -> None:
    write(sql, "staging/stg_things.sql", "-- mine\nselect id from raw.things")
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    assert warehouse.run_models()["stg_things"].columns == [("id", "VARCHAR")]


def test_descriptions_reach_the_database(opener: Opener, sql: Path) -> None:
    write(sql, "marts/m.sql", "-- one row per thing\nselect id as thing, name from staging.stg_things")
    write(sql, "marts/m.yml", "shared: {name: It's \"so\"}\nmodels: [{name: m, description: Things, "
          "columns: [{name: thing, type: VARCHAR, description: Key}, name: VARCHAR]}]")  # fmt: skip
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.run_models()
    con = warehouse.connection
    assert con.execute("select comment from duckdb_tables() where table_name = 'm'").fetchone() == (
        "Things. Grain: one row per thing.",
    )
    comments = con.execute("select column_name, comment from duckdb_columns() where table_name = 'm' order by 1")
    assert comments.fetchall() == [("name", 'It\'s "so"'), ("thing", "Key")]


def test_a_model_that_fails_names_its_file_and_keeps_its_last_table(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    write(sql, "marts/m.sql", "select id from staging.stg_things")
    opener(THINGS, sql_dir=sql, load=True).run_models()
    opener.close()
    write(sql, "marts/m.sql", "select no_such_column from staging.stg_things")
    warehouse = opener(THINGS, sql_dir=sql)
    with pytest.raises(ModelError, match=r"m\.sql failed in DuckDB.*no_such_column"):
        warehouse.run_models()
    assert warehouse.connection.execute("select count(*) from marts.m").fetchone() == (0,)


def test_a_value_that_fails_a_cast_is_not_quoted(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "bo@clinic.example"}])
    write(sql, "marts/m.sql", "select name::bigint as number from staging.stg_things")
    with pytest.raises(ModelError, match=r"m\.sql") as caught:
        opener(THINGS, sql_dir=sql, load=True).run_models()
    assert "clinic" not in str(caught.value)


def test_what_is_no_model_any_more_is_dropped_and_kinds_can_change(opener: Opener, sql: Path) -> None:
    write(sql, "marts/m.sql", "select 1 as a")
    write(sql, "intermediate/i.sql", "select 1 as a")
    opener(THINGS, sql_dir=sql, load=True).run_models()
    opener.close()
    (sql / "marts/m.sql").unlink()
    write(sql, "intermediate/i.yml", "models: [{name: i, materialized: table}]")
    warehouse = opener(THINGS, sql_dir=sql)
    warehouse.run_models()
    names = warehouse.connection.execute("select schema_name, table_name from duckdb_tables() where schema_name in "
                                         "('marts', 'intermediate')").fetchall()  # fmt: skip
    assert names == [("intermediate", "i")]


def test_seeds_are_tables_of_the_types_promised(opener: Opener, sql: Path) -> None:
    write(sql, "seeds/limits.csv", 'name,most\n"a, b",1.5\nc,\n')
    write(
        sql,
        "seeds/s.yml",
        "models: [{name: limits, columns: [{name: name, type: VARCHAR}, {name: most, type: DOUBLE}]}]",
    )
    write(sql, "marts/m.sql", "select * from seeds.limits")
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.run_models()
    assert warehouse.connection.execute("select * from marts.m order by 1").fetchall() == [("a, b", 1.5), ("c", None)]
    write(sql, "seeds/limits.csv", "name,most\na,many\n")
    with pytest.raises(ModelError, match=r"limits\.csv"):
        warehouse.run_models()


def test_a_seed_without_a_contract_is_refused(sql: Path) -> None:
    write(sql, "seeds/limits.csv", "name\na\n")
    with pytest.raises(ModelError, match="no contract"):
        load_models(sql, STREAMS)


def test_no_shipped_model_asks_the_clock_or_chance() -> None:
    """A rebuild would give another report than the one that was published."""
    with duckdb.connect() as con:
        functions = volatile_functions(con)
    assert [model.name for model in shipped_models().values() if is_volatile(model.sql, functions)] == []
    assert is_volatile("select now()", functions)


# --- what is generated


@pytest.mark.snapshot
@pytest.mark.parametrize("path", ["sql/labels.sql", "sql/sources.yml", "docs/data-dictionary.md", "docs/queries.md"])
def test_the_generated_files_are_current(path: str) -> None:
    assert_snapshot(docs.texts(SQL.parent)[SQL.parent / path], SQL.parent / path)


def test_a_contract_that_cannot_be_ends_the_generator_with_its_message(sql: Path) -> None:
    write(sql, "marts/m.yml", "models: [{description: x}]")
    with pytest.raises(SystemExit, match=r"Error: .*m\.yml: every entry of `models` needs a `name`"):
        docs.main(sql.parent)


def test_the_tables_of_meta_are_as_documented(opener: Opener) -> None:
    con = opener(THINGS, load=True).connection
    for table in META_TABLES:
        found = [
            (row[0], row[1].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"))
            for row in con.execute(f"describe {table.full_name}").fetchall()
        ]
        assert found == list(table.types.items()), table.name


def test_one_name_is_one_figure_in_all_marts() -> None:
    """A column of one name has one type and one definition: the words up to the first colon or semicolon.

    What a mart adds to it stands after those. Old names that stay for a version are described as such.
    """
    meanings: dict[str, set[tuple[str, str]]] = {}
    for model in shipped_models().values():
        for column in model.columns if model.schema == "marts" else ():
            if not column.description.startswith("Old name of"):
                definition = re.split("[:;]", column.description)[0]
                meanings.setdefault(column.name, set()).add((column.type, definition))
    assert {name: sorted(found) for name, found in meanings.items() if len(found) > 1} == {}
