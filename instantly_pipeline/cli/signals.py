"""Ctrl-C and SIGTERM: their exit codes, and interrupting a running DuckDB statement."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from types import FrameType

STOPPED = "Stopped; nothing is lost. Run the same command to continue."
INTERRUPTED, TERMINATED = 130, 143  # as a shell reports SIGINT and SIGTERM

_terminated = threading.Event()


def install_handlers() -> None:
    """Make SIGTERM stop this process like Ctrl-C, and both interrupt DuckDB. Call once, in the main thread.

    Python runs its signal handlers only after DuckDB returns to the interpreter, so a thread reads the signal from
    Python's wake-up socket, which is written to at once.
    """
    signal.signal(signal.SIGTERM, _on_terminate)
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_interrupt_duckdb, args=(reader, writer), name="signals", daemon=True).start()


def exit_code() -> int:
    """The exit code of a command that was stopped."""
    return TERMINATED if _terminated.is_set() else INTERRUPTED


def _on_terminate(number: int, frame: FrameType | None) -> None:
    _terminated.set()
    signal.default_int_handler(number, frame)


def _interrupt_duckdb(reader: socket.socket, _writer: socket.socket) -> None:  # `_writer` is held open
    while number := reader.recv(1):
        if number[0] not in (signal.SIGINT, signal.SIGTERM):
            continue
        interruption = sys.modules.get("instantly_pipeline.warehouse.db.interruption")
        if interruption is not None:  # not imported: no DuckDB connection is open
            interruption.end_all(128 + number[0], STOPPED)
