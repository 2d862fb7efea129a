"""Run by an older DuckDB: reads every table of the published file, every view that views.sql makes, and nothing else.

Arguments: the publish folder, a new file for the views. Prints the version, then a line a table or view with its rows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb


def rows(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """All rows of every table and view are read."""
    names = con.execute(
        "select table_schema || '.' || table_name from information_schema.tables "
        "where table_schema in ('marts', 'raw', 'history', 'meta', 'staging', 'intermediate', 'seeds') order by 1"
    ).fetchall()
    return {name: len(con.execute(f"select columns(*)::varchar from {name}").fetchall()) for (name,) in names}


def reads_nothing_else(con: duckdb.DuckDBPyConnection) -> None:
    """AssertionError where another file of this machine can be read."""
    try:
        con.execute(f"select * from read_text('{__file__}')")
    except duckdb.PermissionException:
        return
    raise AssertionError("a question can read any file")


def main(publish: Path, views: Path) -> None:
    """As in the module's docstring."""
    print(duckdb.__version__)
    closed = {"enable_external_access": "false"}
    with duckdb.connect(str(publish / "warehouse.duckdb"), read_only=True, config=closed) as con:
        found = rows(con)
        reads_nothing_else(con)
    for name, count in found.items():
        print("table", name, count)
    with duckdb.connect(str(views)) as con:
        con.execute((publish / "views.sql").read_text(encoding="utf-8"))
    with duckdb.connect(str(views), read_only=True) as con:
        named = str(publish).replace("'", "''")
        spelled = "".join(f"[{c}]" if c in "*?[" else c for c in named)  # in views.sql, where it would be a pattern
        con.execute(f"set allowed_directories = ['{named}', '{spelled}']; set enable_external_access = false")
        reads_nothing_else(con)
        for name, count in rows(con).items():
            print("view", name, count)


main(Path(sys.argv[1]), Path(sys.argv[2]))
