"""Every kind of check is seen to fail, and to pass where nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from instantly_pipeline.errors import ModelError, PublishRefused
from instantly_pipeline.warehouse.checks.checks import CheckResult
from instantly_pipeline.warehouse.publish.publish import refuse_if_failed
from tests.warehouse.lake_writer import LakeWriter, Opener, at, tiny_stream

pytestmark = pytest.mark.medium

THINGS = tiny_stream()
PERSON = "bo@clinic.example"


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """An SQL folder with one mart over the things."""
    folder = tmp_path / "sql"
    for name in ("staging", "intermediate", "marts", "checks", "seeds"):
        (folder / name).mkdir(parents=True)
    (folder / "marts/m.sql").write_text("select id, name, count from staging.stg_things")
    return folder


def promise(sql: Path, *lines: str) -> None:
    """The contract of the mart."""
    (sql / "marts/m.yml").write_text("models:\n  - name: m\n" + "".join(f"    {line}\n" for line in lines))


def results(opener: Opener, sql: Path) -> dict[str, CheckResult]:
    """The answers by name, from a load and a run of the models."""
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.run_models()
    found = {result.name: result for result in warehouse.run_checks()}
    warehouse.close()
    return found


GOOD = [{"id": "a", "name": "x", "count": 1}, {"id": "b", "name": "y", "count": 2}]
BAD = [{"id": "c", "name": "y", "count": -1}, {"id": "d", "name": None, "count": None}, {"id": "e", "name": PERSON}]


@pytest.mark.whole
@pytest.mark.parametrize(
    ("check", "name", "failing"),
    [
        ("{not_null: name}", "name not null", 1),
        ("{not_null: [name, count]}", "name, count not null", 2),
        ("{unique: name}", "name unique", 1),
        ("{accepted_values: {column: name, values: [x, y]}}", "name is one of its values", 1),
        ("{accepted_values: {column: count, values: [1, 2]}}", "count is one of its values", 1),
        ("{relationship: {columns: [name], to: marts.m, fields: [id]}}", "name found in marts.m", 4),
        ('{expression: "count >= 0"}', "count >= 0", 1),
    ],
)
def test_each_kind_of_promise_passes_and_fails(
    lake: LakeWriter, opener: Opener, sql: Path, check: str, name: str, failing: int
) -> None:
    promise(sql, "checks:", f"  - {check}")
    lake.upsert(THINGS, [] if "relationship" in check else GOOD)
    assert results(opener, sql)[f"marts.m: {name}"].passed
    lake.upsert(THINGS, [*GOOD, *BAD], 1)
    found = results(opener, sql)[f"marts.m: {name}"]
    assert (found.passed, found.blocking, found.failing_rows) == (False, True, failing)


def test_the_key_is_unique_and_not_null_except_where_it_may_be(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [*GOOD, *BAD])
    promise(sql, "key: [name]")
    found = results(opener, sql)
    assert not found["marts.m: one row per name"].passed
    assert not found["marts.m: the key is not null"].passed
    promise(sql, "key: [name]", "nullable_key: [name]")
    assert "marts.m: the key is not null" not in results(opener, sql)


def test_two_rows_with_the_same_null_in_their_key_are_a_repetition(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [{"id": "a"}, {"id": "b"}])
    promise(sql, "key: [name]", "nullable_key: [name]")
    assert not results(opener, sql)["marts.m: one row per name"].passed


@pytest.mark.parametrize(
    ("columns", "passed"),
    [
        ("[id: VARCHAR, name: VARCHAR, count: BIGINT]", True),
        ("[id: VARCHAR, name: VARCHAR, count: DOUBLE]", False),
        ("[id: VARCHAR, count: BIGINT, name: VARCHAR]", False),
        ("[id: VARCHAR, name: VARCHAR]", False),
        ("[id: VARCHAR, name: VARCHAR, count: BIGINT, more: DATE]", False),
    ],
)
def test_columns_are_held_to_the_contract(opener: Opener, sql: Path, columns: str, passed: bool) -> None:
    promise(sql, f"columns: {columns}")
    found = results(opener, sql)["marts.m: columns as promised"]
    assert (found.passed, found.blocking) == (passed, True)


def test_a_repeated_key_in_raw_is_found(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, GOOD)
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.connection.execute("insert into raw.things select * from raw.things where id = 'a'")
    warehouse.connection.execute("update raw.things set id = null where id = 'b'")
    warehouse.run_models()
    failed = {result.name for result in warehouse.run_checks() if not result.passed}
    assert failed == {"raw.things: one row per key", "raw.things: keys are not null"}


def test_a_warning_is_reported_and_does_not_stop_the_publication(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    promise(sql, "checks:", "  - {not_null: name, warn: true}")
    lake.upsert(THINGS, BAD)
    found = results(opener, sql)["marts.m: name not null"]
    assert (found.passed, found.blocking) == (False, False)
    refuse_if_failed([found])
    assert opener(THINGS, sql_dir=sql).publish(run_id="r", now=at(1)).path.exists()


def test_a_question_of_ones_own_returns_the_offending_rows(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [*GOOD, *BAD])
    (sql / "checks/no_minus.sql").write_text("-- counts below zero\nselect * from marts.m where count < 0;\n")
    (sql / "checks/checks.yml").write_text("models: [{name: no_minus, of: marts.m, warn: true, description: No minus}]")
    found = results(opener, sql)["no_minus"]
    assert (found.passed, found.failing_rows, found.blocking, found.model) == (False, 1, False, "marts.m")


def test_a_question_that_nobody_described_is_refused(opener: Opener, sql: Path) -> None:
    (sql / "checks/stray.sql").write_text("select 1")
    with pytest.raises(ModelError, match=r"stray\.sql has no entry"):
        results(opener, sql)


@pytest.mark.parametrize(
    "check", ["{accepted_values: {column: name}}", "{relationship: {to: marts.m}}", "{expression: nope > 1}"]
)
def test_a_promise_that_cannot_be_asked_is_refused(opener: Opener, sql: Path, check: str) -> None:
    promise(sql, "checks:", f"  - {check}")
    with pytest.raises(ModelError):
        results(opener, sql)


def test_a_mart_that_had_rows_when_published_and_has_none_now_blocks(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    lake.upsert(THINGS, GOOD)
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.run_models()
    warehouse.publish(run_id="r1", now=at(1))
    (sql / "marts/m.sql").write_text("select id, name, count from staging.stg_things where false")
    opener.close()
    found = results(opener, sql)["marts.m: not emptied"]
    assert (found.passed, found.blocking, found.failing_rows) == (False, True, 2)
    with pytest.raises(PublishRefused, match="not emptied"):
        opener(THINGS, sql_dir=sql).publish(run_id="r2", now=at(2))
    warehouse = opener(THINGS, sql_dir=sql)
    warehouse.run_checks(accepted=["things"])  # as the message says, where it is right
    assert warehouse.publish(run_id="r2", now=at(2)).tables["marts.m"] == 0
    assert results(opener, sql)["marts.m: not emptied"].passed


def published_once(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    """A mart of things that are named like `x`, with a key, published with its two rows."""
    (sql / "marts/m.sql").write_text(
        "select workspace_id, id, name from staging.stg_things where not is_deleted and name = 'x'"
    )
    promise(sql, "key: [workspace_id, id]", "columns:", *(f"  - {c}: VARCHAR" for c in ("workspace_id", "id", "name")))
    lake.upsert(THINGS, [{"id": "a", "name": "x"}, {"id": "b", "name": "x"}, {"id": "c", "name": "y"}])
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.run_models()
    warehouse.publish(run_id="r1", now=at(1))
    opener.close()


def test_a_mart_is_empty_with_reason_where_the_lake_says_that_its_records_were_deleted(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    """Others of the stream may be there."""
    published_once(lake, opener, sql)
    lake.delete(THINGS, [{"id": "a"}, {"id": "b"}], 2)
    assert results(opener, sql)["marts.m: not emptied"].passed


def test_deletions_of_others_are_no_reason_for_a_mart_to_be_empty(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    published_once(lake, opener, sql)
    lake.delete(THINGS, [{"id": "a"}, {"id": "c"}], 2)
    lake.upsert(THINGS, [{"id": "b", "name": "other"}], 3)
    found = results(opener, sql)["marts.m: not emptied"]
    assert (found.passed, found.failing_rows) == (False, 2)
    assert "sync --accept-deletes" in found.description


def test_records_that_are_lost_without_a_tombstone_are_no_reason_either(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    published_once(lake, opener, sql)
    for path in lake.layout.changes.rglob("*.parquet"):
        path.unlink()
    lake.upsert(THINGS, [{"id": "d", "name": "y"}], 2)
    assert not results(opener, sql)["marts.m: not emptied"].passed


def test_what_was_accepted_of_one_stream_says_nothing_of_another(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    published_once(lake, opener, sql)
    lake.upsert(THINGS, [{"id": name, "name": "other"} for name in "ab"], 2)
    for streams, passed in ((["others"], False), (["things"], True)):
        warehouse = opener(THINGS, sql_dir=sql, load=True)
        warehouse.run_models()
        found = {one.name: one.passed for one in warehouse.run_checks(accepted=streams)}
        assert found["marts.m: not emptied"] is passed


def test_no_message_holds_a_value(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    promise(sql, "key: [name]", "checks:", "  - {unique: name}", "  - {accepted_values: {column: name, values: [x]}}")
    lake.upsert(THINGS, [*BAD, {"id": "z", "name": PERSON}])
    found = results(opener, sql).values()
    assert [result for result in found if not result.passed]
    with pytest.raises(PublishRefused) as caught:
        refuse_if_failed(list(found))
    assert PERSON not in str(caught.value) + repr(found)


def test_the_sample_of_a_failed_check_shows_its_rows(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    promise(sql, "checks:", '  - {expression: "count >= 0"}')
    lake.upsert(THINGS, BAD)
    found = results(opener, sql)["marts.m: count >= 0"]
    con = opener(THINGS, sql_dir=sql).connection
    assert con.execute(found.sample_sql).fetchall() == [("c", "y", -1)]


# --- the shipped questions


def shipped(opener: Opener) -> dict[str, CheckResult]:
    warehouse = opener(load=True)
    warehouse.run_models(
        ["dim_campaign", "fct_campaign_daily", "fct_campaign_step_daily", "rpt_campaign_summary", "rpt_workspace_daily"]
    )
    found = {result.name: result for result in warehouse.run_checks()}
    warehouse.close()
    return found


def test_the_shipped_questions_notice_figures_that_disagree_and_sends_that_collapse(
    lake: LakeWriter, opener: Opener
) -> None:
    from tests.warehouse import world
    from tests.warehouse.test_marts import put

    put(lake, "campaigns", world.campaign("c1", timestamp_created="2026-02-01T09:00:00.000Z"))
    put(lake, "campaign_analytics", world.counters("c1", emails_sent_count=5000))
    days = [f"2026-02-{day:02}" for day in range(1, 28)]
    sends = {date: 1 if date > "2026-02-20" else 100 for date in days}
    put(lake, "daily_analytics", *(world.day("c1", date, sent=sends[date]) for date in days))
    put(lake, "workspace_daily_analytics", *(world.day(None, date, sent=sends[date]) for date in days))
    put(lake, "step_analytics", world.step("c1", "2026-02-10", "0", "0", sent=70))
    found = shipped(opener)
    for name in ("daily_matches_lifetime", "steps_match_daily", "sends_collapsed"):
        assert (found[name].passed, found[name].failing_rows, found[name].blocking) == (False, 1, False), name
    put(lake, "campaign_analytics", world.counters("c1", emails_sent_count=2007), hours=1)
    put(lake, "step_analytics", world.step("c1", "2026-02-10", "1", "0", sent=30), hours=1)
    put(lake, "workspace_daily_analytics", *(world.day(None, date, sent=90) for date in days), hours=1)
    found = shipped(opener)
    assert [
        name for name in ("daily_matches_lifetime", "steps_match_daily", "sends_collapsed") if not found[name].passed
    ] == []


def test_a_published_count_is_read_from_the_parquet_beside(lake: LakeWriter) -> None:
    from instantly_pipeline.warehouse.checks.emptied import published_rows

    path = lake.layout.publish / "marts/m.parquet"
    path.parent.mkdir(parents=True)
    assert published_rows(lake.layout, "m") == 0
    pq.write_table(pa.table({"a": [1, 2, 3]}), path)
    assert published_rows(lake.layout, "m") == 3
    path.write_bytes(b"broken")
    assert published_rows(lake.layout, "m") == 0
