"""Column lineage of the models, for Dagster's asset pages."""

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
    """The lineage of every model; `models` are in dependency order, `kept` is a cache file.

    Empty if the SQL of a model cannot be parsed: then only the lineage is missing, and DuckDB reports wrong SQL.
    """
    try:
        found = cached_lineage(models, streams, cache=kept)
    except ModelError:
        return {}
    known = {f"raw.{name}" for name in streams} | {model.full_name for model in models.values()}
    return {name: _shown(columns, known) for name, columns in found.items()}


def _shown(columns: Columns, known: set[str]) -> dg.TableColumnLineage:
    """Without tables that are not assets: `meta`, `seeds` and `history`."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_keys.table(table), name) for table, name in sources if table in known]
            for column, sources in columns.items()
        }
    )
