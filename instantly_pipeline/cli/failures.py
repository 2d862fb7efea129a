"""Error messages for the user: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from instantly_pipeline.cli.signals import STOPPED, exit_code
from instantly_pipeline.cli.terminal import sanitize_terminals
from instantly_pipeline.errors import PipelineError, is_interruption, lack_of_memory
from instantly_pipeline.visible import visible_lines

if TYPE_CHECKING:
    from io import TextIOWrapper

BROKEN_PIPE = 141  # as a shell reports SIGPIPE
LOG_NAME = "instantly-pipeline.log"


class Commands(click.Group):
    """A group with its own exit code for a closed pipe (`| head`); click exits with 1 as for a failure."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise click.exceptions.Exit(BROKEN_PIPE) from None


def run_safely(command: click.Command, args: Sequence[str]) -> int:
    """Run `command`; returns its exit code. Raises nothing but SystemExit."""
    _prepare_streams()
    try:
        code = command.main(args=list(args), prog_name="instantly-pipeline", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_stdout()
        return BROKEN_PIPE
    except BaseException as error:  # noqa: BLE001 - every error becomes a message here
        return _report_error(error)
    return code if isinstance(code, int) else 0


def _report_error(error: BaseException) -> int:
    """Print the error on stderr; returns the exit code."""
    if isinstance(error, click.Abort) or is_interruption(error):
        click.echo(STOPPED, err=True)
        return exit_code()
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, PipelineError):
        click.echo(visible_lines(f"Error: {error}"), err=True)
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, OSError) and error.errno == 28:
        click.echo("Error: The disk is full. Free some space and run the same command again.", err=True)
        return 1
    if isinstance(error, PermissionError) and error.filename:
        advice = (
            "If it belongs to another user, run the command as that user. INSTANTLY_PUBLISH_MODE sets who may read "
            "published files."
        )
        click.echo(visible_lines(f"Error: {error.filename}: {error.strerror}. {advice}"), err=True)
        return 1
    if (lack := lack_of_memory(error)) is not None:
        click.echo(f"Error: {lack}", err=True)
        return lack.exit_code
    saved = save_details("".join(traceback.format_exception(error)))
    click.echo(f"Error: Unexpected {type(error).__name__}. {saved}", err=True)
    return 1


def save_details(details: str) -> str:
    """Save the details of an error, redacted; returns a sentence that names the file."""
    from instantly_pipeline.api.redaction import redact

    note = f"{datetime.now(UTC).isoformat(timespec='seconds')}\n{redact(details)}\n"
    for write in (_to_log, _to_new_file):
        with contextlib.suppress(OSError, PipelineError):
            if path := write(note):
                return f"The details are in {path}; please report the error with them."
    return "Please report it."


def _to_log(note: str) -> Path | None:
    """Append to the log of the data directory, if there is one."""
    from instantly_pipeline.lake.permissions import append_to
    from instantly_pipeline.settings import load

    data_dir = load().data_dir
    if not data_dir.is_dir():
        return None
    path = data_dir / "work" / LOG_NAME
    with append_to(path) as log:
        log.write(note)
    return path


def _to_new_file(note: str) -> Path:
    """A file with a random name: in a shared folder, a fixed name could be another user's link."""
    handle, name = tempfile.mkstemp(prefix="instantly-pipeline-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as log:
        log.write(note)
    return Path(name)


def _prepare_streams() -> None:
    """Replace closed streams by /dev/null, escape characters that the encoding lacks, and guard terminals."""
    for name in ("stdout", "stderr"):
        stream: TextIOWrapper | None = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - it lives as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sanitize_terminals()


def _abandon_stdout() -> None:
    """Redirect stdout to /dev/null after the reader has closed it (`| head`), for the interpreter's last flush."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
