"""Reading the published file: queries, and what `status` shows.

The file is attached read-only to a database in memory whose access to other files is closed, so that a query can change
nothing and reach nothing else. DuckDB goes on to let statements read *and write* the path that was attached, and that
path with `.wal` behind it (`copy ... to`). So it is attached by another name, which is gone before a query is asked.
Other connections of this process to the file do not matter.
"""

from __future__ import annotations

import glob
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from instantly_pipeline.errors import OverdueError, StorageError, UsageError
from instantly_pipeline.lake.permissions import refuse_links
from instantly_pipeline.settings import load
from instantly_pipeline.warehouse.db.build_file import refused_by_machine
from instantly_pipeline.warehouse.db.interruption import at_most, reading
from instantly_pipeline.warehouse.db.sql_text import first_line, text

_BATCH = 10_000  # rows; between two batches a signal is heard


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The answer to a query: names and DuckDB types of the columns, and the rows."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How one stream of one workspace stands. `rows` are its live rows."""

    workspace_id: str
    workspace_name: str
    stream: str
    outcome: str | None
    reason: str | None
    last_success_at: datetime | None
    rows: int
    partial: bool | None
    held_deletes: int


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One workspace's part of one run."""

    run_id: str
    workspace_id: str
    workspace_name: str
    started_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    reason: str | None
    full: bool | None
    planned_requests: int | None
    requests: int | None
    rows_upserted: int | None
    rows_deleted: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A counter of Instantly's that is not what our rows add up to. `ours` and `theirs` are counts."""

    workspace_name: str
    campaign_id: str
    campaign_name: str | None
    metric: str
    ours: float | None
    theirs: float
    difference: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Instantly's own counters, as last compared with ours: `equal` and `near` (within 2 %, or 5) of `counters`.

    `largest` are the largest differences. `checked_at` is None where nothing was compared yet.
    """

    checked_at: datetime | None
    counters: int
    equal: int
    near: int
    largest: list[Difference]


@dataclass(frozen=True, slots=True)
class Status:
    """What is published, and how fresh it is; all instants in UTC."""

    published_at: datetime | None
    published_run: str | None
    storage_version: str | None
    streams: list[StreamStatus]
    runs: list[RunStatus]
    quarantined: int
    collapsed_days: int
    notices: int
    drifted: int
    held_deletes: int
    reconciliation: Compared


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
            f"{published_file} cannot be read. It is made from the lake: `instantly-pipeline rebuild` makes it again."
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

    KeyboardInterrupt where DuckDB was told to stop.
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


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query while it is read: `batches` of rows, of which none is held."""

    columns: list[str]
    types: list[str]
    batches: Iterator[list[tuple[Any, ...]]]


@contextmanager
def asked(published_file: Path, sql: str, *, timeout: float | None = None) -> Iterator[Answer]:
    """Ask one SQL statement; its rows come while they are worked out.

    UsageError where nothing was published, the statement is wrong or would write; OverdueError after `timeout`
    seconds; StorageError where memory or disk do not suffice.
    """
    late = _overdue(timeout)
    bounded = partial(at_most, seconds=timeout, code=late.exit_code, said=f"Error: {late}")
    with (
        closing(open_published(published_file)) as con,
        _told(late),
        explained("This query"),
        bounded(con),
    ):
        if not con.extract_statements(sql):
            raise UsageError("There is no SQL to answer.")
        described = con.execute(sql).description or []
        names, types = [column[0] for column in described], [str(column[1]) for column in described]
        yield Answer(names, types, iter(lambda: con.fetchmany(_BATCH), []))


def _overdue(timeout: float | None) -> OverdueError:
    return OverdueError(
        f"The query was not answered within {timeout} s and was stopped. Nothing was changed; give it more with "
        "--timeout, or ask for less."
    )


@contextmanager
def _told(late: OverdueError) -> Iterator[None]:
    """DuckDB's complaints in the words of this room."""
    try:
        yield
    except TimeoutError as error:
        raise late from error
    except duckdb.PermissionException as error:
        raise UsageError(f"Only the published file can be read here: {first_line(error)}") from error
    except duckdb.Error as error:
        if "read-only mode" in str(error):
            raise UsageError(
                "The published file is read-only: it is replaced at the next sync. Copy it, or create your tables in "
                "another database that attaches it."
            ) from error
        raise UsageError(f"DuckDB cannot answer this: {error}") from error


