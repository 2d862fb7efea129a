"""The columns each model is made from, as Dagster's asset pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from instantly_pipeline.errors import ModelError
from instantly_pipeline.orchestration import keys
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.lineage import Lineage
from instantly_pipeline.warehouse.models import Model, given_tables


def lineage_of(models: Mapping[str, Model], streams: Mapping[str, Stream]) -> dict[str, dict[str, Any]]:
    """The lineage metadata of every model, which come in an order in which each is after those it reads.

    Empty where the SQL of a model cannot be followed: a picture is missing then; whether the SQL is right is DuckDB's
    to say.
    """
    key = repr(list(streams.values())), *((model.full_name, model.sql) for model in models.values())
    if key not in _found:  # following every column takes a second or two
        _found.clear()
        _found[key] = _lineage(models, streams)
    return _found[key]


_found: dict[object, dict[str, dict[str, Any]]] = {}  # the last one that was made


def _lineage(models: Mapping[str, Model], streams: Mapping[str, Stream]) -> dict[str, dict[str, Any]]:
    try:
        found = Lineage(models, given_tables(streams, {}))
    except ModelError:
        return {}
    known = {f"raw.{name}" for name in streams} | {model.full_name for model in models.values()}
    return {name: _metadata(found.of(name), known) for name in models}


def _metadata(columns: Mapping[str, list[tuple[str, str]]], known: set[str]) -> dict[str, Any]:
    """Only what is an asset can be named; `meta`, `seeds` and `history` are none."""
    deps = {
        column: [dg.TableColumnDep(keys.table(table), name) for table, name in sources if table in known]
        for column, sources in columns.items()
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps)}
