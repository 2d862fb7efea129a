"""All of Dagster's definitions, put together. Needs no key, no network and no data directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dagster as dg

from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.lake_assets import lake_assets
from instantly_pipeline.orchestration.assets.warehouse_assets import warehouse_assets
from instantly_pipeline.orchestration.instance import process
from instantly_pipeline.orchestration.instance.housekeeping import forget_old_runs
from instantly_pipeline.orchestration.maintenance import compaction
from instantly_pipeline.orchestration.schedules import schedules
from instantly_pipeline.orchestration.sql import models_in
from instantly_pipeline.orchestration.state import Overrides, RunState
from instantly_pipeline.orchestration.steps import RESOURCE
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.registry import all_streams


def build_defs(settings: Callable[[], Settings], overrides: Overrides = Overrides()) -> dg.Definitions:  # noqa: B008
    """The definitions. `settings` is called when a run begins, so that loading needs no environment."""
    streams = all_streams()
    models = models_in(overrides.sql_dir)
    job = dg.define_asset_job(
        asset_keys.JOB,
        selection=dg.AssetSelection.all(),
        description="Read the API, build the tables, ask the checks, publish. The same as `instantly-pipeline sync`.",
        executor_def=dg.in_process_executor,
    )
    compacting, weekly = compaction(settings)
    return dg.Definitions(
        assets=[lake_assets(streams), *warehouse_assets(streams, models, overrides.sql_dir)],
        jobs=[job, compacting],
        schedules=[*schedules(job, settings), weekly],
        resources={RESOURCE: _run_state(settings, overrides)},
        executor=dg.in_process_executor,
    )


def _run_state(settings: Callable[[], Settings], overrides: Overrides) -> dg.ResourceDefinition:
    @dg.resource(
        description="What the steps of one run share: settings, the data directory's lock, the open warehouse."
    )
    def run_state(context: dg.InitResourceContext) -> Iterator[RunState]:
        state = RunState(settings(), overrides)
        instance = context.instance
        if instance is not None and context.run is not None:
            instance.add_run_tags(context.run.run_id, process.tags(state.settings.data_dir))
        try:
            yield state
        finally:
            state.close()
            if instance is not None:
                forget_old_runs(instance)

    return run_state
