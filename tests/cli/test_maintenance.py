"""`rebuild`, `check`, `compact` and `reset`, on a data directory that two syncs have filled."""

from __future__ import annotations

import json
import re
import resource
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from instantly_pipeline import settings
from instantly_sandbox.config import SandboxConfig
from tests.cli.conftest import COMMAND, Shell
from tests.sync.harness import Bench, bench
from tests.warehouse.lake_writer import begin_with_tables
from tests.whole import whole_run

pytestmark = pytest.mark.whole

Tables = dict[str, list[tuple[Any, ...]]]
CONFIG = SandboxConfig(leads=150, campaigns=3, accounts=3, days=12, rate_limited=False)


class Data:
    """What two syncs published, and the command."""

    def __init__(self, at: Bench, home: Path) -> None:
        self.at = at
        self.shell = Shell(home, INSTANTLY_API_KEY=at.key, INSTANTLY_BASE_URL=at.url)
        self.file = at.layout.published_file
        self.first: Tables = {}  # what the first sync published

    def run(self, *words: str) -> str:
        done = self.shell.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, *words: str) -> str:
        done = self.shell.here(*words)
        assert done.returncode == 2, done.stdout + done.stderr
        return done.stderr

    def run_in_little_room(self, command: str, kilobytes: int) -> subprocess.CompletedProcess[str]:
        """The command where no file can grow above that."""

        def at_most() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

        return subprocess.run(
            [*COMMAND, command], env=self.shell.environment, capture_output=True, text=True, preexec_fn=at_most
        )

    def tables(self, file: Path | None = None) -> Tables:
        """Everything a reader can see, but for when it was published and from which files."""
        with duckdb.connect(str(file or self.file), read_only=True) as con:
            con.execute("set timezone = 'UTC'")
            names = con.execute(
                "select schema_name || '.' || table_name from duckdb_tables() "
                "where schema_name in ('raw', 'history', 'marts', 'meta') "
                "and table_name not in ('published', 'loaded_files')"
            ).fetchall()
            return {name: sorted(con.execute(f"from {name}").fetchall(), key=repr) for (name,) in names}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[Data]:
    root = tmp_path_factory.mktemp("maintenance")
    with bench(root / "data", CONFIG) as at:
        made = Data(at, root)
        begin_with_tables(at.layout, empty_build)
        whole_run(settings.load(base_url=at.url, api_key=at.key, data_dir=at.data_dir))
        made.first = made.tables()
        at.advance(days=2)
        made.run("sync")
        yield made


@dataclass
class Rebuilt:
    """What was published before and after a rebuild, and the commands before it that the disk had no room for."""

    before: bytes
    between: list[bytes]
    refused: list[subprocess.CompletedProcess[str]]
    tables: tuple[Tables, Tables]


@pytest.fixture(scope="module")
def rebuilt(data: Data) -> Rebuilt:
    before, tables = data.file.read_bytes(), data.tables()
    data.at.layout.build_file.unlink()  # so that `check` has something to write, too
    refused, between = [], []
    for command, kilobytes in (("check", 150), ("rebuild", 400)):
        refused.append(data.run_in_little_room(command, kilobytes))
        between.append(data.file.read_bytes())
    data.run("rebuild")
    return Rebuilt(before, between, refused, (tables, data.tables()))


def test_a_rebuild_from_the_lake_alone_equals_what_was_published(rebuilt: Rebuilt) -> None:
    before, after = rebuilt.tables
    assert after.keys() == before.keys()
    for name in before:
        assert after[name] == before[name], name


def test_a_disk_that_takes_no_more_is_reported_in_a_sentence(rebuilt: Rebuilt) -> None:
    for done in rebuilt.refused:
        assert done.returncode == 1
        assert re.search("free (some space|space of the disk)", done.stderr), done.stderr
    assert rebuilt.between == [rebuilt.before] * 2


def test_a_rebuild_as_of_a_past_run_equals_what_that_run_published(data: Data) -> None:
    known = json.loads(data.run("query", "from meta.published order by published_at", "--format", "json"))
    later = datetime.fromisoformat(known[0]["published_at"]) + timedelta(seconds=1)
    out = str(data.at.data_dir / "then.duckdb")
    printed = data.run("rebuild", "--as-of", later.strftime("%Y-%m-%dT%H:%M:%S"), "--out", out).strip()
    then = data.tables(Path(printed))
    for name, rows in data.first.items():
        if not name.startswith("meta."):
            assert then[name] == rows, name


def test_a_time_before_the_first_publication_is_refused_in_words(data: Data) -> None:
    assert "Nothing was published by" in data.refused("rebuild", "--as-of", "2020-01-01")


def test_out_without_as_of_is_refused(data: Data) -> None:
    assert "--as-of" in data.refused("rebuild", "--out", "x.duckdb")


def test_a_time_ahead_is_refused(data: Data) -> None:
    assert "2999-12-31T00:00:00 UTC is in the future" in data.refused("rebuild", "--as-of", "2999-12-31")


def test_the_first_instant_it_names_can_be_typed(data: Data) -> None:
    said = data.refused("rebuild", "--as-of", "2020-01-01")
    first = said.rpartition("the earliest --as-of is ")[2].strip().removesuffix(".")
    printed = data.run("rebuild", "--as-of", first).strip()
    assert Path(printed).is_file()
    Path(printed).unlink()


@pytest.mark.parametrize("place", ["publish/warehouse.duckdb", "work/build.duckdb", ".env"])
def test_a_rebuild_as_of_takes_the_place_of_no_file(data: Data, place: str) -> None:
    there = data.at.data_dir / place
    if place == ".env":
        there.write_text("INSTANTLY_API_KEY=mine")
    before = there.read_bytes()
    said = data.refused("rebuild", "--as-of", "2026-01-01", "--out", str(there))
    assert f"{there} already exists" in said
    assert there.read_bytes() == before


def test_every_check_can_be_run_without_publishing(data: Data) -> None:
    before = data.file.stat().st_mtime_ns
    assert "checks passed" in data.run("check")
    assert data.file.stat().st_mtime_ns == before


def test_compacting_says_what_it_did(data: Data) -> None:
    assert "files of" in data.run("compact")


def test_a_reset_names_what_to_type_next(data: Data) -> None:
    assert "sync --streams lead_lists" in data.run("reset", "--streams", "lead_lists")
    assert "no stream" in data.refused("reset", "--streams", "nonsense")


@pytest.mark.parametrize("command", [("rebuild",), ("check",), ("compact",), ("reset", "--streams", "leads")])
def test_without_data_it_is_said_what_to_type(data: Data, tmp_path: Path, command: tuple[str, ...]) -> None:
    empty = Data(data.at, tmp_path)
    assert "instantly-pipeline sync" in empty.refused(*command)
