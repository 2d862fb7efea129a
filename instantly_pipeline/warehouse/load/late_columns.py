"""Columns declared after a file was written: their values wait in the file's `extra`, under any of their names.

They are read by the rules of `lake/records/coerce.py`: a record reads the same whenever its column was declared.
"""

from __future__ import annotations

import json

from instantly_pipeline.streams.model import Column, Type
from instantly_pipeline.warehouse.db.sql_text import text

_FITS = {
    Type.TEXT: "json_type({raw}) not in ('OBJECT', 'ARRAY')",
    Type.INT: r"regexp_full_match({raw} ->> '$', '-?\d+(\.0+)?')",
    Type.FLOAT: (
        r"regexp_full_match({raw} ->> '$', '-?\d+(\.\d+)?([eE][+-]?\d+)?') "
        "and isfinite(try_cast({raw} ->> '$' as double))"
    ),
    Type.BOOL: "json_type({raw}) <> 'VARCHAR' and {raw} ->> '$' in ('true', 'false', '0', '1')",
}


def from_extra(column: Column, extra: str = "r.extra") -> str:
    """The SQL of the column's value, by its name or else the first alias that has one; null where it does not fit."""
    found = [f"nullif({extra} -> {text('$.' + json.dumps(name))}, 'null')" for name in (column.name, *column.aliases)]
    raw = f"coalesce({', '.join(found)})" if column.aliases else found[0]
    fits = _FITS.get(column.type, "true").format(raw=raw)
    return f"case when {fits} then try_cast({raw} ->> '$' as {column.type.sql}) end"
