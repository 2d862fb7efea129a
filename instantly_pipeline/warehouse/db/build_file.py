"""The build file: a DuckDB file that only the pipeline opens, a cache of the lake that may be deleted at any time.

A file that cannot be used (unreadable, of another storage version, made by another version of the loader) is removed
and rebuilt, with a message.

It is written without a write-ahead log: DuckDB 2.0, killed while statements ran side by side, was seen to replay its
log over blocks that had been given to other tables, and values were wrong without an error. So a kill takes the file
back to the last checkpoint, at the latest to the last call of `keep`, and the next run rebuilds what came after.
"""

from __future__ import annotations

import fcntl
import glob
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from instantly_pipeline.errors import LockedError, StorageError
from instantly_pipeline.lake.durable import fsync, is_left_beside, name_beside, storing
from instantly_pipeline.lake.permissions import detach_hard_link, make_folder, refuse_links
from instantly_pipeline.memory import in_bytes
from instantly_pipeline.warehouse.db import build_state
from instantly_pipeline.warehouse.db.interruption import writing
from instantly_pipeline.warehouse.db.shrink import copy_into, shrink
from instantly_pipeline.warehouse.db.sql_text import text
from instantly_pipeline.warehouse.db.tables import LOADED_FILES, create, describe

SCHEMAS = ("raw", "history", "log", "meta", "seeds", "staging", "intermediate", "marts", build_state.SCHEMA)
CATALOG = "build"
# DuckDB's threads share a table by row groups, usually of 122,880 rows: leads of one would be read and written by one
# thread. Half as many cost 3 % more space; drivers from 1.2 on read them.
ROW_GROUP = 61_440
# Raise it when the loader would make other tables from the same files, or files made before cannot be trusted.
LOADER_VERSION = "5"

# Bytes: what DuckDB's documentation (Environment, Minimum Required Memory) names as the least for a thread
PER_THREAD = 125_000_000

_NO_ROOM = ("No space left", "Could not write file", "Failed to create directory")


class UnusableFileError(Exception):
    """The file exists and is not a build file this version can go on with."""


def open_build(
    path: Path, *, storage_version: str, memory_limit: str, spill: Path, say: Callable[[str], None]
) -> duckdb.DuckDBPyConnection:
    """A connection to the build file, which is created where it is missing or unusable.

    LockedError where another process has it open, StorageError where it cannot be made or is a link.
    """
    refuse_links(path.parent, spill)
    with storing(path.parent):
        make_folder(spill)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        if is_left_beside(left):  # a kill came before it was in its place
            left.unlink()
    detach_hard_link(path)
    if _logs(path) and not _is_open_elsewhere(path):
        _remove_logs(path)  # of an earlier version
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": "false",
    }
    try:
        return _connect(path, storage_version, config)
    except UnusableFileError as reason:
        say(f"{path} {reason}; it is a cache of the lake and is rebuilt.")
    remove_build(path)
    try:
        return _connect(path, storage_version, config)
    except UnusableFileError as reason:
        raise StorageError(f"{path} cannot be made: it {reason}. Check the disk and INSTANTLY_DATA_DIR.") from reason


def refused_by_machine(error: BaseException | None) -> bool:
    """Whether it was the disk or the memory that made DuckDB fail, and neither the file nor the SQL."""
    if isinstance(error, duckdb.TransactionException):  # a commit that the disk did not take, or two that conflict
        return "conflict" not in str(error).lower()
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException):
        return True
    return isinstance(error, duckdb.Error) and any(said in str(error) for said in _NO_ROOM)


def remove_build(path: Path) -> None:
    """Delete the build file and what DuckDB left beside it."""
    path.unlink(missing_ok=True)
    _remove_logs(path)


def _is_open_elsewhere(path: Path) -> bool:
    """Whether another process has the file open. This one must not: it would lose its lock (POSIX)."""
    try:
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _logs(path: Path) -> list[Path]:
    return list(path.parent.glob(f"{glob.escape(path.name)}.wal*"))


def _remove_logs(path: Path) -> None:
    for log in _logs(path):
        log.unlink(missing_ok=True)


def keep(con: duckdb.DuckDBPyConnection) -> None:
    """Write what was committed to the file, so that it survives a kill."""
    con.execute("force checkpoint")


