"""Giving free space of the build file back to the disk.

A table that is built anew lies beside the old one until the next checkpoint, and what the old one leaves is free space
within the file. DuckDB uses it again, but shortens the file only by what is free at its end. There are usually small
tables, of a few blocks: rewritten, they move into the free space before them. Where a table there is larger than that,
the whole file is copied.
"""

from __future__ import annotations

import duckdb

from instantly_pipeline.warehouse.db.sql_text import ident, text

# Free space in a file that is left as it is, as a share of what is in use: a copy is made at most once for as much
# written. In a file of 100,000 leads of which 44 % was free, moving took 1.0 s of processor and left 6 %; copying took
# 4.7 to 6.5 s.
MOST_FREE = 0.1
_MOVED = "_moved"


def shrink(con: duckdb.DuckDBPyConnection) -> bool:
    """Shorten the file by moving tables, where more than `MOST_FREE` is free; False where the file has to be copied.

    Other connections must be idle. All is one transaction and a checkpoint: a kill leaves what was there before. Rows,
    their order, keys and descriptions stay the same.
    """
    total, used = con.execute(_BLOCKS).fetchall()[0]
    end = int(used * (1 + MOST_FREE))
    if total <= end:
        return True
    tables = _tables_beyond(con, end)
    if sum(blocks for _, _, blocks in tables) > total - used:
        return False
    con.begin()
    for table, definition, _ in tables:
        _move(con, table, definition)
    con.commit()
    con.execute("force checkpoint")
    total, used = con.execute(_BLOCKS).fetchall()[0]
    return bool(total <= used * (1 + 2 * MOST_FREE))  # what else lies at the end may keep the file long


def copy_into(con: duckdb.DuckDBPyConnection, catalog: str) -> None:
    """Copy all there is into another, empty database that `con` has attached, and make it durable."""
    source = con.execute("select current_database()").fetchall()[0][0]
    con.execute(f"copy from database {ident(source)} to {ident(catalog)}; force checkpoint {ident(catalog)}")


def _tables_beyond(con: duckdb.DuckDBPyConnection, end: int) -> list[tuple[str, str, int]]:
    """Tables with a block from `end` on, their definitions and how many blocks they have; and those with an index,
    whose blocks DuckDB does not list.
    """
    found = []
    for name, definition, has_index in con.execute(_TABLES).fetchall():
        last, blocks = con.execute(_STORED.format(table=text(ident(name)))).fetchall()[0]
        if has_index or last >= end:
            found.append((name, definition, blocks))
    return found


def _move(con: duckdb.DuckDBPyConnection, table: str, definition: str) -> None:
    """Write a table once more; it goes where the file is free, lowest first."""
    said = [row[0] for row in con.execute(_COMMENTS, [table]).fetchall()]
    schema, _ = table.split(".", 1)
    old = ident(f"{schema}.{_MOVED}")
    con.execute(f"alter table {ident(table)} rename to {ident(_MOVED)}; {definition}")
    con.execute(f"insert into {ident(table)} from {old}; drop table {old}")
    if said:
        con.execute(";".join(said))


_BLOCKS = "select total_blocks, used_blocks from pragma_database_size() where database_name = current_database()"

_TABLES = """
select schema_name || '.' || table_name, sql, has_primary_key or index_count > 0
from duckdb_tables()
where database_name = current_database() and not temporary
order by all
"""

_STORED = """
with blocks as (
    select unnest(list_append(coalesce(additional_block_ids, []), block_id)) as block
    from pragma_storage_info({table})
    where persistent
)
select coalesce(max(block), -1), count(distinct block) from blocks
"""

_COMMENTS = """
with named as (
    select 'table' as kind, schema_name, table_name, null as column_name, comment
    from duckdb_tables() where database_name = current_database()
    union all
    select 'column', schema_name, table_name, column_name, comment
    from duckdb_columns() where database_name = current_database()
)
select format(
    'comment on {} {} is ''{}''', kind,
    concat_ws('.', format('"{}"', schema_name), format('"{}"', table_name), format('"{}"', column_name)),
    replace(comment, '''', '''''')
)
from named
where comment is not null and schema_name || '.' || table_name = ?
"""
