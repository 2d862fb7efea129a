"""The definition of every model with all it depends on, so that an unchanged one need not be rebuilt."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import duckdb

from instantly_pipeline.warehouse.db.sql_text import digest
from instantly_pipeline.warehouse.models.lineage.used_columns import is_volatile, volatile_functions
from instantly_pipeline.warehouse.models.model import Model


class Definitions:
    """A digest of all texts behind every model, and which models depend on more than tables."""

    def __init__(self, con: duckdb.DuckDBPyConnection, models: Mapping[str, Model], macros: str) -> None:
        self._models = {model.full_name: model for model in models.values()}
        self.columns = _columns(con, self._models)
        self._functions = volatile_functions(con)
        self._macros_are_volatile = is_volatile(macros, self._functions)
        self._texts: dict[str, str] = {}
        self._volatile: set[str] = set()
        for name, model in self._models.items():
            parts = [self._texts.get(d) or repr(self.columns.get(d)) for d in model.depends_on]
            self._texts[name] = digest(duckdb.__version__, macros, model.materialized, model.sql, *parts)
            if self.calls_volatile(model.sql) or any(self._is_volatile_view(d) for d in model.depends_on):
                self._volatile.add(name)

    def calls_volatile(self, sql: str) -> bool:
        """Whether a SELECT, or one of the macros, depends on the clock, on chance or on files."""
        return self._macros_are_volatile or is_volatile(sql, self._functions)

    def _is_volatile_view(self, name: str) -> bool:
        return name in self._volatile and self._is_view(name)

    def of(self, name: str) -> str:
        """The definition of a model; "" for a table that no model builds."""
        return self._texts.get(name, "")

    def is_volatile(self, name: str) -> bool:
        """Whether a model depends on the clock, on chance or on files."""
        return name in self._volatile

    def tables(self, names: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """The tables behind these tables and views, with their columns and types."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name in names:
            if self._is_view(name):
                found |= self.tables(self._models[name].depends_on)
            else:
                found[name] = self.columns.get(name, [])
        return found

    def views(self, names: Collection[str]) -> dict[str, str]:
        """The views among these names and those they read, each after those it reads, with its SELECT."""
        found: dict[str, str] = {}
        for name in names:
            if self._is_view(name):
                found |= self.views(self._models[name].depends_on) | {name: self._models[name].sql}
        return found

    def _is_view(self, name: str) -> bool:
        return name in self._models and self._models[name].materialized == "view"


def _columns(con: duckdb.DuckDBPyConnection, models: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """Columns and types of the tables there are."""
    rows = con.execute(
        "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() where not internal "
        "and schema_name in ('raw', 'history', 'meta', 'seeds', 'intermediate', 'marts') order by column_index"
    ).fetchall()
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in rows:
        found.setdefault(table, []).append((column, kind))
    return found
