"""What is known of a model, and the tables that are there before any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.db.tables import TableColumn, history_table, raw_table
from instantly_pipeline.warehouse.load.meta_tables import META_TABLES
from instantly_pipeline.warehouse.models.contracts import Check, Contract


@dataclass(frozen=True, slots=True)
class ByRecord:
    """Whose changes change which rows of a model; see `by_record.py`.

    `key` are its columns that hold workspace and key of a record of `stream`, which has them as `record_key`.
    `others` are tables whose rows concern those rows that have a table's key in these columns: full name -> (columns of
    the model, columns of the table). `verified_column` shows `_verified_at` of the record ("": none does).
    """

    stream: str
    key: tuple[str, ...]
    record_key: tuple[str, ...]
    others: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    verified_column: str

    @property
    def sources(self) -> tuple[str, str]:
        """The tables with the records and with their versions."""
        return f"raw.{self.stream}", f"history.{self.stream}"


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `depends_on` are fully qualified (`raw.leads`, `staging.stg_leads`); `path` is None if generated."""

    name: str
    schema: str
    sql: str
    depends_on: tuple[str, ...]
    description: str
    grain: str
    columns: tuple[TableColumn, ...]
    checks: tuple[Check, ...]
    key: tuple[str, ...] = ()
    nullable_key: tuple[str, ...] = ()
    materialized: str = "table"
    may_be_empty: bool = False
    by_record: ByRecord | None = None
    path: Path | None = None

    @property
    def full_name(self) -> str:
        """Schema and name, e.g. `marts.dim_campaign`."""
        return f"{self.schema}.{self.name}"

    @property
    def about(self) -> str:
        """Description and grain as sentences."""
        return f"{self.description.rstrip('.')}. Grain: {self.grain}."

    @property
    def where(self) -> str:
        """The file, or what made the model, for messages."""
        return str(self.path) if self.path else f"the generated staging view {self.name}"


def given_tables(streams: Mapping[str, Stream], seeds: Mapping[str, Contract]) -> dict[str, dict[str, str]]:
    """Tables that are there before any model: full name -> columns and DuckDB types."""
    of_streams = [table for stream in streams.values() for table in (raw_table(stream), history_table(stream))]
    given = {table.full_name: table.types for table in (*of_streams, *META_TABLES)}
    return given | {f"seeds.{seed.name}": {c.name: c.type for c in seed.columns} for seed in seeds.values()}
