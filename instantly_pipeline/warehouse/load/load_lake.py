"""Loading the whole lake: logs first, then every stream, each in a transaction of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.db.build_state import fact, facts, forget_facts, note_fact
from instantly_pipeline.warehouse.db.fingerprints import forget
from instantly_pipeline.warehouse.db.parallel import run_parallel
from instantly_pipeline.warehouse.db.sql_text import first, ident, instant
from instantly_pipeline.warehouse.load.fold import count_rows, fold, forget_folds
from instantly_pipeline.warehouse.load.load_stream import Known, LoadResult, StreamLoader, make_tables
from instantly_pipeline.warehouse.load.loaded_files import CHANGES, META, LoadedFiles, Seen, broken_file, look
from instantly_pipeline.warehouse.load.logs import (
    CLOCKS,
    LOADED_LOGS,
    correct_instants,
    forget_verified,
    load_log,
    log_rows,
    make_logs,
)

_TABLES = ""  # no log is called so


class ErasedError(Exception):
    """A loaded file of the lake was rewritten or removed.

    What it held must not linger in the free blocks of the build file, which are published with it.
    """


@dataclass(frozen=True, slots=True)
class AsOf:
    """How far to load: per workspace the greatest `_synced_at`, and for the logs the last run.

    Runs are ordered by their ids; their instants may be those of a clock that was wrong. A workspace that is not named
    is left out. `fact` is what the build file remembers of it.
    """

    limits: Mapping[str, datetime]
    run_id: str

    @property
    def fact(self) -> str:
        return json.dumps([self.run_id, {k: v.isoformat() for k, v in sorted(self.limits.items())}])


def as_of_published(con: duckdb.DuckDBPyConnection, layout: Layout, at: datetime) -> AsOf:
    """What the last run published at or before `at` had read; nothing where none was published.

    As `meta.published` dates it: by its own clock, or where that was ahead by the beginning of the run that followed.
    """
    files = {name: look(layout.files(layout.meta, name)) for name in ("published", "sync_runs")}
    found = None
    if files["published"]:
        with _readable([*files["published"], *files["sync_runs"]]):
            found = first(con.execute(_published_by(con, files, at)).fetchall())
    if found is None:
        return AsOf({}, "")
    limits = {workspace_id: datetime.fromisoformat(last) for workspace_id, last in json.loads(found[1]).items()}
    return AsOf(limits, found[0])


def _published_by(con: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[Seen]], at: datetime) -> str:
    runs = "select '' as run_id, null::timestamptz as started_at, null::timestamptz as ended_at"
    if files["sync_runs"]:
        runs = log_rows(con, "sync_runs", files["sync_runs"])
    return (
        f"select p.run_id, p.watermark from ({log_rows(con, 'published', files['published'])}) p "
        f"asof left join ({CLOCKS.format(runs=f'({runs})')}) c on p.run_id < c.run_id "
        f"where least(p.published_at, c.latest) <= {instant(at)} order by p.run_id desc, p.published_at desc limit 1"
    )


def load_lake(
    con: duckdb.DuckDBPyConnection, layout: Layout, streams: Mapping[str, Stream], as_of: AsOf | None
) -> dict[str, LoadResult]:
    """Update `raw`, `history`, `log` and `meta` to the files of the lake.

    ErasedError asks for a new build file. StorageError names a file that cannot be read; its table is as it was, those
    of other streams may be updated already.
    """
    with _transaction(con):
        make_logs(con)
        _forget_other_time(con, "" if as_of is None else as_of.fact)
    loaded_files = LoadedFiles(con)
    logs = {name: look(layout.files(layout.meta, name)) for name in LOADED_LOGS}
    changes = {name: look(layout.files(layout.changes, name)) for name in streams}
    in_logs = {name: loaded_files.difference(META, name, seen) for name, seen in logs.items()}
    found = [loaded_files.difference(CHANGES, name, seen) for name, seen in changes.items()]
    if any(difference.lost for difference in (*in_logs.values(), *found)):
        raise ErasedError
    if changed := [name for name, difference in in_logs.items() if difference.fresh or difference.stale]:
        with _transaction(con):  # ahead of loading them side by side, where two logs may go into one table
            forget_folds(con, changed)
    new = _without_tables(con, streams)
    due = [_TABLES] if new else []
    due += [name for name in sorted(logs, key=lambda name: -len(logs[name])) if not in_logs[name].nothing]
    run_parallel(
        con,
        dict.fromkeys(due, ()),
        lambda cursor, name: (
            _make_tables(cursor, new) if name == _TABLES else _load_log(cursor, name, logs[name], loaded_files, as_of)
        ),
    )
    if due:
        with _transaction(con):
            correct_instants(con)
    known = Known(facts(con), _last_run(con))
    unread = {row[0] for row in con.execute("select distinct stream from log.verified where not applied").fetchall()}
    results = run_parallel(
        con,
        dict.fromkeys(sorted(streams, key=lambda name: -sum(one.bytes for one in changes[name])), ()),
        lambda cursor, name: _load_stream(
            cursor,
            streams[name],
            changes[name],
            loaded_files,
            as_of,
            known,
            tables_are_new=name in new,
            ranges_waiting=name in unread,
        ),
    )
    with _transaction(con):
        folded = fold(con)
        moved = [name for name, result in results.items() if result.versions_added or result.reloaded]
        count_rows(con, streams if "stream_status" in folded else moved)
        if "verified" in due or unread:
            forget_verified(con)
    return results


def _last_run(con: duckdb.DuckDBPyConnection) -> str:
    return str(con.execute("select coalesce(max(run_id), '') from log.clocks").fetchall()[0][0])


def loaded_as_of(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the build file was loaded as of an earlier time."""
    return fact(con, "as_of") != ""


