"""Building again only the rows of those records that changed, equal to building all.

A model whose contract says `changed_by` promises that each of its rows is computed from one record of a stream (its
current state and its versions) and from other tables. So its SELECT gives the rows of some records where the tables of
the stream hold these alone. It is run as it is, in a database in memory in which they do: the views over them are
defined there again, and every other table is a view on that of the build file.

Which records changed follows from the versions that are newer than those the model was built from; of the other tables
that the contract names, from a hash of each row. Where anything else changed, the model is built whole.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from instantly_pipeline.warehouse.db.build_state import Built, fact
from instantly_pipeline.warehouse.db.sql_text import columns, ident, text
from instantly_pipeline.warehouse.models.definitions import Definitions
from instantly_pipeline.warehouse.models.lineage.used_columns import Reads
from instantly_pipeline.warehouse.models.model import ByRecord, Model

Connection = duckdb.DuckDBPyConnection
# Of the records. Of 200,000 leads a tenth takes as long as all of them in `dim_lead` (1.26 s of processor), a fifth in
# `fct_lead_event` (1.15 s); one in 200 takes 0.55 and 0.29 s.
MOST = 0.1
SAMPLE = 500  # records that are built by themselves to compare them


def position(con: Connection, by: ByRecord) -> str:
    """Up to which versions the records of a stream are loaded, as JSON: the loading of the whole, and by workspace the
    last instant. What is loaded in place is newer; whatever else changes a record loads the stream whole.
    """
    last = con.execute(
        f"select workspace_id, epoch_us(max(_valid_from)) from {ident(by.sources[1])} group by workspace_id"
    ).fetchall()
    return json.dumps([fact(con, f"generation {by.stream}"), dict(last)])


def note_rows(con: Connection, model: str, by: ByRecord, reads: Reads, tables: Collection[str]) -> None:
    """Note what the model has read of these tables, row by row. Belongs into the transaction that builds it."""
    for table in tables:
        con.execute('delete from _build.rows_read where model = ? and "table" = ?', [model, table])
        con.execute(
            f"insert into _build.rows_read select ?, ?, key, row from {_hashed(table, by, reads)}", [model, table]
        )


def _hashed(table: str, by: ByRecord, reads: Reads) -> str:
    """A hash of the key and one of what is read, of every row of a table."""
    key = columns(by.others[table][1])
    return f"(select hash({key}) as key, hash({columns(reads[table])}) as row from {ident(table)})"


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of some records, to be put into the table: how many records, and how many rows differ from it."""

    records: int
    differ: int


