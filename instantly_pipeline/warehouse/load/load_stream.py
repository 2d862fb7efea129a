"""From change files to `raw` (current state) and `history` (every version), stream by stream.

Versions of a key are ordered by `_synced_at`; only adjacent equal ones collapse. New files are added in place where
all their rows are newer than what was loaded for their workspace; otherwise the stream is loaded whole, by the same
statements over all files. Either way the tables depend on the files' rows only, not on their order or grouping.

Wide rows are never sorted or windowed: the order of versions is worked out on key, instant, operation and hash of
those keys that have more than one row, so that memory stays bounded by the keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import duckdb

from instantly_pipeline.streams.model import Column, Stream
from instantly_pipeline.warehouse.db.build_state import fact, note_fact
from instantly_pipeline.warehouse.db.sql_text import columns, first, ident, instant, path_list, text
from instantly_pipeline.warehouse.db.tables import create, describe, history_table, raw_table
from instantly_pipeline.warehouse.load.late_columns import from_extra
from instantly_pipeline.warehouse.load.loaded_files import CHANGES, Covered, Reach, Seen
from instantly_pipeline.warehouse.load.verified_at import compared, note_applied, raise_verified


@dataclass(frozen=True, slots=True)
class LoadResult:
    """One stream after a load: live and deleted rows, versions this load added, files there are.

    `remade` says that the stream was loaded whole.
    """

    rows: int
    deleted: int
    versions_added: int
    files: int
    remade: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Files of one workspace with the same columns: what one statement reads."""

    number: int
    workspace_id: str
    columns: frozenset[str]
    seen: tuple[Seen, ...]
    upto: datetime | None

    @property
    def source(self) -> str:
        """The rows of the part, up to its limit."""
        paths = path_list(one.file.path for one in self.seen)
        rows = f"read_parquet({paths}, hive_partitioning = false)"
        if self.upto is None:
            return rows
        return f"(select *, file_index, file_row_number from {rows} where _synced_at <= {instant(self.upto)})"


def signature(stream: Stream) -> str:
    """What the tables of a stream look like; another one makes the stream be loaded whole."""
    return json.dumps([[column.name, column.type.sql] for column in stream.columns])


def make_tables(con: duckdb.DuckDBPyConnection, stream: Stream) -> None:
    """Make the tables of a stream, empty, in place of those there are."""
    for table in (raw_table(stream), history_table(stream)):
        create(con, table)
        describe(con, table)


