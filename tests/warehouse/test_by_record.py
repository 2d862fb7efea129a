"""Models that are built again only for the leads that changed: always the rows that building all of them gives."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instantly_pipeline.errors import ModelError
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.models.catalog import load_models
from instantly_pipeline.warehouse.models.runner import ModelResult
from instantly_pipeline.warehouse.warehouse import Warehouse
from tests.warehouse import world
from tests.warehouse.lake_writer import SQL, LakeWriter, Opener, at, begin_with_tables, shipped_models, tiny_stream

STREAMS = all_streams()
LEADS = STREAMS["leads"]
BY_RECORD = sorted(name for name, model in shipped_models().items() if model.by_record)
IDS = [f"l{n}" for n in range(24)]
THINGS = tiny_stream()

pytestmark = pytest.mark.medium


def rows(warehouse: Warehouse) -> dict[str, list[str]]:
    """Rows and columns of the models that are built by record."""
    con = warehouse.connection
    tables = {name: con.execute(f"select * from marts.{name}").fetchall() for name in BY_RECORD}
    shapes = {f"{name}.": con.execute(f"describe marts.{name}").fetchall() for name in BY_RECORD}
    return {name: sorted(map(str, found)) for name, found in (tables | shapes).items()}


def of_a_full_build(warehouse: Warehouse, empty_build: Path) -> dict[str, list[str]]:
    """The same of a build file that is made from the whole lake."""
    layout = type(warehouse.layout)(warehouse.layout.root)
    layout.build_file = layout.work / "full.duckdb"
    layout.build_file.unlink(missing_ok=True)
    begin_with_tables(layout, empty_build)
    with Warehouse(layout, STREAMS, sql_dir=SQL, models=shipped_models()) as full:
        full.load()
        full.run_models(BY_RECORD)
        return rows(full)


def build(warehouse: Warehouse) -> dict[str, ModelResult]:
    """Load, and build the models that are built by record; their results."""
    warehouse.load()
    results = warehouse.run_models(BY_RECORD)
    return {name: results[name] for name in BY_RECORD}


@pytest.fixture
def warehouse(lake: LakeWriter, opener: Opener) -> Warehouse:
    """Two campaigns, a list and leads with variables, everything built."""
    lake.upsert(STREAMS["workspaces"], [world.workspace()])
    lake.upsert(STREAMS["campaigns"], [world.campaign("c1"), world.campaign("c2")])
    lake.upsert(STREAMS["lead_lists"], [{"id": "list", "organization_id": world.ORG, "name": "Fair"}])
    lake.upsert(LEADS, [world.lead(one, "c1", payload={"size": 3, "city": "Bern"}) for one in IDS])
    opened = opener()
    assert {result.records for result in build(opened).values()} == {None}
    return opened


def test_only_the_lead_that_changed_is_built(warehouse: Warehouse, lake: LakeWriter, empty_build: Path) -> None:
    lake.upsert(LEADS, [world.lead("l1", "c1", email_open_count=2, payload={"size": 4})], 1)
    assert {name: result.records for name, result in build(warehouse).items()} == dict.fromkeys(BY_RECORD, 1)
    assert rows(warehouse) == of_a_full_build(warehouse, empty_build)
    assert not [result for result in build(warehouse).values() if result.rebuilt]


def test_a_table_with_the_same_rows_is_left_as_it_is(warehouse: Warehouse, lake: LakeWriter) -> None:
    con = warehouse.connection
    places = "select list(rowid order by rowid) from marts.lead_custom_variables"
    before = con.execute(places).fetchall()
    lake.upsert(LEADS, [world.lead("l1", "c1", email_open_count=2, payload={"size": 3, "city": "Bern"})], 1)
    assert build(warehouse)["lead_custom_variables"].records == 1
    assert con.execute(places).fetchall() == before


def test_a_campaign_with_another_name_concerns_its_leads(
    warehouse: Warehouse, lake: LakeWriter, empty_build: Path
) -> None:
    lake.upsert(LEADS, [world.lead("l2", "c2")], 1)
    build(warehouse)
    lake.upsert(STREAMS["campaigns"], [world.campaign("c2", name="Renamed"), world.campaign("c3")], 2)
    assert build(warehouse)["dim_lead"].records == 1
    named = "select campaign_name, count(*) from marts.dim_lead group by all order by all"
    assert warehouse.connection.execute(named).fetchall() == [("Campaign c1", 23), ("Renamed", 1)]
    assert rows(warehouse) == of_a_full_build(warehouse, empty_build)


def test_an_e_mail_concerns_its_lead_though_nothing_else_happened_to_it(
    warehouse: Warehouse, lake: LakeWriter, empty_build: Path
) -> None:
    lake.upsert(LEADS, [world.lead("quiet", "c1", timestamp_last_contact=None)], 1)
    build(warehouse)
    lake.upsert(STREAMS["emails"], [world.email("m1", "quiet"), world.email("m2", "l2")], 2)
    assert build(warehouse)["fct_lead_event"].records == 2
    told = "select lead_id, source from marts.fct_lead_event where source <> 'lead history' order by all"
    assert warehouse.connection.execute(told).fetchall() == [("l2", "emails"), ("quiet", "emails")]
    assert rows(warehouse) == of_a_full_build(warehouse, empty_build)


def test_a_sweep_that_found_nothing_new_moves_one_column(warehouse: Warehouse, lake: LakeWriter) -> None:
    lake.log("verified", [{"stream": "leads", "verified_at": at(5)}])
    assert build(warehouse)["dim_lead"].records == 0
    verified = warehouse.connection.execute("select distinct verified_at from marts.dim_lead").fetchall()
    assert verified == [(at(5).replace(tzinfo=None),)]


def test_many_leads_at_once_are_built_whole(warehouse: Warehouse, lake: LakeWriter) -> None:
    lake.upsert(LEADS, [world.lead(one, "c2") for one in IDS[:6]], 1)
    assert {result.records for result in build(warehouse).values()} == {None}


def test_a_stream_that_was_loaded_whole_is_built_whole(warehouse: Warehouse, lake: LakeWriter) -> None:
    lake.upsert(LEADS, [world.lead("l1", "c2")], -1)  # before what was loaded
    assert {result.records for result in build(warehouse).values()} == {None}


def test_leads_of_several_loads_are_built_together(warehouse: Warehouse, lake: LakeWriter, empty_build: Path) -> None:
    for hours, one in enumerate(("l1", "l2"), start=1):
        lake.upsert(LEADS, [world.lead(one, "c2", status=-1)], hours)
        warehouse.load()
    assert build(warehouse)["fct_lead_event"].records == 2
    assert rows(warehouse) == of_a_full_build(warehouse, empty_build)


def test_a_build_that_was_broken_off_is_made_up_for(warehouse: Warehouse, lake: LakeWriter, empty_build: Path) -> None:
    lake.upsert(LEADS, [world.lead("l1", "c1", first_name="Ada")], 1)

    def stop(name: str) -> None:
        if name == "dim_lead":
            raise KeyboardInterrupt

    warehouse.load()
    with pytest.raises(KeyboardInterrupt):
        warehouse.run_models(BY_RECORD, on_model=stop)
    lake.upsert(LEADS, [world.lead("l2", "c1", first_name="Ada")], 2)
    assert build(warehouse)["dim_lead"].records == 2
    assert rows(warehouse) == of_a_full_build(warehouse, empty_build)


def test_what_failed_in_the_middle_is_made_up_for_on_the_same_connection(
    warehouse: Warehouse, lake: LakeWriter, empty_build: Path
) -> None:
    lake.upsert(LEADS, [world.lead("l1", "c1", first_name="Ada")], 1)
    con = warehouse.connection
    con.execute("create table kept as from _build.made; drop table _build.made; create view _build.made as from kept")
    with pytest.raises(ModelError):
        build(warehouse)
    con.execute("drop view _build.made; create table _build.made as from kept; drop table kept")
    assert build(warehouse)["dim_lead"].records == 1
    assert rows(warehouse) == of_a_full_build(warehouse, empty_build)


TINY = {
    "marts/names.sql": "select workspace_id, id, name, verified_at from staging.stg_things",
    "marts/alike.sql": "select workspace_id, id, count(*) over (partition by name) as alike from staging.stg_things",
    "marts/marts.yml": (
        "models: [{name: names, changed_by: {things: [workspace_id, id]}, verified_column: verified_at}, "
        "{name: alike, changed_by: {things: [workspace_id, id]}}]"
    ),
}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """An SQL folder with a model that is built by record, and one that only says so."""
    for path, content in TINY.items():
        (tmp_path / "sql" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sql" / path).write_text(content)
    return tmp_path / "sql"


def test_a_model_that_is_not_computed_record_by_record_fails_its_check(
    lake: LakeWriter, opener: Opener, tiny: Path
) -> None:
    lake.upsert(THINGS, [{"id": str(n), "name": "same"} for n in range(600)])
    opened = opener(THINGS, sql_dir=tiny, load=True)
    opened.run_models()
    assert [result.name for result in opened.run_checks() if not result.passed] == [
        "marts.alike: the same record by record"
    ]


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("marts/marts.yml", "[workspace_id, id]}, v", "[id]}, v", "as many columns of the model"),
        ("marts/marts.yml", "{things: [workspace_id, id]}, v", "{nothing: [id]}, v", "raw.nothing"),
        ("marts/names.sql", "verified_at from", "verified_at, verified_at as again from", "verified_column"),
    ],
)
def test_a_contract_that_cannot_be_kept_is_refused(
    lake: LakeWriter, opener: Opener, tiny: Path, path: str, old: str, new: str, said: str
) -> None:
    (tiny / path).write_text(TINY[path].replace(old, new))
    with pytest.raises(ModelError, match=said):
        opener(THINGS, sql_dir=tiny, load=True).run_models()


# --- any sequence of changes

Step = Callable[[random.Random, LakeWriter, float], None]


def _change(chance: random.Random, lake: LakeWriter, hours: float) -> None:
    found = chance.sample([*IDS, "new-1", "new-2"], chance.choice((1, 1, 2, 8)))
    lake.upsert(LEADS, [_lead(chance, one) for one in found], hours * chance.choice((1, 1, 1, 0.5)))


def _lead(chance: random.Random, one: str) -> world.Row:
    return world.lead(
        one,
        chance.choice(("c1", "c2", None)),
        list_id=chance.choice(("list", None)),
        status=chance.choice((1, 3, -1, -2)),
        lt_interest_status=chance.choice((None, 1, 77)),
        email_open_count=chance.randrange(3),
        timestamp_last_open=chance.choice((None, "2026-02-02T09:00:00.000Z", "2026-02-03T09:00:00.000Z")),
        payload=chance.choice((None, {"size": 1}, {"size": 1, "city": "Rome"})),
    )


def _delete(chance: random.Random, lake: LakeWriter, hours: float) -> None:
    lake.delete(LEADS, [{"id": chance.choice(IDS)}], hours)


def _other_workspace(chance: random.Random, lake: LakeWriter, hours: float) -> None:
    lake.upsert(LEADS, [world.lead(chance.choice(IDS), "c9", organization="ws-2")], hours, ws="ws-2")


def _verify(chance: random.Random, lake: LakeWriter, hours: float) -> None:
    upto = chance.choice((None, '["l3"]'))
    lake.log("verified", [{"stream": "leads", "key_to": upto, "verified_at": at(hours)}])


def _rename(chance: random.Random, lake: LakeWriter, hours: float) -> None:
    stream, record = chance.choice(
        (
            ("campaigns", world.campaign(chance.choice(("c1", "c2")), name=f"Name {hours}")),
            ("lead_lists", {"id": "list", "organization_id": world.ORG, "name": f"Name {hours}"}),
            ("lead_labels", world.label(77, f"Label {hours}", chance.choice(("positive", "negative")))),
            ("workspaces", world.workspace(name=f"Name {hours}")),
        )
    )
    lake.upsert(STREAMS[stream], [record], hours)


def _mail(chance: random.Random, lake: LakeWriter, hours: float) -> None:
    day = f"2026-02-0{chance.randrange(1, 4)}T09:00:00.000Z"
    found = world.email(f"m{chance.randrange(9)}", chance.choice(IDS), ue_type=chance.choice((1, 2, 3, 4)),
                        timestamp_created=day, timestamp_email=day)  # fmt: skip
    lake.upsert(STREAMS["emails"], [found], hours)


def _event(chance: random.Random, lake: LakeWriter, hours: float) -> None:
    kind = chance.choice(("email_sent", "email_opened", "email_bounced", "lead_interested", "Label 3.0"))
    lake.upsert(STREAMS["webhook_events"], [world.event(kind, chance.choice(IDS), chance.randrange(1, 4))], hours)


STEPS: tuple[Step, ...] = (_change, _change, _change, _delete, _other_workspace, _verify, _rename, _mail, _event)


@pytest.mark.whole
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_sequence_of_changes_gives_the_rows_of_a_full_build(
    tmp_path_factory: pytest.TempPathFactory, empty_build: Path, seed: int
) -> None:
    chance, lake = random.Random(seed), LakeWriter(tmp_path_factory.mktemp("any"))
    lake.upsert(STREAMS["workspaces"], [world.workspace()])
    lake.upsert(LEADS, [_lead(chance, one) for one in IDS])
    opener = Opener(lake, empty_build)
    try:
        warehouse = opener()
        build(warehouse)
        for hours in range(1, 9):
            for _ in range(chance.choice((1, 1, 2))):
                chance.choice(STEPS)(chance, lake, hours)
            if chance.random() < 0.3:
                warehouse.load()
                continue
            build(warehouse)
            assert rows(warehouse) == of_a_full_build(warehouse, empty_build)
    finally:
        opener.close()


def test_what_a_contract_says_is_in_the_model() -> None:
    by = load_models(SQL, STREAMS)["dim_lead"].by_record
    assert by is not None
    assert (by.key, by.record_key) == (("workspace_id", "lead_id"), ("workspace_id", "id"))
    assert by.others["raw.lead_lists"] == (("workspace_id", "list_id"), ("workspace_id", "id"))
