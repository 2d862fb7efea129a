"""From decoded records to rows of the lake: aliases, secrets, key, hash, typed columns, `extra`, anomalies and drift.

Nothing the API sent is lost, secrets apart: an unknown field and a value of another type than its column are kept in
`extra`; a record that cannot become a row is returned as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from instantly_pipeline.lake.records.canonical import KeyMaker, Record, digest, hash_version, to_json
from instantly_pipeline.lake.records.coerce import (
    TypeMismatch,
    coerce,
    column_of,
    is_converted,
    is_rounded,
    plain_columns,
    type_name,
)
from instantly_pipeline.lake.records.scopes import scopes_of
from instantly_pipeline.lake.records.secrets import cut, is_secret, without_secrets
from instantly_pipeline.lake.schema import ARROW
from instantly_pipeline.streams.model import Column, Stream, Type

NO_KEY, TOO_DEEP = "no key", "nested too deeply"
DOES_NOT_FIT = "does not fit; kept in extra"
_SHOWN_LEVELS = 20  # of a record that is nested too deeply


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A value of another type than its column, or one that was converted to it. Never holds the value."""

    key: str | None
    column: str
    expected: str
    found: str
    reason: str


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between the stream as declared and as answered."""

    field: str
    kind: str  # `new field`, `missing field`, `new value <n>`, `dropped secret`


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot become a row: its JSON without secrets (cut, where it is too deep), why, and its key."""

    text: str
    reason: str  # `no key` or `nested too deeply`
    key: str | None = None


@dataclass(slots=True)
class Batch:
    """Rows ready for the lake, one per key.

    `columns` are those of the stream that are not JSON, as arrays by name. `rows` makes the rest: most records are
    unchanged and never become rows.
    """

    stream: Stream
    records: list[Record]
    extras: list[Record]
    columns: dict[str, pa.Array]
    keys: list[str]
    hashes: list[str]
    scopes: list[str | None]
    anomalies: list[Anomaly] = field(default_factory=list)
    drift: Counter[Drift] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def table(self) -> pa.Table:
        """All rows."""
        return self.rows(range(len(self.keys)))

    def rows(self, places: Sequence[int]) -> pa.Table:
        """Some rows: the stream's columns, `extra`, `_key` and `_row_hash`."""
        taken = pa.array(places, pa.int64())
        columns = self.columns
        if len(places) < len(self.keys):
            columns = {name: array.take(taken) for name, array in columns.items()}
        arrays = [
            columns[column.name]
            if column.name in columns
            else _as_json(self.records[place].get(column.name) for place in places)
            for column in self.stream.columns
        ]
        arrays.append(_as_json(self.extras[place] or None for place in places))
        arrays += [pa.array([texts[place] for place in places], pa.string()) for texts in (self.keys, self.hashes)]
        names = [*self.stream.names, "extra", "_key", "_row_hash"]
        return pa.Table.from_arrays(arrays, names=names)


def _as_json(values: Iterable[Any]) -> pa.Array:
    return pa.array([None if value is None else to_json(value) for value in values], pa.string())


@dataclass(slots=True)
class _Findings:
    """Anomalies, drift and rejected records of one batch."""

    anomalies: list[Anomaly] = field(default_factory=list)
    drift: Counter[Drift] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)

    def add_dropped(self, names: Iterable[str]) -> None:
        for name in names:
            self.drift[Drift(name, "dropped secret")] += 1