class StreamLoader:
    """Loads one stream. Everything it does to the build file is one transaction.

    With `made`, its tables were just made and are empty.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        stream: Stream,
        covered: Covered,
        limits: Mapping[str, datetime] | None,
        *,
        made: bool,
    ) -> None:
        self._con = con
        self._stream = stream
        self._covered = covered
        self._limits = limits
        self._made = made
        self.remade = False  # the tables were made anew, by the last `load`
        self.changed = False  # rows of the tables may be others than before
        self.verified = 0  # rows there were that were compared again, and are the same
        self._raw = f"raw.{ident(stream.name)}"
        self._history = f"history.{ident(stream.name)}"

    def load(self, seen: Sequence[Seen]) -> int:
        """Bring the tables in step with `seen`, all files of the stream; the number of versions added.

        Leaves the keys it changed in the temporary table `touched`.
        """
        same = self._same_shape()
        found = self._covered.difference(CHANGES, self._stream.name, seen)
        self._con.execute(_NO_TOUCHED)
        whole = not same or found.stale
        parts, reach = self._read(found.fresh if not whole else seen)
        if not whole and self._late(found.fresh, reach):
            whole = True
            parts, reach = self._read(seen)
        if whole:
            self._remake()
        lowered = 0 if self.remade else self._lower()  # before rows of this run are among them
        added = self._versions(parts) if parts else 0
        if not self.remade:
            self.verified = lowered + raise_verified(self._con, self._stream.name)
        if parts:
            self._current()
        note_applied(self._con, self._stream.name)
        last = self._con.execute("select coalesce(max(run_id), '') from log.clocks").fetchall()[0][0]
        note_fact(self._con, f"clock {self._stream.name}", last)
        touched = self._con.execute("select count(*) from touched").fetchall()
        self.changed = self.remade or touched != [(0,)]
        if not whole:
            self._covered.join(self._con, CHANGES, self._stream.name, found.joined)
        self._covered.note(self._con, CHANGES, self._stream.name, seen if whole else found.fresh, reach)
        return added

    def is_current(self, seen: Sequence[Seen]) -> bool:
        """True where the tables are in step with `seen`, all files of the stream."""
        if not self._same_shape() or not self._covered.difference(CHANGES, self._stream.name, seen).nothing:
            return False
        latest = f"(select max(_verified_at) from {self._raw})"
        ahead = f"select {latest} > min(started_at) from log.clocks where run_id > ?"
        return self._con.execute(ahead, [self._last_run()]).fetchall() != [(True,)]

    def _lower(self) -> int:
        """Correct `_verified_at` of the rows there are, as the logs are; they are of runs known at the last load."""
        done = self._con.execute(_LOWER.format(raw=self._raw), [self._last_run()]).fetchall()
        return int(done[0][0])

    def _last_run(self) -> str:
        """The last run that was known at the last load."""
        return fact(self._con, f"clock {self._stream.name}")

    def _same_shape(self) -> bool:
        return fact(self._con, self._fact) == signature(self._stream)

    @property
    def _fact(self) -> str:
        return f"stream {self._stream.name}"

    def _remake(self) -> None:
        self.remade = True
        self._covered.forget(self._con, CHANGES, self._stream.name)
        if not self._made:
            make_tables(self._con, self._stream)
        note_fact(self._con, self._fact, signature(self._stream))

    def _read(self, seen: Sequence[Seen]) -> tuple[list[Part], dict[str, Reach]]:
        """The files as parts, with the keys of their rows in the temporary table `incoming`."""
        self._con.execute(_NO_INCOMING)
        parts = self._parts(seen)
        reach: dict[str, Reach] = {}
        for part in parts:
            self._con.execute(
                f"insert into incoming select {part.number}, file_index, file_row_number, {text(part.workspace_id)}, "
                f"_key, _synced_at, _run_id, _op, _row_hash from {part.source}"
            )
            reach |= self._reach(part)
        return parts, reach

    def _parts(self, seen: Sequence[Seen]) -> list[Part]:
        if not seen:
            return []
        chosen = seen if self._limits is None else [one for one in seen if one.file.workspace_id in self._limits]
        names = self._names(chosen)
        by_shape = {one: (one.file.workspace_id, tuple(sorted(names[str(one.file.path)]))) for one in chosen}
        grouped = groupby(sorted(chosen, key=lambda one: (by_shape[one], one.file.name)), key=by_shape.__getitem__)
        limits = self._limits or {}
        return [
            Part(number, workspace_id, frozenset(found), tuple(files), limits.get(workspace_id))
            for number, ((workspace_id, found), files) in enumerate(grouped)
        ]

    def _names(self, seen: Sequence[Seen]) -> dict[str, frozenset[str]]:
        """The columns each file has."""
        if not seen:
            return {}
        paths = path_list(one.file.path for one in seen)
        found = self._con.execute(f"select file_name, list(name) from parquet_schema({paths}) group by file_name")
        return {file: frozenset(names) for file, names in found.fetchall()}

    def _reach(self, part: Part) -> dict[str, Reach]:
        found = self._con.execute(
            "select file, count(*), min(_synced_at)::varchar, max(_synced_at)::varchar from incoming "
            "where part = ? group by file",
            [part.number],
        )
        return {
            part.seen[index].file.name: Reach(rows, datetime.fromisoformat(first), datetime.fromisoformat(last))
            for index, rows, first, last in found.fetchall()
        }

    def _late(self, fresh: Sequence[Seen], reach: Mapping[str, Reach]) -> bool:
        """True where a new file holds a row that is not newer than everything loaded for its workspace."""
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

    def _versions(self, parts: Sequence[Part]) -> int:
        """Put the versions into `history`, and take those rows out of `raw` that `_current` makes anew."""
        for statement in (*_VERDICT, _TOUCHED):
            self._con.execute(statement.format(history=self._history))
        if not self.remade:
            self._con.execute(_CLOSE.format(history=self._history))
        added = sum(self._insert(part) for part in parts)
        for statement in (_REPLACED, *([] if self.remade else (_DELETED, _REMOVE))):
            self._con.execute(statement.format(raw=self._raw))
        return added

    def _current(self) -> None:
        """Put the last versions into `raw`, once and as they stay: changed afterwards they would be written twice."""
        names = self._stream.names
        self._con.execute(
            _CURRENT.format(
                raw=self._raw,
                history=self._history,
                into=columns(list(raw_table(self._stream).types)),
                values=columns([*names, "extra", "workspace_id", "_key"], "h."),
                touched=compared(self._con, self._stream.name),
            )
        )

    def _insert(self, part: Part) -> int:
        values = ", ".join(_value(column, part) for column in self._stream.columns)
        done = first(
            self._con.execute(
                f"insert into {self._history} ({columns(list(history_table(self._stream).types))}) "
                f"select {values}, r.extra, {text(part.workspace_id)}, r._key, r._row_hash, r._op, r._run_id, "
                f"r._synced_at, v.valid_to from {part.source} r left join (from verdict where part = {part.number}) v "
                "on v.file = r.file_index and v.row = r.file_row_number where v.keep is distinct from false"
            ).fetchall()
        )
        return int(done[0]) if done else 0


def _value(column: Column, part: Part) -> str:
    """The column as the file has it; where the file is older than the column, what `extra` kept of it."""
    if column.name in part.columns:
        return f"try_cast(r.{ident(column.name)} as {column.type.sql})"
    return from_extra(column)


_NO_TOUCHED = """
create or replace temp table touched (
    workspace_id varchar, _key varchar, first_upsert timestamptz, last_upsert timestamptz,
    last_delete timestamptz, last_at timestamptz, seen_at timestamptz
)
"""

_NO_INCOMING = """
create or replace temp table incoming (
    part bigint, file bigint, row bigint,
    workspace_id varchar, _key varchar, _synced_at timestamptz, _run_id varchar, _op varchar, _row_hash varchar
)
"""

# Of the keys with more than one row (the last loaded version included): which rows are versions, and until when.
_VERDICT = (
    """
