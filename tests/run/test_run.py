"""The steps of a run and their order, and the runs that read no API, over a sandbox by HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.errors import NothingRead, PublishRefused, UsageError
from instantly_pipeline.lake.lock import held_by
from instantly_pipeline.run.rebuild import check, rebuild, rebuild_as_of
from instantly_pipeline.run.results import Checked, Loaded, ModelsBuilt
from instantly_pipeline.run.run import Run
from instantly_pipeline.run.sql_models import SQL_DIR
from instantly_pipeline.sync.results import Event, Request
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, bench
from tests.warehouse.lake_writer import begin_with_tables
from tests.whole import whole_run

pytestmark = pytest.mark.whole

WORLD = SandboxConfig(leads=60, campaigns=2, accounts=3, days=12, rate_limited=False, now=NOON)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[Bench]:
    """Synced and published once. Tests publish again, but read nothing more."""
    with bench(tmp_path_factory.mktemp("run"), WORLD) as made:
        begin_with_tables(made.layout, empty_build)
        assert whole_run(made.settings(), world=made._world()).exit_code == 0
        yield made


def logged(at: Bench, log: str) -> int:
    """How many files of the lake's log there are."""
    return len(at.layout.files(at.layout.meta, log))


def publications(at: Bench) -> list[str]:
    """The run ids in the published file, oldest first."""
    with duckdb.connect(str(at.layout.published_file), read_only=True) as con:
        return [
            run_id for (run_id,) in con.execute("select run_id from meta.published order by published_at").fetchall()
        ]


def test_tables_are_loaded_modelled_checked_and_published_in_this_order(at: Bench) -> None:
    heard: list[Event] = []
    with Run(at.settings(), on_event=heard.append) as run:
        run.lock()
        results = list(run.build_steps())
        run.publish()
    assert [type(result) for result in results] == [Loaded, ModelsBuilt, Checked]
    steps = ["load", "models", "checks", "publish"]
    assert [event.stream for event in heard if event.kind == "start"] == steps
    assert [event.stream for event in heard if event.kind == "end"] == steps
    assert list(run.report.seconds) == steps


def test_the_data_directory_is_held_until_the_run_ends(at: Bench) -> None:
    with Run(at.settings()) as run:
        run.lock()
        run.lock()  # a step of the same run finds it taken already
        assert "`sync`" in (held_by(at.data_dir) or "")
    assert held_by(at.data_dir) is None


def test_a_listener_hears_what_happens_while_it_listens(at: Bench) -> None:
    always: list[Event] = []
    meanwhile: list[Event] = []
    with Run(at.settings(), on_event=always.append) as run:
        with run.listening(meanwhile.append):
            run.say("one")
        run.say("two")
    assert [event.text for event in meanwhile] == ["one"]
    assert [event.text for event in always] == ["one", "two"]


def test_where_nothing_can_be_read_the_run_stops_and_says_why(at: Bench) -> None:
    with Run(at.settings(api_key="rejected"), world=at._world()) as run:
        run.lock()
        with pytest.raises(NothingRead, match=r"Nothing could be read, .* is unchanged\.\ndefault: .*401"):
            run.read(Request())
    assert run.report.sync_report is not None
    assert run.report.exit_code == 1


def test_a_failed_blocking_check_keeps_the_tables_from_being_published(at: Bench, tmp_path: Path) -> None:
    sql_dir = with_a_check_that_fails(tmp_path / "sql")
    before, noted = at.layout.published_file.read_bytes(), logged(at, "published")
    with Run(at.settings(), sql_dir=sql_dir) as run:
        run.lock()
        assert "never_true" in [one.name for one in run.build() if not one.passed]
        with pytest.raises(PublishRefused, match="never_true"):
            run.publish()
    assert run.report.published is None
    assert (at.layout.published_file.read_bytes(), logged(at, "published")) == (before, noted)


def with_a_check_that_fails(folder: Path) -> Path:
    """The project's models, seen through links, with one check more."""
    folder.mkdir()
    for path in SQL_DIR.iterdir():
        if path.name != "checks":
            (folder / path.name).symlink_to(path)
    (folder / "checks").mkdir()
    for path in (SQL_DIR / "checks").iterdir():
        (folder / "checks" / path.name).symlink_to(path)
    (folder / "checks" / "never_true.sql").write_text("select campaign_id from marts.dim_campaign\n")
    (folder / "checks" / "never_true.yml").write_text(
        "models:\n  - {name: never_true, of: marts.dim_campaign, description: fails while there are campaigns}\n"
    )
    return folder


def test_a_run_that_reads_compares_with_instantlys_counters_and_a_rebuild_does_not(at: Bench) -> None:
    compared = logged(at, "reconciliation")
    assert compared > 0
    rebuild(at.settings())
    assert logged(at, "reconciliation") == compared


def test_a_rebuild_is_published_and_logged_as_a_run_of_its_own(at: Bench) -> None:
    before = publications(at)
    assert rebuild(at.settings()) == at.layout.published_file
    after = publications(at)
    assert after[:-1] == before
    assert after[-1] > max(before)


def test_a_check_publishes_nothing(at: Bench) -> None:
    before, noted = at.layout.published_file.read_bytes(), logged(at, "published")
    results = check(at.settings())
    assert results
    assert all(one.passed for one in results if one.blocking)
    assert (at.layout.published_file.read_bytes(), logged(at, "published")) == (before, noted)


def test_tables_as_of_an_instant_are_a_file_of_their_own_and_not_logged(at: Bench) -> None:
    before, noted = at.layout.build_file.stat().st_mtime_ns, logged(at, "published")
    found = rebuild_as_of(at.settings(), NOON + timedelta(minutes=1))
    assert found == at.layout.publish / "as-of-20260601T120100Z.duckdb"
    assert found.exists()
    assert (at.layout.build_file.stat().st_mtime_ns, logged(at, "published")) == (before, noted)
    assert list(at.layout.work.glob("as-of-*")) == []


def test_tables_as_of_an_instant_ahead_are_refused(at: Bench) -> None:
    with pytest.raises(UsageError, match="2026-06-01T12:00:01 UTC is in the future"):
        rebuild_as_of(at.settings(), NOON + timedelta(seconds=1), world=at._world())
