"""What the user sees when something goes wrong: a sentence and an exit code, never a traceback."""

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
    """A group that tells a reader who has gone (`| head`) from a failure; click's exit code for both is 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise click.exceptions.Exit(BROKEN_PIPE) from None


def run_safely(command: click.Command, args: Sequence[str]) -> int:
    """Run `command`; its exit code. Nothing but SystemExit leaves here."""
    _prepare_streams()
    try:
        code = command.main(args=list(args), prog_name="instantly-pipeline", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_stdout()
        return BROKEN_PIPE
    except BaseException as error:  # noqa: BLE001 - the one place where every error ends
        return _report_error(error)
    return code if isinstance(code, int) else 0


def _report_error(error: BaseException) -> int:
    """Say what happened on stderr; the exit code."""
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
        whose = (
            "Where it is another user's, run the command as that user; INSTANTLY_PUBLISH_MODE opens what is published."
        )
        click.echo(visible_lines(f"Error: {error.filename}: {error.strerror}. {whose}"), err=True)
        return 1
    if (lack := lack_of_memory(error)) is not None:
        click.echo(f"Error: {lack}", err=True)
        return lack.exit_code
    saved = save_details("".join(traceback.format_exception(error)))
    click.echo(f"Error: An unexpected {type(error).__name__}. {saved}", err=True)
    return 1


def save_details(details: str) -> str:
    """Save the details of an error, redacted; a sentence that says where."""
    from instantly_pipeline.api.redaction import redact

    note = f"{datetime.now(UTC).isoformat(timespec='seconds')}\n{redact(details)}\n"
    for write in (_to_log, _to_new_file):
        with contextlib.suppress(OSError, PipelineError):
            if path := write(note):
                return f"{path} has its details; please report it with them."
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
    """A file of its own: a name that everybody knows may be somebody else's link in a folder that all may write."""
    handle, name = tempfile.mkstemp(prefix="instantly-pipeline-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as log:
        log.write(note)
    return Path(name)


def _prepare_streams() -> None:
    """A closed stream becomes a silent one; a terminal is guarded, and shows what its encoding lacks in another way."""
    for name in ("stdout", "stderr"):
        stream: TextIOWrapper | None = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - it lives as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sanitize_terminals()


def _abandon_stdout() -> None:
    """The reader has gone (`| head`): let the interpreter's last flush go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
