"""`query`: runs one SQL statement and prints a table, CSV or JSON."""

from __future__ import annotations

import csv
import math
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click

from instantly_pipeline.cli.published import published_file
from instantly_pipeline.cli.text import CsvLines, records, table
from instantly_pipeline.errors import UsageError
from instantly_pipeline.jsontext import dumps
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.settings import load
from instantly_pipeline.visible import visible_json
from instantly_pipeline.warehouse.published.query import QueryResult, open_query, query

Row = tuple[Any, ...]
TABLE_ROWS = 100  # the default limit of a table


def query_command(sql: str, *, form: str, limit: int | None, timeout: float | None, build: bool) -> int:
    """Run the command; returns its exit code."""
    # in a locale without UTF-8, Python has not decoded the argument
    statement = sys.stdin.read() if sql == "-" else os.fsencode(sql).decode("utf-8", "replace")
    with _built_file() if build else nullcontext(published_file()) as path:
        return _answer(path, statement, form=form, limit=limit, timeout=timeout)


@contextmanager
def _built_file() -> Iterator[Path]:
    """The build file, locked. UsageError if there is none, LockedError if another command is writing."""
    data_dir = load().data_dir
    layout = Layout(data_dir)
    if not layout.build_file.exists():
        raise UsageError(f"There is no {layout.build_file}: run `instantly-pipeline check`, which builds it.")
    with writing(data_dir, command="query --build"):
        yield layout.build_file


def _answer(path: Path, statement: str, *, form: str, limit: int | None, timeout: float | None) -> int:
    if form == "table":
        result = query(path, statement, limit=(limit or TABLE_ROWS) + 1, timeout=timeout)
        _write_table(result, limit)
        return 0
    with open_query(path, statement, timeout=timeout) as answer:
        rows = islice(chain.from_iterable(answer.batches), limit)
        (_write_csv if form == "csv" else _write_json)(answer.columns, rows)
    return 0


def _write_table(result: QueryResult, limit: int | None) -> None:
    rows = result.rows[: limit or TABLE_ROWS]
    shown = table(result.columns, rows)
    width = shutil.get_terminal_size().columns
    if sys.stdout.isatty() and max(map(len, shown.splitlines())) > width:
        shown = records(result.columns, rows)
    click.echo(shown)
    if limit is None and len(result.rows) > len(rows):
        click.echo(f"The first {len(rows)} rows; --limit shows more, --format csv all.", err=True)


def _write_csv(columns: Sequence[str], rows: Iterator[Row]) -> None:
    first = next(rows, None)  # before the header, so that a statement that fails prints no header
    writer = csv.writer(CsvLines(), lineterminator="\r\n")
    writer.writerow(columns)
    if first is not None:
        writer.writerows([_cell(value) for value in row] for row in chain([first], rows))


def _cell(value: Any) -> Any:
    value = _plain(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return dumps(value).decode() if isinstance(value, list | dict) else value


def _write_json(columns: Sequence[str], rows: Iterator[Row]) -> None:
    """An array of objects, one per line; repeated column names get a number."""
    names: list[str] = []
    for name in columns:
        again = sum(1 for known in names if known == name or known.startswith(f"{name}:"))
        names.append(f"{name}:{again}" if again else name)
    between = "["
    for row in rows:
        found = dumps({name: _plain(value) for name, value in zip(names, row, strict=True)})
        sys.stdout.write(f"{between}{visible_json(found.decode())}")
        between = ",\n"
    sys.stdout.write("[]\n" if between == "[" else "]\n")


def _plain(value: Any) -> Any:
    """The value in types that JSON has; numbers keep all their digits."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no infinity or NaN
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, str | int | float | Decimal) else str(value)
