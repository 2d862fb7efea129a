"""Building the models in the build file: macros and seeds first, then each model after those it reads.

A model whose inputs have not changed is left as it is (see `definitions.py`); one with `changed_by` is built again
only for the records that changed (see `by_record.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import duckdb

from instantly_pipeline.errors import ModelError
from instantly_pipeline.warehouse.db.build_file import refused_by_machine
from instantly_pipeline.warehouse.db.build_state import Built, built_before, note_built
from instantly_pipeline.warehouse.db.fingerprints import VERIFIED, Fingerprints
from instantly_pipeline.warehouse.db.parallel import run_parallel
from instantly_pipeline.warehouse.db.sql_text import digest, ident
from instantly_pipeline.warehouse.db.tables import comment
from instantly_pipeline.warehouse.models import variant_posterior
from instantly_pipeline.warehouse.models.by_record import ByRecordBuilder, Rows, note_rows, position
from instantly_pipeline.warehouse.models.catalog import FOLDERS, read_seeds, with_needs
from instantly_pipeline.warehouse.models.contracts import Contract
from instantly_pipeline.warehouse.models.definitions import Definitions
from instantly_pipeline.warehouse.models.lineage.used_columns import Planner, Reads
from instantly_pipeline.warehouse.models.model import ByRecord, Model
from instantly_pipeline.warehouse.models.seeds import put_seed


@dataclass(frozen=True, slots=True)
class ModelResult:
    """A model as built: its rows (None for a view), seconds taken, columns as (name, DuckDB type).

    `rebuilt` is False where it was left as it is. `records` is of how many records it was built; None where of all.
    """

    rows: int | None
    seconds: float
    columns: list[tuple[str, str]]
    rebuilt: bool = True
    records: int | None = None


def run_models(
    con: duckdb.DuckDBPyConnection,
    sql_dir: Path,
    models: Mapping[str, Model],
    names: Collection[str] | None,
    on_model: Callable[[str], None],
) -> dict[str, ModelResult]:
    """Build the models called `names` (None: all, and drop those that no longer exist) with the models they read.

    ModelError names the file that failed; the models before it are built, nothing is published.
    """
    chosen = dict(models) if names is None else with_needs(models, names)
    macros = macros_text(sql_dir)
    before = built_before(con)
    fingerprints = fingerprints_of(con, models)
    _macros(con, sql_dir, macros, before)
    variant_posterior.register(con)
    for seed in read_seeds(sql_dir).values():
        _seed(con, sql_dir / "seeds" / f"{seed.name}.csv", seed, before, fingerprints)
    if names is None:
        _drop_others(con, models)
    definitions = Definitions(con, models, f"{macros} -- {digest(variant_posterior.source())}")
    with closing(Planner(lambda planner: _functions(planner, macros))) as planner:
        builder = _Builder(con, definitions, fingerprints, before, planner)
        results = run_parallel(con, _needs(chosen), lambda cursor, name: builder.build(cursor, chosen[name]), on_model)
    fingerprints.save()
    return results


def _functions(con: duckdb.DuckDBPyConnection, macros: str) -> None:
    """Define what the models call."""
    variant_posterior.register(con)
    if macros.strip():
        con.execute(macros)


def _needs(models: Mapping[str, Model]) -> dict[str, list[str]]:
    """The models each of them has to wait for, by name."""
    by_full_name = {model.full_name: model.name for model in models.values()}
    return {m.name: [by_full_name[full] for full in m.depends_on if full in by_full_name] for m in models.values()}


def fingerprints_of(con: duckdb.DuckDBPyConnection, models: Mapping[str, Model]) -> Fingerprints:
    """The fingerprints of what models read and of the models themselves."""
    keys = {model.full_name: model.key for model in models.values() if model.key}
    row_by_row = {m.full_name: m.by_record.verified_column for m in models.values() if m.by_record}
    return Fingerprints(con, keys, row_by_row)


def macros_text(sql_dir: Path) -> str:
    """The macros of `labels.sql` and `macros.sql`, "" where there are none."""
    paths = (sql_dir / "labels.sql", sql_dir / "macros.sql")
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.exists())


def _macros(con: duckdb.DuckDBPyConnection, sql_dir: Path, macros: str, before: Mapping[str, Built]) -> None:
    """Define the macros of the file, and no others."""
    definition = digest(macros)
    if "macros" in before and before["macros"].definition == definition:
        return
    con.begin()
    try:
        for kind, name in con.execute(_OLD_MACROS).fetchall():
            con.execute(f"drop {kind} if exists {ident(name)}")
        if macros.strip():
            con.execute(macros)
        note_built(con, "macros", Built(definition))
        con.commit()
    except duckdb.Error as error:
        _give_up(con, str(sql_dir / "macros.sql"), error)


_OLD_MACROS = """
select case function_type when 'macro' then 'macro' else 'macro table' end, schema_name || '.' || function_name
from duckdb_functions() where not internal and function_type in ('macro', 'table_macro')
"""


def _seed(
    con: duckdb.DuckDBPyConnection, path: Path, seed: Contract, before: Mapping[str, Built], fingerprints: Fingerprints
) -> None:
    name = f"seeds.{seed.name}"
    definition = digest(duckdb.__version__, path.read_bytes().hex(), repr(seed))
    if name in before and before[name].definition == definition:
        return
    con.begin()
    try:
        put_seed(con, path, seed)
        comment(con, "table", name, seed.description, seed.columns)
        fingerprints.forget(con, name)
        note_built(con, name, Built(definition))
        con.commit()
    except ModelError:
        con.rollback()
        raise
    except duckdb.Error as error:
        _give_up(con, str(path), error)


def _drop_others(con: duckdb.DuckDBPyConnection, models: Mapping[str, Model]) -> None:
    """Drop tables and views that are no longer models, so that nobody reads figures that are no longer updated."""
    kept = {(model.schema, model.name, model.materialized) for model in models.values()}
    for schema, name, kind in _there(con) - kept:
        con.execute(f"drop {kind} if exists {ident(schema)}.{ident(name)} cascade")


def _there(con: duckdb.DuckDBPyConnection) -> set[tuple[str, str, str]]:
    """Schema, name and kind of every model there is."""
    found = con.execute(
        "select schema_name, table_name, 'table' from duckdb_tables() union all "
        "select schema_name, view_name, 'view' from duckdb_views() where not internal"
    ).fetchall()
    return {(schema, name, kind) for schema, name, kind in found if schema in FOLDERS}


class _Builder:
    """Builds the models that have changed, each in a transaction of its own; several at once, in threads."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        definitions: Definitions,
        fingerprints: Fingerprints,
        before: Mapping[str, Built],
        planner: Planner,
    ) -> None:
        self._planner = planner
        self._definitions = definitions
        self._fingerprints = fingerprints
        self._before = before
        self._there = _there(con)

    def build(self, con: duckdb.DuckDBPyConnection, model: Model) -> ModelResult:
        """Build the model unless it is current."""
        started = time.perf_counter()
        try:
            result = self._built(con, model)
        except duckdb.Error as error:
            _give_up(con, model.where, error)
        self._definitions.columns[model.full_name] = result.columns
        return replace(result, seconds=time.perf_counter() - started if result.rebuilt else 0.0)

    def _built(self, con: duckdb.DuckDBPyConnection, model: Model) -> ModelResult:
        name = model.full_name
        about = [part for column in model.columns for part in (column.name, column.description)]
        definition = digest(self._definitions.of(name), model.about, *about, repr(model.by_record))
        before = self._before.get(name)
        known = before if before is not None and before.definition == definition else None
        reads = known.reads if known else self._reads(model)
        inputs = {table: self._fingerprints.of(table, names) for table, names in sorted(reads.items())}
        is_there = (model.schema, model.name, model.materialized) in self._there
        if known and is_there and not self._definitions.is_volatile(name):
            if known.inputs == inputs:
                return ModelResult(known.rows, 0.0, known.columns, rebuilt=False)
            if model.by_record is not None and (result := self._update(con, model, model.by_record, known, inputs)):
                return result
        con.begin()
        rows, columns = self._create(con, model)
        upto = ""
        if model.by_record is not None:
            upto = position(con, model.by_record)
            note_rows(con, name, model.by_record, reads, model.by_record.others)
        self._fingerprints.forget(con, name)
        note_built(con, name, Built(definition, reads, inputs, upto, rows, columns))
        con.commit()
        return ModelResult(rows, 0.0, columns)

    def _update(
        self, con: duckdb.DuckDBPyConnection, model: Model, by: ByRecord, known: Built, inputs: Mapping[str, str]
    ) -> ModelResult | None:
        """Build the rows of the records that changed; None where all have to be built."""
        builder = ByRecordBuilder(con, model, by, self._definitions)
        moved = [table for table, found in inputs.items() if known.inputs.get(table) != found]
        with builder.changed(known, moved) as found:
            if found is None:
                return None
            con.begin()
            try:
                rows = self._put(con, model, builder, found, replace(known, inputs=dict(inputs)), moved)
                con.commit()
            except BaseException:
                with suppress(duckdb.Error):  # a commit that failed has ended it
                    con.rollback()
                raise  # the database in memory is only given up outside of a transaction
        return ModelResult(rows, 0.0, known.columns, records=found.records)

    def _put(
        self,
        con: duckdb.DuckDBPyConnection,
        model: Model,
        builder: ByRecordBuilder,
        found: Rows,
        built: Built,
        moved: Collection[str],
    ) -> int:
        """Put the rows of the records that changed into the table, and note it; how many rows there are."""
        name, by = model.full_name, builder.by
        if found.differ:
            builder.replace()
            self._fingerprints.forget(con, name)
        if builder.verify():
            self._fingerprints.forget(con, name, by.verified_column)
        note_rows(con, name, by, built.reads, set(moved) & set(by.others))
        rows = int(con.execute(f"select count(*) from {ident(name)}").fetchall()[0][0])
        note_built(con, name, replace(built, upto=position(con, by), rows=rows))
        return rows

    def _reads(self, model: Model) -> Reads:
        """The columns that a table is computed from. A view has no rows of its own."""
        if model.materialized == "view":
            return {}
        tables, views = self._definitions.tables(model.depends_on), self._definitions.views(model.depends_on)
        reads = self._planner.columns_read(model.sql, tables, views)
        if model.by_record is not None and (column := model.by_record.verified_column):
            rest = f"select * exclude ({ident(column)}) from (\n{model.sql}\n)"
            if VERIFIED in self._planner.columns_read(rest, tables, views)[model.by_record.sources[0]]:
                raise ModelError(f"{model.where}: other columns depend on what its `verified_column` shows.")
        return reads

    def _create(self, con: duckdb.DuckDBPyConnection, model: Model) -> tuple[int | None, list[tuple[str, str]]]:
        name = ident(model.full_name)
        other = "view" if model.materialized == "table" else "table"  # the one cannot replace the other
        if (model.schema, model.name, other) in self._there:
            con.execute(f"drop {other} {name} cascade")
        answer = con.execute(f"create or replace {model.materialized} {name} as {model.sql}").fetchall()
        rows = int(answer[0][0]) if model.materialized == "table" else None
        columns = [(row[0], row[1]) for row in con.execute(f"describe {name}").fetchall()]
        present = {column for column, _ in columns}
        described = [column for column in model.columns if column.name in present]
        comment(con, model.materialized, model.full_name, model.about, described)
        return rows, columns


def _give_up(con: duckdb.DuckDBPyConnection, where: str, error: duckdb.Error) -> NoReturn:
    """Undo what was begun, and say which file is wrong unless it was the machine that failed."""
    with suppress(duckdb.Error):  # there may be none: a commit that failed has ended it
        con.rollback()
    if refused_by_machine(error):
        raise error
    raise ModelError(_failed(where, error)) from error


def _failed(where: str, error: duckdb.Error) -> str:
    """DuckDB's own words, without the values a conversion error would quote."""
    if isinstance(error, duckdb.ConversionException | duckdb.InvalidInputException | duckdb.OutOfRangeException):
        said = "a value cannot be converted; use try_cast where the data may be of another type"
    else:
        said = str(error).strip()
    return (
        f"{where} failed in DuckDB: {said}\nThe published file is as it was. Correct the file and run the same command."
    )