def _forget_other_time(con: duckdb.DuckDBPyConnection, as_of: str) -> None:
    """Forget what was loaded where it was loaded as of another time."""
    known = facts(con)
    if known.get("as_of") == as_of:
        return
    con.execute("delete from meta.loaded_files")
    forget_facts(con, [name for name in known if name.startswith("stream ")])
    for name in LOADED_LOGS:
        con.execute(f"delete from log.{ident(name)}")
    note_fact(con, "as_of", as_of)


def _without_tables(con: duckdb.DuckDBPyConnection, streams: Mapping[str, Stream]) -> dict[str, Stream]:
    """The streams that have no tables yet."""
    found = con.execute("select table_name from duckdb_tables() where schema_name in ('raw', 'history')").fetchall()
    known = {row[0] for row in found}
    return {name: stream for name, stream in streams.items() if name not in known}


def _make_tables(con: duckdb.DuckDBPyConnection, streams: Mapping[str, Stream]) -> None:
    """Create the tables of these streams, before the transactions that fill them.

    While a transaction that created or described a table is open, no commit beside it writes to the file's blocks: all
    that is loaded meanwhile goes into the write-ahead log and is compressed by one thread at the end.
    """
    with _transaction(con):
        for stream in streams.values():
            make_tables(con, stream)


def _load_log(
    con: duckdb.DuckDBPyConnection, name: str, seen: Sequence[Seen], loaded_files: LoadedFiles, as_of: AsOf | None
) -> None:
    with _readable(seen), _transaction(con):
        load_log(con, name, seen, loaded_files, None if as_of is None else as_of.run_id)


def _load_stream(
    con: duckdb.DuckDBPyConnection,
    stream: Stream,
    seen: Sequence[Seen],
    loaded_files: LoadedFiles,
    as_of: AsOf | None,
    known: Known,
    *,
    tables_are_new: bool,
    ranges_waiting: bool,
) -> LoadResult:
    loader = StreamLoader(
        con, stream, loaded_files, None if as_of is None else as_of.limits, known, tables_are_new=tables_are_new
    )
    added = 0
    if ranges_waiting or not loader.is_current(seen):
        with _readable(seen), _transaction(con):
            added = loader.load(seen)
            if loader.changed:
                forget(con, f"raw.{stream.name}")
                forget(con, f"history.{stream.name}")
            elif loader.verified:
                forget(con, f"raw.{stream.name}", "_verified_at")
    counted = first(
        con.execute(
            f"select count(*) filter (_deleted_at is null), count(_deleted_at) from raw.{ident(stream.name)}"
        ).fetchall()
    )
    live, deleted = counted or (0, 0)
    return LoadResult(live, deleted, versions_added=added, files=len(seen), reloaded=loader.reloaded)


@contextmanager
def _transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    con.begin()
    try:
        yield
    except BaseException:
        con.rollback()
        raise
    con.commit()


@contextmanager
def _readable(seen: Sequence[Seen]) -> Iterator[None]:
    """Turns an error of reading damaged files into a StorageError that names the first of them."""
    try:
        yield
    except duckdb.Error as error:
        broken = broken_file(one.file.path for one in seen)
        if broken is not None:
            raise broken from error
        raise