class Normalizer:
    """Turns decoded records of one stream into batches. Holds no state between batches."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._known = frozenset(stream.names)
        self._aliases = {alias: column.name for column in stream.columns for alias in column.aliases}
        self._always = tuple(column.name for column in stream.columns if column.always)
        self._kept = {column.name: column.keep for column in stream.columns if column.keep}
        self._enums = tuple(column for column in stream.columns if column.labels and not column.custom)
        self._key = KeyMaker(stream)
        self._version = hash_version(stream)
        self._nullable_key = tuple(c for c in (stream.column(k) for k in stream.key) if not c.always)
        json_columns = [column for column in stream.columns if column.type is Type.JSON]
        # a stream without secrets may hold a user's own JSON, e.g. a lead's custom variables: it is kept whole
        self._whole = frozenset(n for c in json_columns for n in (c.name, *c.aliases) if not stream.secrets)

    def keys(self, records: Sequence[Record]) -> list[str | None]:
        """The key of each record; None for a record without one."""
        as_it_is = self._is_plain(records)
        return [self._key.make(record if as_it_is else self._renamed(record)) for record in records]

    def batch(self, records: Sequence[Record]) -> Batch:
        """The records as one batch. Of several records with one key the last counts; an anomaly says if they differ."""
        rows: dict[str, tuple[Record, str]] = {}
        found = _Findings()
        as_it_is = self._is_plain(records)
        for record in records:
            try:
                self._add(record if as_it_is else self._renamed(self._without_secrets(record, found)), rows, found)
            except RecursionError:
                shown = self._renamed(self._without_secrets(cut(record, _SHOWN_LEVELS), found))
                found.rejected.append(Rejected(to_json(shown), TOO_DEEP, self._key.make(shown)))
        return self._assemble(rows, found, as_it_is=as_it_is)

    def _is_plain(self, records: Sequence[Record]) -> bool:
        """Whether no record has a field to rename, to drop or to keep in `extra`: nothing but columns."""
        return not (self.stream.secrets or self._nullable_key or self._kept) and set().union(*records) <= self._known

    def _add(self, clean: Record, rows: dict[str, tuple[Record, str]], found: _Findings) -> None:
        key = self._key.make(clean)
        if key is None:
            found.rejected.append(Rejected(to_json(clean), NO_KEY))
            self._note_missing(clean, found.drift)
            return
        row = clean, f"{self._version}:{digest(self._hashed(clean))}"
        before = rows.pop(key, None)  # the last one counts, in its own place
        if before is not None and before[1] != row[1]:
            names = ",".join(self.stream.key)
            found.anomalies.append(
                Anomaly(key, names, "one record", "several", "two records with one key; the later one is kept")
            )
        rows[key] = row

    def _hashed(self, clean: Record) -> Record:
        texts = self.stream.texts
        return {name: value for name, value in clean.items() if name not in texts} if texts else clean

    def _assemble(self, rows: dict[str, tuple[Record, str]], found: _Findings, *, as_it_is: bool) -> Batch:
        keys, kept, hashes = list(rows), [row for row, _ in rows.values()], [digest for _, digest in rows.values()]
        extras = [{} if as_it_is else self._unknown(record, found.drift) for record in kept]
        plain = plain_columns(kept, self.stream.columns)
        columns = {
            column.name: plain[column.name] if column.name in plain else self._column(column, keys, kept, extras, found)
            for column in self.stream.columns
            if column.type is not Type.JSON
        }
        for column in self._enums:
            self._note_values(column, columns[column.name], found.drift)
        if not all(name in columns and columns[name].null_count == 0 for name in self._always):
            for record in kept:
                self._note_missing(record, found.drift)
        scopes = scopes_of(self.stream, columns, len(keys))
        return Batch(
            self.stream, kept, extras, columns, keys, hashes, scopes, found.anomalies, found.drift, found.rejected
        )

    def _without_secrets(self, record: Record, found: _Findings) -> Record:
        """The record without secrets; the caller's is not touched.

        A known column is looked into only if it is JSON of a stream with secrets; a value of another type
        is cleaned when it goes to `extra`.
        """
        if record.keys() <= self._known and not self.stream.secrets:
            return record
        clean, dropped = {}, list[str]()
        for name, value in record.items():
            if name in self.stream.secrets:
                continue  # declared, so no drift
            if name not in self._known and name not in self._whole and is_secret(name):
                dropped.append(name)
            elif isinstance(value, (dict, list)) and name not in self._whole:
                clean[name] = without_secrets(value, dropped, self.stream.secrets)
            else:
                clean[name] = value
        found.add_dropped(dropped)
        return clean

    def _renamed(self, record: Record) -> Record:
        """The record after aliases, and what is kept of texts; the caller's is not touched."""
        if record.keys() <= self._known and not self._nullable_key and not self._kept:
            return record
        clean = dict(record)
        for alias, name in self._aliases.items():
            if clean.get(alias) is not None and clean.get(name) is None:
                clean[name] = clean.pop(alias)
        for column in self._nullable_key:
            if clean.get(column.name) == "null":
                clean[column.name] = None
        for name, keep in self._kept.items():
            value = clean.pop(name, None)
            if isinstance(value, str):  # nobody knows what else may hold
                clean[name] = keep(value)
        return clean

    def _unknown(self, record: Record, drift: Counter[Drift]) -> Record:
        if record.keys() <= self._known:
            return {}
        extra = {k: v for k, v in record.items() if k not in self._known}
        for name in extra:
            drift[Drift(name, "new field")] += 1
        return extra

    def _note_missing(self, record: Record, drift: Counter[Drift]) -> None:
        if None not in map(record.get, self._always):
            return
        for name in self._always:
            if record.get(name) is None:
                drift[Drift(name, "missing field")] += 1

    def _note_values(self, column: Column, array: pa.Array, drift: Counter[Drift]) -> None:
        labels = column.labels or {}
        for entry in array.value_counts().to_pylist():
            if entry["values"] is not None and entry["values"] not in labels:
                drift[Drift(column.name, f"new value {entry['values']}")] += entry["counts"]

    def _column(
        self, column: Column, keys: list[str], rows: list[Record], extras: list[Record], found: _Findings
    ) -> pa.Array:
        values = [row.get(column.name) for row in rows]
        array = column_of(values, column.type)
        if array is not None:
            return array
        coerced = [self._value(column, *at, found) for at in zip(keys, values, extras, strict=True)]
        return pa.array(coerced, ARROW[column.type])

    def _value(self, column: Column, key: str, value: Any, extra: Record, found: _Findings) -> Any:
        try:
            coerced = coerce(value, column.type)
        except TypeMismatch as mismatch:
            dropped: list[str] = []
            extra[column.name] = without_secrets(value, dropped, self.stream.secrets)
            found.add_dropped(dropped)
            found.anomalies.append(Anomaly(key, column.name, column.type.value, mismatch.found, DOES_NOT_FIT))
            return None
        if is_converted(value, column.type):
            found.anomalies.append(Anomaly(key, column.name, column.type.value, type_name(value), "converted"))
        if is_rounded(value, coerced):
            extra[column.name] = value
            reason = "rounded; all digits kept in extra"
            found.anomalies.append(Anomaly(key, column.name, column.type.value, type_name(value), reason))
        return coerced
