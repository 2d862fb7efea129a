"""The columns that each column of a model is computed from, by its SQL, without a database.

Every column of every scope is resolved once and kept. `sqlglot.lineage` resolves one column at a time and takes ten
seconds for all models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from instantly_pipeline.errors import ModelError
from instantly_pipeline.warehouse.models.lineage.used_tables import parse
from instantly_pipeline.warehouse.models.model import Model

Source = tuple[str, str]  # full table name, column
Found = dict[Source, None]  # in the order found


class ColumnLineage:
    """The lineage of `models` (each after those it reads) over the `given` tables (full name -> columns and types)."""

    def __init__(self, models: Mapping[str, Model], given: Mapping[str, Mapping[str, str]]) -> None:
        shapes: dict[str, Any] = {}
        for full_name, shape in given.items():
            schema, table = full_name.split(".", 1)
            shapes.setdefault(schema, {})[table] = dict(shape)
        self._steps: dict[str, dict[str, list[Source]]] = {}
        for model in models.values():
            columns = _sources_by_column(_qualified(model, shapes))
            self._steps[model.name] = columns
            shapes.setdefault(model.schema, {})[model.name] = dict.fromkeys(columns, "VARCHAR")

    def of(self, name: str) -> dict[str, list[Source]]:
        """Every column of a model with the columns it is computed from, one step up."""
        return self._steps[name]


def _qualified(model: Model, shapes: Mapping[str, Any]) -> exp.Query:
    try:
        tree = qualify(
            parse(model.sql, model.where),
            dialect="duckdb",
            schema=dict(shapes),
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
    except SqlglotError as error:
        raise ModelError(f"{model.where}: its column lineage cannot be resolved: {error}") from error
    if not isinstance(tree, exp.Query):
        raise ModelError(f"{model.where} must hold exactly one SELECT.")
    return tree


def _sources_by_column(tree: exp.Query) -> dict[str, list[Source]]:
    scope = build_scope(tree)
    if scope is None:
        return {}
    memo: dict[tuple[int, str], Found] = {}
    return {name: list(_of_column(scope, name, memo)) for name in _names(scope)}


def _of_column(scope: Scope, column: str, memo: dict[tuple[int, str], Found]) -> Found:
    """The columns that `column` of a SELECT, or of each part of a UNION, is computed from."""
    at = (id(scope), column)
    if at in memo:
        return memo[at]
    found: Found = {}
    memo[at] = found  # ends the recursion of a recursive query
    if scope.set_operation_scopes:
        place = _names(scope).index(column)
        by_name = _query(scope).args.get("by_name")
        for part in scope.set_operation_scopes:
            names = _names(part)
            name = column if by_name else names[place]
            if name in names:
                found |= _of_column(part, name, memo)
        return found
    for select in _query(scope).selects:
        if select.alias_or_name == column:
            found |= _of_expression(select, scope, memo)
    return found


def _of_expression(expression: exp.Expr, scope: Scope, memo: dict[tuple[int, str], Found]) -> Found:
    found: Found = {}
    for inner in scope.subquery_scopes:
        if any(node is inner.expression for node in expression.find_all(exp.Query)):
            for name in _names(inner):
                found |= _of_column(inner, name, memo)
    for column in expression.find_all(exp.Column):
        source = _source(scope, column.table)
        if isinstance(source, exp.Table):
            found[f"{source.db}.{source.name}", column.name] = None
        elif isinstance(source, Scope) and isinstance(source.expression, exp.Query):
            found |= _of_column(source, column.name, memo)
        elif isinstance(source, Scope) and isinstance(source.expression, exp.Lateral):
            for inner in source.subquery_scopes:
                found |= _of_column(inner, column.name, memo)
    return found


def _source(scope: Scope, name: str) -> object:
    """The source called `name` in a scope, or in those around it (for lateral and correlated subqueries)."""
    around: Scope | None = scope
    while around is not None:
        if name in around.sources:
            return around.sources[name]
        around = around.parent
    return None


def _names(scope: Scope) -> list[str]:
    return list(_query(scope).named_selects)


def _query(scope: Scope) -> exp.Query:
    if not isinstance(scope.expression, exp.Query):
        raise TypeError("a scope without a SELECT")
    return scope.expression
