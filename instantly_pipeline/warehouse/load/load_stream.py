"""From change files to `raw` (current state) and `history` (every version), stream by stream.

New files are added in place where all their rows are newer than what was loaded for their workspace; otherwise the
stream is loaded whole, by the same statements over all files. Either way the tables depend on the files' rows only, not
on their order or grouping.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.db.build_state import note_fact
from instantly_pipeline.warehouse.db.sql_text import ident
from instantly_pipeline.warehouse.db.tables import create, describe, history_table, raw_table
from instantly_pipeline.warehouse.load.incoming import read_incoming
from instantly_pipeline.warehouse.load.loaded_files import CHANGES, LoadedFiles, Reach, Seen
from instantly_pipeline.warehouse.load.verified_at import note_applied, raise_verified
from instantly_pipeline.warehouse.load.versions import add_versions, put_current, touched_keys


@dataclass(frozen=True, slots=True)
class LoadResult:
    """One stream after a load: live and deleted rows, versions this load added, files there are.

    `reloaded` says that the stream was loaded whole.
    """

    rows: int
    deleted: int
    versions_added: int
    files: int
    reloaded: bool = False


def signature(stream: Stream) -> str:
    """The columns of a stream's tables; where it changes, the stream is loaded whole."""
    return json.dumps([[column.name, column.type.sql] for column in stream.columns])


def make_tables(con: duckdb.DuckDBPyConnection, stream: Stream) -> None:
    """Create or replace the tables of a stream, empty."""
    for table in (raw_table(stream), history_table(stream)):
        create(con, table)
        describe(con, table)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before the streams are loaded: the facts of the build file, and the last run in the logs."""

    facts: Mapping[str, str]
    last_run: str


class StreamLoader:
    """Loads one stream. Everything it does to the build file is one transaction.

    With `tables_are_new` its tables are empty.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        stream: Stream,
        loaded_files: LoadedFiles,
        limits: Mapping[str, datetime] | None,
        known: Known,
        *,
        tables_are_new: bool,
    ) -> None:
        self._con = con
        self._stream = stream
        self._loaded_files = loaded_files
        self._limits = limits
        self._known = known
        self._tables_are_new = tables_are_new
        self.reloaded = False  # by the last `load`: the stream was loaded whole
        self.changed = False  # rows of the tables may have changed
        self.verified = 0  # rows that only have another `_verified_at`
        self._raw = f"raw.{ident(stream.name)}"

    def load(self, seen: Sequence[Seen]) -> int:
        """Update the tables to `seen`, all files of the stream; the number of versions added."""
        con, name = self._con, self._stream.name
        found = self._loaded_files.difference(CHANGES, name, seen)
        whole = not self._same_shape() or found.stale
        parts, reach = read_incoming(con, seen if whole else found.fresh, self._limits)
        if not whole and parts and self._has_late_rows(found.fresh, reach):
            whole = True
            parts, reach = read_incoming(con, seen, self._limits)
        if whole:
            self._empty_tables()
        lowered = 0 if self.reloaded else self._lower()  # before rows of this run are among them
        added = add_versions(con, self._stream, parts, empty=self.reloaded) if parts else 0
        if not self.reloaded:
            self.verified = lowered + raise_verified(con, name)
        if parts:
            put_current(con, self._stream)
        note_applied(con, name)
        note_fact(con, f"clock {name}", self._known.last_run)
        self.changed = self.reloaded or (bool(parts) and touched_keys(con) > 0)
        if not whole:
            self._loaded_files.join(con, CHANGES, name, found.joined)
        self._loaded_files.note(con, CHANGES, name, seen if whole else found.fresh, reach)
        return added

    def is_current(self, seen: Sequence[Seen]) -> bool:
        """Whether the tables hold `seen`, all files of the stream."""
        if not self._same_shape() or not self._loaded_files.difference(CHANGES, self._stream.name, seen).nothing:
            return False
        latest = f"(select max(_verified_at) from {self._raw})"
        ahead = f"select {latest} > min(started_at) from log.clocks where run_id > ?"
        return self._con.execute(ahead, [self._run_before]).fetchall() != [(True,)]

    def _lower(self) -> int:
        """Correct `_verified_at` of the rows of earlier loads, as of the logs; the number of rows changed."""
        if self._run_before == self._known.last_run:
            return 0
        return int(self._con.execute(_LOWER.format(raw=self._raw), [self._run_before]).fetchall()[0][0])

    @property
    def _run_before(self) -> str:
        """The last run that was known at the last load."""
        return self._known.facts.get(f"clock {self._stream.name}", "")

    def _same_shape(self) -> bool:
        return self._known.facts.get(f"stream {self._stream.name}") == signature(self._stream)

    def _empty_tables(self) -> None:
        self.reloaded = True
        self._loaded_files.forget(self._con, CHANGES, self._stream.name)
        if not self._tables_are_new:
            make_tables(self._con, self._stream)
        note_fact(self._con, f"stream {self._stream.name}", signature(self._stream))
        note_fact(self._con, f"generation {self._stream.name}", secrets.token_hex(8))

    def _has_late_rows(self, fresh: Sequence[Seen], reach: Mapping[str, Reach]) -> bool:
        """Whether a new file holds a row that is not newer than everything loaded for its workspace."""
        found = self._con.execute(
            "select workspace_id, max(last_synced_at)::varchar from meta.loaded_files "
            'where area = ? and "table" = ? and last_synced_at is not null group by workspace_id',
            [CHANGES, self._stream.name],
        )
        loaded = {workspace_id: datetime.fromisoformat(last) for workspace_id, last in found.fetchall()}
        for one in fresh:
            first = reach[one.file.name].first if one.file.name in reach else None
            last = loaded.get(one.file.workspace_id)
            if first is not None and last is not None and first <= last:
                return True
        return False


_LOWER = """
update {raw} set _verified_at = c.latest
from (select min(started_at) as latest from log.clocks where run_id > ?) c
where _verified_at > c.latest
"""
