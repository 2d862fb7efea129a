"""Opening the published file to read it.

The file is attached read-only to a database in memory whose access to other files is closed, so that a query can change
nothing and reach nothing else. DuckDB still lets statements read *and write* the path that was attached, and that
path with `.wal` behind it (`copy ... to`). So it is attached by another name, which is removed before a query runs.
Other connections of this process to the file do not matter.
"""

from __future__ import annotations

import glob
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from instantly_pipeline.errors import StorageError, UsageError
from instantly_pipeline.lake.permissions import refuse_links
from instantly_pipeline.settings import load
from instantly_pipeline.warehouse.db.build_file import limit_threads, refused_by_machine
from instantly_pipeline.warehouse.db.interruption import reading
from instantly_pipeline.warehouse.db.sql_text import first_line, text


def open_published(
    published_file: Path, *, ours: bool = False, writes: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that reads the published file and no other, in UTC, and writes none but `writes`.

    What DuckDB has attached it would let any SQL write over, so the file is attached by a name that is gone then; where
    the SQL is `ours` that is not needed, and nothing at all is written.

    The one way to open it, in commands, reports and notebooks: within INSTANTLY_MEMORY_LIMIT, with a temporary folder
    in the data directory that DuckDB makes at the first need and removes. UsageError where nothing was published,
    StorageError where the file cannot be read.
    """
    if not published_file.exists():
        raise UsageError(f"There is no {published_file} yet. Run `instantly-pipeline sync` first.")
    spill = _spill_folder(published_file)
    try:
        con = reading(duckdb.connect(config=_config(spill)), spill)
    except duckdb.Error as error:
        raise UsageError(f"INSTANTLY_MEMORY_LIMIT cannot be used: {first_line(error)}") from error
    try:
        limit_threads(con, load().memory_limit)
        with _by_another_name(published_file, spill) if not ours else nullcontext(published_file) as path:
            con.execute(f"attach {text(str(path))} as warehouse (read_only)")
        con.execute("use warehouse")
        con.execute("set TimeZone = 'UTC'")
        con.execute("set enable_progress_bar = false")  # it would be drawn into the answer where no script is run
        if writes is not None:
            con.execute(f"set allowed_paths = [{text(str(writes))}]")
        con.execute("set enable_external_access = false")
        con.execute("set lock_configuration = true")
    except duckdb.Error as error:
        con.close()
        raise StorageError(
            f"{published_file} cannot be read. It is made from the lake: `instantly-pipeline rebuild` rebuilds it."
        ) from error
    return con


@contextmanager
def _by_another_name(published_file: Path, spill: Path) -> Iterator[Path]:
    """A hard link in a folder that is then removed with it; beside the file where publish/ is a disk of its own.

    The file itself where none can be made: the folders and the file are another user's, who alone may write there.
    """
    with ExitStack() as removed:
        links = (_linked(published_file, place, spill.name, removed) for place in (spill.parent, published_file.parent))
        yield next(filter(None, links), published_file)


def _linked(file: Path, place: Path, name: str, removed: ExitStack) -> Path | None:
    with suppress(OSError):
        folder = TemporaryDirectory(dir=place, prefix=f"{name}.", ignore_cleanup_errors=True)
        link = Path(removed.enter_context(folder)) / file.name
        link.hardlink_to(file.resolve())
        return link
    return None


def _config(spill: Path) -> dict[str, str | bool | int | float | list[str]]:
    limit = load().memory_limit
    return {"memory_limit": limit, "temp_directory": str(spill), "autoinstall_known_extensions": "false"}


def _spill_folder(published_file: Path) -> Path:
    """Where DuckDB may put what memory does not hold; those of processes that were killed are removed."""
    spill = published_file.absolute().parent.parent / "work" / "spill"
    refuse_links(spill.parent, spill)
    with suppress(OSError):  # said when it is needed
        spill.mkdir(mode=0o700, exist_ok=True)
    host = socket.gethostname()
    mine = f"reading-{glob.escape(host)}-*"
    for left in (*spill.glob(mine), *published_file.parent.glob(mine)):
        with suppress(ValueError, PermissionError):  # another user's process runs
            try:
                os.kill(int(left.name.rpartition("-")[2].partition(".")[0]), 0)
            except ProcessLookupError:
                shutil.rmtree(left, ignore_errors=True)
    return spill / f"reading-{host}-{os.getpid()}"


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turns a lack of memory or of room for `what` (`This query`) into a StorageError that says what to set.

    KeyboardInterrupt where DuckDB was interrupted.
    """
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except (duckdb.Error, MemoryError) as error:
        if not refused_by_machine(error) or isinstance(error, duckdb.TransactionException):  # nothing is committed here
            raise
        limit = load().memory_limit
        raise StorageError(
            f"{what} needs more than there is: {limit} of memory (INSTANTLY_MEMORY_LIMIT), and on the disk what its "
            f"temporary folder can take ({first_line(error)}). Nothing was changed. Ask for less at "
            "once, raise the limit, or free some space in the data directory, which must be writable."
        ) from error