def give_back_space(con: duckdb.DuckDBPyConnection, path: Path, storage_version: str) -> None:
    """Bound the free space within the build file at `path`, and close it. A kill leaves the old file or the new one."""
    if shrink(con):
        con.close()
        return
    fresh = name_beside(path)
    try:
        with con:
            con.execute(f"attach {text(str(fresh))} as fresh ({_options(storage_version)})")
            copy_into(con, "fresh")
            con.execute("detach fresh")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    fsync(path.parent)


def drop_build_state(copy: Path, storage_version: str) -> None:
    """Remove from a copy of the build file what only the pipeline needs."""
    with writing(duckdb.connect(config={"autoinstall_known_extensions": "false", "threads": 1})) as con:
        con.execute(f"attach {text(str(copy))} as {CATALOG} ({_options(storage_version)}); use {CATALOG}")
        con.execute(f"drop schema {build_state.SCHEMA} cascade")
        con.execute("force checkpoint")


def limit_threads(con: duckdb.DuckDBPyConnection, memory_limit: str) -> None:
    """No more threads than the memory is enough for, and with them statements side by side (`parallel.py`)."""
    threads = int(con.execute("select current_setting('threads')").fetchall()[0][0])
    con.execute(f"set threads = {max(1, min(threads, in_bytes(memory_limit) // PER_THREAD))}")


def _options(storage_version: str) -> str:
    return f"storage_version {text(storage_version)}, row_group_size {ROW_GROUP}, recovery_mode no_wal_writes"


def _connect(
    path: Path, storage_version: str, config: dict[str, str | bool | int | float | list[str]]
) -> duckdb.DuckDBPyConnection:
    """The file is attached, not opened: only so can its row groups be made smaller."""
    try:
        con = writing(duckdb.connect(config=config))
    except duckdb.Error as error:
        raise StorageError(_refused(path, error)) from error
    try:
        limit_threads(con, str(config["memory_limit"]))
        try:
            con.execute(f"attach {text(str(path))} as {CATALOG} ({_options(storage_version)})")
        except duckdb.Error as error:
            raise _why(path, error) from error
        _prepare(con, storage_version)
        _remove_spilled(Path(str(config["temp_directory"])))
    except BaseException:
        con.close()
        raise
    return con


def _remove_spilled(folder: Path) -> None:
    """Remove what a killed process left, and with it people who may be erased since. Nobody else has the build file."""
    for path in folder.iterdir():
        with suppress(OSError):
            path.unlink()


def _why(path: Path, error: duckdb.Error) -> Exception:
    """What a failure to open means. DuckDB has one error class for a lock, a missing right and a broken file."""
    message = str(error)
    if "Could not set lock" in message or "different configuration" in message or "handle conflict" in message:
        return LockedError(
            f"{path} is open in another program. Only the pipeline may open it: close that program and run the same "
            f"command again. To look at the data, open the published file instead."
        )
    if "Permission denied" in message or "No space left" in message:
        return StorageError(f"{path} cannot be opened. Check the folder's rights and the free space of the disk.")
    if isinstance(error, duckdb.InvalidInputException) and not path.exists():
        return StorageError(_refused(path, error))
    return UnusableFileError("cannot be read")


def _refused(path: Path, error: duckdb.Error) -> str:
    return f"DuckDB refuses the settings for {path}: {str(error).splitlines()[0]}"


def _prepare(con: duckdb.DuckDBPyConnection, storage_version: str) -> None:
    """Schemas, bookkeeping and session settings; UnusableFileError where the file was made in another way."""
    con.execute(f"use {CATALOG}; set TimeZone = 'UTC'")
    expected = {"storage_version": storage_version, "loader_version": LOADER_VERSION}
    try:
        there = con.execute("select 1 from duckdb_tables() where not internal limit 1").fetchall()
        con.begin()
        if not there:
            _make_new(con, expected)
        con.commit()
        known = build_state.facts(con)
    except duckdb.Error as error:
        raise UnusableFileError("cannot be read") from error
    if any(known.get(name) != value for name, value in expected.items()):
        raise UnusableFileError("was made by another version or with another storage version")


def _make_new(con: duckdb.DuckDBPyConnection, expected: Mapping[str, str]) -> None:
    for schema in SCHEMAS:
        con.execute(f"create schema if not exists {schema}")
    create(con, LOADED_FILES)
    describe(con, LOADED_FILES)
    con.execute(build_state.TABLES)
    for name, value in expected.items():
        build_state.note_fact(con, name, value)
