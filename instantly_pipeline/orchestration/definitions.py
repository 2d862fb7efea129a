"""All Dagster definitions. Loading them needs no key, no network and no data directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.lake_assets import lake_assets
from instantly_pipeline.orchestration.assets.run_resource import RESOURCE, NewRun, run_resource
from instantly_pipeline.orchestration.assets.warehouse_assets import warehouse_assets
from instantly_pipeline.orchestration.maintenance import compaction
from instantly_pipeline.orchestration.schedules import schedules
from instantly_pipeline.orchestration.sensors import events_sensor
from instantly_pipeline.run.run import Run
from instantly_pipeline.run.sql_models import SQL_DIR, models_in
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.registry import all_streams


def build_defs(settings: Callable[[], Settings], *, sql_dir: Path = SQL_DIR, new_run: NewRun = Run) -> dg.Definitions:
    """The definitions. `settings` is called when a Dagster run starts, so that loading needs no environment.

    `new_run` creates the run that the steps of a Dagster run share.
    """
    streams = all_streams()
    job = dg.define_asset_job(
        asset_keys.JOB,
        selection=dg.AssetSelection.all(),
        description="Read the API, build the tables, run the checks, publish. The same as `instantly-pipeline sync`.",
        executor_def=dg.in_process_executor,
    )
    compacting, weekly = compaction(settings)
    return dg.Definitions(
        assets=[lake_assets(streams), *warehouse_assets(streams, models_in(sql_dir), sql_dir)],
        jobs=[job, compacting],
        schedules=[*schedules(job, settings), weekly],
        sensors=[events_sensor(job, settings)],
        resources={RESOURCE: run_resource(settings, new_run)},
        executor=dg.in_process_executor,
    )
