"""Publishing: Parquet files and a copy of the build file, put in place of the old ones by rename.

Readers open only what lies in `publish/`. A reader that has the old file open keeps it; a kill leaves the old or the
new file, never a part. Refused where a blocking check failed: then the last good files stay.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from instantly_pipeline.errors import PublishRefused, StorageError
from instantly_pipeline.lake.durable import (
    create,
    fsync,
    is_left_beside,
    name_beside,
    storage_error,
    storing,
    write_durably,
)
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.permissions import make_folder, refuse_links, set_mode, user_umask, within_user_umask
from instantly_pipeline.warehouse.checks.checks import CheckResult
from instantly_pipeline.warehouse.checks.emptied import mart_file
from instantly_pipeline.warehouse.db.build_file import drop_build_state
from instantly_pipeline.warehouse.db.fingerprints import Fingerprints
from instantly_pipeline.warehouse.db.parallel import run_parallel
from instantly_pipeline.warehouse.db.sql_text import ident, text
from instantly_pipeline.warehouse.load.fold import fold_one
from instantly_pipeline.warehouse.load.loaded_files import CHANGES
from instantly_pipeline.warehouse.load.meta_tables import PUBLISHED
from instantly_pipeline.warehouse.publish.parquet_views import views_sql

_OURS = {"lake", "work", "publish", ".lock", ".lock.json", "DEMO", "probe.json"}
# Rows. A writer holds a few groups in memory: within 250 MB, two tables of 200,000 leads took 16 s of processor and
# spilled 6.1 GB with DuckDB's 122,880, 4.3 s and 0.6 GB with these; within 1 GB about as much. Files are 1 % larger.
_ROW_GROUP = 20_480
STAMP = "stamp"  # in a Parquet file's metadata: the state of the table it was written from


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What was published: the database, its size, the row for the `published` log, and rows by full table name."""

    path: Path
    bytes: int
    published_row: dict[str, object]
    tables: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A file written beside, and the place it is renamed to."""

    beside: Path
    place: Path


def refuse_if_failed(results: Sequence[CheckResult]) -> None:
    """PublishRefused with the blocking checks that failed, if there are any."""
    failed = [result for result in results if result.blocking and not result.passed]
    if not failed:
        return
    lines = [f"- {result.name}: {result.failing_rows} rows ({result.description})" for result in failed[:20]]
    more = [f"- and {len(failed) - 20} more"] if len(failed) > 20 else []
    raise PublishRefused(
        f"Nothing was published: {len(failed)} blocking checks failed. The last published file is as it was.\n"
        + "\n".join([*lines, *more])
        + "\n`instantly-pipeline check` shows them all."
    )


def enough_space(layout: Layout, free_bytes: Callable[[Path], int]) -> None:
    """StorageError where the disk cannot hold the new files beside the old ones."""
    build = layout.build_file.stat().st_size
    parquet = sum(path.lstat().st_size for path in layout.publish.glob("*/*.parquet")) or build // 2
    needed = build + parquet + parquet // 4
    free = free_bytes(layout.publish)
    if free < needed:
        raise StorageError(
            f"The disk that holds {layout.publish} has {free // 2**20} MiB free; publishing needs about "
            f"{needed // 2**20} MiB. What was synced is safe and the last published file is as it was; free some space "
            "and run the same command again."
        )


def free_bytes(folder: Path) -> int:
    """Free space of the disk that holds `folder`, in bytes."""
    return shutil.disk_usage(folder).free


def published_row(
    con: duckdb.DuckDBPyConnection, run_id: str, now: datetime, storage_version: str
) -> dict[str, object]:
    """The row for the `published` log, with how far each workspace was synced."""
    found = con.execute(
        "select workspace_id, max(last_synced_at)::varchar from meta.loaded_files "
        "where area = ? and last_synced_at is not null group by workspace_id order by workspace_id",
        [CHANGES],
    ).fetchall()
    watermark = {workspace_id: _iso(datetime.fromisoformat(last)) for workspace_id, last in found}
    return {
        "run_id": run_id,
        "published_at": now.astimezone(UTC),
        "storage_version": storage_version,
        "watermark": json.dumps(watermark),
    }


def _iso(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def note_published(con: duckdb.DuckDBPyConnection, row: Mapping[str, object]) -> None:
    """Put the row into `meta.published` of the file that is about to be published.

    The other rows are those of the log: a publication that failed on its way is not among them.
    """
    con.begin()
    fold_one(con, PUBLISHED)
    con.execute(
        "delete from meta.published where run_id = ? and published_at = ?", [row["run_id"], row["published_at"]]
    )
    values = "$run_id, $published_at, $storage_version, $watermark, $watermark"
    con.execute(f"insert into meta.published values ({values})", dict(row))
    con.commit()


def write_parquet(
    con: duckdb.DuckDBPyConnection, layout: Layout, tables: Iterable[str]
) -> tuple[list[_Pair], dict[Path, tuple[str, int]]]:
    """Write `raw.*` and `marts.*` tables that have changed beside their places.

    What to rename, and by place all files there are to be, with their table and its rows. StorageError where the disk
    does not take them. After any error nothing is left beside.
    """
    fingerprints = Fingerprints(con, {}, {})
    places = {table: _parquet_place(layout, table) for table in tables}
    refuse_links(*places.values())
    stamps = {table: fingerprints.stamp(table) for table in places}
    rows = {table: _rows_if_current(place, stamps[table]) for table, place in places.items()}
    pairs = {table: _Pair(name_beside(places[table]), places[table]) for table, found in rows.items() if found is None}
    try:
        written = run_parallel(
            con,
            dict.fromkeys(pairs, ()),
            lambda cursor, table: _write_table(cursor, table, pairs[table].beside, stamps[table]),
        )
    except BaseException as error:
        discard(pairs.values())
        if not isinstance(error, OSError | duckdb.IOException):
            raise
        cause = error if isinstance(error, OSError) else OSError(str(error).splitlines()[0])
        raise storage_error(layout.publish / "current", cause) from error
    fingerprints.save()
    counted = {table: written[table] if found is None else found for table, found in rows.items()}
    return list(pairs.values()), {places[table]: (table, counted[table]) for table in places}


def _parquet_place(layout: Layout, table: str) -> Path:
    schema, name = table.split(".", 1)
    return mart_file(layout, name) if schema == "marts" else layout.publish / "current" / f"{name}.parquet"


def write_views(layout: Layout, files: Mapping[Path, tuple[str, int]]) -> _Pair:
    """Write `views.sql` beside its place. StorageError where the disk does not take it."""
    place = layout.publish / "views.sql"
    refuse_links(place)
    pair = _Pair(name_beside(place), place)
    statements = views_sql(place, {path: table for path, (table, _) in files.items()})
    try:
        with create(pair.beside) as handle:
            handle.write(statements.encode("utf-8", "surrogateescape"))
    except OSError as error:
        discard([pair])
        raise storage_error(place, error) from error
    return pair


def _write_table(con: duckdb.DuckDBPyConnection, table: str, to: Path, stamp: str) -> int:
    options = f"format parquet, compression zstd, row_group_size {_ROW_GROUP}, kv_metadata {{{STAMP}: {text(stamp)}}}"
    counted = con.execute(f"copy {ident(table)} to {text(str(to))} ({options})").fetchall()
    return int(counted[0][0])


def _rows_if_current(place: Path, stamp: str) -> int | None:
    """The rows of a published file, if it holds its table as it is."""
    try:
        found = pq.read_metadata(place)
    except (OSError, pa.ArrowException):
        return None
    return int(found.num_rows) if (found.metadata or {}).get(STAMP.encode()) == stamp.encode() else None


def copy_database(source: Path, place: Path, storage_version: str) -> _Pair:
    """Copy the closed build file beside its place, without what only the pipeline needs.

    StorageError where the disk does not take it, or it is a link.
    """
    refuse_links(place)
    pair = _Pair(name_beside(place), place)
    try:
        with source.open("rb", buffering=0) as build, create(pair.beside) as copy:
            _copy(build, copy)
        drop_build_state(pair.beside, storage_version)
    except BaseException as error:
        with suppress(OSError):
            pair.beside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(place, error) from error
        raise
    return pair


def _copy(source: FileIO, to: BinaryIO) -> None:
    """Copy a file from its start. Where the file system can (btrfs, XFS), the two share their blocks until one changes.

    Within the kernel a copy takes a third of the processor's time (0.35 s a GB on ext4, through Python 1.0 s).
    """
    if sys.platform == "linux":
        with suppress(OSError):  # not for these two; a full disk is met again below
            while os.copy_file_range(source.fileno(), to.fileno(), 2**30):
                pass
    shutil.copyfileobj(source, to, 2**20)  # what is left


def put_in_place(pairs: Sequence[_Pair], mode: int) -> None:
    """Rename every file to its place, each durable and with the rights `mode` before it is seen."""
    try:
        for pair in pairs:
            fsync(pair.beside)
            pair.beside.chmod(mode)
        for pair in pairs:
            pair.beside.replace(pair.place)
            if pair.place.suffix == ".duckdb":
                pair.place.with_name(f"{pair.place.name}.wal").unlink(missing_ok=True)
    except OSError as error:
        discard(pairs)
        raise storage_error(pair.place, error) from error
    for folder in {pair.place.parent for pair in pairs}:
        fsync(folder)


def discard(pairs: Iterable[_Pair]) -> None:
    """Remove what was written beside and did not reach its place."""
    for pair in pairs:
        with suppress(NotADirectoryError):  # a file is where its folder should be
            pair.beside.unlink(missing_ok=True)


def open_folders(layout: Layout, mode: int) -> None:
    """Make the folders readers open, for those who may read files of the rights `mode`; the way there is open to them.

    The data directory itself is left as it is where there is more in it than ours. StorageError for a link.
    """
    folders = (layout.publish, layout.publish / "current", layout.publish / "marts")
    refuse_links(*folders)
    with storing(layout.publish):
        for folder in folders:
            make_folder(folder)
            set_mode(folder, *[folder_mode(mode)] * 2)
        if {path.name for path in layout.root.iterdir()} <= _OURS:
            set_mode(layout.root, *[folder_mode(mode) & 0o711] * 2)


def make_way(to: Path) -> int:
    """Make the folder of a file whose name the user gave; the rights that file gets: theirs, without writing."""
    with storing(to), user_umask():
        to.parent.mkdir(parents=True, exist_ok=True)
    return within_user_umask(0o444)


def folder_mode(mode: int) -> int:
    """The rights of a folder in which those who may read files of the rights `mode` find them."""
    return 0o700 | mode & 0o044 | (mode & 0o044) >> 2


def remove_others(layout: Layout, kept: Collection[Path]) -> None:
    """Remove the Parquet files of tables that no longer exist, and what a killed publication left beside.

    Only what the list of an earlier publication names is removed: a file that somebody else has put there stays.
    """
    for path in _listed(layout) - set(kept):
        refuse_links(path)
        path.unlink(missing_ok=True)
    for path in (*layout.publish.glob("*/.*.tmp"), *layout.publish.glob(".*.tmp")):
        if is_left_beside(path) and not path.is_symlink():
            path.unlink(missing_ok=True)
    names = sorted(path.relative_to(layout.publish).as_posix() for path in kept)
    write_durably(layout.published_list, json.dumps(names).encode())


def _listed(layout: Layout) -> set[Path]:
    """The Parquet files that the last publication made or kept; none where there is no list."""
    try:
        names = json.loads(layout.published_list.read_bytes())
    except (OSError, ValueError):
        return set()
    names = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return {layout.publish / name for name in names if re.fullmatch(r"(current|marts)/[^/]+\.parquet", name)}
