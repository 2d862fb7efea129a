"""The scope of a row: the part of its stream that it belongs to, such as one campaign. The index keeps it per key."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from instantly_pipeline.streams.model import Absent, Stream, Type


def scopes_of(stream: Stream, columns: Mapping[str, pa.Array | pa.ChunkedArray], rows: int) -> list[str | None]:
    """Which part of the stream each row belongs to, e.g. `campaign=<id>`: the first scope column that has a value.

    Rows of figures that may collapse (`Absent.FLAGGED`) are `figures` or `zero`, by whether any of them is not 0.
    """
    names = [name for name in scope_columns(stream) if name in columns]
    if not names:
        return [None] * rows
    values = list(zip(*(columns[name].to_pylist() for name in names), strict=True))
    if stream.absent is Absent.FLAGGED:
        return ["figures" if any(row) else "zero" for row in values]
    scopes = {row: next((f"{n}={v}" for n, v in zip(names, row, strict=True) if v), None) for row in set(values)}
    return [scopes[row] for row in values]


def scope_columns(stream: Stream) -> tuple[str, ...]:
    """The columns `scopes_of` looks at."""
    if stream.absent is Absent.FLAGGED:
        return tuple(column.name for column in stream.columns if column.type in (Type.INT, Type.FLOAT))
    return stream.scope
