"""Rows in, rows out: a model run by its real SQL on a DuckDB of its own that holds only what a test gives.

    rows = expect("fct_campaign_daily", {"intermediate.int_campaign_day": [{"campaign_id": "c1", "sent": 10}]})

A given model takes the place of its SQL; everything between what is given and the model asked for runs as it is.
Columns that are left out are null, tables that are left out are empty, seeds are the shipped ones unless given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import duckdb

from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.db.build_file import SCHEMAS
from instantly_pipeline.warehouse.db.sql_text import columns, ident
from instantly_pipeline.warehouse.models import variant_posterior
from instantly_pipeline.warehouse.models.catalog import read_seeds, with_needs
from instantly_pipeline.warehouse.models.contracts import Contract
from instantly_pipeline.warehouse.models.model import Model, given_tables
from instantly_pipeline.warehouse.models.runner import macros_text
from instantly_pipeline.warehouse.models.seeds import put_seed
from tests.warehouse.lake_writer import SQL, shipped_models

Row = Mapping[str, Any]
Given = Mapping[str, Sequence[Row]]


def expect(model: str, given: Given, select: str = "*", order: str = "all") -> list[dict[str, Any]]:
    """The rows of a model, as dictionaries of the selected columns, made from the given rows alone."""
    con, _ = database(), _shapes()  # the shapes first: they are found out in a transaction of their own
    con.begin()  # and rolled back: each test begins with an empty database, and none has to be made for it
    try:
        _make(con, given, model)
        answer = con.execute(f"select {select} from {_full_name(model)} order by {order}")
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
    finally:
        con.rollback()


def answers(questions: Sequence[tuple[str, str]], given: Given) -> list[Any]:
    """The one value that each question answers, with the model that it asks, made from the given rows alone."""
    con, _ = database(), _shapes()
    con.begin()
    try:
        _make(con, given, *{model for model, _ in questions})
        return [con.execute(question).fetchall()[0][0] for _, question in questions]
    finally:
        con.rollback()


@cache
def database() -> duckdb.DuckDBPyConnection:
    """A database in memory with the shipped macros and nothing else."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("set TimeZone = 'UTC'")
    for schema in SCHEMAS:
        con.execute(f"create schema if not exists {schema}")
    con.execute(macros_text(SQL))
    variant_posterior.register(con)
    return con


def _make(con: duckdb.DuckDBPyConnection, given: Given, *models: str) -> None:
    """The given tables, and these models with what they are built from."""
    chosen = with_needs(_without(frozenset(given)), models)
    read = {name for model in chosen.values() for name in model.depends_on} | given.keys()
    for name, shape in _leaves().items():
        schema, table = name.split(".", 1)
        if schema == "seeds" and name in read and name not in given:
            put_seed(con, SQL / "seeds" / f"{table}.csv", _seeds()[table])
        elif name in read:
            _put(con, name, shape, given.get(name, ()))
    for model in chosen.values():
        if model.full_name in given:
            _put(con, model.full_name, _shapes()[model.full_name], given[model.full_name])
        else:
            con.execute(f"create {model.materialized} {ident(model.full_name)} as {model.sql}")


@cache
def _without(given: frozenset[str]) -> dict[str, Model]:
    """The models, of which the given ones need nothing."""
    return {n: replace(m, depends_on=()) if m.full_name in given else m for n, m in shipped_models().items()}


def _put(con: duckdb.DuckDBPyConnection, name: str, shape: Mapping[str, str], rows: Sequence[Row]) -> None:
    con.execute(f"create table {ident(name)} ({', '.join(f'{ident(c)} {kind}' for c, kind in shape.items())})")
    for row in rows:
        unknown = row.keys() - shape.keys()
        assert not unknown, f"{name} has no column {', '.join(sorted(unknown))}"
        marks = ", ".join("?" for _ in row)
        con.execute(f"insert into {ident(name)} ({columns(list(row))}) values ({marks})", list(row.values()))


@cache
def _seeds() -> dict[str, Contract]:
    return read_seeds(SQL)


def _full_name(model: str) -> str:
    return ident(shipped_models()[model].full_name)


@cache
def _leaves() -> dict[str, dict[str, str]]:
    """Columns and types of every table that no model makes."""
    return given_tables(all_streams(), _seeds())


@cache
def _shapes() -> dict[str, dict[str, str]]:
    """Columns and types of every model, as they come out of their SQL."""
    con = database()
    con.begin()
    _make(con, {}, *shipped_models())
    found = {
        model.full_name: {row[0]: row[1] for row in con.execute(f"describe {ident(model.full_name)}").fetchall()}
        for model in shipped_models().values()
    }
    con.rollback()
    return found
