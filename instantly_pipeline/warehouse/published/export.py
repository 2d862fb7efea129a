"""One mart as a file for people: CSV and Parquet by DuckDB itself, xlsx by `xlsx`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from instantly_pipeline.errors import StorageError, UsageError
from instantly_pipeline.lake.durable import name_beside
from instantly_pipeline.warehouse.db.interruption import temporary
from instantly_pipeline.warehouse.db.sql_text import ident, text
from instantly_pipeline.warehouse.published.published_file import explained, open_published
from instantly_pipeline.warehouse.published.xlsx import MOST_ROWS, write_xlsx


@dataclass(frozen=True, slots=True)
class Export:
    """What was written: rows without the header, and how many texts were cut to what a cell holds."""

    rows: int
    cut: int = 0


def find_mart(published_file: Path, name: str) -> str:
    """The mart called `name`, with or without `marts.`. UsageError lists the marts, those of a like name first."""
    with open_published(published_file) as con:
        found = con.execute("select schema_name || '.' || table_name from duckdb_tables() order by 1").fetchall()
    tables = [str(row[0]) for row in found]
    marts = [table.removeprefix("marts.") for table in tables if table.startswith("marts.")]
    asked = name.strip().lower().removeprefix("marts.")
    if asked in marts:
        return asked
    if asked in tables:
        raise UsageError(
            f'{name} is not a mart. As CSV it is had with: instantly-pipeline query "from {asked}" --format csv'
        )
    like = difflib.get_close_matches(asked, marts, n=3, cutoff=0.5)
    like += [mart for mart in marts if asked and asked in mart and mart not in like]
    meant = f" Did you mean {' or '.join(like)}?" if like else ""
    others = [mart for mart in marts if mart not in like]
    raise UsageError(f"There is no mart {name!r}.{meant} The {'other ' if like else ''}marts are: {', '.join(others)}.")


def export(published_file: Path, mart: str, form: str, out: Path) -> Export:
    """Write all rows of `mart` to `out`, which is as it was until the whole file is there.

    UsageError where `form` cannot hold the rows, StorageError where `out` cannot be written.
    """
    write = {"csv": _csv, "parquet": _parquet, "xlsx": _xlsx}[form]
    with _replacing(out) as beside, open_published(published_file, writes=beside) as con, explained("This export"):
        return write(con, f"marts.{mart}", beside)


def _csv(con: duckdb.DuckDBPyConnection, table: str, to: Path) -> Export:
    return _copy(con, table, to, "format csv, header true")


def _parquet(con: duckdb.DuckDBPyConnection, table: str, to: Path) -> Export:
    return _copy(con, table, to, "format parquet, compression zstd")


def _copy(con: duckdb.DuckDBPyConnection, table: str, to: Path, options: str) -> Export:
    # a file of its own beside `to` it could not write: it is let at this one only
    [[rows]] = con.execute(f"copy {ident(table)} to {text(str(to))} ({options}, use_tmp_file false)").fetchall()
    return Export(rows)


def _xlsx(con: duckdb.DuckDBPyConnection, table: str, to: Path) -> Export:
    rows = con.execute(f"select count(*) from {ident(table)}").fetchall()[0][0]
    if rows > MOST_ROWS:
        raise UsageError(
            f"{table} has {rows:,} rows, and a sheet of xlsx holds {MOST_ROWS:,} below its header. Nothing was "
            "written. Take --format csv or parquet, or choose rows with `instantly-pipeline query`."
        )
    return Export(rows, cut=write_xlsx(con.execute(f"from {ident(table)}"), to, title=table.partition(".")[2]))


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A path beside `out` that is renamed to it in the end, or removed."""
    beside = name_beside(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with temporary(beside):
            yield beside
        beside.replace(out)
    except (OSError, duckdb.IOException) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise StorageError(f"{out} cannot be written: {why}. What was there is as it was.") from error
    finally:
        with suppress(OSError):
            beside.unlink()
