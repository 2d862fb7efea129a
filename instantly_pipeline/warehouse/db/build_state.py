"""What the build file knows of itself: facts by name, what models and seeds were built from, which checks passed.

A model is rebuilt unless its table exists and its inputs are the same: its SQL and that of the views it reads, the
macros, its descriptions, DuckDB itself, and the contents of the columns it reads.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

SCHEMA = "_build"  # not in the published file
TABLES = """
create table _build.facts (name varchar primary key, value varchar);
create table _build.made (
    name varchar, definition varchar, reads varchar, inputs varchar, upto varchar, rows bigint, columns varchar
);
create table _build.rows_read (model varchar, "table" varchar, key ubigint, row ubigint);
create table _build.passed (digest varchar);
create table _build.fingerprints (
    "table" varchar, "column" varchar, fingerprint varchar, primary key ("table", "column")
)
"""


@dataclass(frozen=True, slots=True)
class Built:
    """How a model, a seed or the macros were built: a digest of its text, and what it read.

    `upto` says up to which versions of its records a model with `changed_by` was built (`by_record.py`).
    """

    definition: str
    reads: dict[str, list[str]] = field(default_factory=dict)  # full table name -> columns
    inputs: dict[str, str] = field(default_factory=dict)  # full table name -> fingerprint of these columns
    upto: str = ""
    rows: int | None = None
    columns: list[tuple[str, str]] = field(default_factory=list)


def facts(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """All facts by name."""
    return dict(con.execute("select name, value from _build.facts").fetchall())


def fact(con: duckdb.DuckDBPyConnection, name: str) -> str:
    """One fact, "" where it is not known."""
    found = con.execute("select value from _build.facts where name = ?", [name]).fetchall()
    return str(found[0][0]) if found else ""


def note_fact(con: duckdb.DuckDBPyConnection, name: str, value: str) -> None:
    """Note a fact in place of what was known. Belongs into the transaction that makes it true."""
    known = con.execute("update _build.facts set value = ? where name = ?", [value, name]).fetchall()
    if known == [(0,)]:  # `insert or replace` takes twice as long, and every stream notes one at every load
        con.execute("insert into _build.facts values (?, ?)", [name, value])


def forget_facts(con: duckdb.DuckDBPyConnection, names: Collection[str]) -> None:
    """Remove these facts. Belongs into the transaction that makes them false."""
    con.execute("delete from _build.facts where name in (select unnest(?::varchar[]))", [list(names)])


def built_before(con: duckdb.DuckDBPyConnection) -> dict[str, Built]:
    """Everything that was built, by full name."""
    found = con.execute("select name, definition, reads, inputs, upto, rows, columns from _build.made").fetchall()
    return {
        name: Built(
            definition, json.loads(reads), json.loads(inputs), upto, rows, [(c, t) for c, t in json.loads(columns)]
        )
        for name, definition, reads, inputs, upto, rows, columns in found
    }


def note_built(con: duckdb.DuckDBPyConnection, name: str, built: Built) -> None:
    """Note how something was built. Belongs into the transaction that builds it."""
    con.execute("delete from _build.made where name = ?", [name])
    con.execute(
        "insert into _build.made (name, definition, reads, inputs, upto, rows, columns) values (?, ?, ?, ?, ?, ?, ?)",
        [
            name, built.definition, json.dumps(built.reads), json.dumps(built.inputs), built.upto, built.rows,
            json.dumps(built.columns),
        ],
    )  # fmt: skip


def passed_before(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The digests of the checks that passed, each with the contents it read."""
    return {row[0] for row in con.execute("select digest from _build.passed").fetchall()}


def note_passed(con: duckdb.DuckDBPyConnection, digests: Collection[str]) -> None:
    """Replace what passed before by what passed now."""
    con.begin()
    con.execute("delete from _build.passed")
    con.register("passed_now", pa.table({"digest": pa.array(sorted(digests), pa.string())}))
    con.execute("insert into _build.passed from passed_now")
    con.commit()
    con.unregister("passed_now")
