"""A whole run without Dagster, at a third of the cost, for the tests that are about something else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.lake.logs import append_log
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.engine import World, sync
from instantly_pipeline.sync.results import OnEvent, Request, SyncReport, silent
from instantly_pipeline.warehouse.warehouse import Warehouse
from tests.warehouse.lakehelp import SQL, shipped_models


def whole_run(
    settings: Settings,
    request: Request | None = None,
    *,
    on_event: OnEvent = silent,
    world: World | None = None,
    begins: Callable[[str], None] = lambda phase: None,
) -> SyncReport:
    """Sync, load, models, checks, publish; `begins` hears which of them begins."""
    layout, world = Layout(settings.data_dir), world or World()
    now = world.clock.now
    with (
        writing(settings.data_dir, command="sync"),
        Warehouse(layout, all_streams(), sql_dir=SQL, models=shipped_models()) as warehouse,
    ):
        report = asyncio.run(sync(settings, request or Request(), on_event=on_event, world=world))
        begins("load")
        warehouse.load()
        begins("models")
        warehouse.run_models()
        begins("checks")
        compared = warehouse.reconcile(run_id=report.run_id, now=now())
        append_log(layout, report.run_id, "reconciliation", compared, now=now)
        warehouse.run_checks(accepted=report.accepted)
        begins("publish")
        done = warehouse.publish(run_id=report.run_id, now=now())
        append_log(layout, report.run_id, "published", [done.published_row], now=now)
    return report
