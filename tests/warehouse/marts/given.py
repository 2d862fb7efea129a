"""Rows in, rows out: a model run by its real SQL on a DuckDB of its own that holds only what a test gives.

    rows = expect("fct_campaign_daily", {"intermediate.int_campaign_day": [{"campaign_id": "c1", "sent": 10}]})

A given model takes the place of its SQL; everything between what is given and the model asked for runs as it is.
Columns that are left out are null, tables that are left out are empty, seeds are the shipped ones unless given.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse import contents
from instantly_pipeline.warehouse import made as bookkeeping
from instantly_pipeline.warehouse.build import SCHEMAS
from instantly_pipeline.warehouse.models import given_tables, read_seeds, with_needs
from instantly_pipeline.warehouse.runner import run_models
from instantly_pipeline.warehouse.sqltext import columns, ident
from tests.warehouse.lakehelp import SQL, shipped_models

Row = Mapping[str, Any]
Given = Mapping[str, Sequence[Row]]


def expect(model: str, given: Given, select: str = "*", order: str = "all") -> list[dict[str, Any]]:
    """The rows of a model, as dictionaries of the selected columns, made from the given rows alone."""
    with made(given, model) as con:
        answer = con.execute(f"select {select} from {_full_name(model)} order by {order}")
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def made(given: Given, *models: str) -> duckdb.DuckDBPyConnection:
    """A database in memory with these models, for tests that ask more of them than their rows."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("set TimeZone = 'UTC'")
    for schema in (*SCHEMAS, "given"):
        con.execute(f"create schema if not exists {schema}")
    con.execute(contents.TABLES)
    con.execute(bookkeeping.TABLES)
    replaced = {name: replace(model, columns=()) for name, model in shipped_models().items()}  # spares the comments
    seeds = {}
    for name, rows in given.items():
        schema, table = name.split(".", 1)
        if schema == "seeds":
            seeds[table] = rows
        elif table in replaced and replaced[table].schema == schema:
            _put(con, f"given.{table}", _shapes()[name], rows)
            replaced[table] = replace(replaced[table], sql=f"from given.{ident(table)}", depends_on=())
        else:
            _put(con, name, _leaves()[name], rows)
    read = {name for model in with_needs(replaced, models).values() for name in model.depends_on}
    for name, shape in _leaves().items():
        if name in read and name not in given and not name.startswith("seeds."):
            _put(con, name, shape, ())
    with tempfile.TemporaryDirectory() as folder:
        run_models(con, _with_seeds(Path(folder), seeds), replaced, models, lambda _name: None)
    return con


def _put(con: duckdb.DuckDBPyConnection, name: str, shape: Mapping[str, str], rows: Sequence[Row]) -> None:
    con.execute(f"create table {ident(name)} ({', '.join(f'{ident(c)} {kind}' for c, kind in shape.items())})")
    for row in rows:
        unknown = row.keys() - shape.keys()
        assert not unknown, f"{name} has no column {', '.join(sorted(unknown))}"
        marks = ", ".join("?" for _ in row)
        con.execute(f"insert into {ident(name)} ({columns(list(row))}) values ({marks})", list(row.values()))


def _with_seeds(folder: Path, seeds: Given) -> Path:
    """An SQL folder with the shipped macros and seeds, and the given seeds in the place of theirs."""
    shutil.copytree(SQL / "seeds", folder / "seeds")
    shutil.copy(SQL / "macros.sql", folder)
    for name, rows in seeds.items():
        names = [column.name for column in read_seeds(SQL)[name].columns]
        with (folder / "seeds" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    return folder


def _full_name(model: str) -> str:
    return ident(shipped_models()[model].full_name)


@cache
def _leaves() -> dict[str, dict[str, str]]:
    """Columns and types of every table that no model makes."""
    return given_tables(all_streams(), read_seeds(SQL))


@cache
def _shapes() -> dict[str, dict[str, str]]:
    """Columns and types of every model, as they come out of their SQL."""
    with made({}, *shipped_models()) as con:
        return {
            model.full_name: {row[0]: row[1] for row in con.execute(f"describe {ident(model.full_name)}").fetchall()}
            for model in shipped_models().values()
        }
