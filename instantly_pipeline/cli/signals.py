"""Ctrl-C and SIGTERM: the exit code they end with, and a statement of DuckDB that hears them at once."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from types import FrameType

STOPPED = "Stopped; nothing is lost. Run the same command to go on."
INTERRUPTED, TERMINATED = 130, 143  # as a shell reports SIGINT and SIGTERM

_terminated = threading.Event()


def listen() -> None:
    """SIGTERM stops this process as Ctrl-C does, and either ends what DuckDB does. For the main thread, once.

    Python's handlers wait until DuckDB returns to the interpreter. So a thread hears of the signal through Python's
    wake-up socket, which is written to the moment it comes.
    """
    signal.signal(signal.SIGTERM, _on_terminate)
    heard, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_interrupt, args=(heard, wakes), name="signals", daemon=True).start()


def exit_code() -> int:
    """The code of a command that was stopped."""
    return TERMINATED if _terminated.is_set() else INTERRUPTED


def _on_terminate(number: int, frame: FrameType | None) -> None:
    _terminated.set()
    signal.default_int_handler(number, frame)


def _interrupt(heard: socket.socket, _wakes: socket.socket) -> None:
    while number := heard.recv(1):
        if number[0] not in (signal.SIGINT, signal.SIGTERM):
            continue
        interruption = sys.modules.get("instantly_pipeline.warehouse.db.interruption")
        if interruption is not None:  # else nothing of DuckDB is open
            interruption.end_all(128 + number[0], STOPPED)
