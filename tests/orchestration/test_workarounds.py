"""What we do because dagster does not: in one place, and each thing for as long as dagster needs it.

A test that fails here after dagster was updated says that the module it names can be removed.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.config import retention_config_schema
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

import instantly_pipeline
from instantly_pipeline.orchestration import instance
from instantly_pipeline.orchestration.instance.home import open_instance

PACKAGE, ROOM = (Path(module.__file__ or "").parent for module in (instantly_pipeline, instance))


def private_names(file: Path) -> set[str]:
    """The modules of dagster with an underscore in their names that a file imports."""
    imported = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported |= {f"{node.module}.{name.name}" for name in node.names}
    return {name for name in imported if name.startswith("dagster") and "._" in name}


def users_of_private_names() -> list[Path]:
    return [file for file in PACKAGE.rglob("*.py") if private_names(file)]


def test_dagsters_private_names_stay_in_one_room() -> None:
    users = users_of_private_names()
    assert {file.parent for file in users} == {ROOM}, users


@pytest.mark.parametrize("file", users_of_private_names(), ids=lambda file: file.stem)
def test_who_uses_them_says_for_which_version_and_until_when(file: Path) -> None:
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    assert "dagster 1.13" in said
    assert "Can be removed when" in said
    assert Path(__file__).name in said


def test_event_log_dagster_opens_a_connection_for_each_statement(tmp_path: Path) -> None:
    log = SqliteEventLogStorage(str(tmp_path))
    with log.index_connection() as first:
        before = first.engine
    with log.index_connection() as second:
        assert second.engine is not before


@dg.op
def _nothing() -> None:
    """Do nothing."""


@dg.job
def _idle() -> None:
    _nothing()


def test_in_process_dagster_records_no_code_location() -> None:
    assert _idle.execute_in_process().dagster_run.remote_job_origin is None
    assert "remote_job_origin" not in inspect.signature(dg.JobDefinition.execute_in_process).parameters


def test_launcher_dagsters_own_cannot_say_whether_a_process_is_there() -> None:
    assert not dg.DefaultRunLauncher().supports_check_run_worker_health


def test_home_dagster_takes_no_settings_besides_its_file() -> None:
    assert set(inspect.signature(dg.DagsterInstance.from_config).parameters) == {"config_dir", "config_filename"}


def test_housekeeping_dagster_forgets_ticks_only() -> None:
    assert set(retention_config_schema().config_type.fields) == {"schedule", "sensor", "auto_materialize"}


def test_housekeeping_dagster_leaves_the_file_of_a_deleted_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with open_instance() as stock:
        done = _idle.execute_in_process(instance=stock)
        stock.delete_run(done.run_id)
        assert (tmp_path / "history" / "runs" / f"{done.run_id}.db").exists()
