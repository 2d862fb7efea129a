"""Descriptions of tables and columns, put into the database as comments."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.db.sql_text import ident, text
from instantly_pipeline.warehouse.load.load_stream import HISTORY_ENVELOPE, RAW_ENVELOPE
from instantly_pipeline.warehouse.models.contracts import ContractColumn

ABOUT_ENVELOPE = {
    "extra": "JSON: fields without a column, and values that did not fit theirs",
    "workspace_id": "Workspace the row belongs to",
    "_key": "Key of the record as a JSON array",
    "_first_seen_at": "When a sync first saw the record",
    "_changed_at": "When a sync last saw it change, or found it deleted",
    "_verified_at": "When it was last compared with the API",
    "_deleted_at": "When a sync found that the API no longer has it",
    "_row_hash": "Version of the hash and hash of the record; null for a delete",
    "_op": "upsert or delete",
    "_run_id": "Run that saw this version first",
    "_valid_from": "When this version was first seen",
    "_valid_to": "When the next version was first seen; null for the last one",
}


def comment(
    con: duckdb.DuckDBPyConnection, kind: str, name: str, about: str, columns: Collection[ContractColumn]
) -> None:
    """Describe a table or view and its columns."""
    statements = [f"comment on {kind} {ident(name)} is {text(about.strip())}"] if about else []
    statements += [
        f"comment on column {ident(name)}.{ident(column.name)} is {text(column.description)}"
        for column in columns
        if column.description
    ]
    if statements:
        con.execute(";".join(statements))


def comment_stream(con: duckdb.DuckDBPyConnection, stream: Stream) -> None:
    """Describe the raw and history tables of a stream in the database."""
    own = [ContractColumn(column.name, column.type.sql, column.about) for column in stream.columns]
    for schema, envelope, about in (
        ("raw", RAW_ENVELOPE, f"{stream.about}. Current state, one row per key; deleted ones are kept."),
        ("history", HISTORY_ENVELOPE, f"{stream.about}. Every version that was seen."),
    ):
        rest = [ContractColumn(name, kind, ABOUT_ENVELOPE[name]) for name, kind in envelope.items()]
        comment(con, "table", f"{schema}.{stream.name}", about, [*own, *rest])
