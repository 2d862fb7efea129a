"""Computing the tables of `meta` whose logs have changed."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from instantly_pipeline.warehouse.db.build_state import facts, forget_facts, note_fact
from instantly_pipeline.warehouse.db.fingerprints import forget
from instantly_pipeline.warehouse.db.sql_text import digest, ident, text
from instantly_pipeline.warehouse.db.tables import describe
from instantly_pipeline.warehouse.load.meta_tables import META_TABLES, MetaTable


def fold(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Compute the tables of `meta` whose logs or declarations changed, or that do not exist; their names."""
    tables = con.execute("select table_name from duckdb_tables() where schema_name = 'meta'").fetchall()
    existing, noted = {row[0] for row in tables}, facts(con)
    due: set[str] = set()
    for table in META_TABLES:
        is_current = table.name in existing and noted.get(_fact(table)) == _definition(table)
        if not is_current or due & set(table.reads):
            fold_one(con, table)
            due.add(table.name)
    return due


def fold_one(con: duckdb.DuckDBPyConnection, table: MetaTable) -> None:
    """Compute one table of `meta` from its logs."""
    con.execute(f"create or replace table {table.full_name} as {table.fold}")
    describe(con, table)
    note_fact(con, _fact(table), _definition(table))
    forget(con, table.full_name)


def forget_folds(con: duckdb.DuckDBPyConnection, logs: Collection[str]) -> None:
    """Note that these logs change. Before they do: a kill may come before they are folded."""
    forget_facts(con, [_fact(table) for table in META_TABLES if set(logs) & set(table.logs)])


def _fact(table: MetaTable) -> str:
    return f"fold {table.name}"


def _definition(table: MetaTable) -> str:
    return digest(repr(table))


def count_rows(con: duckdb.DuckDBPyConnection, streams: Collection[str]) -> None:
    """Put the number of live rows of these streams into `meta.stream_status`."""
    forget(con, "meta.stream_status")
    if not streams:
        return
    counts = " union all ".join(
        f"select {text(stream)} as stream, workspace_id, count(*) as rows from raw.{ident(stream)} "
        "where _deleted_at is null group by workspace_id"
        for stream in streams
    )
    con.execute(_COUNT.format(counts=counts, streams=", ".join(text(stream) for stream in streams)))


_COUNT = """
update meta.stream_status s set rows = c.rows
from (
    select k.workspace_id, k.stream, coalesce(n.rows, 0) as rows
    from meta.stream_status k left join ({counts}) n using (workspace_id, stream)
    where k.stream in ({streams})
) c
where s.workspace_id = c.workspace_id and s.stream = c.stream
"""
