"""A whole run without Dagster, at a third of the cost, for the tests that are about something else."""

from __future__ import annotations

from instantly_pipeline.run.run import Run
from instantly_pipeline.settings import Settings
from instantly_pipeline.sync.engine import World
from instantly_pipeline.sync.results import OnEvent, Request, SyncReport, silent


def whole_run(
    settings: Settings, request: Request | None = None, *, on_event: OnEvent = silent, world: World | None = None
) -> SyncReport:
    """Read, build, check, publish."""
    with Run(settings, on_event=on_event, world=world) as run:
        run.lock()
        report = run.read(request or Request())
        run.build()
        run.publish()
    return report
