"""Queries of the published file, each one SQL statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import duckdb

from instantly_pipeline.errors import OverdueError, UsageError
from instantly_pipeline.warehouse.db.interruption import at_most
from instantly_pipeline.warehouse.db.sql_text import first_line
from instantly_pipeline.warehouse.published.published_file import explained, open_published

_BATCH = 10_000  # rows; between two batches a signal is heard


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The answer to a query: names and DuckDB types of the columns, and the rows."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query while it is read: `batches` of rows, of which none is held."""

    columns: list[str]
    types: list[str]
    batches: Iterator[list[tuple[Any, ...]]]


@contextmanager
def open_query(published_file: Path, sql: str, *, timeout: float | None = None) -> Iterator[Answer]:
    """Run one SQL statement; its rows come while they are computed.

    UsageError where nothing was published, the statement is wrong or would write; OverdueError after `timeout`
    seconds; StorageError where memory or disk do not suffice.
    """
    late = _overdue(timeout)
    bounded = partial(at_most, seconds=timeout, code=late.exit_code, said=f"Error: {late}")
    with (
        closing(open_published(published_file)) as con,
        _explained_query(late),
        explained("This query"),
        bounded(con),
    ):
        if not con.extract_statements(sql):
            raise UsageError("There is no SQL to answer.")
        described = con.execute(sql).description or []
        names, types = [column[0] for column in described], [str(column[1]) for column in described]
        yield Answer(names, types, iter(lambda: con.fetchmany(_BATCH), []))


def _overdue(timeout: float | None) -> OverdueError:
    return OverdueError(
        f"The query was not answered within {timeout} s and was stopped. Nothing was changed; give it more with "
        "--timeout, or ask for less."
    )


@contextmanager
def _explained_query(late: OverdueError) -> Iterator[None]:
    """Turns DuckDB's errors into those of the commands."""
    try:
        yield
    except TimeoutError as error:
        raise late from error
    except duckdb.PermissionException as error:
        raise UsageError(f"Only the published file can be read here: {first_line(error)}") from error
    except duckdb.Error as error:
        if "read-only mode" in str(error):
            raise UsageError(
                "The published file is read-only: it is replaced at the next sync. Copy it, or create your tables in "
                "another database that attaches it."
            ) from error
        raise UsageError(f"DuckDB cannot answer this: {error}") from error


def query(published_file: Path, sql: str, *, limit: int | None = None, timeout: float | None = None) -> QueryResult:
    """The answer to one SQL statement as a whole, at most `limit` rows of it. Errors as of `open_query`."""
    with open_query(published_file, sql, timeout=timeout) as answer:
        rows = list(islice(chain.from_iterable(answer.batches), limit))
    return QueryResult(answer.columns, answer.types, rows)
