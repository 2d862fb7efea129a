"""The assets of selected streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagster as dg

from instantly_pipeline.errors import UsageError
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.run.sql_models import SQL_DIR, models_in
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.registry import select_streams
from instantly_pipeline.sync.results import Request
from instantly_pipeline.warehouse.models.model import Model


def wanted(settings: Settings, request: Request) -> list[dg.AssetKey] | None:
    """The assets of the request's streams, or else of the settings'; None for all. UsageError for an unknown stream."""
    if request.streams:
        return chosen_assets(request.streams)
    names = settings.stream_names()
    if names is None:
        return None
    try:
        return chosen_assets(names)
    except UsageError as error:
        raise UsageError(f"INSTANTLY_STREAMS: {error}") from None


def chosen_assets(names: Iterable[str]) -> list[dg.AssetKey]:
    """The lake and raw tables of the named streams, all models downstream of them, and the published file.

    Models about the syncs themselves (they read `meta`) are always included. UsageError for an unknown stream.
    """
    streams = list(select_streams(names))
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
