"""Whatever little is in a workspace, everything that reads the published file says something sensible of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.docs.worked_queries import read_queries
from instantly_pipeline.report.page import make_page
from tests.cli.conftest import Shell
from tests.cli.parsed import Parsed, parsed
from tests.cli.quiet_worlds import NAMES, WORLDS, alone, published
from tests.cli.test_notebook import run
from tests.cli.test_report import SECTIONS, sections
from tests.sync.harness import NOON
from tests.warehouse.lake_writer import SQL

pytestmark = pytest.mark.whole

LARGE = "300 campaigns"
FEW = (
    "nothing at all", "no account works", "no leads", "only campaigns", "no analytics", "odd names", "all deleted",
    "false flags left out",
)  # fmt: skip
OTHERS = tuple(name for name in WORLDS if name not in (*FEW, LARGE))
GROUPS = (FEW, OTHERS, (LARGE,))
Give = Callable[[str], "Desk"]


class Desk:
    """One of the workspaces, with a shell on its data directory."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.shell = Shell(file.parents[2])
        assert self.shell.data_dir == file.parents[1]

    def page(self) -> Parsed:
        return parsed(make_page(self.file, now=NOON).html)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Give:
    """Gives a world by its name; those of a group are published together at the first asking."""
    made: dict[str, tuple[Path, str]] = {}

    def give(name: str) -> Desk:
        if name not in made:
            [group] = [group for group in GROUPS if name in group]
            file, ids = published(tmp_path_factory.mktemp("quiet"), empty_build, group)
            made.update({one: (file, ids[one]) for one in group})
        return Desk(alone(*made[name], tmp_path_factory.mktemp("alone") / "data"))

    return give


@pytest.fixture(scope="module", params=[*FEW, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def world(request: pytest.FixtureRequest, desk: Give) -> Desk:
    """One of the worlds after the other."""
    return desk(request.param)


def test_the_report_is_made_and_shows_nothing_that_is_not_known(world: Desk) -> None:
    page = world.page()
    assert sections(page) == SECTIONS
    assert not re.search(r"\b(None|nan|NaN|inf|Undefined)\b", page.text.replace("None is red or amber", ""))
    assert page.all("script") == []


def test_every_worked_question_is_answered(world: Desk) -> None:
    with duckdb.connect(str(world.file), read_only=True) as con:
        for query in read_queries(SQL):
            con.execute(query.sql).fetchall()


def test_the_status_is_reported_and_every_mart_can_be_exported(world: Desk, tmp_path: Path) -> None:
    done = world.shell.here("status")
    assert (done.returncode, done.stderr) == (0, "")
    for mart, kind in (("rpt_campaign_summary", "xlsx"), ("rpt_capacity", "csv"), ("rpt_sender_health", "parquet")):
        done = world.shell.here("export", mart, "--format", kind, "--out", str(tmp_path / f"{mart}.{kind}"))
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_notebook_runs_every_cell(world: Desk) -> None:
    done = run(world.shell)
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr


def test_mailboxes_that_cannot_send_want_reconnecting_whatever_they_sent(desk: Give) -> None:
    text = desk("no account works").page().text
    assert "3 of 3 mailboxes are in an error: reconnect them." in text


def test_without_figures_the_page_says_that_they_were_not_read_and_no_zero(desk: Give) -> None:
    text = desk("no analytics").page().text
    assert "not read recently, so figures may be old" in text
    assert "There is no day with figures yet" in text
    assert " 0.0 %" not in text.replace("\u202f", " ")


def test_a_sync_of_one_stream_does_not_look_like_an_empty_workspace(desk: Give) -> None:
    text = desk("only campaigns").page().text
    assert "streams never synced, so this page has no figures of: leads, accounts," in text
    assert "There are no leads yet" not in text
    assert "No campaign has leads that were not contacted yet" not in text
    assert "The number of leads left is unknown for 2 campaigns" in text


def test_names_of_any_length_and_script_are_text(desk: Give) -> None:
    page = desk("odd names").page()
    assert page.all("b onclick") == []
    assert NAMES["one word"][:80] in page.text
    assert NAMES["one word"][:100] not in page.text
    assert NAMES["right to left"][:60] in page.text
    assert not re.search("[\u202e\u2066\x1b]", page.html)


def test_a_setting_that_is_left_out_is_not_called_off(desk: Give) -> None:
    query = next(query for query in read_queries(SQL) if query.path.stem == "risky_settings")
    with duckdb.connect(str(desk("false flags left out").file), read_only=True) as con:
        rows = con.execute(query.sql).fetchall()
        flags = con.execute("select open_tracking, link_tracking, stop_on_auto_reply from marts.dim_campaign")
        settings = {value for row in flags.fetchall() for value in row}
    assert rows
    assert {value for row in rows for value in row[2:6]} <= {True, None}
    assert settings == {True, None}


@pytest.mark.slow
def test_three_hundred_campaigns_fit(desk: Give) -> None:
    at = desk(LARGE)
    page = at.page()
    assert "300 campaigns" in page.text
    assert "And 280 more: see marts.rpt_campaign_summary" in page.text
    assert len(page.html) < 300_000
    assert at.shell.here("status").returncode == 0
