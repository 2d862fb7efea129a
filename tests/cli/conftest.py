"""The command as a process of its own, and a synced data directory to read from."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest

from instantly_pipeline.cli.failures import run_safely
from instantly_pipeline.cli.main import cli
from instantly_pipeline.lake.layout import Layout
from tests.orchestration.pipeline import Pipeline, make_home, pipeline
from tests.warehouse.lake_writer import begin_with_tables
from tests.whole import whole_run

COMMAND = [sys.executable, "-c", "from instantly_pipeline.cli.main import main; main()"]


class Shell:
    """Types commands, with an environment of its own."""

    def __init__(self, root: Path, **environment: str) -> None:
        self.root = root
        self.data_dir = root / "data"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        made = {"INSTANTLY_ENV_FILE": str(root / "none.env"), "INSTANTLY_DATA_DIR": str(self.data_dir),
                "DAGSTER_HOME": str(root / "dagster_home")}  # fmt: skip
        self.environment = kept | made | environment

    def run(self, *args: str, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        env = self.environment | environment
        return subprocess.run([*COMMAND, *args], cwd=folder, env=env, capture_output=True, text=True, timeout=120)

    def here(self, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The same in this process, which spares the start of another: for what reads only, or is refused."""
        out, err = io.StringIO(), io.StringIO()
        given = patch.dict(os.environ, self.environment | environment, clear=True)
        with given, redirect_stdout(out), redirect_stderr(err):
            code = run_safely(cli, args)
        return subprocess.CompletedProcess(args, code, out.getvalue(), err.getvalue())

    def start_command(self, *args: str) -> list[str]:
        return [*COMMAND, *args]

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *args], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """An empty data directory, no key."""
    make_home(tmp_path / "dagster_home")
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[tuple[Pipeline, Shell]]:
    """A pipeline that was synced once, and a shell on it."""
    with pipeline(tmp_path_factory.mktemp("cli")) as pipe:
        begin_with_tables(Layout(pipe.settings.data_dir), empty_build)
        assert whole_run(pipe.settings).exit_code == 0
        yield pipe, Shell(pipe.root, INSTANTLY_API_KEY=pipe.key, INSTANTLY_BASE_URL=pipe.url)
