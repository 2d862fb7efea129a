"""Column lineage of all models in one pass, for Dagster's asset pages.

`sqlglot.lineage` answers one column at a time and takes ten seconds for our models; following each column once through
the scopes, with what was found kept, takes a tenth of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import dagster as dg
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from instantly_pipeline.orchestration import keys
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.loader import history_columns, raw_columns
from instantly_pipeline.warehouse.logtables import META_COLUMNS
from instantly_pipeline.warehouse.models import Model, parse

Sources = dict[tuple[str, str], None]  # (full table name, column), in order
Shapes = dict[str, dict[str, dict[str, str]]]  # schema -> table -> column -> type
Memo = dict[tuple[int, str], Sources]


def lineage_of(models: Mapping[str, Model], streams: Mapping[str, Stream]) -> dict[str, dict[str, Any]]:
    """The lineage metadata of every model, which come in an order in which each is after those it reads."""
    return _worked_out(_Models(models, streams))


class _Models:
    """The models and streams as a key: the same SQL has the same lineage."""

    def __init__(self, models: Mapping[str, Model], streams: Mapping[str, Stream]) -> None:
        self.models, self.streams = models, streams
        self._key = (*((model.full_name, model.sql) for model in models.values()), *streams)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Models) and self._key == other._key


@lru_cache(maxsize=1)
def _worked_out(given: _Models) -> dict[str, dict[str, Any]]:
    models, streams = given.models, given.streams
    shapes = _given(streams)
    known = {f"raw.{name}" for name in streams} | {model.full_name for model in models.values()}
    found = {}
    for model in models.values():
        try:
            tree = qualify(
                parse(model.sql, model.where), dialect="duckdb", schema=dict(shapes), validate_qualify_columns=False,
                quote_identifiers=False,
            )  # fmt: skip
        except SqlglotError:
            continue  # a picture is missing then; whether the SQL is right is DuckDB's to say
        shapes.setdefault(model.schema, {})[model.name] = dict.fromkeys(tree.named_selects, "VARCHAR")
        found[model.name] = _metadata(_followed(tree), known)
    return found


def _metadata(columns: Mapping[str, Sources], known: set[str]) -> dict[str, Any]:
    """Only what is an asset can be named; `meta`, `seeds` and `history` are none."""
    deps = {
        column: [dg.TableColumnDep(keys.table(table), name) for table, name in sources if table in known]
        for column, sources in columns.items()
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps)}


def _given(streams: Mapping[str, Stream]) -> Shapes:
    return {
        "raw": {stream.name: raw_columns(stream) for stream in streams.values()},
        "history": {stream.name: history_columns(stream) for stream in streams.values()},
        "meta": {name: dict(shape) for name, shape in META_COLUMNS.items()},
    }


def _followed(tree: exp.Query) -> dict[str, Sources]:
    scope = build_scope(tree)
    if scope is None:
        return {}
    memo: Memo = {}
    return {name: _of_column(scope, name, memo) for name in _names(scope)}


def _of_column(scope: Scope, column: str, memo: Memo) -> Sources:
    """The columns of tables that `column` of a SELECT, or of each part of a UNION, is made from."""
    at = (id(scope), column)
    if at not in memo:
        memo[at] = {}  # a recursive query comes by here again
        if scope.set_operation_scopes:
            place = _names(scope).index(column)
            for part in scope.set_operation_scopes:
                names = _names(part)
                memo[at] |= _of_column(part, names[place], memo) if place < len(names) else {}
        else:
            chosen = [one for one in _query(scope).selects if one.alias_or_name == column]
            memo[at] = _of_expression(chosen[0], scope, memo) if chosen else {}
    return memo[at]


def _of_expression(expression: exp.Expr, scope: Scope, memo: Memo) -> Sources:
    found: Sources = {}
    for inner in scope.subquery_scopes:
        if any(node is inner.expression for node in expression.find_all(exp.Query)):
            for name in _names(inner):
                found |= _of_column(inner, name, memo)
    for column in expression.find_all(exp.Column):
        source = scope.sources.get(column.table)
        if isinstance(source, exp.Table):
            found[(f"{source.db}.{source.name}", column.name)] = None
        elif isinstance(source, Scope) and isinstance(source.expression, exp.Query):
            found |= _of_column(source, column.name, memo)
    return found


def _names(scope: Scope) -> list[str]:
    return list(_query(scope).named_selects)


def _query(scope: Scope) -> exp.Query:
    if not isinstance(scope.expression, exp.Query):
        raise TypeError("a scope without a SELECT")
    return scope.expression
