"""Small pieces of SQL text: quoting, lists, digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

Row = TypeVar("Row")


def ident(name: str) -> str:
    """`name` as a quoted identifier; of a dotted name each part."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def text(value: str | None) -> str:
    """`value` as an SQL string literal, or `null`."""
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def instant(value: datetime) -> str:
    """`value` as a TIMESTAMPTZ literal that does not depend on the session's time zone."""
    return f"timestamptz '{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


def path_list(paths: Iterable[Path]) -> str:
    """Paths as an SQL list of literals, taken as they are: what DuckDB would read as a pattern is escaped."""
    return "[" + ", ".join(text(_literal_path(path)) for path in paths) + "]"


def _literal_path(path: Path) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))


def columns(names: Sequence[str], prefix: str = "") -> str:
    """Quoted names, comma-separated, each after `prefix` (such as `h.`)."""
    return ", ".join(f"{prefix}{ident(name)}" for name in names)


def first(rows: Sequence[Row]) -> Row | None:
    """The first row of an answer that was fetched to its end, None where it has none.

    `fetchone` leaves the answer open, and with it a transaction that another connection's checkpoint waits for.
    """
    return rows[0] if rows else None


def digest(*parts: str) -> str:
    """What tells one list of texts from every other."""
    return hashlib.blake2b("".join(f"{len(part)}:{part}" for part in parts).encode(), digest_size=16).hexdigest()


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or else its kind."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
