"""`publish/views.sql`: a view for each published Parquet file, for tools that prefer views.

Paths in it are absolute: DuckDB takes a relative one from where the reader was started, at each query.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from instantly_pipeline.visible import visible
from instantly_pipeline.warehouse.db.sql_text import ident, path_list

_HEADER = """\
-- Views over the published Parquet files, named as the tables of warehouse.duckdb. Written at each publication.
--
--   duckdb views.duckdb < {place}      (a small file of views; call it neither marts nor raw)
--   duckdb -init {place}               (the same without a file)
--
-- Run it once. Each query then reads what was published last, without connecting again. Run it again after this folder
-- was moved, and where DuckDB says that the contents of a view were altered: then the tables have got other columns.
"""


def views_sql(place: Path, tables: Mapping[Path, str]) -> str:
    """The statements, as they are written to `place`; `tables` are the full table names by Parquet file."""
    found = {table: path.absolute() for path, table in tables.items()}
    schemas = sorted({table.split(".", 1)[0] for table in found})
    lines = [
        _HEADER.format(place=visible(shlex.quote(str(place.absolute())))),  # a line feed would end the comment
        *(f"create schema if not exists {ident(name)};" for name in schemas),
    ]
    lines += [f"create or replace view {ident(table)} as {_select(path)};" for table, path in sorted(found.items())]
    return "\n".join(lines) + "\n"


def _select(path: Path) -> str:
    """`hive_partitioning` off: a folder above called `a=b` would otherwise become a column."""
    return f"select * from read_parquet({path_list([path])}, hive_partitioning = false)"
