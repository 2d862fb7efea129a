"""Fingerprints of the tables of the build file: where they are the same, so are the rows.

Whether a model is rebuilt depends on the fingerprints of the columns it reads, whichever load, edit or kill came
between. A table that is only ever made whole has one of each column, computed from its rows: it may be made of other
rows and come out the same. Tables that are changed row by row (those of streams, models with `changed_by`) grow with
the leads, and who changes them knows that rows changed: theirs is a random text, apart from that of the one column that
moves in rows that stay. Either stays valid until `forget`, which whoever changes the table calls in the same
transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from threading import Lock

import duckdb
import pyarrow as pa

from instantly_pipeline.warehouse.db.sql_text import columns, digest, ident

WHOLE, STAMP = "*", ""  # in place of a column: all of a table without a known key, and a name for the state it is in
VERIFIED = "_verified_at"  # moves in rows of `raw` that are as they were


def forget(con: duckdb.DuckDBPyConnection, table: str, column: str | None = None) -> None:
    """Note that a table changes, or only one of its columns. Belongs into the transaction that changes it."""
    chosen = [table] if column is None else [table, column, STAMP]
    only = "" if column is None else ' and "column" in (?, ?)'
    con.execute(f'delete from _build.fingerprints where "table" = ?{only}', chosen)


class Fingerprints:
    """The fingerprints of tables by column, where `keys` has the table's key; of other tables as a whole.

    `row_by_row` are the models changed row by row, with the column that moves in rows that stay ("": none).
    Thread-safe; `con` is then used by this object alone.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, keys: Mapping[str, Collection[str]], row_by_row: Mapping[str, str]
    ) -> None:
        self._con = con
        self._alone = Lock()
        self._keys = keys
        self._row_by_row = row_by_row
        rows = con.execute('select "table", "column", fingerprint from _build.fingerprints').fetchall()
        self._known: dict[tuple[str, str], str] = {(table, column): found for table, column, found in rows}
        self._taken: dict[tuple[str, str], str] = {}

    def of(self, table: str, names: Collection[str]) -> str:
        """The fingerprint of these columns of a table, and of which rows it has."""
        with self._alone:
            if self.is_row_by_row(table):
                wanted = [WHOLE, *{self._moving(table)}.intersection(names)]
                for name in wanted:
                    self._stamp(table, name)
            else:
                key = self._keys.get(table, ())
                wanted = sorted({*names, *key}) if key else [WHOLE]
                if missing := [name for name in wanted if (table, name) not in self._known]:
                    self._take(table, key, missing)
            return digest(*(f"{name}={self._known[table, name]}" for name in wanted))

    def stamp(self, table: str) -> str:
        """A random text that stays the same until the table changes."""
        with self._alone:
            return self._stamp(table, STAMP)

    def is_row_by_row(self, table: str) -> bool:
        """Whether a table is changed row by row."""
        return table in self._row_by_row or table.startswith(("raw.", "history."))

    def forget(self, con: duckdb.DuckDBPyConnection, table: str, column: str | None = None) -> None:
        """As the function `forget`; a table without a known fingerprint costs no statement."""
        with self._alone:
            noted = [at for at in self._known if at[0] == table and (column is None or at[1] in (column, STAMP))]
            for at in noted:
                del self._known[at]
                self._taken.pop(at, None)
        if noted:
            forget(con, table, column)

    def save(self) -> None:
        """Store new fingerprints for the next run."""
        if self._taken:
            rows = [(table, column, found) for (table, column), found in self._taken.items()]
            names = ("table", "column", "fingerprint")
            self._con.begin()
            self._con.register("taken", pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))))
            self._con.execute("insert or replace into _build.fingerprints from taken")
            self._con.commit()
            self._con.unregister("taken")
            self._taken.clear()

    def _moving(self, table: str) -> str:
        return self._row_by_row.get(table, VERIFIED)

    def _stamp(self, table: str, name: str) -> str:
        if (table, name) not in self._known:
            self._note(table, name, secrets.token_hex(8))
        return self._known[table, name]

    def _take(self, table: str, key: Collection[str], names: Collection[str]) -> None:
        """Sums do not depend on the order of rows. A hash of a hash each: one alone mixes two values too little."""
        row = f"hash(hash({columns(list(key))}))" if key else "0"
        each = ", ".join("sum(hash(hash(r, t)))" if n == WHOLE else f"sum(hash(hash(r, {ident(n)})))" for n in names)
        found = self._con.execute(
            f"select count(*), {each} from (select *, {row} as r from {ident(table)}) t"
        ).fetchall()
        rows, *sums = found[0]
        for name, value in zip(names, sums, strict=True):
            self._note(table, name, f"{rows}:{value}")

    def _note(self, table: str, column: str, found: str) -> None:
        self._known[table, column] = self._taken[table, column] = found
