"""The notebook answers on what a sync published, and says what to type where there is nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys

import duckdb
import pytest

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.settings import PROJECT_ROOT
from tests.cli.conftest import Shell
from tests.orchestration.pipeline import Pipeline

pytestmark = pytest.mark.whole

TOUR = PROJECT_ROOT / "notebooks" / "tour.py"
# runs every cell; prints the answers' rows by name, and the text of what is shown
RUN = f"""
import runpy
outputs, names = runpy.run_path({str(TOUR)!r})["app"].run()
print({{name: len(value) for name, value in names.items() if type(value).__name__ == "DataFrame"}})
print([str(getattr(output, "text", "")) for output in outputs])
"""


def run(shell: Shell) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN], env=shell.environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def odd(synced: tuple[Pipeline, Shell], shell: Shell) -> Shell:
    """What a sync published, of a workspace whose id would be SQL."""
    file = Layout(shell.data_dir).published_file
    file.parent.mkdir(parents=True)
    shutil.copyfile(synced[0].published, file)
    with duckdb.connect(str(file)) as con:
        for (table,) in con.execute(
            "select distinct table_name from duckdb_columns() join duckdb_tables() using (schema_name, table_name) "
            "where schema_name = 'marts' and column_name = 'workspace_id'"
        ).fetchall():
            con.execute(f"update marts.{table} set workspace_id = ?", ["a' or '1' = '1'; --"])
    return shell


def test_every_cell_runs_on_what_a_sync_published_whatever_the_workspaces_id(odd: Shell) -> None:
    done = run(odd)
    assert done.returncode == 0, done.stderr
    answers = eval(done.stdout.splitlines()[0])
    assert answers.keys() == {
        "days", "campaigns", "steps", "senders", "runway", "restated", "not_fresh", "differences", "marts"
    }  # fmt: skip
    assert min(answers[name] for name in ("days", "campaigns", "steps", "marts")) > 0
    assert answers["not_fresh"] == 0


def test_without_a_published_file_it_says_what_to_type(shell: Shell) -> None:
    done = run(shell)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{}")
    assert "There is nothing to look at yet" in done.stdout
    assert "instantly-pipeline sync" in done.stdout
