"""Dagster's SQLite event log with connections that stay open and fewer queries per event.

`SqliteEventLogStorage` of dagster 1.13 creates an SQLAlchemy engine and a connection for every statement, about four
per event, checks for each event whether the tables have been migrated, and reads each materialization back to record
the inputs of the next asset. A sync has about 650 events, which takes more than ten seconds. The files are the same, so
either class can read what the other wrote. Can be removed when dagster keeps its connections open
(`test_workarounds.py` checks that).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool

from instantly_pipeline.lake.permissions import private_umask
from instantly_pipeline.orchestration.instance.home import keep_home
from instantly_pipeline.settings import unload_dotenv

_OPEN_RUNS = 4  # event logs that stay open; the web server reads those of many runs


class CachedSqliteEventLogStorage(SqliteEventLogStorage):
    """Keeps one connection to the index and one to each of the last few runs."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._connections: OrderedDict[str, db.Connection] = OrderedDict()
        self._there: set[tuple[str, str]] = set()
        self._written: dict[str, tuple[str, dg.EventLogRecord]] = {}
        super().__init__(str(Path(base_dir) / "history" / "runs"), inst_data)
        self._db_lock = threading.RLock()  # type: ignore[assignment]  # a batch asks for the connections that it holds

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Create it from `dagster.yaml`; `base_dir` is Dagster's home.

        This is the first call of the project's code in every Dagster process, before that starts others.
        """
        unload_dotenv()
        keep_home(Path(config_value["base_dir"]))
        with private_umask():
            return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        with self._db_lock:
            connection = self._connection(shard)
            if connection.in_transaction():  # of a batch: this thread holds the lock
                yield connection
                return
            with connection.begin():
                yield connection

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events of one run in one transaction; `in_process` sets the batch size."""
        with self.run_connection(events[0].run_id), self.index_connection():
            super().store_event_batch(events)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table. Positive results are cached, here and below."""
        return self._is_there("table", table_name) or self._found("table", table_name, super().has_table(table_name))

    def has_secondary_index(self, name: str) -> bool:
        """Whether a migration of the index was run."""
        return self._is_there("index", name) or self._found("index", name, super().has_secondary_index(name))

    def _has_asset_key_col_on_connection(self, conn: db.Connection, column_name: str) -> bool:
        return self._is_there("column", column_name) or self._found(
            "column", column_name, super()._has_asset_key_col_on_connection(conn, column_name)
        )

    def _is_there(self, kind: str, name: str) -> bool:
        return (kind, name) in self._there

    def _found(self, kind: str, name: str, found: bool) -> bool:
        if found:
            self._there.add((kind, name))
        return found

    def _get_asset_entry_values(
        self, event: dg.EventLogEntry, event_id: int, has_asset_key_index_cols: bool
    ) -> dict[str, Any]:
        values = super()._get_asset_entry_values(event, event_id, has_asset_key_index_cols)
        if event.dagster_event and event.dagster_event.asset_key and (text := values.get("last_materialization")):
            self._written[event.dagster_event.asset_key.to_string()] = text, dg.EventLogRecord(event_id, event)
        return values

    def _get_latest_materialization_records(
        self, raw_asset_rows: Sequence[Mapping[str, Any]]
    ) -> Mapping[dg.AssetKey, dg.EventLogRecord | None]:
        """Records that this process wrote are not decoded again if their row is unchanged."""
        found: dict[dg.AssetKey, dg.EventLogRecord | None] = {}
        others = []
        for row in raw_asset_rows:
            text, record = self._written.get(row["asset_key"], (None, None))
            same = row["last_materialization"] == text and not row["asset_details"]  # set when an asset is wiped
            if same and record is not None and record.asset_key is not None:
                found[record.asset_key] = record
            else:
                others.append(row)
        return found | dict(super()._get_latest_materialization_records(others)) if others else found

    def delete_events(self, run_id: str) -> None:
        """Delete the events of a run and close its file, which `housekeeping` removes."""
        super().delete_events(run_id)
        with self._db_lock:
            self._close(run_id)

    def dispose(self) -> None:
        """Close every file."""
        with self._db_lock:
            for shard in list(self._connections):
                self._close(shard)
        super().dispose()

    def _connection(self, shard: str) -> db.Connection:
        connection = self._connections.get(shard)
        if connection is None:
            connection = self._connections[shard] = self._open(shard)
        self._connections.move_to_end(shard)
        runs = [name for name in self._connections if name != INDEX_SHARD_NAME]
        for name in runs[:-_OPEN_RUNS]:
            self._close(name)
        return connection

    def _open(self, shard: str) -> db.Connection:
        engine = db.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,  # one connection, guarded by `_db_lock`
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        db.event.listen(engine, "connect", _no_fsync_per_event)
        with private_umask():
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            return engine.connect()

    def _close(self, shard: str) -> None:
        connection = self._connections.pop(shard, None)
        self._initialized_dbs.discard(shard)
        if connection is not None:
            connection.close()
            connection.engine.dispose()


def _no_fsync_per_event(connection: Any, _record: Any) -> None:
    """In WAL mode a power failure can then lose the last events, but not corrupt the file."""
    connection.execute("pragma synchronous = normal")
