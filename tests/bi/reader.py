"""Run by an older DuckDB: reads every table of the published file, and every view that views.sql makes.

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


def main(publish: Path, views: Path) -> None:
    """As in the module's docstring."""
    print(duckdb.__version__)
    with duckdb.connect(str(publish / "warehouse.duckdb"), read_only=True) as con:
        found = rows(con)
    for name, count in found.items():
        print("table", name, count)
    with duckdb.connect(str(views)) as con:
        con.execute((publish / "views.sql").read_text(encoding="utf-8"))
    with duckdb.connect(str(views), read_only=True) as con:
        for name, count in rows(con).items():
            print("view", name, count)


main(Path(sys.argv[1]), Path(sys.argv[2]))
