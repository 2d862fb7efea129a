"""A reader of data directories written from docs/lake-format.md alone: pyarrow and the standard library, nothing else.

Section by section as there. `tests/lake/test_lake_format.py` compares what it reads with the published file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq

Row = dict[str, Any]
BY_KEY = itemgetter("workspace_id", "_key")
ENVELOPE = ("_key", "_row_hash", "_op", "_synced_at", "_run_id")


def rows(data_dir: Path, area: str, table: str) -> Iterator[Row]:
    """The rows of a table of `changes` or `meta`, with `workspace_id`, in the order of the files' names."""
    for folder in sorted((data_dir / "lake" / area / table).glob("ws=*")):
        for day in sorted(folder.glob("synced=*")):
            for path in current_files(day):
                for row in pq.ParquetFile(path).read().to_pylist():
                    yield row | {"workspace_id": workspace_id(data_dir, folder.name)}


def workspace_id(data_dir: Path, folder: str) -> str:
    if "~" in folder:
        return (data_dir / "lake" / "names" / folder).read_text("utf-8")
    return unquote(folder.removeprefix("ws="))


def current_files(day: Path) -> list[Path]:
    """The files of a day without those that a compacted one replaces."""
    files = sorted(path for path in day.glob("*.parquet") if not path.name.startswith("."))
    metadata = [pq.read_metadata(path).metadata or {} for path in files]
    replaced = {name for found in metadata for name in json.loads(found.get(b"replaces", b"[]"))}
    return [path for path in files if path.name not in replaced]


def columns(data_dir: Path, stream: str) -> list[str]:
    """The columns of the stream that any of its files has."""
    names = dict.fromkeys(
        name
        for path in (data_dir / "lake" / "changes" / stream).glob("ws=*/synced=*/*.parquet")
        for name in pq.read_schema(path).names
    )
    return [name for name in names if name not in (*ENVELOPE, "extra")]


def versions(data_dir: Path, stream: str) -> Iterator[list[Row]]:
    """The versions of each key, oldest first."""
    order = itemgetter("workspace_id", "_key", "_synced_at", "_run_id", "_op")
    found = sorted(rows(data_dir, "changes", stream), key=lambda row: (*order(row), row["_row_hash"] or ""))
    names = columns(data_dir, stream)
    for _, of_key in groupby(found, key=BY_KEY):
        latest = {row["_synced_at"]: row for row in of_key}  # of equal instants the greatest, which comes last
        kept: list[Row] = []
        for row in latest.values():
            if not kept or (row["_op"], row["_row_hash"]) != (kept[-1]["_op"], kept[-1]["_row_hash"]):
                kept.append(_with_late_columns(row, names))
        yield kept


def _with_late_columns(row: Row, names: list[str]) -> Row:
    extra = json.loads(row["extra"] or "{}")
    return {name: row[name] if name in row else extra.get(name) for name in names} | row


def history(data_dir: Path, stream: str) -> list[Row]:
    """`history.<stream>`."""
    found = []
    for of_key in versions(data_dir, stream):
        ends = [later["_synced_at"] for later in of_key[1:]] + [None]
        for row, end in zip(of_key, ends, strict=True):
            begin = row.pop("_synced_at")
            found.append(row | {"_valid_from": begin, "_valid_to": end})
    return found


def current_state(data_dir: Path, stream: str) -> list[Row]:
    """`raw.<stream>`."""
    clocks = Clocks(data_dir)
    ranges = [
        row | {"at": clocks.logged(row["verified_at"], row["run_id"])}
        for row in rows(data_dir, "meta", "verified")
        if row["stream"] == stream
    ]
    found = []
    for of_key in versions(data_dir, stream):
        upserts = [row for row in of_key if row["_op"] == "upsert"]
        if not upserts:
            continue
        last = of_key[-1]
        is_deleted = last["_op"] == "delete"
        state = {name: value for name, value in upserts[-1].items() if name not in ENVELOPE or name == "_key"}
        compared = [
            one["at"]
            for one in ranges
            if one["workspace_id"] == last["workspace_id"] and _is_in(last["_key"], one) and not is_deleted
        ]
        found.append(
            state
            | {
                "_first_seen_at": upserts[0]["_synced_at"],
                "_changed_at": last["_synced_at"],
                "_deleted_at": last["_synced_at"] if is_deleted else None,
                "_verified_at": max([clocks.written(last["_synced_at"], last["_run_id"]), *compared]),
            }
        )
    return found


def _is_in(key: str, one: Row) -> bool:
    return (one["key_from"] is None or one["key_from"] < key) and (one["key_to"] is None or key <= one["key_to"])


class Clocks:
    """Instants of runs, corrected by the runs that followed."""

    def __init__(self, data_dir: Path) -> None:
        self._runs = list(rows(data_dir, "meta", "sync_runs"))

    def logged(self, at: datetime, run_id: str) -> datetime:
        return min([at, *(run["started_at"] for run in self._runs if run["run_id"] > run_id)])

    def written(self, at: datetime, run_id: str) -> datetime:
        ends = [run["ended_at"] for run in self._runs if run["run_id"] == run_id and run["ended_at"]]
        return min([self.logged(at, run_id), *([max(ends)] if ends else [])])


def canonical(record: Any) -> str:
    """The canonical JSON of a record whose secrets and aliases are done."""
    return _written(record, exact=_has_number_beyond(record))


def record_hash(record: Row) -> str:
    return blake2b(canonical(record).encode(), digest_size=16).hexdigest()


def stored_record(row: Row, json_columns: set[str]) -> Row:
    """A stored row as the record that its hash is of."""
    record = {}
    for name, value in row.items():
        if name in (*ENVELOPE, "extra", "workspace_id") or value is None:
            continue
        if name in json_columns:
            value = json.loads(value)
        elif isinstance(value, datetime):
            value = value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        elif isinstance(value, date):
            value = value.isoformat()
        record[name] = value
    return record | json.loads(row["extra"] or "{}")


def _has_number_beyond(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_number_beyond, value.values()))
    if isinstance(value, list):
        return any(map(_has_number_beyond, value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return isinstance(value, Decimal) or (isinstance(value, int) and not -(2**63) <= value < 2**64)


def _written(value: Any, *, exact: bool) -> str:
    if isinstance(value, dict):
        members = sorted((name, inner) for name, inner in value.items() if inner is not None)
        return "{" + ",".join(f"{_string(name)}:{_written(inner, exact=exact)}" for name, inner in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(inner, exact=exact) for inner in value) + "]"
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value) if exact else _shortest(value)
    return str(value)


def _shortest(number: float) -> str:
    digits = repr(number)
    mantissa, _, exponent = digits.partition("e")
    if exponent and abs(number) >= 0.00001:
        return format(Decimal(digits), "f")
    return f"{mantissa}e{int(exponent)}" if exponent else digits


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def _string(text: str) -> str:
    def escaped(found: re.Match[str]) -> str:
        return _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}"

    return '"' + re.sub(r'["\\\x00-\x1f]', escaped, text) + '"'
