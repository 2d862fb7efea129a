"""The warehouse of one data directory: load, models, checks, publish; the one door to this room."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.permissions import set_mode
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.checks.checks import CheckResult, run_checks
from instantly_pipeline.warehouse.checks.reconcile import reconcile
from instantly_pipeline.warehouse.db.build_file import (
    give_back_space,
    keep,
    open_build,
    refused_by_machine,
    remove_build,
)
from instantly_pipeline.warehouse.db.sql_text import first_line
from instantly_pipeline.warehouse.load.load_lake import ErasedError, as_of_published, load_lake, loaded_as_of
from instantly_pipeline.warehouse.load.load_stream import LoadResult
from instantly_pipeline.warehouse.models.catalog import load_models
from instantly_pipeline.warehouse.models.model import Model
from instantly_pipeline.warehouse.models.runner import ModelResult, run_models
from instantly_pipeline.warehouse.publish.publish import (
    PublishResult,
    copy_database,
    discard,
    enough_space,
    free_bytes,
    make_way,
    note_published,
    open_folders,
    published_row,
    put_in_place,
    refuse_if_failed,
    remove_others,
    write_parquet,
    write_views,
)

# What DuckDB raises when a block of the file is not what it should be, or a table of the cache is missing.
DAMAGE = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.SerializationException,
    duckdb.CatalogException,
)


def _quiet(_message: str) -> None:
    """Say nothing."""


class Warehouse:
    """Everything that is done to the build file of `layout`, and the published file made from it.

    The build file is opened at the first need and closed by `close` or `publish`. `models` are those of `sql_dir`,
    where the caller has them already.
    """

    def __init__(
        self,
        layout: Layout,
        streams: Mapping[str, Stream],
        *,
        sql_dir: Path,
        storage_version: str = "v1.2.0",
        memory_limit: str = "1GB",
        publish_mode: int = 0o440,
        say: Callable[[str], None] = _quiet,
        free_bytes: Callable[[Path], int] = free_bytes,
        models: Mapping[str, Model] | None = None,
    ) -> None:
        self.layout = layout
        self.streams = dict(streams)
        self._sql_dir = sql_dir
        self._storage_version = storage_version
        self._memory_limit = memory_limit
        self._publish_mode = publish_mode
        self._say = say
        self._free_bytes = free_bytes
        self._checked: list[CheckResult] | None = None
        self._models = None if models is None else dict(models)
        self._opened: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the build file; the next call opens it again."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The build file. Opened with `TimeZone` UTC; tables are named `schema.table`."""
        if self._opened is None:
            self._opened = open_build(
                self.layout.build_file,
                storage_version=self._storage_version,
                memory_limit=self._memory_limit,
                spill=self.layout.work / "spill",
                say=self._say,
            )
        return self._opened

    def load(self, *, as_of: datetime | None = None) -> dict[str, LoadResult]:
        """Update the build file to the lake, or to what the last run published by `as_of` had read.

        A build file that turns out to be damaged, or that holds what the lake no longer has, is rebuilt once.
        """
        try:
            with self._room():
                return self._load(as_of)
        except ErasedError:
            self._say("Files of the lake were rewritten or removed; the build file is rebuilt.")
        except DAMAGE as error:
            kind = type(error).__name__
            self._say(f"{self.layout.build_file} is damaged ({kind}); it is a cache of the lake and is rebuilt.")
        self.remove()
        try:
            with self._room():
                return self._load(as_of)
        except duckdb.Error as error:
            raise StorageError(_failed(self.layout, error)) from error

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Turns a lack of disk or memory into a StorageError, with the build file closed as it was."""
        try:
            yield
        except (duckdb.Error, MemoryError) as error:
            if not refused_by_machine(error):
                raise
            self.close()
            names = ", ".join(getattr(error, "__notes__", ()))
            raise StorageError(
                f"There is no room{f' for {names}' if names else ''}: the disk that holds {self.layout.work} is full, "
                f"or more than {self._memory_limit} of memory (INSTANTLY_MEMORY_LIMIT) and its space for spilled data "
                f"are needed ({first_line(error)}). What was synced is safe and the published file is as it was; free "
                "some space, or raise the limit (`instantly-pipeline doctor` says what this workspace takes and what "
                "there is), and run the same command again."
            ) from error

    def _load(self, as_of: datetime | None) -> dict[str, LoadResult]:
        self._checked = None
        con = self.connection
        upto = None if as_of is None else as_of_published(con, self.layout, as_of)
        loaded = load_lake(con, self.layout, self.streams, upto)
        keep(con)
        return loaded

    def models(self) -> dict[str, Model]:
        """Every model by name, each after those it reads; read from the SQL folder once."""
        if self._models is None:
            self._models = load_models(self._sql_dir, self.streams)
        return self._models

    def run_models(
        self, names: Collection[str] | None = None, on_model: Callable[[str], None] = _quiet
    ) -> dict[str, ModelResult]:
        """Build the models called `names` with the models they read (None: all); `on_model` gets each name first.

        ModelError names the file that is wrong; the published file is as it was.
        """
        self._checked = None
        with self._room():
            results = run_models(self.connection, self._sql_dir, self.models(), names, on_model)
            keep(self.connection)
        return results

    def reconcile(self, *, run_id: str, now: datetime) -> list[dict[str, Any]]:
        """Compare with Instantly's own counters; the rows, also put into `meta.reconciliation`, are for the log."""
        with self._room():
            return reconcile(self.connection, run_id=run_id, now=now)

    def run_checks(self, *, accepted: Collection[str] = ()) -> list[CheckResult]:
        """Run every check; the results also decide whether `publish` goes on.

        `accepted` are the streams whose deletions the user has accepted.
        """
        with self._room():
            compared = None if loaded_as_of(self.connection) else self.layout
            self._checked = run_checks(self.connection, self._sql_dir, self.models(), self.streams, compared, accepted)
        return self._checked

    def publish(self, *, run_id: str, now: datetime, to: Path | None = None) -> PublishResult:
        """Put what the build file holds where readers open it, and close the build file.

        Runs the checks first unless `run_checks` did since the models were built. With `to` (a rebuild as of a time)
        only the database is written, to that path. PublishRefused and StorageError leave the last published files.
        """
        checked = self._checked if self._checked is not None else self.run_checks()
        refuse_if_failed(checked)
        with self._room():
            return self._publish(run_id, now, to)

    def _publish(self, run_id: str, now: datetime, to: Path | None) -> PublishResult:
        con = self.connection
        open_folders(self.layout, self._publish_mode)
        mode = self._publish_mode if to is None or to.parent == self.layout.publish else make_way(to)
        enough_space(self.layout, self._free_bytes)
        row = published_row(con, run_id, now, self._storage_version)
        if not loaded_as_of(con):
            note_published(con, row)
        tables = [f"raw.{name}" for name in self.streams]
        tables += [model.full_name for model in self.models().values() if model.schema == "marts"]
        pairs, files = write_parquet(con, self.layout, tables) if to is None else ([], {})
        try:
            if to is None:
                pairs.append(write_views(self.layout, files))
            keep(con)
            give_back_space(con, self.layout.build_file, self._storage_version)
            self.close()
            pairs.append(copy_database(self.layout.build_file, to or self.layout.published_file, self._storage_version))
        except BaseException:
            discard(pairs)
            raise
        put_in_place(pairs, mode)
        if to is None:
            for path in files:
                set_mode(path, mode, mode)
            remove_others(self.layout, files)
        place = pairs[-1].place
        return PublishResult(place, place.stat().st_size, row, dict(files.values()))

    def remove(self) -> None:
        """Delete the build file; the next `load` reads the whole lake."""
        self.close()
        remove_build(self.layout.build_file)


def _failed(layout: Layout, error: duckdb.Error) -> str:
    kind = type(error).__name__
    return (
        f"Loading the lake into {layout.build_file} failed ({kind}). The lake and the published file are as they were. "
        "Check the free space of the disk and run `instantly-pipeline rebuild`."
    )
