"""Writes a lake's files as the sync does, from records, for the tests of the warehouse."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.logs import LOGS
from instantly_pipeline.lake.names import NO_WORKSPACE
from instantly_pipeline.lake.records.canonical import KeyMaker
from instantly_pipeline.lake.records.normalize import Normalizer
from instantly_pipeline.lake.schema import DELETE, UPSERT, change_schema
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.models.catalog import load_models
from instantly_pipeline.warehouse.models.model import Model
from instantly_pipeline.warehouse.warehouse import Warehouse

SQL = Path(__file__).resolve().parents[2] / "sql"
START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
WS = "ws-1"
Row = dict[str, Any]


def at(hours: float) -> datetime:
    """The instant that many hours after the start of the test's time."""
    return START + timedelta(hours=hours)


class LakeWriter:
    """Writes files into one data directory, numbered so that no two are alike."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self._number = 0

    def rows(self, stream: Stream, records: Sequence[Row], synced: datetime, run: str = "run") -> pa.Table:
        """Upserts of records as rows of a change file."""
        batch = Normalizer(stream).batch(records)
        assert not batch.rejected, batch.rejected
        return _enveloped(batch.table, stream, UPSERT, synced, run)

    def tombstones(self, stream: Stream, keys: Sequence[Row], synced: datetime, run: str = "run") -> pa.Table:
        """Deletes of the records with these key columns."""
        maker = KeyMaker(stream)
        made = [maker.make(key) for key in keys]
        schema = change_schema(stream)
        rows = [{"_key": key, "_op": DELETE, "_synced_at": synced, "_run_id": run} for key in made]
        return pa.Table.from_pylist(rows, schema=schema)

    def change_file(self, stream: Stream, table: pa.Table, ws: str = WS, day: str = "2026-03-01") -> Path:
        """Write rows as one file."""
        self.layout.note_name(ws)
        return self._write(self.layout.partition(self.layout.changes, stream.name, ws) / f"synced={day}", table)

    def upsert(self, stream: Stream, records: Sequence[Row], hours: float = 0, ws: str = WS, run: str = "run") -> Path:
        """One file of upserts, synced that many hours after the start."""
        return self.change_file(stream, self.rows(stream, records, at(hours), run), ws)

    def delete(self, stream: Stream, keys: Sequence[Row], hours: float, ws: str = WS) -> Path:
        """One file of deletes."""
        return self.change_file(stream, self.tombstones(stream, keys, at(hours)), ws)

    def log(self, name: str, rows: Sequence[Mapping[str, Any]], ws: str = WS, schema: pa.Schema | None = None) -> Path:
        """One file of a log, or of another `schema`; `run_id` and `workspace_id` are filled in."""
        owner = NO_WORKSPACE if name == "published" else ws
        given = {"run_id": "run"} | ({} if name == "published" else {"workspace_id": ws})
        table = pa.Table.from_pylist([given | dict(row) for row in rows], schema=schema or LOGS[name])
        return self._write(self.layout.partition(self.layout.meta, name, owner) / "synced=2026-03-01", table)

    def _write(self, folder: Path, table: pa.Table) -> Path:
        self._number += 1
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"run-{self._number:05}.parquet"
        pq.write_table(table, path)
        return path


def _enveloped(table: pa.Table, stream: Stream, op: str, synced: datetime, run: str) -> pa.Table:
    count = table.num_rows
    schema = change_schema(stream)
    columns = {name: table.column(name) for name in table.column_names}
    columns["_op"] = pa.array([op] * count)
    columns["_synced_at"] = pa.array([synced] * count, schema.field("_synced_at").type)
    columns["_run_id"] = pa.array([run] * count)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def tiny_stream(*more: Column) -> Stream:
    """A stream of few columns, for tests of the loader."""
    return Stream(
        name="things",
        about="Things",
        path="/things",
        read=Read.SCAN,
        key=("id",),
        absent=Absent.DELETED,
        columns=(
            Column("id", Type.TEXT, "Id", always=True),
            Column("name", Type.TEXT, "Name"),
            Column("count", Type.INT, "Count"),
            Column("made", Type.INSTANT, "When"),
            *more,
        ),
    )


@cache
def shipped_models() -> dict[str, Model]:
    """The models of the project, parsed once."""
    return load_models(SQL, all_streams())


def begin_with_tables(layout: Layout, empty_build: Path | None) -> None:
    """Let a data directory without a build file begin with that of an empty lake."""
    if empty_build is not None and not layout.build_file.exists():
        layout.build_file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(empty_build, layout.build_file)


class Opener:
    """Makes warehouses over one lake, the one before is closed then; what they say is in `said`."""

    def __init__(self, lake: LakeWriter, empty_build: Path | None = None) -> None:
        self._lake = lake
        self._empty_build = empty_build
        self._made: list[Warehouse] = []
        self.said: list[str] = []

    def __call__(self, *streams: Stream, load: bool = False, sql_dir: Path = SQL, **more: Any) -> Warehouse:
        """A warehouse for these streams (none: all of them), loaded if asked.

        With all of them it begins with the build file of an empty lake, to spare each test the making of its tables.
        """
        self.close()
        chosen = {stream.name: stream for stream in streams} or all_streams()
        if not streams and sql_dir == SQL:
            more.setdefault("models", shipped_models())
            begin_with_tables(self._lake.layout, self._empty_build)
        warehouse = Warehouse(self._lake.layout, chosen, sql_dir=sql_dir, say=self.said.append, **more)
        self._made.append(warehouse)
        if load:
            warehouse.load()
        return warehouse

    def close(self) -> None:
        """Close all of them."""
        for warehouse in self._made:
            warehouse.close()
