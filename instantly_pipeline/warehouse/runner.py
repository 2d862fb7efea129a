"""Makes the models in the build file: seeds and macros first, then each model after those it reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from instantly_pipeline.errors import ModelError
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.contracts import Contract, ContractColumn
from instantly_pipeline.warehouse.loader import HISTORY_ENVELOPE, RAW_ENVELOPE
from instantly_pipeline.warehouse.models import FOLDERS, Model, read_seeds, with_needs
from instantly_pipeline.warehouse.sqltext import ident, text

ABOUT_ENVELOPE = {
    "extra": "JSON: fields without a column, and values that did not fit theirs",
    "workspace_id": "Workspace the row belongs to",
    "_key": "Key of the record as a JSON array",
    "_first_seen_at": "When a sync first saw the record",
    "_changed_at": "When a sync last saw it change, or found it deleted",
    "_verified_at": "When it was last compared with the API",
    "_deleted_at": "When a sync found that the API no longer has it",
    "_row_hash": "Version of the hash and hash of the record; null for a delete",
    "_op": "upsert or delete",
    "_run_id": "Run that saw this version first",
    "_valid_from": "When this version was first seen",
    "_valid_to": "When the next version was first seen; null for the last one",
}


@dataclass(frozen=True, slots=True)
class ModelResult:
    """A model as made: its rows (None for a view), seconds taken, columns as (name, DuckDB type)."""

    rows: int | None
    seconds: float
    columns: list[tuple[str, str]]


def run_models(
    con: duckdb.DuckDBPyConnection,
    sql_dir: Path,
    models: Mapping[str, Model],
    names: Collection[str] | None,
    on_model: Callable[[str], None],
) -> dict[str, ModelResult]:
    """Make the models called `names` (None: all, and drop what is no model any more) with what they are built from.

    ModelError names the file that failed; the models before it are made, nothing is published.
    """
    chosen = dict(models) if names is None else with_needs(models, names)
    _macros(con, sql_dir)
    _seeds(con, sql_dir)
    if names is None:
        _drop_others(con, models)
    results = {}
    for model in chosen.values():
        on_model(model.name)
        results[model.name] = _make(con, model)
    return results


def _macros(con: duckdb.DuckDBPyConnection, sql_dir: Path) -> None:
    path = sql_dir / "macros.sql"
    if path.exists():
        try:
            con.execute(path.read_text(encoding="utf-8"))
        except duckdb.Error as error:
            raise ModelError(_failed(str(path), error)) from error


def _seeds(con: duckdb.DuckDBPyConnection, sql_dir: Path) -> None:
    for seed in read_seeds(sql_dir).values():
        _seed(con, sql_dir / "seeds" / f"{seed.name}.csv", seed)


def _seed(con: duckdb.DuckDBPyConnection, path: Path, seed: Contract) -> None:
    types = ", ".join(f"{text(column.name)}: {text(column.type)}" for column in seed.columns)
    try:
        con.execute(
            f"create or replace table seeds.{ident(seed.name)} as "
            f"from read_csv({text(str(path))}, header = true, auto_detect = false, delim = ',', quote = '\"', "
            f"escape = '\"', columns = {{{types}}})"
        )
    except duckdb.Error as error:
        raise ModelError(_failed(str(path), error)) from error
    _comment(con, "table", f"seeds.{seed.name}", seed.description, seed.columns)


def _drop_others(con: duckdb.DuckDBPyConnection, models: Mapping[str, Model]) -> None:
    """Remove what an older version of the models left, so that nobody reads figures that are no longer worked out."""
    kept = {(model.schema, model.name, model.materialized) for model in models.values()}
    found = con.execute(
        "select schema_name, table_name, 'table' from duckdb_tables() union all "
        "select schema_name, view_name, 'view' from duckdb_views() where not internal"
    ).fetchall()
    for schema, name, kind in found:
        if schema in FOLDERS and (schema, name, kind) not in kept:
            con.execute(f"drop {kind} if exists {ident(schema)}.{ident(name)} cascade")


def _make(con: duckdb.DuckDBPyConnection, model: Model) -> ModelResult:
    started = time.perf_counter()
    name = f"{ident(model.schema)}.{ident(model.name)}"
    con.begin()
    try:
        _drop_other_kind(con, model)
        con.execute(f"create or replace {model.materialized} {name} as {model.sql}")
        columns = [(row[0], row[1]) for row in con.execute(f"describe {name}").fetchall()]
        rows = None
        if model.materialized == "table":
            counted = con.execute(f"select count(*) from {name}").fetchone()
            rows = int(counted[0]) if counted else 0
        present = {column for column, _ in columns}
        described = [column for column in model.columns if column.name in present]
        _comment(con, model.materialized, model.full_name, f"{model.description}. Grain: {model.grain}.", described)
    except duckdb.Error as error:
        con.rollback()
        raise ModelError(_failed(model.where, error)) from error
    con.commit()
    return ModelResult(rows, time.perf_counter() - started, columns)


def _drop_other_kind(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    """A table cannot replace a view of its name, nor the reverse."""
    catalog, column = (
        ("duckdb_views", "view_name") if model.materialized == "table" else ("duckdb_tables", "table_name")
    )
    found = con.execute(
        f"select count(*) from {catalog}() where schema_name = ? and {column} = ?", [model.schema, model.name]
    ).fetchone()
    if found and found[0]:
        kind = "view" if model.materialized == "table" else "table"
        con.execute(f"drop {kind} {ident(model.schema)}.{ident(model.name)} cascade")


def _failed(where: str, error: duckdb.Error) -> str:
    """DuckDB's own words, without the values a conversion error would quote."""
    if isinstance(error, duckdb.ConversionException | duckdb.InvalidInputException | duckdb.OutOfRangeException):
        said = "a value cannot be converted; use try_cast where the data may be of another type"
    else:
        said = str(error).strip()
    return (
        f"{where} failed in DuckDB: {said}\nThe published file is as it was. Correct the file and run the same command."
    )


def _comment(
    con: duckdb.DuckDBPyConnection, kind: str, name: str, about: str, columns: Collection[ContractColumn]
) -> None:
    statements = [f"comment on {kind} {ident(name)} is {text(about.strip())}"] if about else []
    statements += [
        f"comment on column {ident(name)}.{ident(column.name)} is {text(column.description)}"
        for column in columns
        if column.description
    ]
    if statements:
        con.execute(";".join(statements))


def comment_stream(con: duckdb.DuckDBPyConnection, stream: Stream) -> None:
    """Describe the raw and history tables of a stream in the database."""
    own = [ContractColumn(column.name, column.type.sql, column.about) for column in stream.columns]
    for schema, envelope, about in (
        ("raw", RAW_ENVELOPE, f"{stream.about}. Current state, one row per key; deleted ones are kept."),
        ("history", HISTORY_ENVELOPE, f"{stream.about}. Every version that was seen."),
    ):
        rest = [ContractColumn(name, kind, ABOUT_ENVELOPE[name]) for name, kind in envelope.items()]
        _comment(con, "table", f"{schema}.{stream.name}", about, [*own, *rest])
