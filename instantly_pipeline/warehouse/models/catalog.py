"""Reading the SQL models and seeds from their files, each model after those it reads. Needs no database.

A model is one file `sql/<schema>/<name>.sql` with one SELECT that names every table as `schema.table`; a stream
without a file in `sql/staging` gets the view of `staging.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from instantly_pipeline.errors import ModelError
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.models.contracts import Contract, read_contracts
from instantly_pipeline.warehouse.models.lineage.used_tables import tables_of
from instantly_pipeline.warehouse.models.model import ByRecord, Model, given_tables
from instantly_pipeline.warehouse.models.staging import (
    history_name,
    history_sql,
    staging_columns,
    staging_name,
    staging_sql,
)

FOLDERS = ("staging", "intermediate", "marts")


def load_models(sql_dir: Path, streams: Mapping[str, Stream]) -> dict[str, Model]:
    """Every model by name, each after those it reads.

    ModelError where a file does not parse, reads a table that does not exist, or where models read each other in a
    circle; the message names the file.
    """
    found = {model.name: model for model in _generated(streams)}
    by_record: dict[str, Contract] = {}
    seeds = read_seeds(sql_dir)
    for folder in FOLDERS:
        contracts = read_contracts(sql_dir / folder)
        for path in sorted((sql_dir / folder).glob("*.sql")):
            contract = contracts.pop(path.stem, None)
            found[path.stem] = _from_file(path, folder, contract)
            by_record |= {path.stem: contract} if contract and contract.changed_by else {}
        for contract in contracts.values():
            if contract.name not in found:
                raise ModelError(f"{contract.path} describes {contract.name}, and there is no {contract.name}.sql.")
            found[contract.name] = _described(found[contract.name], contract)
    for name, contract in by_record.items():
        found[name] = replace(found[name], by_record=_by_record(contract, streams, found))
    return _in_order(found, given_tables(streams, seeds))


def _generated(streams: Mapping[str, Stream]) -> Iterable[Model]:
    for stream in streams.values():
        yield Model(
            name=staging_name(stream),
            schema="staging",
            sql=staging_sql(stream),
            depends_on=(f"raw.{stream.name}",),
            description=f"{stream.about}; decoded, times in UTC",
            grain="one row per " + (", ".join(("workspace_id", *stream.key))),
            columns=staging_columns(stream),
            checks=(),
            materialized="view",
        )
        if versions := history_sql(stream):
            yield Model(
                name=history_name(stream),
                schema="staging",
                sql=versions,
                depends_on=(f"history.{stream.name}",),
                description=f"{stream.about}; every version, from whichever field of the API has a value",
                grain="one row per " + ", ".join(("workspace_id", *stream.key, "version")),
                columns=(),
                checks=(),
                materialized="view",
            )


def _from_file(path: Path, schema: str, contract: Contract | None) -> Model:
    sql = path.read_text(encoding="utf-8")
    first = sql.splitlines()[0] if sql.strip() else ""
    grain = contract.grain if contract and contract.grain else first.removeprefix("--").strip()
    return Model(
        name=path.stem,
        schema=schema,
        sql=sql,
        depends_on=tables_of(sql, path),
        description=contract.description if contract else "",
        grain=grain,
        columns=contract.columns if contract else (),
        checks=contract.checks if contract else (),
        key=contract.key if contract else (),
        nullable_key=contract.nullable_key if contract else (),
        materialized=_materialized(schema, contract),
        may_be_empty=contract.may_be_empty if contract else False,
        path=path,
    )


def _by_record(contract: Contract, streams: Mapping[str, Stream], models: Mapping[str, Model]) -> ByRecord:
    """What `changed_by` of a contract says: the stream first, then other tables, each with columns of the model."""
    keys = {f"raw.{stream.name}": ("workspace_id", *stream.key) for stream in streams.values()}
    keys |= {model.full_name: model.key for model in models.values()}
    (stream, columns), *others = contract.changed_by.items()
    keys |= {table: names for table, names in others if keys.get(table) == ()}
    for table, names in ((f"raw.{stream}", columns), *others):
        if len(keys.get(table, ())) != len(names):
            raise ModelError(
                f"{contract.path}: `changed_by` of {contract.name} names {table} with {', '.join(names)}. It takes a "
                "stream, then raw tables and models, each with as many columns of the model as its key has; of a model "
                "without a key, with its columns of the same names."
            )
    return ByRecord(
        stream=stream,
        key=columns,
        record_key=keys[f"raw.{stream}"],
        others={table: (names, keys[table]) for table, names in others},
        verified_column=contract.verified_column,
    )


def _materialized(schema: str, contract: Contract | None) -> str:
    if schema == "intermediate":
        return (contract.materialized if contract else "") or "view"
    return "table" if schema == "marts" else "view"


def _described(model: Model, contract: Contract) -> Model:
    """A generated model with the checks and description of its contract."""
    return Model(
        name=model.name,
        schema=model.schema,
        sql=model.sql,
        depends_on=model.depends_on,
        description=contract.description or model.description,
        grain=contract.grain or model.grain,
        columns=contract.columns or model.columns,
        checks=contract.checks,
        key=contract.key,
        nullable_key=contract.nullable_key,
        materialized=model.materialized,
        path=model.path,
    )


def _in_order(models: Mapping[str, Model], given: Collection[str]) -> dict[str, Model]:
    by_full_name = {model.full_name: model for model in models.values()}
    for model in models.values():
        missing = [name for name in model.depends_on if name not in by_full_name and name not in given]
        if missing:
            raise ModelError(
                f"{model.where} reads {missing[0]}, which does not exist. Streams are raw.<stream>, models are "
                "staging.<name>, intermediate.<name> and marts.<name>, seeds are seeds.<file>."
            )
    done: dict[str, Model] = {}
    left = dict(models)
    while left:
        waiting = {model.full_name for model in left.values()}
        ready = [m for m in left.values() if not any(full in waiting for full in m.depends_on)]
        if not ready:
            raise ModelError(f"These models read each other in a circle: {', '.join(sorted(left))}.")
        for model in ready:
            done[model.name] = left.pop(model.name)
    return done


def with_needs(models: Mapping[str, Model], names: Collection[str]) -> dict[str, Model]:
    """The models called `names` and all they are built from, in order. ModelError names one that does not exist."""
    unknown = [name for name in names if name not in models]
    if unknown:
        raise ModelError(f"There is no model {unknown[0]!r}. The models are: {', '.join(sorted(models))}.")
    by_full_name = {model.full_name: model for model in models.values()}
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += [by_full_name[full].name for full in models[name].depends_on if full in by_full_name]
    return {name: model for name, model in models.items() if name in wanted}


def read_seeds(sql_dir: Path) -> dict[str, Contract]:
    """The seeds by name; each CSV file of `sql/seeds` has a contract with all its columns beside it."""
    contracts = read_contracts(sql_dir / "seeds")
    for path in sorted((sql_dir / "seeds").glob("*.csv")):
        if path.stem not in contracts or not contracts[path.stem].columns:
            raise ModelError(f"{path} has no contract with columns in {path.parent}/*.yml; add one.")
    for contract in contracts.values():
        if not (sql_dir / "seeds" / f"{contract.name}.csv").exists():
            raise ModelError(f"{contract.path} describes {contract.name}, and there is no {contract.name}.csv.")
    return contracts
