"""Which columns of which tables a SELECT reads, as DuckDB's own planner says; and whether it reads anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import duckdb

Reads = dict[str, list[str]]  # full table name -> columns


_USED = ("unused_columns", "cte_inlining")


def columns_read(con: duckdb.DuckDBPyConnection, sql: str, of: Mapping[str, Collection[str]]) -> Reads:
    """The columns `sql` reads of the tables in `of` (all columns of each); all of one that the plan does not name.

    Planned with nothing switched on but what leaves out unused columns. In particular without statistics: with them
    the plan leaves out what today's rows do not need, such as a filter on a column that happens to have no nulls.
    """
    known = [row[0] for row in con.execute("select name from duckdb_optimizers()").fetchall()]
    con.execute(f"set disabled_optimizers = '{','.join(name for name in known if name not in _USED)}'")
    try:
        answer = con.execute(f"explain (format json) {sql}").fetchall()
    finally:
        con.execute("reset disabled_optimizers")
    found: dict[str, set[str]] = {}
    for table, names in _scans(json.loads(answer[0][1])[0]):
        found.setdefault(table, set()).update(names)
    return {
        table: sorted(found[table] if table in found and found[table] <= set(columns) else columns)
        for table, columns in of.items()
    }


def _scans(node: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    info = node.get("extra_info", {})
    if "Table" in info:
        names = info.get("Projections", [])
        yield info["Table"].partition(".")[2], names.split() if isinstance(names, str) else names
    for child in node.get("children", ()):
        yield from _scans(child)


_CALLS = re.compile(r"\b([a-z_][a-z0-9_]*)\s*\(")
_WORDS = re.compile(r"\b(current_(date|time|timestamp)|localtime(stamp)?)\b")
_READS_NOTHING = {"unnest", "range", "generate_series", "json_each", "json_tree", "repeat"}


def volatile_functions(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The functions whose answer does not follow from tables alone: the clock, chance, files, settings."""
    found = con.execute(
        "select distinct function_name from duckdb_functions() where internal and (function_type = 'table' or "
        "stability <> 'CONSISTENT')"
    ).fetchall()
    return {row[0] for row in found} - _READS_NOTHING


def is_volatile(sql: str, functions: Collection[str]) -> bool:
    """Whether a SELECT calls one of these functions; a comment that looks like a call counts."""
    lower = sql.lower()
    return _WORDS.search(lower) is not None or any(name in functions for name in _CALLS.findall(lower))
