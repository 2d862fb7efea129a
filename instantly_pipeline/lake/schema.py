"""Arrow schemas of the lake's files.

A change file holds the stream's columns, `extra` and the envelope; a later version may add columns, never change one.
"""

from __future__ import annotations

import pyarrow as pa

from instantly_pipeline.streams.model import Stream, Type

UTC_MICROS = pa.timestamp("us", tz="UTC")

ARROW: dict[Type, pa.DataType] = {
    Type.TEXT: pa.string(),
    Type.INT: pa.int64(),
    Type.FLOAT: pa.float64(),
    Type.BOOL: pa.bool_(),
    Type.INSTANT: UTC_MICROS,
    Type.DATE: pa.date32(),
    Type.JSON: pa.string(),
}

UPSERT, DELETE = "upsert", "delete"

ENVELOPE = (
    pa.field("_key", pa.string(), nullable=False),  # JSON array of the key's parts
    pa.field("_row_hash", pa.string()),  # version and blake2b-128 in hex; null for a delete
    pa.field("_op", pa.string(), nullable=False),  # upsert or delete
    pa.field("_synced_at", UTC_MICROS, nullable=False),
    pa.field("_run_id", pa.string(), nullable=False),
)


def record_schema(stream: Stream) -> pa.Schema:
    """The stream's columns and `extra`."""
    fields = [pa.field(column.name, ARROW[column.type]) for column in stream.columns]
    return pa.schema([*fields, pa.field("extra", pa.string())])


def change_schema(stream: Stream) -> pa.Schema:
    """The schema of the stream's files in the lake: columns, `extra`, envelope."""
    return pa.schema([*record_schema(stream), *ENVELOPE])
