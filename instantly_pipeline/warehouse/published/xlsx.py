"""An answer of DuckDB as a sheet: dates as dates, rates as percentages, and texts that are never taken for formulas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError, FileSizeError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from instantly_pipeline.errors import UsageError

MOST_ROWS = 1_048_575  # a sheet has 1,048,576, and one is the header
_CUT = -2  # what XlsxWriter answers where it cut a text to the 32,767 characters that a cell holds
_EXACT = 10**15  # a cell keeps 15 digits of a number
_FIRST_DAY = date(1900, 3, 1)  # before it, Excel counts a day that never was
_SHARE = re.compile(r"(^|_)(rate|share)(_|$)|_per_(sent|reply|positive|meeting)(_|$)|^chance_")
_NUMBER_FORMATS = {"BIGINT": "0", "DOUBLE": "#,##0.00", "DATE": "yyyy-mm-dd", "TIMESTAMP": "yyyy-mm-dd hh:mm:ss"}
_WIDTHS = {"VARCHAR": 24, "DATE": 11, "TIMESTAMP": 19}
_BATCH = 10_000

Columns = Sequence[tuple[str, str]]


def write_xlsx(cursor: duckdb.DuckDBPyConnection, to: Path, *, title: str) -> int:
    """Write what `cursor` answers, at most MOST_ROWS rows; how many texts were cut to what a cell holds.

    Memory does not grow with the rows. UsageError where the file would be too large for its format; OSError.
    """
    columns = [(str(column[0]), str(column[1])) for column in cursor.description or []]
    with TemporaryDirectory(dir=to.parent, prefix=f"{to.name}.") as rows_so_far:
        book = Workbook(str(to), {"constant_memory": True, "tmpdir": rows_so_far})
        cut = _write_rows(cursor, book, book.add_worksheet(title[:31]), columns)
        try:
            book.close()
        except FileCreateError as error:
            raise OSError(*error.args[0].args) from error
        except FileSizeError as error:
            raise UsageError(
                f"{title} is too large for xlsx. Nothing was written; take --format csv or parquet."
            ) from error
    return cut


def _write_rows(cursor: duckdb.DuckDBPyConnection, book: Workbook, sheet: Worksheet, columns: Columns) -> int:
    _write_header(sheet, columns, book.add_format({"bold": True, "bottom": 1}))
    formats = [book.add_format({"num_format": _number_format(name, kind)}) for name, kind in columns]
    rows = cut = 0
    while batch := cursor.fetchmany(_BATCH):
        for row in batch:
            rows += 1
            for at, value in enumerate(row):
                cut += _write_cell(sheet, rows, at, value, formats[at]) == _CUT
    sheet.autofilter(0, 0, rows, len(columns) - 1)
    return cut


def _write_header(sheet: Worksheet, columns: Columns, bold: Format) -> None:
    sheet.freeze_panes(1, 0)
    for at, (name, kind) in enumerate(columns):
        sheet.set_column(at, at, max(len(name) + 3, _WIDTHS.get(kind, 10)))
        sheet.write_string(0, at, name, bold)


def _number_format(name: str, kind: str) -> str:
    return "0.00%" if kind == "DOUBLE" and _SHARE.search(name) else _NUMBER_FORMATS.get(kind, "General")


def _write_cell(sheet: Worksheet, row: int, column: int, value: Any, style: Format) -> int:
    """One value; as text where a cell would not keep it. The answer of XlsxWriter."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return 0
    if isinstance(value, bool):
        return int(sheet.write_boolean(row, column, value))
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _EXACT):
        return int(sheet.write_number(row, column, value, style))
    if isinstance(value, date) and _day(value) >= _FIRST_DAY:
        return int(sheet.write_datetime(row, column, value, style))
    return int(sheet.write_string(row, column, str(value)))


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value
