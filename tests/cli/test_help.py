"""What `--help` says, and that it is there at once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from instantly_pipeline import __version__
from instantly_pipeline.cli.main import cli
from tests.snapshots import assert_snapshot

SNAPSHOT = Path(__file__).with_name("help.txt")
HEAVY = ("dagster", "duckdb", "httpx", "polars", "pyarrow", "pydantic", "rich", "sqlglot")


def commands(group: click.Group, *above: str) -> Iterator[tuple[str, click.Command]]:
    """Every command by its whole name, such as `webhooks serve`; a group before its commands."""
    for name, command in sorted(group.commands.items()):
        yield " ".join([*above, name]), command
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


COMMANDS = dict(commands(cli))


def help_of(*command: str) -> str:
    done = CliRunner().invoke(cli, [*command, "--help"], prog_name="instantly-pipeline", terminal_width=100)
    assert done.exit_code == 0, done.output
    return f"$ instantly-pipeline {' '.join([*command, '--help'])}\n{done.output}"


@pytest.mark.snapshot
def test_the_help_is_that_of_the_snapshot() -> None:
    assert_snapshot("\n".join([help_of(), *(help_of(*name.split()) for name in COMMANDS)]), SNAPSHOT)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_that_parses(name: str) -> None:
    examples = re.findall(rf"^ +instantly-pipeline {name}\b(.*)$", help_of(*name.split()), re.MULTILINE)
    assert examples
    for rest in examples:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', rest.partition(">")[0])]
        COMMANDS[name].make_context(name, words)  # raises click.UsageError where it does not


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    options = [p for p in COMMANDS[name].params if isinstance(p, click.Option)]
    plain = {"key", "campaigns", "leads", "workspaces", "form"}
    assert [option.name for option in options if not option.help and option.name not in plain] == []


def test_a_short_h_helps_too() -> None:
    done = CliRunner().invoke(cli, ["sync", "-h"])
    assert done.exit_code == 0
    assert "Exit code 0" in done.output


def test_the_version_is_reported() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"instantly-pipeline, version {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom instantly_pipeline.cli.main import cli\n"
        "try:\n    cli(['sync', '--help'])\nexcept SystemExit:\n    pass\n"
        f"sys.exit(', '.join(name for name in {HEAVY!r} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("module", ["status_command", "query_command", "sandbox_command", "webhooks_command"])
def test_only_sync_and_demo_import_dagster(module: str) -> None:
    program = f"import sys, instantly_pipeline.cli.{module}\nsys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
