"""The tables that a SELECT reads, parsed by sqlglot and cached in a file between processes."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from instantly_pipeline.errors import ModelError, StorageError
from instantly_pipeline.lake.durable import write_durably
from instantly_pipeline.warehouse.db.sql_text import digest

if TYPE_CHECKING:  # importing sqlglot takes a tenth of a second and is rarely needed
    from sqlglot import exp

_known: dict[str, tuple[str, ...]] = {}  # by the digest of the SQL
_used: set[str] = set()  # digests used in this process


def parse(sql: str, where: Path | str) -> exp.Query:
    """The one SELECT of a file. ModelError if there is none, or more than one."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        statements = [s for s in sqlglot.parse(sql, read="duckdb") if s is not None]
    except SqlglotError as error:
        raise ModelError(f"{where} is not valid SQL: {error}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ModelError(f"{where} must hold exactly one SELECT.")
    return statements[0]


def tables_of(sql: str, where: Path) -> tuple[str, ...]:
    """Full names of the tables that a SELECT reads. ModelError if it is no SELECT or names one without a schema."""
    of = digest(sql)
    if of not in _known:
        _known[of] = _tables(sql, where)
    _used.add(of)
    return _known[of]


def recall(path: Path) -> None:
    """Load the cache of an earlier process. A file that is missing, damaged, or written by another version of sqlglot
    or of this module is ignored.
    """
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        found = orjson.loads(path.read_bytes())
        if found["made_by"] == _made_by():
            _known.update({str(of): tuple(map(str, tables)) for of, tables in found["tables"].items()})


def remember(path: Path) -> None:
    """Write the cache, with the SELECTs used in this process. A failure to write it is ignored."""
    tables = {of: _known[of] for of in sorted(_used)}
    content = orjson.dumps({"made_by": _made_by(), "tables": tables})
    with suppress(OSError, StorageError):
        if not path.exists() or path.read_bytes() != content:
            write_durably(path, content)


def _made_by() -> str:
    return digest(version("sqlglot"), Path(__file__).read_text(encoding="utf-8"))


def _tables(sql: str, where: Path) -> tuple[str, ...]:
    from sqlglot import exp

    tree = parse(sql, where)
    defined = {cte.alias for cte in tree.find_all(exp.CTE)}
    found: dict[str, None] = {}
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Func):
            continue  # a table function
        if not table.db and table.name not in defined:
            raise ModelError(f"{where} reads {table.name!r} without a schema. Write it as schema.table.")
        if table.db:
            found[f"{table.db}.{table.name}"] = None
    return tuple(found)
