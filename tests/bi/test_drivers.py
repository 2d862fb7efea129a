"""The published file and views.sql in the DuckDB generations that BI tools bring along.

Each older one has an environment of its own, made of a hash-locked file in `drivers/`, from uv's cache or PyPI.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.publish.publish import PublishResult
from tests.warehouse.lake_writer import LakeWriter, Opener, at

pytestmark = pytest.mark.whole

HERE = Path(__file__).parent
LEADS = all_streams()["leads"]
OURS = "2.0"
GENERATIONS = ["1.2", "1.4", "1.5", OURS]
Environment = Callable[[str], Path]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Makes an environment from `drivers/<name>.txt`; its Python."""
    uv = Path(sys.executable).with_name("uv")

    def make(name: str) -> Path:
        python = tmp_path_factory.mktemp(name) / "venv" / "bin" / "python"
        locked = HERE / "drivers" / f"{name}.txt"
        subprocess.run([uv, "venv", "-q", "-p", sys.executable, python.parents[1]], check=True, timeout=60)
        sync = [uv, "pip", "sync", "-q", "--require-hashes", "-p", python, locked]
        done = subprocess.run(sync, capture_output=True, text=True, timeout=240)
        if done.returncode and "CI" not in os.environ:
            pytest.skip(f"{locked.name} cannot be installed, perhaps without a network: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stderr
        return python

    return make


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> PublishResult:
    """Every table that there is, with enough leads to be compressed, in a folder with a name that means something."""
    lake = LakeWriter(tmp_path_factory.mktemp("it's=[1]*"))
    words = ["Zürich", "new york", "東京", ""]
    lake.upsert(
        LEADS,
        [
            {"id": f"lead-{n:05}", "email": f"someone.{n}@company-{n % 97}.example", "company_name": words[n % 4],
             "email_open_count": n % 7, "timestamp_created": f"2026-02-{1 + n % 28:02}T10:00:00.000Z",
             "payload": {"city": words[n % 4], "n": n}}
            for n in range(3000)
        ],
    )  # fmt: skip
    opener = Opener(lake, empty_build)
    warehouse = opener(load=True)
    warehouse.run_models()
    result = warehouse.publish(run_id="run", now=at(1))
    opener.close()
    assert result.tables["raw.leads"] == result.tables["marts.dim_lead"] == 3000
    return result


def tables(file: Path) -> dict[str, int]:
    """The rows of every table and view, as this DuckDB reads them."""
    with duckdb.connect(str(file), read_only=True) as con:
        names = con.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_schema <> 'log'"
        ).fetchall()
        return {name: con.execute(f"select count(*) from {name}").fetchall()[0][0] for (name,) in names}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_table_and_view_can_be_read(
    generation: str, environment: Environment, published: PublishResult, tmp_path: Path
) -> None:
    python = sys.executable if generation == OURS else environment(f"duckdb-{generation}")
    reader = [python, HERE / "reader.py", published.path.parent, tmp_path / "v.duckdb"]
    done = subprocess.run(reader, cwd="/", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    version, *lines = done.stdout.splitlines()
    assert version.startswith(f"{generation}.")
    found = {tuple(line.split()[:2]): int(line.split()[2]) for line in lines}
    assert found == {("table", name): n for name, n in tables(published.path).items()} | {
        ("view", name): n for name, n in published.tables.items()
    }


@pytest.mark.slow
def test_a_pool_keeps_the_old_file_until_all_its_connections_are_closed(
    environment: Environment, tmp_path: Path
) -> None:
    files = []
    for rows in (1, 2):
        files.append(tmp_path / f"{rows}.duckdb")
        with duckdb.connect() as con:
            con.execute(f"attach '{files[-1]}' as new (storage_version 'v1.2.0')")
            con.execute(f"create schema new.marts; create table new.marts.m as from range({rows})")
    done = subprocess.run(
        [environment("sqlalchemy"), HERE / "pool.py", *files], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["NullPool 1 1 2 2", "QueuePool 1 1 1 2"]
