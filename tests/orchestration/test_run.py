"""Whole runs over a sandbox by HTTP: what is published, what Dagster records, and the exit codes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from instantly_pipeline.errors import UsageError
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.instance.home import open_instance
from instantly_pipeline.orchestration.sync_job import run_sync
from instantly_pipeline.run.results import RunReport
from instantly_pipeline.run.run import Run
from instantly_pipeline.run.sql_models import SQL_DIR
from instantly_pipeline.streams.registry import all_streams, select_streams
from instantly_pipeline.sync.results import Request
from instantly_pipeline.warehouse.published.query import query
from instantly_pipeline.warehouse.published.status import status
from tests.orchestration.pipeline import (
    LEADS,
    Pipeline,
    all_bytes,
    failed_checks,
    interrupted_query,
    make_home,
    materialized,
    metadata_of,
    pipeline,
    run_of,
    sentences,
    settings_for,
    step_failure,
)

pytestmark = pytest.mark.whole


def lake_of(report: RunReport) -> set[str]:
    """The lake assets that a run has materialized."""
    return {name for name in materialized(report.dagster_run_id) if name.startswith("lake/")}


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pipeline, RunReport]]:
    """A pipeline after one good sync. Tests only look at it, or sync again."""
    with pipeline(tmp_path_factory.mktemp("synced")) as pipe:
        yield pipe, pipe.sync()


def test_a_good_sync_publishes_and_ends_with_0(synced: tuple[Pipeline, RunReport]) -> None:
    pipe, report = synced
    assert (report.exit_code, report.problem) == (0, None)
    assert query(pipe.published, "select count(*) from raw.leads").rows == [(120,)]
    assert run_of(report.dagster_run_id).status is dg.DagsterRunStatus.SUCCESS


def test_a_good_sync_materializes_every_asset_and_fails_no_check(synced: tuple[Pipeline, RunReport]) -> None:
    _, report = synced
    done = materialized(report.dagster_run_id)
    assert {"lake/leads", "raw/leads", "staging/stg_leads", "marts/dim_campaign", "publish/warehouse"} <= done
    assert lake_of(report) == {f"lake/{name}" for name in select_streams(["core"])}
    assert failed_checks(report.dagster_run_id) == {}


def test_materializations_carry_counts_and_lineage(synced: tuple[Pipeline, RunReport]) -> None:
    _, report = synced
    lake = metadata_of(report.dagster_run_id, "lake/leads")
    assert lake["outcome"] == "ok"
    assert (lake["rows_read"], lake["rows_inserted"], lake["rows_unchanged"]) == (120, 120, 0)
    assert lake["requests"] >= 2
    assert "watermark" in lake
    assert metadata_of(report.dagster_run_id, "raw/leads")["dagster/row_count"] == 120
    lineage = metadata_of(report.dagster_run_id, "staging/stg_leads")["dagster/column_lineage"]
    [source] = lineage.deps_by_column["status_label"]
    assert (source.asset_key.to_user_string(), source.column_name) == ("raw/leads", "status")


def test_a_run_by_hand_is_one_of_the_code_locations_as_a_scheduled_one_is(synced: tuple[Pipeline, RunReport]) -> None:
    _, report = synced
    run = run_of(report.dagster_run_id)
    assert run.remote_job_origin is not None  # without it the UI leaves a run out of its timeline and its jobs
    assert (run.remote_job_origin.location_name, run.job_name) == ("instantly_pipeline", "sync")


def test_the_log_of_a_run_tells_the_whole_story(synced: tuple[Pipeline, RunReport]) -> None:
    _, report = synced
    log = "\n".join(sentences(report.dagster_run_id))
    for expected in (
        "default, leads: ok, 120 rows read",
        "rows were new, changed or deleted.",
        "new versions from the lake",
        "models.",
        "checks passed.",
        "Published ",
    ):
        assert expected in log


def test_the_published_file_shows_how_every_stream_stands(synced: tuple[Pipeline, RunReport]) -> None:
    _, report = synced
    records = metadata_of(report.dagster_run_id, "publish/warehouse")["streams"].records
    leads = next(record.data for record in records if record.data["stream"] == "leads")
    assert (leads["outcome"], leads["rows"], leads["held_deletes"]) == ("ok", 120, 0)


def test_the_publication_is_logged_in_the_lake(synced: tuple[Pipeline, RunReport]) -> None:
    pipe, report = synced
    assert report.sync_report is not None
    [row] = query(pipe.published, "select run_id, synced_to from meta.published").rows[:1]
    assert row[0] == report.sync_report.run_id
    files = list((pipe.root / "data" / "lake" / "meta" / "published").rglob("*.parquet"))
    assert len(files) >= 1


def test_no_key_reaches_dagsters_records(synced: tuple[Pipeline, RunReport]) -> None:
    pipe, _ = synced
    written = all_bytes(pipe.root / "dagster_home")
    assert b"lake/leads" in written or b"leads" in written  # the search looks at the right bytes
    assert pipe.key.encode() not in written
    assert b".example" not in written  # e-mail addresses of the sandbox's world


def test_the_next_sync_writes_only_what_has_changed(synced: tuple[Pipeline, RunReport]) -> None:
    pipe, _ = synced
    report = pipe.sync(Request(streams=("campaigns", "leads")))
    assert report.exit_code == 0
    done = materialized(report.dagster_run_id)
    assert {"lake/leads", "raw/leads", "publish/warehouse"} <= done
    assert not done & {"lake/accounts", "raw/accounts"}
    assert metadata_of(report.dagster_run_id, "lake/leads")["rows_unchanged"] == 120


def test_a_refused_stream_ends_with_3_and_is_published_all_the_same(synced: tuple[Pipeline, RunReport]) -> None:
    pipe, _ = synced
    pipe.switch(stream_status={LEADS: 403})
    try:
        report = pipe.sync(Request(streams=("campaigns", "leads")))
    finally:
        pipe.switch(stream_status={})
    assert (report.exit_code, report.problem) == (3, None)
    assert run_of(report.dagster_run_id).status is dg.DagsterRunStatus.SUCCESS
    check = failed_checks(report.dagster_run_id)["lake/leads:read"]
    assert (check["outcome"], check["severity"]) == ("skipped", "WARN")
    assert "403" in check["reason"] or "scope" in check["reason"]
    [lacking] = failed_checks(report.dagster_run_id)["publish/warehouse:streams_are_complete"][
        "incomplete_streams"
    ].records
    assert (lacking.data["stream"], lacking.data["outcome"]) == ("leads", "skipped")
    assert run_of(report.dagster_run_id).tags[asset_keys.INCOMPLETE_TAG] == "leads skipped"
    assert query(pipe.published, "select count(*) from raw.leads").rows == [(120,)]  # old rows stay
    last = query(pipe.published, "select outcome from meta.stream_status where stream = 'leads'")
    assert last.rows == [("skipped",)]


def test_a_failed_blocking_check_keeps_the_last_file(synced: tuple[Pipeline, RunReport], tmp_path: Path) -> None:
    pipe, _ = synced
    sql_dir = _with_a_check_that_fails(tmp_path / "sql")
    before = pipe.published.read_bytes()
    report = pipe.sync(Request(streams=("campaigns",)), sql_dir=sql_dir)
    assert report.exit_code == 1
    assert report.published is None
    assert report.problem is not None
    assert "never_true" in report.problem
    assert pipe.published.read_bytes() == before
    assert run_of(report.dagster_run_id).status is dg.DagsterRunStatus.FAILURE
    failed = failed_checks(report.dagster_run_id)["marts/dim_campaign:contract"]
    assert "never_true" in failed["failed_checks"]
    assert "instantly-pipeline query --build 'select * from (select campaign_id" in failed["to_see_the_rows"]
    assert "never_true: 3 rows (fails while there are campaigns)" in step_failure(report.dagster_run_id)
    assert "publish/warehouse" not in materialized(report.dagster_run_id)


def test_when_every_key_is_rejected_nothing_is_published(synced: tuple[Pipeline, RunReport]) -> None:
    pipe, _ = synced
    before = pipe.published.read_bytes()
    pipe.switch(key_status={pipe.key: 401})
    try:
        report = pipe.sync()
    finally:
        pipe.switch(key_status={})
    assert report.exit_code == 1
    assert report.problem is not None
    assert "401" in report.problem or "rejected" in report.problem
    assert pipe.published.read_bytes() == before
    assert materialized(report.dagster_run_id) == set()


def test_without_a_key_nothing_is_begun(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "data").model_copy(update={"api_key": None})
    with pytest.raises(UsageError, match="No API key is set"):
        run_sync(Run(settings), Request())
    assert not settings.data_dir.exists()


def test_an_unexpected_error_shows_its_place_and_not_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(make_home(tmp_path / "dagster_home")))

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("jane@private.example")

    report = run_sync(Run(settings_for(tmp_path / "data"), sync=broken), Request())  # type: ignore[arg-type]  # it raises before it reports
    assert report.exit_code == 1
    assert "RuntimeError" in (report.details or "")
    assert "private" not in (report.details or "")
    assert b"jane@private" not in all_bytes(tmp_path / "dagster_home")


def test_ctrl_c_while_duckdb_works_cancels_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(make_home(tmp_path / "dagster_home")))

    async def stopped(*_: object, **__: object) -> None:
        interrupted_query()

    run = Run(settings_for(tmp_path / "data"), sync=stopped)  # type: ignore[arg-type]  # it never comes to a report
    with pytest.raises(KeyboardInterrupt):
        run_sync(run, Request())
    with open_instance() as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]


def test_a_stream_left_out_by_the_settings_is_not_touched(synced: tuple[Pipeline, RunReport]) -> None:
    pipe, _ = synced
    settings = pipe.settings.model_copy(update={"streams": "campaigns, custom_tags"})
    report = run_sync(Run(settings), Request())
    assert report.exit_code == 0
    assert lake_of(report) == {"lake/campaigns", "lake/custom_tags"}
    states = dict(query(pipe.published, "select stream, state from marts.rpt_data_freshness").rows)
    assert (states["campaigns"], states["leads"], states["accounts"]) == ("fresh", "not chosen", "not chosen")
    assert query(pipe.published, "select count(*) > 0 from raw.leads").rows == [(True,)]
    assert {one.stream for one in status(pipe.published).streams if one.chosen} == {"campaigns", "custom_tags"}


def test_streams_that_the_settings_leave_out_are_read_when_they_are_asked_for(
    synced: tuple[Pipeline, RunReport],
) -> None:
    pipe, _ = synced
    report = pipe.sync(Request(("all",)))
    assert report.exit_code == 0
    assert lake_of(report) == {f"lake/{name}" for name in all_streams()}
    assert query(pipe.published, "select count(*) > 0 from raw.workspace_members").rows == [(True,)]


def _with_a_check_that_fails(folder: Path) -> Path:
    shutil.copytree(SQL_DIR, folder)
    (folder / "checks").mkdir(exist_ok=True)
    (folder / "checks" / "never_true.sql").write_text("select campaign_id from marts.dim_campaign\n")
    (folder / "checks" / "never_true.yml").write_text(
        "models:\n  - {name: never_true, of: marts.dim_campaign, description: fails while there are campaigns}\n"
    )
    return folder
