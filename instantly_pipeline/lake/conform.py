"""From decoded records to rows of the lake: aliases, secrets, key, hash, typed columns, `extra`, and what was odd.

Nothing the API sent is lost on the way, secrets apart: an unknown field and a value that does not fit its column are
kept in `extra`; a record without a key is handed back whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from instantly_pipeline.lake.fit import Misfit, column_of, converted, fit, type_name
from instantly_pipeline.lake.record import KeyMaker, Record, digest, hash_version, to_json
from instantly_pipeline.lake.schema import ARROW, record_schema
from instantly_pipeline.streams.model import Absent, Column, Stream, Type

SECRET = re.compile(r"(password|passwd|secret|token|api_?key|private_?key|credential)|^(imap|smtp)_", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Oddity:
    """A value that did not fit, or fitted only after conversion. Never holds the value."""

    key: str | None
    column: str
    expected: str
    found: str
    reason: str


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between the stream as declared and as answered."""

    field: str
    kind: str  # `new field`, `missing field`, `new value <n>`


@dataclass(slots=True)
class Batch:
    """Rows ready for the lake: `table` has the stream's columns, `extra`, `_key` and `_row_hash`, one row per key."""

    table: pa.Table
    keys: list[str]
    hashes: list[str]
    scopes: list[str | None]
    oddities: list[Oddity] = field(default_factory=list)
    drift: Counter[Drift] = field(default_factory=Counter)
    keyless: list[Record] = field(default_factory=list)


class Conformer:
    """Turns decoded records of one stream into batches. Holds no state between batches."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._known = frozenset(stream.names)
        self._aliases = {alias: column.name for column in stream.columns for alias in column.aliases}
        self._always = tuple(column.name for column in stream.columns if column.always)
        self._enums = tuple(column for column in stream.columns if column.labels and not column.custom)
        self._key = KeyMaker(stream)
        self._version = hash_version(stream)
        self._nullable_key = tuple(c for c in (stream.column(k) for k in stream.key) if not c.always)
        self._schema = pa.schema(
            [*record_schema(stream), pa.field("_key", pa.string()), pa.field("_row_hash", pa.string())]
        )

    def keys(self, records: Sequence[Record]) -> list[str | None]:
        """The key of each record; None for a record without one."""
        return [self._key.make(self._clean(record)) for record in records]

    def batch(self, records: Sequence[Record]) -> Batch:
        """The records as one batch. Of several records with one key the last counts."""
        rows: dict[str, Record] = {}
        keyless: list[Record] = []
        drift: Counter[Drift] = Counter()
        for record in records:
            clean = self._clean(record)
            key = self._key.make(clean)
            self._note_missing(clean, drift)
            if key is None:
                keyless.append(clean)
            else:
                rows.pop(key, None)  # the last one counts, in its own place
                rows[key] = clean
        return self._assemble(rows, keyless, drift)

    def _assemble(self, rows: dict[str, Record], keyless: list[Record], drift: Counter[Drift]) -> Batch:
        keys, kept = list(rows), list(rows.values())
        hashes = [f"{self._version}:{digest(record)}" for record in kept]
        extras = [self._unknown(record, drift) for record in kept]
        oddities: list[Oddity] = []
        arrays = [self._column(column, keys, kept, extras, oddities) for column in self.stream.columns]
        for column in self._enums:
            self._note_values(column, arrays[self.stream.names.index(column.name)], drift)
        arrays.append(pa.array([to_json(extra) if extra else None for extra in extras], pa.string()))
        arrays += [pa.array(keys, pa.string()), pa.array(hashes, pa.string())]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        return Batch(table, keys, hashes, scopes_of(self.stream, table), oddities, drift, keyless)

    def _clean(self, record: Record) -> Record:
        """The record after aliases and without secrets; the caller's is not touched."""
        if record.keys() <= self._known and not self._nullable_key and not self.stream.secrets:
            return record
        clean = {k: v for k, v in record.items() if k in self._known or not self._is_secret(k)}
        if self.stream.secrets:
            clean = {k: _without_secrets(v) if isinstance(v, (dict, list)) else v for k, v in clean.items()}
        for alias, name in self._aliases.items():
            if clean.get(alias) is not None and clean.get(name) is None:
                clean[name] = clean.pop(alias)
        for column in self._nullable_key:
            if clean.get(column.name) == "null":
                clean[column.name] = None
        return clean

    def _is_secret(self, name: str) -> bool:
        return name in self.stream.secrets or bool(SECRET.search(name))

    def _unknown(self, record: Record, drift: Counter[Drift]) -> Record:
        if record.keys() <= self._known:
            return {}
        extra = {k: v for k, v in record.items() if k not in self._known}
        for name in extra:
            drift[Drift(name, "new field")] += 1
        return extra

    def _note_missing(self, record: Record, drift: Counter[Drift]) -> None:
        for name in self._always:
            if record.get(name) is None:
                drift[Drift(name, "missing field")] += 1

    def _note_values(self, column: Column, array: pa.Array, drift: Counter[Drift]) -> None:
        labels = column.labels or {}
        for entry in array.value_counts().to_pylist():
            if entry["values"] is not None and entry["values"] not in labels:
                drift[Drift(column.name, f"new value {entry['values']}")] += entry["counts"]

    def _column(
        self, column: Column, keys: list[str], rows: list[Record], extras: list[Record], oddities: list[Oddity]
    ) -> pa.Array:
        values = [row.get(column.name) for row in rows]
        array = column_of(values, column.type)
        if array is not None:
            return array
        fitted = [self._value(column, *at, oddities) for at in zip(keys, values, extras, strict=True)]
        return pa.array(fitted, ARROW[column.type])

    def _value(self, column: Column, key: str, value: Any, extra: Record, oddities: list[Oddity]) -> Any:
        try:
            fitted = fit(value, column.type)
        except Misfit as misfit:
            extra[column.name] = value
            oddities.append(Oddity(key, column.name, column.type.value, misfit.found, "does not fit; kept in extra"))
            return None
        if converted(value, column.type):
            oddities.append(Oddity(key, column.name, column.type.value, type_name(value), "converted"))
        return fitted


def scopes_of(stream: Stream, table: pa.Table) -> list[str | None]:
    """Which part of the stream each row belongs to, e.g. `campaign=<id>`: the first scope column that has a value.

    Rows of figures that may collapse (`Absent.FLAGGED`) are told apart by whether there are any: `figures` or `zero`.
    """
    names = [name for name in _scope_columns(stream) if name in table.column_names]
    if not names:
        return [None] * table.num_rows
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    if stream.absent is Absent.FLAGGED:
        return ["figures" if any(row) else "zero" for row in rows]
    return [next((f"{n}={v}" for n, v in zip(names, row, strict=True) if v), None) for row in rows]


def _scope_columns(stream: Stream) -> tuple[str, ...]:
    if stream.absent is Absent.FLAGGED:
        return tuple(column.name for column in stream.columns if column.type in (Type.INT, Type.FLOAT))
    return stream.scope


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_secrets(v) for k, v in value.items() if not SECRET.search(k)}
    return [_without_secrets(v) for v in value] if isinstance(value, list) else value
