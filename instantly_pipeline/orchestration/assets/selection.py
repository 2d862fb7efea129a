"""The assets of selected streams."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import dagster as dg

from instantly_pipeline.errors import UsageError
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.run.sql_models import SQL_DIR, models_in
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.registry import all_streams, select_streams
from instantly_pipeline.sync.results import Request
from instantly_pipeline.warehouse.models.model import Model


def wanted(settings: Settings, request: Request) -> list[dg.AssetKey] | None:
    """The assets of the request's streams, or else of the settings'; None for all. UsageError for an unknown stream."""
    if request.streams:
        return chosen_assets(select_streams(request.streams))
    try:
        return chosen_assets(select_streams(settings.stream_names()))
    except UsageError as error:
        raise UsageError(f"INSTANTLY_STREAMS: {error}") from None


def chosen_assets(streams: Collection[str]) -> list[dg.AssetKey] | None:
    """The lake and raw tables of the streams, all models downstream of them, and the published file; None for all.

    Models about the syncs themselves (they read `meta`) are always included.
    """
    if len(streams) == len(all_streams()):
        return None
    models = models_in(SQL_DIR)
    wanted = {full_name: None for name in streams for full_name in (f"raw.{name}", f"history.{name}")}
    found = [asset_keys.lake(name) for name in streams] + [asset_keys.raw(name) for name in streams]
    return [*found, *(asset_keys.model(model) for model in _downstream(models, set(wanted))), asset_keys.PUBLISHED]


def _downstream(models: Mapping[str, Model], tables: set[str]) -> list[Model]:
    """The models that read one of `tables` or `meta`, directly or not; `models` are in dependency order."""
    found = []
    for model in models.values():
        if any(table in tables or table.startswith("meta.") for table in model.depends_on):
            tables.add(model.full_name)
            found.append(model)
    return found
