"""The tables of the build file that no model builds: their columns and descriptions, each declared once.

Those of `meta` that are computed from the logs are declared with the rule for it in `load/meta_tables.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.db.sql_text import ident, text


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column as promised. `type` is DuckDB's name of it, or "" where nothing is promised."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as declared. `schema` is its first name: `raw`, `history` or `meta`."""

    schema: str
    name: str
    description: str
    columns: tuple[TableColumn, ...]

    @property
    def full_name(self) -> str:
        """Schema and name, e.g. `raw.leads`."""
        return f"{self.schema}.{self.name}"

    @property
    def types(self) -> dict[str, str]:
        """The DuckDB type of every column, in order."""
        return {column.name: column.type for column in self.columns}


_EXTRA = TableColumn("extra", "VARCHAR", "JSON: fields without a column, and values that did not fit theirs")
_WORKSPACE = TableColumn("workspace_id", "VARCHAR", "Workspace the row belongs to")
_KEY = TableColumn("_key", "VARCHAR", "Key of the record as a JSON array")

# What every table of these schemas has behind the columns of its stream
RAW_ENVELOPE = (
    _EXTRA,
    _WORKSPACE,
    _KEY,
    TableColumn("_first_seen_at", "TIMESTAMPTZ", "When a sync first saw the record"),
    TableColumn("_changed_at", "TIMESTAMPTZ", "When a sync last saw it change, or found it deleted"),
    TableColumn("_verified_at", "TIMESTAMPTZ", "When it was last compared with the API"),
    TableColumn("_deleted_at", "TIMESTAMPTZ", "When a sync found that the API no longer has it"),
)
HISTORY_ENVELOPE = (
    _EXTRA,
    _WORKSPACE,
    _KEY,
    TableColumn("_row_hash", "VARCHAR", "Version of the hash and hash of the record; null for a delete"),
    TableColumn("_op", "VARCHAR", "upsert or delete"),
    TableColumn("_run_id", "VARCHAR", "Run that saw this version first"),
    TableColumn("_valid_from", "TIMESTAMPTZ", "When this version was first seen"),
    TableColumn("_valid_to", "TIMESTAMPTZ", "When the next version was first seen; null for the last one"),
)


def raw_table(stream: Stream) -> Table:
    """The current state of a stream, one row per key."""
    return Table(
        schema="raw",
        name=stream.name,
        description=f"{stream.about}. Current state, one row per key; deleted ones are kept.",
        columns=(*_columns_of(stream), *RAW_ENVELOPE),
    )


def history_table(stream: Stream) -> Table:
    """Every version of a stream's records."""
    return Table(
        schema="history",
        name=stream.name,
        description=f"{stream.about}. Every version that was seen.",
        columns=(*_columns_of(stream), *HISTORY_ENVELOPE),
    )


def _columns_of(stream: Stream) -> tuple[TableColumn, ...]:
    return tuple(TableColumn(column.name, column.type.sql, column.about) for column in stream.columns)


LOADED_FILES = Table(
    schema="meta",
    name="loaded_files",
    description="Files of the lake that are in this file",
    columns=(
        TableColumn("area", "VARCHAR", "changes or meta, the folder of the lake"),
        TableColumn("table", "VARCHAR", "Stream or log"),
        TableColumn("workspace_id", "VARCHAR", "Workspace"),
        TableColumn("file", "VARCHAR", "Path below that folder"),
        TableColumn("bytes", "BIGINT", "Size"),
        TableColumn("modified_ns", "BIGINT", "When it was written, in nanoseconds since 1970"),
        TableColumn("rows", "BIGINT", "Rows that were taken from a file of changes"),
        TableColumn("first_synced_at", "TIMESTAMPTZ", "First `_synced_at` of these rows"),
        TableColumn("last_synced_at", "TIMESTAMPTZ", "Last `_synced_at` of these rows"),
    ),
)


def create(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create or replace a table, empty."""
    defined = ", ".join(f"{ident(name)} {kind}" for name, kind in table.types.items())
    con.execute(f"create or replace table {ident(table.full_name)} ({defined})")


def describe(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Put the descriptions of a table and its columns into the database."""
    comment(con, "table", table.full_name, table.description, table.columns)


def comment(
    con: duckdb.DuckDBPyConnection, kind: str, name: str, description: str, columns: Iterable[TableColumn]
) -> None:
    """Describe a table or view (`kind`) and its columns in the database; nothing where there are no descriptions."""
    statements = [f"comment on {kind} {ident(name)} is {text(description.strip())}"] if description else []
    statements += [
        f"comment on column {ident(name)}.{ident(column.name)} is {text(column.description)}"
        for column in columns
        if column.description
    ]
    if statements:
        con.execute(";".join(statements))
