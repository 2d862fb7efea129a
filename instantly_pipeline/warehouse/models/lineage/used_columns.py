"""The columns that a SELECT reads, by DuckDB's own planner, and whether it depends on anything but tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from threading import Lock
from typing import Any

import duckdb

from instantly_pipeline.warehouse.db.sql_text import ident

Reads = dict[str, list[str]]  # full table name -> columns
Shapes = Mapping[str, Collection[tuple[str, str]]]  # full table name -> columns and their types

_USED = ("unused_columns", "cte_inlining")


class Planner:
    """Finds the columns that a SELECT reads, by table.

    It plans on empty tables with all optimizers disabled but those that remove unused columns. Statistics in particular
    must be off: with them the plan also leaves out what the current rows do not need, such as a filter on a column that
    happens to have no nulls. The setting holds for all connections to a database, so it has its own in memory.
    """

    def __init__(self, prepare: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        self._prepare = prepare  # creates the functions that the SELECTs call
        self._opened: duckdb.DuckDBPyConnection | None = None
        self._there: set[str] = set()
        self._alone = Lock()

    def close(self) -> None:
        """Close the in-memory database."""
        if self._opened is not None:
            self._opened.close()

    def columns_read(self, sql: str, tables: Shapes, views: Mapping[str, str]) -> Reads:
        """The columns `sql` reads of `tables`, itself or through `views` (each after those it reads, with its SELECT).

        For a table that is missing in the plan: all its columns. Thread-safe.
        """
        with self._alone:
            con = self._connection()
            for name, shape in tables.items():
                listed = ", ".join(f"{ident(column)} {kind}" for column, kind in shape)
                self._add(con, name, f"create table {ident(name)} ({listed})")
            for name, view in views.items():
                self._add(con, name, f"create view {ident(name)} as {view}")
            answer = con.execute(f"explain (format json) {sql}").fetchall()
        found: dict[str, set[str]] = {}
        for table, names in _scans(json.loads(answer[0][1])[0]):
            found.setdefault(table, set()).update(names)
        return {name: _read(found.get(name), [column for column, _ in shape]) for name, shape in tables.items()}

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._opened is None:
            self._opened = duckdb.connect(config={"autoinstall_known_extensions": "false"})  # as the build file
            self._prepare(self._opened)
            known = [row[0] for row in self._opened.execute("select name from duckdb_optimizers()").fetchall()]
            without = ",".join(name for name in known if name not in _USED)
            self._opened.execute(f"set disabled_optimizers = '{without}'")
        return self._opened

    def _add(self, con: duckdb.DuckDBPyConnection, name: str, statement: str) -> None:
        if name not in self._there:
            con.execute(f"create schema if not exists {ident(name.partition('.')[0])}")
            con.execute(statement)
            self._there.add(name)


def _read(found: Collection[str] | None, every: Collection[str]) -> list[str]:
    return sorted(found if found is not None and set(found) <= set(every) else every)


def _scans(node: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    info = node.get("extra_info", {})
    if "Table" in info:
        names = info.get("Projections", [])
        yield info["Table"].partition(".")[2], names.split() if isinstance(names, str) else names
    for child in node.get("children", ()):
        yield from _scans(child)


_CALLS = re.compile(r"\b([a-z_][a-z0-9_]*)\s*\(")
_WORDS = re.compile(r"\b(current_(date|time|timestamp)|localtime(stamp)?)\b")
_ASK_THE_CLOCK = {
    "age",
    "current_localtime",
    "current_localtimestamp",
}  # although declared CONSISTENT; `age` with one argument
# of the time zones the models read the names, which no clock changes
_READS_NOTHING = {"unnest", "range", "generate_series", "json_each", "json_tree", "repeat", "pg_timezone_names"}


def volatile_functions(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The functions with results that depend on more than tables: on the clock, chance, files or settings."""
    found = con.execute(
        "select distinct function_name from duckdb_functions() where internal and (function_type = 'table' or "
        "stability <> 'CONSISTENT')"
    ).fetchall()
    return {row[0] for row in found} - _READS_NOTHING | _ASK_THE_CLOCK


def is_volatile(sql: str, functions: Collection[str]) -> bool:
    """Whether a SELECT calls one of these functions. A comment that looks like a call counts too."""
    lower = sql.lower()
    return _WORDS.search(lower) is not None or any(name in functions for name in _CALLS.findall(lower))
