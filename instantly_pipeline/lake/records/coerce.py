"""Values as their column's type. A value of another type is null there, and reported.

The common case, every value of the expected type, never touches a value in Python: `plain_columns` takes all columns
of a batch at once, `column_of` one column where another one had a value of another type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from instantly_pipeline.lake.records.canonical import Record, to_json
from instantly_pipeline.lake.schema import ARROW
from instantly_pipeline.streams.model import Column, Type

_MISMATCH = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)
_FIRST_MICRO, _LAST_MICRO = -62_135_596_800_000_000, 253_402_300_799_999_999


class TypeMismatch(Exception):
    """A value of another type than its column; `found` names that type, never the value."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


def plain_columns(records: Sequence[Record], columns: Sequence[Column]) -> dict[str, pa.Array]:
    """The columns, JSON ones apart, as Arrow arrays by name; those that are left out have to be made by `column_of`.

    Arrow takes the values out of the records itself. Numbers are read twice: as int64 Arrow would truncate 1.5, as
    double it would accept `true`; where both accept a value and agree, it is as it was sent.
    """
    numbers = [column for column in columns if column.type in (Type.INT, Type.FLOAT)]
    others = [column for column in columns if column.type not in (Type.INT, Type.FLOAT, Type.JSON)]
    whole = _extracted(records, {column.name: pa.int64() for column in numbers})
    decimal = _extracted(records, {column.name: pa.float64() for column in numbers})
    texts = _extracted(records, {c.name: pa.bool_() if c.type is Type.BOOL else pa.string() for c in others})
    found = {column.name: _typed(texts[column.name], column.type) for column in others if column.name in texts}
    for column in numbers:
        if column.name in whole and column.name in decimal:
            found[column.name] = _number(whole[column.name], decimal[column.name], column.type)
    return {name: array for name, array in found.items() if array is not None}


def _extracted(records: Sequence[Record], types: dict[str, pa.DataType]) -> dict[str, pa.Array]:
    """Fields of the records as arrays of the given types; none where one value of them is of another type."""
    try:
        found = pa.array(records, pa.struct(list(types.items())))
    except _MISMATCH:
        return {}
    return dict(zip(types, found.flatten(), strict=True))


def _number(whole: pa.Array, decimal: pa.Array, kind: Type) -> pa.Array | None:
    if kind is Type.FLOAT:
        return decimal
    return whole if pc.all(pc.equal(whole.cast(pa.float64()), decimal)).as_py() is not False else None


def _typed(found: pa.Array, kind: Type) -> pa.Array | None:
    try:
        return _native(found, kind)
    except _MISMATCH:
        return None


def column_of(values: list[Any], kind: Type) -> pa.Array | None:
    """The values as an Arrow array, or None where at least one has to be looked at by itself."""
    if kind is Type.JSON:
        return pa.array([None if v is None else to_json(v) for v in values], pa.string())
    try:
        return _native(pa.array(values), kind)
    except _MISMATCH:
        return None


def _native(found: pa.Array, kind: Type) -> pa.Array | None:
    target = ARROW[kind]
    if found.type in (target, pa.null()):
        return found.cast(target)
    if kind is Type.FLOAT and pa.types.is_integer(found.type):
        return found.cast(target)
    if kind in (Type.INSTANT, Type.DATE) and found.type == pa.string():
        return _within_calendar(pc.cast(found, target))
    return None


def _within_calendar(found: pa.Array) -> pa.Array | None:
    """None where a zone moves an instant out of the years 1 to 9999: no reader takes those."""
    if pa.types.is_timestamp(found.type):
        ends = pc.min_max(found.cast(pa.int64())).as_py()
        if ends["min"] is not None and not _FIRST_MICRO <= ends["min"] <= ends["max"] <= _LAST_MICRO:
            return None
    return found


def coerce(value: Any, kind: Type) -> Any:
    """One value as the column's Python value; TypeMismatch where it is of another type."""
    return None if value is None else _COERCE[kind](value)


def is_converted(value: Any, kind: Type) -> bool:
    """True where `coerce` had to turn one JSON type into another (a number sent as text, text sent as a number)."""
    if value is None or kind is Type.JSON:
        return False
    if kind in (Type.INT, Type.FLOAT):
        return isinstance(value, str)
    return kind is Type.TEXT and not isinstance(value, str)


def is_rounded(value: Any, coerced: Any) -> bool:
    """True where a number has digits that the double that `coerce` made of it does not have."""
    return isinstance(coerced, float) and isinstance(value, (int, Decimal)) and coerced != value


def type_name(value: Any) -> str:
    """The JSON type of a value, with what is special about it."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float, Decimal)):
        return _number_name(value)
    if isinstance(value, str):
        return "text" if value else "empty text"
    return "array" if isinstance(value, list) else "object"


def _number_name(value: float | Decimal) -> str:
    if isinstance(value, Decimal):
        return "number beyond a double"
    if isinstance(value, float) and not value.is_integer():
        return "number"
    return "integer" if -(2**63) <= value < 2**63 else "integer beyond 64 bits"


_INTEGER = re.compile(r"-?(0|[1-9]\d{0,18})\Z")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?\Z")


def _coerce_int(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.match(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise TypeMismatch(type_name(value))
    return value


def _coerce_float(value: Any) -> float:
    if isinstance(value, str) and _NUMBER.match(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise TypeMismatch(type_name(value))
    with suppress(OverflowError):
        if math.isfinite(near := float(value)):
            return near
    raise TypeMismatch(type_name(value))


def _coerce_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise TypeMismatch(type_name(value))
    return to_json(value)


def _coerce_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    raise TypeMismatch(type_name(value))


def _coerce_instant(value: Any) -> datetime:
    if not isinstance(value, str):
        raise TypeMismatch(type_name(value))
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise TypeMismatch(type_name(value)) from None


def _coerce_date(value: Any) -> date:
    found = _coerce_instant(value)
    if (found.hour, found.minute, found.second, found.microsecond) != (0, 0, 0, 0):
        raise TypeMismatch("text with a time")
    return found.date()


_COERCE: dict[Type, Callable[[Any], Any]] = {
    Type.INT: _coerce_int,
    Type.FLOAT: _coerce_float,
    Type.TEXT: _coerce_text,
    Type.BOOL: _coerce_bool,
    Type.INSTANT: _coerce_instant,
    Type.DATE: _coerce_date,
    Type.JSON: to_json,
}
