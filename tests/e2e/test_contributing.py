"""The examples of `docs/contributing`, followed as a contributor would: in a copy of the project, with a sync.

A block whose first line names a file is that file; `(at its end)` adds to it; a `diff` is applied.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from instantly_sandbox.config import SandboxConfig
from instantly_sandbox.server import RunningSandbox, running

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "contributing"
BLOCK = re.compile(
    r"^```(?:diff|\w+ (?P<file>[\w./]+)(?P<more> \(at its end\))?)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
COPIED = (
    "instantly_pipeline", "instantly_sandbox", "tests", "sql", "pyproject.toml", "workspace.yaml",
    "dagster_home/dagster.yaml",
)  # fmt: skip
TESTS = (
    "tests/streams",
    "tests/sync/test_exact.py::test_a_first_sync_mirrors_every_list",
    "tests/warehouse/marts/test_tags.py",
)

pytestmark = pytest.mark.whole


def follow(page: Path, project: Path) -> int:
    """Do what the page's blocks say; how many there are."""
    blocks = list(BLOCK.finditer(page.read_text(encoding="utf-8")))
    for block in blocks:
        if not block["file"]:
            done = subprocess.run(
                ["git", "apply", "-"], input=block["text"], cwd=project, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{page.name}: bring its diff up to the lines it changes. {done.stderr}"
            continue
        target = project / block["file"]
        if block["more"]:
            between = "\n\n" if target.suffix == ".py" else ""
            target.write_text(target.read_text(encoding="utf-8") + between + block["text"], encoding="utf-8")
        else:
            assert not target.exists(), f"{page.name} adds {block['file']}, which is there already"
            target.write_text(block["text"], encoding="utf-8")
    return len(blocks)


@dataclass(frozen=True)
class Project:
    """A copy of the project in which all pages were followed, with one sync from the sandbox."""

    root: Path
    environment: dict[str, str]

    def run(self, *args: str, given: str = "") -> str:
        """What a command of the pipeline says to a text on stdin; it must end well."""
        return self.python("-c", "from instantly_pipeline.cli.main import main; main()", *args, given=given)

    def python(self, *args: str, given: str = "") -> str:
        """What Python says in the copy; it must end well."""
        done = subprocess.run(
            [sys.executable, *args],
            cwd=self.root, env=self.environment, input=given, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{args}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def value(self, sql: str) -> str:
        """The one value that a query of the published file answers."""
        return self.run("query", sql, "--format", "csv").splitlines()[1]


@pytest.fixture(scope="module")
def api() -> Iterator[RunningSandbox]:
    config = SandboxConfig(now=datetime(2026, 6, 1, 12, tzinfo=UTC), campaigns=3, leads=200, accounts=6, days=20)
    with running(config) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def project(api: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    for page in sorted(PAGES.glob("*.md")):
        assert follow(page, root), f"{page.name} has no example"
    environment = {
        "PATH": "/usr/bin:/bin", "PYTHONPATH": str(root), "INSTANTLY_ENV_FILE": str(root / "none.env"),
        "INSTANTLY_BASE_URL": api.url, "INSTANTLY_API_KEY": api.key, "INSTANTLY_DATA_DIR": str(root / "data"),
        "INSTANTLY_STREAMS": "all", "INSTANTLY_START_DATE": "2026-04-15", "DAGSTER_HOME": str(root / "dagster_home"),
    }  # fmt: skip
    made = Project(root, environment)
    made.run("sync")
    return made


def test_the_stream_arrives_with_its_staging_view(project: Project) -> None:
    assert project.value("select all_subs_cancelled from staging.stg_workspace_subscriptions") == "False"


def test_the_mart_counts_what_the_stream_brought(project: Project) -> None:
    sums = "select (select sum(things) from marts.rpt_tag_usage) = (select count(*) from raw.custom_tag_mappings)"
    assert project.value(sums) == "True"
    about = "select comment from duckdb_tables() where schema_name = 'marts' and table_name = 'rpt_tag_usage'"
    assert "How many accounts and campaigns carry each tag" in project.value(about)


def test_the_file_of_the_mart_runs_by_hand(project: Project) -> None:
    by_hand = (project.root / "sql/marts/rpt_tag_usage.sql").read_text(encoding="utf-8")
    assert project.run("query", "-", given=by_hand) == project.run("query", "from marts.rpt_tag_usage")


def test_the_command_lists_the_tags(project: Project) -> None:
    assert "tag" in project.run("tags").splitlines()[0]
    assert "instantly-pipeline tags" in project.run("tags", "--help")


def test_the_way_of_reading_asks_for_every_month_as_it_is_planned(project: Project) -> None:
    monthly = "select sum(emails_sent_count) from raw.monthly_analytics"
    assert project.value(monthly) == project.value("select sum(emails_sent_count) from raw.campaign_analytics") != "0"
    [workspace] = json.loads(project.run("plan", "--json", "--streams", "monthly_analytics"))["workspaces"]
    by_stream = {one["stream"]: one["requests"] for one in workspace["streams"]}
    assert by_stream["monthly_analytics"] in (1, 2)  # this month, and the last one until it has been over for a day
    project.run("doctor")


def test_the_tests_that_the_pages_name_pass_with_the_examples(project: Project) -> None:
    project.python("-m", "pytest", "-q", "-n", "0", *TESTS)


def test_the_linters_accept_the_examples(project: Project) -> None:
    project.python("-m", "ruff", "check", ".")
    project.python("-m", "ruff", "format", "--check", ".")
    project.python("-m", "sqlfluff", "lint", "sql/marts/rpt_tag_usage.sql")
    project.python("-c", "from importlinter.cli import lint_imports_command as main; main()")


def test_every_page_is_linked_from_contributing() -> None:
    index = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES.glob("*.md") if f"docs/contributing/{page.name}" not in index] == []
