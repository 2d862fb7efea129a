"""`query`: one statement, answered as a table, CSV or JSON on stdout."""

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
from instantly_pipeline.warehouse.published.query import QueryResult, asked, query

Row = tuple[Any, ...]
TABLE_ROWS = 100  # a longer one is no longer read


def query_command(sql: str, *, form: str, limit: int | None, timeout: float | None, build: bool) -> int:
    """The command; its exit code."""
    # in a locale without UTF-8, Python has not decoded what was typed
    statement = sys.stdin.read() if sql == "-" else os.fsencode(sql).decode("utf-8", "replace")
    with _built_file() if build else nullcontext(published_file()) as path:
        return _answer(path, statement, form=form, limit=limit, timeout=timeout)


@contextmanager
def _built_file() -> Iterator[Path]:
    """The build file, which only one process may open. UsageError where there is none, LockedError where it is used."""
    data_dir = load().data_dir
    layout = Layout(data_dir)
    if not layout.build_file.exists():
        raise UsageError(f"There is no {layout.build_file}: run `instantly-pipeline check`, which makes it.")
    with writing(data_dir, command="query --build"):
        yield layout.build_file


def _answer(path: Path, statement: str, *, form: str, limit: int | None, timeout: float | None) -> int:
    if form == "table":
        most = limit or TABLE_ROWS
        result = query(path, statement, limit=most + 1, timeout=timeout)
        _table(result, most, said=limit is not None)
        return 0
    with asked(path, statement, timeout=timeout) as answer:
        rows = islice(chain.from_iterable(answer.batches), limit)
        (_csv if form == "csv" else _json)(answer.columns, rows)
    return 0


def _table(result: QueryResult, most: int, *, said: bool) -> None:
    shown = table(result.columns, result.rows[:most])
    width = shutil.get_terminal_size().columns
    if sys.stdout.isatty() and max(map(len, shown.splitlines())) > width:
        shown = records(result.columns, result.rows[:most])
    click.echo(shown)
    more = len(result.rows) > most
    if more and not said:
        click.echo(f"The first {most} rows; --limit shows more, --format csv all.", err=True)


def _csv(columns: Sequence[str], rows: Iterator[Row]) -> None:
    first = next(rows, None)  # what fails at once leaves no header behind
    writer = csv.writer(CsvLines(), lineterminator="\r\n")
    writer.writerow(columns)
    if first is not None:
        writer.writerows([_cell(value) for value in row] for row in chain([first], rows))


def _cell(value: Any) -> Any:
    value = _plain(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return dumps(value).decode() if isinstance(value, list | dict) else value


def _json(columns: Sequence[str], rows: Iterator[Row]) -> None:
    """An array of objects, one a line; names that come twice get a number."""
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
    """The value as JSON can hold it; numbers with all their digits."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no word for it
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, str | int | float | Decimal) else str(value)
