"""Seeds: the CSV files that users edit. Mistakes are reported by file, line and column, with what to write instead.

The contract of a seed (`sql/seeds/*.yml`) gives its columns and their values; a file that breaks it is refused. The
values are the user's own settings, so messages may quote them. A line that begins with # is a comment.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from instantly_pipeline.errors import ModelError
from instantly_pipeline.warehouse.db.sql_text import columns, ident, text
from instantly_pipeline.warehouse.models.contracts import Check, Contract

Row = dict[str, Any]
_Cast = Callable[[str], Any]


def _whole(field: str) -> int:
    value = int(field)
    if abs(value) >= 2**63:
        raise ValueError
    return value


def _number(field: str) -> float:
    value = float(field)
    if not math.isfinite(value):
        raise ValueError
    return value


_KINDS: dict[str, tuple[_Cast, pa.DataType, str]] = {
    "VARCHAR": (str, pa.string(), "a text"),
    "BIGINT": (_whole, pa.int64(), "a whole number"),
    "DOUBLE": (_number, pa.float64(), "a number, with a point and not a comma"),
}
LINE = "line in the file"


def put_seed(con: duckdb.DuckDBPyConnection, path: Path, seed: Contract) -> None:
    """Create `seeds.<name>` from its file. ModelError says what is wrong with the file; the table is unchanged then."""
    rows = list(_rows(path, seed))
    _refuse_repeated(path, seed, rows)
    schema = pa.schema([(c.name, _KINDS[c.type][1]) for c in seed.columns] + [(LINE, pa.int64())])
    con.register("seed_read", pa.Table.from_pylist(rows, schema=schema))
    try:
        for check in seed.checks:
            _refuse_broken(con, path, check, rows)
        _refuse_missing(path, seed, rows)
        names = columns([column.name for column in seed.columns])
        con.execute(f"create or replace table {ident(f'seeds.{seed.name}')} as select {names} from seed_read")
    finally:
        con.unregister("seed_read")


def _rows(path: Path, seed: Contract) -> Iterator[Row]:
    """The typed rows, each with its line number."""
    expected = [column.name for column in seed.columns]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            there = [name.strip() for name in next(reader, [])]
            if there != expected:
                raise _wrong(path, 1, _other_columns(there, expected))
            for fields in reader:
                if fields and not fields[0].startswith("#"):
                    yield _row(path, reader.line_num, seed, fields)
    except UnicodeDecodeError as error:
        raise _wrong(path, 1, "it is not saved as UTF-8. Save it as CSV UTF-8") from error
    except csv.Error as error:
        raise _wrong(path, reader.line_num, f'{error}. A text with a comma stands in "quotation marks"') from error


def _other_columns(there: list[str], expected: list[str]) -> str:
    more = [name for name in there if name not in expected]
    if [name for name in there if name in expected] == expected:
        return f"{' and '.join(more)} is no column of this file. Remove it from every line"
    return f"the first line must be exactly: {','.join(expected)}"


def _row(path: Path, line: int, seed: Contract, fields: list[str]) -> Row:
    if len(fields) != len(seed.columns):
        raise _wrong(
            path,
            line,
            f"it has {len(fields)} fields and {len(seed.columns)} are expected "
            f'({",".join(c.name for c in seed.columns)}). A text with a comma stands in "quotation marks"',
        )
    row: Row = {LINE: line}
    for column, field in zip(seed.columns, fields, strict=True):
        cast, _, called = _KINDS[column.type]
        try:
            row[column.name] = cast(field.strip()) if field.strip() else None
        except ValueError:
            raise _wrong(path, line, f"{column.name} is {field!r}; {called} is expected, or nothing") from None
        if row[column.name] is None and column.name in seed.key:
            raise _wrong(path, line, f"{column.name} is empty; it is needed ({column.description})")
    return row


def _refuse_repeated(path: Path, seed: Contract, rows: list[Row]) -> None:
    if not seed.key:
        return
    seen: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row[name] for name in seed.key)
        if key in seen:
            named = ", ".join(f"{name} {value}" for name, value in zip(seed.key, key, strict=True))
            raise _wrong(path, row[LINE], f"{named} stands in line {seen[key]} already. Keep one of the two")
        seen[key] = row[LINE]


def _refuse_missing(path: Path, seed: Contract, rows: list[Row]) -> None:
    there = {tuple(row[name] for name in seed.key) for row in rows}
    needed = [line for line in seed.more.get("needs", ()) if tuple(line[: len(seed.key)]) not in there]
    if needed:
        lines = [",".join(map(str, line)) + "," * (len(seed.columns) - len(line)) for line in needed]
        raise _wrong(path, len(rows) + 2, f"what the models read is missing. Add: {' and '.join(lines)}")


def _refuse_broken(con: duckdb.DuckDBPyConnection, path: Path, check: Check, rows: list[Row]) -> None:
    if check.kind == "unique":
        _refuse_repeated(path, Contract("", path, key=(check.of,)), [row for row in rows if row[check.of] is not None])
        return
    offends, expected = _FORMS[check.kind](check)
    found = con.execute(f"select min({ident(LINE)}) from seed_read where {offends}").fetchall()
    if found[0][0] is not None:
        raise _wrong(path, found[0][0], expected)


def _accepted(check: Check) -> tuple[str, str]:
    of: Mapping[str, Any] = check.of
    values = ", ".join(text(value) for value in of["values"])
    return f"{ident(of['column'])} not in ({values})", f"{of['column']} must be one of {', '.join(of['values'])}"


_FORMS: dict[str, Callable[[Check], tuple[str, str]]] = {
    "not_null": lambda check: (f"{ident(check.of)} is null", f"{check.of} is empty; it is needed"),
    "accepted_values": _accepted,
    "expression": lambda check: (f"not ({check.of})", f"this must hold: {check.description or check.of}"),
}


def _wrong(path: Path, line: int, what: str) -> ModelError:
    return ModelError(
        f"{path}, line {line}: {what}. Correct the file and run the same command; the published file is as it was."
    )
