"""Formats tables and values as plain text, for any terminal and encoding."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from instantly_pipeline.visible import visible, visible_json

MAX_CELL = 60  # characters


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, indent: str = "") -> str:
    """A table with aligned columns: numbers to the right, everything else to the left."""
    columns, cells = [visible(name) for name in columns], [[cell(value) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(columns)]
    right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(columns))]

    def line(values: Sequence[str]) -> str:
        placed = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True))
        return f"{indent}{'  '.join(placed)}".rstrip()

    return "\n".join([line(list(columns)), line(["-" * width for width in widths]), *map(line, cells)])


def records(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """One line per value, for rows too wide for a table."""
    columns = [visible(name) for name in columns]
    width = max(map(len, columns), default=0)
    shown = ["\n".join(f"{n.ljust(width)}  {cell(v)}" for n, v in zip(columns, row, strict=True)) for row in rows]
    return "\n\n".join(shown)


class CsvLines:
    """The output of a `csv.writer` with the line ending CRLF, written to stdout with LF.

    Python 3.11's writer quotes a text only for characters of its line ending. With LF alone, it would leave a lone
    carriage return unquoted, which readers take as the end of a row.
    """

    def write(self, row: str) -> int:
        """Write one whole row."""
        return sys.stdout.write(row.removesuffix("\r\n") + "\n")


def cell(value: Any) -> str:
    """One value as text, on one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value.tzinfo else str(value)[:19]
    shown = visible(" ".join(str(value).split()))
    return shown if len(shown) <= MAX_CELL else f"{shown[: MAX_CELL - 3]}..."


def write_json(value: Any, *, indent: int | None = 2, default: Callable[[Any], object] | None = None) -> None:
    """Write one JSON value and a line feed to stdout. ValueError for NaN and infinity."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=default)
    sys.stdout.write(f"{visible_json(text)}\n")


def seconds(value: float) -> str:
    """A duration in seconds as text: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def age(then: datetime | None, now: datetime) -> str:
    """How long ago `then` was: just now, 5 min ago, 3 h ago, 4 days ago; never for None."""
    if then is None:
        return "never"
    passed = (now - then).total_seconds()
    if passed < 90:
        return "just now"
    if passed < 5400:
        return f"{round(passed / 60)} min ago"
    return f"{round(passed / 3600)} h ago" if passed < 172800 else f"{round(passed / 86400)} days ago"


def megabytes(size: int) -> str:
    """A size in bytes as text: 12.3 MB."""
    return f"{size / 1e6:,.1f} MB"


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
