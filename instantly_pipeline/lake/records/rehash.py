"""Hashes of stored rows under today's rules, computed from the rows.

Needed when the rules have changed (a new alias, another secret) since a row was written: an unchanged record then
compares equal and nothing is written. An instant is assumed to have been sent as the API sends them, in milliseconds
with a `Z`; where it was not, the record gets one more version, equal to the one before.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa

from instantly_pipeline.jsontext import loads
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.lake.records.normalize import Normalizer
from instantly_pipeline.lake.schema import UPSERT
from instantly_pipeline.streams.model import Stream, Type


def rehashed(stream: Stream, table: pa.Table) -> list[str | None]:
    """The hash of each row of a change file, None for deletes."""
    normalizer = Normalizer(stream)
    types = {column.name: column.type for column in stream.columns if column.name in table.column_names}
    found: list[str | None] = []
    for row in table.to_pylist():
        if row["_op"] != UPSERT:
            found.append(None)
            continue
        batch = normalizer.batch([_record(row, types)])
        found.append(batch.hashes[0] if batch.hashes else None)
    return found


def _record(row: dict[str, Any], types: dict[str, Type]) -> Record:
    record = {name: _sent(row[name], kind) for name, kind in types.items() if row[name] is not None}
    record.update(loads((row["extra"] or "{}").encode()))
    return record


def _sent(value: Any, kind: Type) -> Any:
    if kind is Type.JSON:
        return loads(value.encode())
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    return value.isoformat() if isinstance(value, date) else value