create or replace temp table candidates as
with stored as (
    select null::bigint as part, null::bigint as file, null::bigint as row,
        workspace_id, _key, _valid_from as _synced_at, _run_id, _op, _row_hash
    from {history}
    where _valid_to is null and (workspace_id, _key) in (select (workspace_id, _key) from incoming)
),
every as (select * from incoming union all select * from stored),
many as (select workspace_id, _key from every group by all having count(*) > 1)
select every.* from every semi join many using (workspace_id, _key)
""",
    """
create or replace temp table chain as
with single as (
    select * from candidates
    qualify row_number() over (
        partition by workspace_id, _key, _synced_at order by _run_id desc, _op desc, _row_hash desc, part, file, row
    ) = 1
),
versions as (
    select * from single
    window w as (partition by workspace_id, _key order by _synced_at)
    qualify row_number() over w = 1
        or _op is distinct from lag(_op) over w
        or _row_hash is distinct from lag(_row_hash) over w
)
select *, lead(_synced_at) over (partition by workspace_id, _key order by _synced_at) as valid_to from versions
""",
    """
create or replace temp table verdict as
select a.part, a.file, a.row, c.part is not null as keep, c.valid_to
from candidates a left join chain c using (part, file, row)
where a.part is not null
""",
)

# `_synced_at` orders versions and only grows; `seen_at` is by the clock of the run that wrote them.
_TOUCHED = """
insert into touched
with clocks as (
    select c.run_id, least(c.ended_at, n.latest) as latest
    from log.clocks c asof left join log.clocks n on c.run_id < n.run_id
)
select i.workspace_id, i._key,
    min(i._synced_at) filter (i._op = 'upsert'), max(i._synced_at) filter (i._op = 'upsert'),
    max(i._synced_at) filter (i._op = 'delete'), max(i._synced_at), max(least(i._synced_at, c.latest))
from (from incoming anti join (from verdict where not keep) using (part, file, row)) i
left join clocks c on i._run_id = c.run_id
group by i.workspace_id, i._key
"""

_CLOSE = """
update {history} h set _valid_to = c.valid_to
from chain c
where c.part is null and c.valid_to is not null
    and h.workspace_id = c.workspace_id and h._key = c._key and h._valid_to is null
"""

_REPLACED = """
create or replace temp table replaced as
select workspace_id, _key, _first_seen_at from {raw} semi join touched using (workspace_id, _key)
"""

_LOWER = """
update {raw} set _verified_at = c.latest
from (select min(started_at) as latest from log.clocks where run_id > ?) c
where _verified_at > c.latest
"""

# A deleted row keeps its last values. What the API was last asked about it is that it is gone.
_DELETED = """
update {raw} r set _changed_at = t.last_at, _verified_at = t.seen_at, _deleted_at = t.last_at
from touched t
where t.last_upsert is null and r.workspace_id = t.workspace_id and r._key = t._key
"""

_REMOVE = """
delete from {raw} r using touched t
where t.last_upsert is not null and r.workspace_id = t.workspace_id and r._key = t._key
"""

_CURRENT = """
insert into {raw} ({into})
select {values}, coalesce(p._first_seen_at, t.first_upsert), t.last_at,
    case when t.last_delete = t.last_at then t.seen_at else greatest(t.seen_at, t.compared) end,
    case when t.last_delete = t.last_at then t.last_at end
from {history} h
join {touched} t on h.workspace_id = t.workspace_id and h._key = t._key and h._valid_from = t.last_upsert
left join replaced p on p.workspace_id = t.workspace_id and p._key = t._key
where h._valid_from >= (select min(last_upsert) from touched)
"""
