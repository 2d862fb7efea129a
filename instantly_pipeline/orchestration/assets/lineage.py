"""The columns each model is made from, as Dagster's asset pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from instantly_pipeline.errors import ModelError
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.models.lineage.cached_lineage import Columns, cached_lineage
from instantly_pipeline.warehouse.models.model import Model


def lineage_of(
    models: Mapping[str, Model], streams: Mapping[str, Stream], *, kept: Path
) -> dict[str, dg.TableColumnLineage]:
    """The lineage of every model, which come in an order in which each is after those it reads. `kept` is a cache.

    Empty where the SQL of a model cannot be followed: a picture is missing then; whether the SQL is right is DuckDB's
    to say.
    """
    try:
        found = cached_lineage(models, streams, cache=kept)
    except ModelError:
        return {}
    known = {f"raw.{name}" for name in streams} | {model.full_name for model in models.values()}
    return {name: _shown(columns, known) for name, columns in found.items()}


def _shown(columns: Columns, known: set[str]) -> dg.TableColumnLineage:
    """Only what is an asset can be named; `meta`, `seeds` and `history` are none."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_keys.table(table), name) for table, name in sources if table in known]
            for column, sources in columns.items()
        }
    )