def query(published_file: Path, sql: str, *, limit: int | None = None, timeout: float | None = None) -> QueryResult:
    """The answer to one SQL statement as a whole, at most `limit` rows of it. Errors as of `asked`."""
    with asked(published_file, sql, timeout=timeout) as answer:
        rows = list(islice(chain.from_iterable(answer.batches), limit))
    return QueryResult(answer.columns, answer.types, rows)


def status(published_file: Path, *, runs: int = 5) -> Status:
    """How the published file stands, with the last `runs` runs of each workspace."""
    con = open_published(published_file, ours=True)
    try:
        with explained("The status"):
            return _status(con, runs)
    except duckdb.Error as error:
        raise StorageError(
            f"{published_file} is not a file this version can read ({first_line(error)}). "
            "`instantly-pipeline rebuild` makes it again."
        ) from error
    finally:
        con.close()


def _status(con: duckdb.DuckDBPyConnection, runs: int) -> Status:
    published = _rows(
        con,
        "select published_at::varchar, run_id, storage_version from meta.published order by published_at desc limit 1",
    )
    at, run, stored = published[0] if published else (None, None, None)
    return Status(
        published_at=_time(at),
        published_run=run,
        storage_version=stored,
        streams=[StreamStatus(*_timed(row, 5)) for row in _rows(con, _STREAMS)],
        runs=[RunStatus(*_timed(row, 3, 4)) for row in _rows(con, _RUNS, runs)],
        quarantined=_count(con, "quarantine"),
        collapsed_days=_count(con, "collapsed_days"),
        notices=_count(con, "notices"),
        drifted=_count(con, "schema_drift"),
        held_deletes=_count(con, "held_deletes"),
        reconciliation=_compared(con),
    )


def _count(con: duckdb.DuckDBPyConnection, name: str) -> int:
    """The rows of a table of `meta`; none where the file was published before there was such a table."""
    there = _rows(con, "select 1 from duckdb_tables() where schema_name = 'meta' and table_name = ?", name)
    return int(_rows(con, f"select count(*) from meta.{name}")[0][0]) if there else 0


def _compared(con: duckdb.DuckDBPyConnection) -> Compared:
    at, counters, equal, near = _rows(con, _COMPARED)[0]
    largest = [Difference(*row) for row in _rows(con, _LARGEST)] if counters else []
    return Compared(_time(at), counters, equal, near, largest)


def _rows(con: duckdb.DuckDBPyConnection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return con.execute(sql, list(values)).fetchall()


def _timed(row: tuple[Any, ...], *positions: int) -> list[Any]:
    """The row with the texts at `positions` as instants."""
    return [_time(value) if position in positions else value for position, value in enumerate(row)]


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


_NAMED = """
with named as (
    select workspace_id, arg_max(workspace_name, started_at) as workspace_name
    from meta.sync_runs group by workspace_id
)
"""

_STREAMS = (
    _NAMED
    + """
select s.workspace_id, coalesce(n.workspace_name, s.workspace_id), s.stream, s.outcome, s.reason,
    s.last_success_at::varchar, s.rows, s.partial, s.held_deletes
from meta.stream_status s left join named n using (workspace_id)
order by 2, s.workspace_id, s.stream
"""
)

_RUNS = (
    _NAMED
    + """
select r.run_id, r.workspace_id, coalesce(n.workspace_name, r.workspace_id), r.started_at::varchar,
    r.ended_at::varchar, r.outcome, r.reason, r."full", r.planned_requests, r.requests, r.rows_upserted,
    r.rows_deleted
from meta.sync_runs r left join named n using (workspace_id)
qualify row_number() over (partition by r.workspace_id order by r.started_at desc, r.run_id desc) <= ?
order by r.started_at desc, r.run_id desc, 3
"""
)

# Only the last comparison of a workspace: what was compared before is of campaigns that are gone.
_LAST = """
last as (
    from meta.reconciliation where theirs is not null
    qualify checked_at = max(checked_at) over (partition by workspace_id)
)
"""

_COMPARED = f"""
with {_LAST}
select max(checked_at)::varchar, count(*), count(*) filter (difference = 0),
    count(*) filter (difference <> 0 and abs(difference) <= greatest(5, 0.02 * theirs))
from last
"""

_LARGEST = (
    _NAMED
    + f"""
, {_LAST}
select coalesce(n.workspace_name, l.workspace_id), l.campaign_id, c.name, l.metric, l.ours, l.theirs, l.difference
from last l
left join named n using (workspace_id)
left join raw.campaigns c on c.workspace_id = l.workspace_id and c.id = l.campaign_id
where l.difference is distinct from 0
order by abs(l.difference) desc nulls first, l.campaign_id, l.metric limit 3
"""
)
