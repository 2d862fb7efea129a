"""What the build file knows of itself: facts by name, what models and seeds were made from, which checks passed.

A model is made again unless its table is there and what it would be made from is what it was made from: its SQL and
that of the views it reads, the macros, its descriptions, DuckDB itself, and the contents of the columns it reads.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

import duckdb
import pyarrow as pa

SCHEMA = "_build"  # not in the published file
TABLES = """
create table _build.facts (name varchar primary key, value varchar);
create table _build.made (
    name varchar, definition varchar, reads varchar, made_from varchar, rows bigint, columns varchar
);
create table _build.passed (digest varchar);
create table _build.fingerprints (
    "table" varchar, "column" varchar, fingerprint varchar, primary key ("table", "column")
)
"""
# Where version 0.1.0 kept them
EARLIER_TABLES = {"facts": "meta.build", "made": "meta.made", "passed": "meta.passed", "fingerprints": "meta.contents"}


@dataclass(frozen=True, slots=True)
class Made:
    """One thing as it was made: `definition` stands for its text, `made_from` for that and the contents read."""

    definition: str
    made_from: str
    reads: dict[str, list[str]]  # full table name -> columns
    rows: int | None
    columns: list[tuple[str, str]]


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
    """Note that these are facts no more. Belongs into the transaction after which they are none."""
    con.execute("delete from _build.facts where name in (select unnest(?::varchar[]))", [list(names)])


def made_before(con: duckdb.DuckDBPyConnection) -> dict[str, Made]:
    """Everything that was made, by full name."""
    found = con.execute("select name, definition, made_from, reads, rows, columns from _build.made").fetchall()
    return {
        name: Made(definition, made_from, json.loads(reads), rows, [(c, t) for c, t in json.loads(columns)])
        for name, definition, made_from, reads, rows, columns in found
    }


def note_made(con: duckdb.DuckDBPyConnection, name: str, made: Made) -> None:
    """Note how something was made. Belongs into the transaction that makes it."""
    con.execute("delete from _build.made where name = ?", [name])
    con.execute(
        "insert into _build.made (name, definition, made_from, reads, rows, columns) values (?, ?, ?, ?, ?, ?)",
        [name, made.definition, made.made_from, json.dumps(made.reads), made.rows, json.dumps(made.columns)],
    )


def passed_before(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The digests of checks, with the contents they read, that no row failed."""
    return {row[0] for row in con.execute("select digest from _build.passed").fetchall()}


def note_passed(con: duckdb.DuckDBPyConnection, digests: Collection[str]) -> None:
    """Replace what passed before by what passed now."""
    con.begin()
    con.execute("delete from _build.passed")
    con.register("passed_now", pa.table({"digest": pa.array(sorted(digests), pa.string())}))
    con.execute("insert into _build.passed from passed_now")
    con.commit()
    con.unregister("passed_now")
