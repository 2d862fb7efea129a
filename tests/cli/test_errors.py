"""Every failure is a sentence and an exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import duckdb
import pyarrow as pa
import pytest

from instantly_pipeline.cli.failures import LOG_NAME, run_safely
from instantly_pipeline.cli.signals import INTERRUPTED
from instantly_pipeline.errors import LockedError, StorageError, UsageError
from tests.cli.conftest import Shell
from tests.orchestration.pipeline import interrupted_query


def failing(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


def noted(error: BaseException, note: str) -> BaseException:
    error.add_note(note)
    return error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("a wrong setting"), 2, "Error: a wrong setting\n"),
        (LockedError("taken"), 2, "Error: taken\n"),
        (StorageError("the disk is full"), 1, "Error: the disk is full\n"),
        (PermissionError(13, "Permission denied", "/data/x"), 1, "Error: /data/x: Permission denied. If it belongs"),
        (OSError(28, "No space left on device"), 1, "Error: The disk is full. Free some space and run the same"),
        (noted(MemoryError(), "the stream leads"), 1, "Error: Out of memory in the stream leads. Synced and"),
        (pa.ArrowMemoryError("malloc of size 9 failed"), 1, "Error: Out of memory (malloc of size 9 failed)."),
        (duckdb.OutOfMemoryException("no"), 1, "Error: Out of memory (no). Synced and published data"),
        (KeyboardInterrupt(), INTERRUPTED, "\nStopped; nothing is lost. Run the same command to continue.\n"),
    ],
)
def test_an_error_is_reported_in_a_sentence(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_safely(failing(error), []) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(said)


def test_ctrl_c_while_duckdb_works_stops_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_safely(click.command()(interrupted_query), []) == INTERRUPTED
    assert "Stopped; nothing is lost." in capsys.readouterr().err


def test_an_unexpected_error_is_kept_in_a_log_without_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INSTANTLY_DATA_DIR", str(tmp_path))
    assert run_safely(failing(RuntimeError("jane@private.example")), []) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: Unexpected RuntimeError.")
    assert "Traceback" not in said
    log = tmp_path / "work" / LOG_NAME
    assert str(log) in said
    assert "Traceback" in log.read_text()
    assert "jane" not in log.read_text()


def test_a_wrong_option_is_explained_by_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_safely(failing(UsageError("never reached")), ["--nonsense"]) == 2
    assert "No such option" in capsys.readouterr().err


def test_without_a_key_sync_says_how_to_get_one(shell: Shell) -> None:
    done = shell.run("sync")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: No API key is set. Put INSTANTLY_API_KEY=<key> into a file named .env")
    assert not shell.data_dir.exists()


def test_a_wrong_setting_is_named(shell: Shell) -> None:
    done = shell.here("sync", INSTANTLY_LOOKBACK_DAYS="many")
    assert done.returncode == 2
    assert "INSTANTLY_LOOKBACK_DAYS" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_stream_is_named_before_anything_is_written(shell: Shell) -> None:
    done = shell.here("sync", "--streams", "lead", INSTANTLY_API_KEY="k")
    assert done.returncode == 2
    assert "There is no stream or group 'lead'. The groups are: all, core," in done.stderr
    assert not shell.data_dir.exists()


@pytest.mark.slow  # it tries several times
def test_no_network_ends_with_1_in_a_sentence(shell: Shell) -> None:
    done = shell.run("sync", "--streams", "campaigns", INSTANTLY_API_KEY="k", INSTANTLY_BASE_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "Nothing could be read" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["query", "select 1"]])
def test_before_the_first_sync_it_is_said_what_to_type(shell: Shell, command: list[str]) -> None:
    done = shell.here(*command)
    assert (done.returncode, done.stdout) == (2, "")
    assert "run `instantly-pipeline sync` first" in done.stderr


def test_a_broken_published_file_is_reported_in_a_sentence(shell: Shell) -> None:
    (shell.data_dir / "publish").mkdir(parents=True)
    (shell.data_dir / "publish" / "warehouse.duckdb").write_bytes(b"not a database" * 1000)
    done = shell.here("status")
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_directory_that_cannot_be_made_is_reported_in_a_sentence(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = shell.here("sync", INSTANTLY_API_KEY="k", INSTANTLY_DATA_DIR=str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Error: {tmp_path / 'file' / 'data'}")
    assert "or set INSTANTLY_DATA_DIR to another folder" in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [("INSTANTLY_MEMORY_LIMIT", "lots"), ("INSTANTLY_STORAGE_VERSION", "9"), ("INSTANTLY_STREAMS", "campaigns,lead")],
)
def test_a_setting_that_would_fail_late_is_named_at_once(shell: Shell, variable: str, value: str) -> None:
    done = shell.here("sync", INSTANTLY_API_KEY="k", **{variable: value})
    assert done.returncode == 2
    assert f"Error: {variable}: " in done.stderr
    assert not (shell.data_dir / "lake").exists()


@pytest.mark.parametrize("content", ["telemetry: [", "nonsense: 1"])
def test_wrong_settings_of_dagster_are_reported_in_a_sentence(shell: Shell, content: str) -> None:
    config = shell.root / "dagster_home" / "dagster.yaml"
    config.write_text(content)
    done = shell.here("sync", INSTANTLY_API_KEY="k")
    assert done.returncode == 2
    assert f"Error: {config} is invalid" in done.stderr
    assert "Unexpected" not in done.stderr


def test_the_details_of_an_error_go_through_no_link(shell: Shell, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("of somebody else")
    (shell.data_dir / "work").mkdir(parents=True)
    (shell.data_dir / "work" / LOG_NAME).symlink_to(victim)
    (tmp_path / LOG_NAME).symlink_to(victim)  # where every user of a machine may put one
    script = "from instantly_pipeline.cli.failures import save_details; print(save_details('what happened'))"
    env = shell.environment | {"TMPDIR": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
    assert victim.read_text() == "of somebody else"
    path = Path(said.removeprefix("The details are in ").partition(";")[0])
    assert "what happened" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("command", ["sandbox", "demo"])
@pytest.mark.parametrize("package", ["httptools", "uvicorn"])
def test_without_its_extra_the_sandbox_says_what_to_install(command: str, package: str) -> None:
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"  # as where it is not installed
        f"sys.argv = ['instantly-pipeline', {command!r}]\n"
        "from instantly_pipeline.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "Error: The local Instantly API is an extra: pip install 'instantly-pipeline[sandbox]' installs it.\n"
    )


@pytest.mark.parametrize("other", [("--streams", "leads"), ("--full",)])
@pytest.mark.parametrize("command", ["sync", "plan"])
def test_events_alone_are_not_combined_with_what_reads_more(shell: Shell, command: str, other: tuple[str, ...]) -> None:
    done = shell.here(command, "--events", *other, INSTANTLY_API_KEY="k")
    assert done.returncode == 2
    assert f"does not go with {other[0]}" in done.stderr
