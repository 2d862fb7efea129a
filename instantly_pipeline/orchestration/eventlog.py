"""Dagster's SQLite event log with connections that stay open.

`SqliteEventLogStorage` of dagster 1.13 makes an SQLAlchemy engine and a connection for every statement, about four an
event; a sync has about a thousand events, which costs it more than ten seconds. The files are the same, so either
class can read what the other wrote. This one can go when dagster keeps its engines.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as db
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool

_OPEN_RUNS = 4  # event logs of so many runs stay open; the web server looks at many


class QuickEventLogStorage(SqliteEventLogStorage):
    """Keeps one connection to the index and one to each of the last few runs."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, db.Engine] = OrderedDict()
        super().__init__(str(Path(base_dir) / "history" / "runs"), inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Made from `dagster.yaml`; `base_dir` is Dagster's home."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def delete_events(self, run_id: str) -> None:
        """Forget a run with its file and its check results, which dagster itself would keep for ever."""
        super().delete_events(run_id)
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.delete().where(AssetCheckExecutionsTable.c.run_id == run_id))
        with self._db_lock:
            self._close(run_id)
            for ending in ("", "-wal", "-shm"):
                Path(f"{self.path_for_shard(run_id)}{ending}").unlink(missing_ok=True)

    def dispose(self) -> None:
        """Close every file."""
        with self._db_lock:
            for shard in list(self._engines):
                self._close(shard)
        super().dispose()

    def _engine(self, shard: str) -> db.Engine:
        engine = self._engines.get(shard)
        if engine is None:
            engine = self._engines[shard] = self._open(shard)
        self._engines.move_to_end(shard)
        runs = [name for name in self._engines if name != INDEX_SHARD_NAME]
        for name in runs[:-_OPEN_RUNS]:
            self._close(name)
        return engine

    def _open(self, shard: str) -> db.Engine:
        engine = db.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,  # one connection, guarded by `_db_lock`
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        db.event.listen(engine, "connect", _no_fsync_per_event)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return engine

    def _close(self, shard: str) -> None:
        engine = self._engines.pop(shard, None)
        self._initialized_dbs.discard(shard)
        if engine is not None:
            engine.dispose()


def _no_fsync_per_event(connection: Any, _record: Any) -> None:
    """In WAL mode a power cut can then cost the last events, never the file."""
    connection.execute("pragma synchronous = normal")