class ByRecordBuilder:
    """Builds the rows of some records of `model`, whose table is there and has been built by this definition."""

    def __init__(self, con: Connection, model: Model, by: ByRecord, definitions: Definitions) -> None:
        self._con = con
        self._model = model
        self.by = by
        self._definitions = definitions
        self._table = ident(model.full_name)
        self._name = f"records_of_{model.name}"
        self._home = str(con.execute("select current_database()").fetchall()[0][0])

    @contextmanager
    def changed(self, before: Built, moved: Collection[str]) -> Iterator[Rows | None]:
        """The rows of the records that changed since the model was built as `before`, of whose inputs those in `moved`
        have changed. None where it has to be built whole.
        """
        generation, upto = json.loads(before.upto)
        tables = [table for table in moved if table not in self.by.sources]
        if fact(self._con, f"generation {self.by.stream}") != generation or not set(tables) <= set(self.by.others):
            yield None
            return
        with self._database():
            self._con.execute(f"create table {self._in('keys')} as {self._newer(upto)}")
            for table in tables:
                self._add_concerned(table, before.reads)
            raw = ident(self.by.sources[0])
            found = f"select (select count(*) from {self._in('keys')}), (select count(*) from {raw})"
            records, every = self._con.execute(found).fetchall()[0]
            yield self._rows(records) if records <= every * MOST else None

    def differing(self) -> int:
        """How many rows of a sample of records differ between the table and the SELECT run on these records alone."""
        with self._database():
            raw = ident(self.by.sources[0])
            self._con.execute(
                f"create table {self._in('keys')} as select workspace_id, _key from {raw} "
                f"order by hash(workspace_id, _key) limit {SAMPLE}"
            )
            return self._rows(SAMPLE).differ

    def replace(self) -> None:
        """Put the rows that were built last in place of those the table has. Belongs into a transaction."""
        self._con.execute(f"delete from {self._table} where rowid in (from {self._in('stale')})")
        self._con.execute(f"insert into {self._table} from {self._in('fresh')}")

    def verify(self) -> int:
        """Bring the column that follows `_verified_at` up to date in all rows; how many that concerned."""
        if not self.by.verified_column:
            return 0
        column, raw = ident(self.by.verified_column), ident(self.by.sources[0])
        value = "r._verified_at at time zone 'UTC'"
        done = self._con.execute(
            f"update {self._table} t set {column} = {value} from {raw} r "
            f"where {self._matches('t', 'r')} and t.{column} is distinct from {value}"
        ).fetchall()
        return int(done[0][0])

    def _newer(self, upto: Mapping[str, int]) -> str:
        """The keys of records with versions that are newer."""
        newer = [
            f"workspace_id = {text(workspace_id)} and _valid_from > make_timestamptz({at})"
            for workspace_id, at in upto.items()
        ]
        known = ", ".join(text(workspace_id) for workspace_id in upto)
        newer.append(f"workspace_id not in ({known})" if upto else "true")
        chosen = " or ".join(f"({one})" for one in newer)
        return f"select distinct workspace_id, _key from {ident(self.by.sources[1])} where {chosen}"

    def _add_concerned(self, table: str, reads: Reads) -> None:
        """Add the records whose rows have the key of a row of another table that has changed.

        Where that key is the record's own, a record without rows is one of them.
        """
        before = '(select key, row from _build.rows_read where model = $1 and "table" = $2)'
        now = _hashed(table, self.by, reads)
        changed = f"select key from ({before} except all {now}) union select key from ({now} except all {before})"
        here, raw = self.by.others[table][0], ident(self.by.sources[0])
        if here == self.by.key:
            concerned = f"where hash({columns(self.by.record_key)}) in ({changed})"
        else:
            rows = f"(from {self._table} where hash({columns(here)}) in ({changed}))"
            concerned = f"semi join {rows} t on {self._matches('t', 'r')}"
        self._con.execute(
            f"insert into {self._in('keys')} from (select workspace_id, _key from {raw} r {concerned}) "
            f"anti join {self._in('keys')} using (workspace_id, _key)",
            [self._model.full_name, table],
        )

    def _matches(self, model: str, record: str) -> str:
        pairs = zip(self.by.key, self.by.record_key, strict=True)
        return " and ".join(f"{model}.{ident(here)} = {record}.{ident(there)}" for here, there in pairs)

    def _rows(self, records: int) -> Rows:
        """Run the SELECT on the records whose keys are in `keys`."""
        con, chosen = self._con, f"semi join {self._in('keys')} using (workspace_id, _key)"
        for table in self.by.sources:  # by their places: only row groups and columns that are needed are read
            con.execute(
                f"create table {self._in(table)} as from {ident(table)} "
                f"where rowid in (select t.rowid from {ident(table)} t {chosen})"
            )
        self._define_the_rest()
        con.execute(f"set search_path = {text(f'{ident(self._name)},{ident(self._home)}')}")
        try:
            con.execute(f"create table {self._in('fresh')} as {self._model.sql}")
        finally:
            con.execute(f"use {ident(self._home)}")
        record = self._in(self.by.sources[0])
        con.execute(
            f"create table {self._in('stale')} as select t.rowid as row from {self._table} t "
            f"semi join {record} r on {self._matches('t', 'r')}"
        )
        con.execute(
            f"create table {self._in('before')} as from {self._table} where rowid in (from {self._in('stale')})"
        )
        fresh, before = f"(from {self._in('fresh')})", f"(from {self._in('before')})"
        differ = f"select count(*) from (({fresh} except all {before}) union all ({before} except all {fresh}))"
        return Rows(records, int(con.execute(differ).fetchall()[0][0]))

    def _define_the_rest(self) -> None:
        """Every other table that the model reads, and the views over the records."""
        read = self._definitions
        tables = set(read.tables(self._model.depends_on)) - set(self.by.sources)
        views = read.views(self._model.depends_on)
        over_records = {name for name in views if set(self.by.sources) & set(read.tables([name]))}
        for name in sorted(tables | set(views) - over_records):
            self._con.execute(f"create view {self._in(name)} as from {ident(self._home)}.{ident(name)}")
        self._con.execute(f"set search_path = {text(f'{ident(self._name)},{ident(self._home)}')}")
        try:
            for name, sql in views.items():
                if name in over_records:
                    self._con.execute(f"create view {self._in(name)} as {sql}")
        finally:
            self._con.execute(f"use {ident(self._home)}")

    @contextmanager
    def _database(self) -> Iterator[None]:
        self._con.execute(f"attach ':memory:' as {ident(self._name)}")
        try:
            read = {*self._definitions.tables(self._model.depends_on), *self._definitions.views(self._model.depends_on)}
            for schema in sorted({name.partition(".")[0] for name in (*read, *self.by.sources)}):
                self._con.execute(f"create schema {self._in(schema)}")
            yield
        finally:
            self._con.execute(f"detach {ident(self._name)}")

    def _in(self, name: str) -> str:
        return f"{ident(self._name)}.{ident(name)}"
