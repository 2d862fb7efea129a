"""Ending statements from outside: DuckDB 2.0 looks for signals between its tasks only, which can be minutes apart.

Every connection of this room is entered here; `interrupt` is heard within a tenth of a second, in any thread. A few
functions of SQL (`list_sort` of a hundred million) hear nothing at all: a process that only reads leaves them behind.
"""

from __future__ import annotations

import glob
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakSet

import duckdb

_EVERY = 0.1  # seconds: between two statements nobody hears it, so it is said again
_PATIENCE = 1.0  # seconds for a statement to hear it; with what Python needs to end, two seconds hold
_writers: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
_readers: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
_temporary: set[Path] = set()


def writing(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The connection, entered among those that are ended."""
    _writers.add(con)
    return con


def reading(con: duckdb.DuckDBPyConnection, spill: Path) -> duckdb.DuckDBPyConnection:
    """The same for one that changes nothing, whose temporary folder is `spill`."""
    _readers.add(con)
    _temporary.add(spill)
    return con


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """A file that goes, with those whose names go on from its own with a dot, where the process has to leave."""
    _temporary.add(path)
    try:
        yield path
    finally:
        _temporary.discard(path)


def end_all(code: int, said: str) -> None:
    """End what runs on any connection. Where one that reads does not hear it, leave the process with this exit code."""
    for _ in range(int(_PATIENCE / _EVERY)):
        for con in [*_writers, *_readers]:
            _interrupt(con)
        threading.Event().wait(_EVERY)
    if _readers and not _writers:
        _leave(code, said)


@contextmanager
def at_most(con: duckdb.DuckDBPyConnection, seconds: float | None, code: int, said: str) -> Iterator[None]:
    """End what runs on `con` after so many seconds, with TimeoutError; as `end_all` where it does not hear it."""
    if seconds is None or not seconds < threading.TIMEOUT_MAX:  # nearly 300 years; `nan` is not less either
        yield
        return
    over, late = threading.Event(), threading.Event()

    def watch() -> None:
        if not over.wait(seconds):
            late.set()
            for _ in range(int(_PATIENCE / _EVERY)):
                _interrupt(con)
                if over.wait(_EVERY):
                    return
            _leave(code, said)

    watcher = threading.Thread(target=watch, name="timeout", daemon=True)
    watcher.start()
    try:
        yield
    except duckdb.InterruptException as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        over.set()


def _interrupt(con: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # closed meanwhile
        con.interrupt()


def _leave(code: int, said: str) -> None:
    for path in list(_temporary):
        for left in (path, *path.parent.glob(f"{glob.escape(path.name)}.*")):
            with suppress(OSError):
                left.unlink() if left.is_symlink() or not left.is_dir() else shutil.rmtree(left, ignore_errors=True)
    with suppress(OSError):
        os.write(2, f"{said}\n".encode())
    os._exit(code)
