"""Loading the whole lake: logs first, then every stream, each in a transaction of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from instantly_pipeline.lake.layout import LakeFile, Layout
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.coverage import Covered, broken_file, look
from instantly_pipeline.warehouse.loader import LoadResult, StreamLoader
from instantly_pipeline.warehouse.logtables import LOADED_LOGS, count_rows, fold, forget_verified, load_log, make_logs
from instantly_pipeline.warehouse.runner import comment_stream
from instantly_pipeline.warehouse.sqltext import ident, instant, path_list
from instantly_pipeline.warehouse.verified import apply_verified


@dataclass(frozen=True, slots=True)
class AsOf:
    """How far to load: per workspace the greatest `_synced_at`, and for the logs an instant.

    A workspace that is not named is left out. `fact` is what the build file remembers of it.
    """

    limits: Mapping[str, datetime]
    logs: datetime

    @property
    def fact(self) -> str:
        return json.dumps([self.logs.isoformat(), {k: v.isoformat() for k, v in sorted(self.limits.items())}])


def as_of_published(con: duckdb.DuckDBPyConnection, layout: Layout, at: datetime) -> AsOf:
    """What the last run published at or before `at` had read; everything synced by `at` where none was published."""
    files = layout.files(layout.meta, "published")
    found = None
    if files:
        found = con.execute(
            "select published_at::varchar, synced_to from read_parquet("
            f"{path_list(file.path for file in files)}, hive_partitioning = false, union_by_name = true) "
            f"where published_at <= {instant(at)} order by published_at desc limit 1"
        ).fetchone()
    if found is None:
        return AsOf(dict.fromkeys(layout.workspaces(), at), at)
    limits = {workspace_id: datetime.fromisoformat(last) for workspace_id, last in json.loads(found[1]).items()}
    return AsOf(limits, datetime.fromisoformat(found[0]).astimezone(UTC))


def load_lake(
    con: duckdb.DuckDBPyConnection, layout: Layout, streams: Mapping[str, Stream], as_of: AsOf | None
) -> dict[str, LoadResult]:
    """Bring `raw`, `history`, `log` and `meta` in step with the files of the lake.

    StorageError names a file that cannot be read; the tables of the other streams are as they were or as they are now.
    """
    with _transaction(con):
        make_logs(con)
        _forget_other_time(con, "" if as_of is None else as_of.fact)
    covered = Covered(con)
    changed = {name for name in LOADED_LOGS if _load_log(con, layout, name, covered, as_of)}
    results = {name: _load_stream(con, layout, stream, covered, as_of) for name, stream in streams.items()}
    with _transaction(con):
        fold(con, changed | ({"stream_status"} if "held_deletes" in changed else set()))
        for name in streams:
            count_rows(con, name)
        if "verified" in changed:
            forget_verified(con)
    return results


def _forget_other_time(con: duckdb.DuckDBPyConnection, fact: str) -> None:
    """Empty the build file's bookkeeping where it was loaded up to another time."""
    known = con.execute("select value from meta.build where name = 'as_of'").fetchone()
    if known is not None and known[0] == fact:
        return
    con.execute("delete from meta.loaded_files")
    con.execute("delete from meta.build where name like 'stream %'")
    for name in LOADED_LOGS:
        con.execute(f"delete from log.{ident(name)}")
    con.execute("insert or replace into meta.build values ('as_of', ?)", [fact])


def _load_log(con: duckdb.DuckDBPyConnection, layout: Layout, name: str, covered: Covered, as_of: AsOf | None) -> bool:
    files = layout.files(layout.meta, name)
    with _readable(files), _transaction(con):
        return load_log(con, name, look(files), covered, None if as_of is None else as_of.logs)


def _load_stream(
    con: duckdb.DuckDBPyConnection, layout: Layout, stream: Stream, covered: Covered, as_of: AsOf | None
) -> LoadResult:
    files = layout.files(layout.changes, stream.name)
    loader = StreamLoader(con, stream, covered, None if as_of is None else as_of.limits)
    with _readable(files), _transaction(con):
        added = loader.load(look(files))
        if loader.remade:
            comment_stream(con, stream)
        apply_verified(con, stream.name)
    counted = con.execute(
        f"select count(*) filter (_deleted_at is null), count(_deleted_at) from raw.{ident(stream.name)}"
    ).fetchone()
    live, deleted = counted or (0, 0)
    return LoadResult(rows=live, deleted=deleted, versions_added=added, files=len(files))


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
def _readable(files: list[LakeFile]) -> Iterator[None]:
    """Say which file is broken where reading failed because of one."""
    try:
        yield
    except duckdb.Error as error:
        broken = broken_file(file.path for file in files)
        if broken is not None:
            raise broken from error
        raise
