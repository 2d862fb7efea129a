"""The shipped schedules, both stopped until somebody starts them: a gated sync every hour, a full one every night."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from instantly_pipeline.errors import LockedError
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.orchestration.lake_assets import STEP
from instantly_pipeline.orchestration.selection import wanted
from instantly_pipeline.settings import Settings
from instantly_pipeline.sync.report import Request


def schedules(job: dg.UnresolvedAssetJobDefinition, settings: Callable[[], Settings]) -> list[dg.ScheduleDefinition]:
    """Hourly and nightly."""
    return [
        _schedule(
            "hourly_sync", job, settings, cron="7 * * * *", full=False,
            about="Every hour: what has moved since the last sync, and the daily figures that are still open.",
        ),
        _schedule(
            "nightly_full_sync", job, settings, cron="37 2 * * *", full=True,
            about="Every night at 02:37 UTC: everything is read again, moved or not.",
        ),
    ]  # fmt: skip


def run_config(
    *, full: bool = False, accept_deletes: bool = False, workspaces: tuple[str, ...] = ()
) -> dict[str, object]:
    """The run config that says how to sync."""
    config = {"full": full, "accept_deletes": accept_deletes, "workspaces": list(workspaces)}
    return {"ops": {STEP: {"config": config}}}


def _schedule(
    name: str,
    job: dg.UnresolvedAssetJobDefinition,
    settings: Callable[[], Settings],
    *,
    cron: str,
    full: bool,
    about: str,
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name, job=job, cron_schedule=cron, execution_timezone="UTC", description=about,
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )  # fmt: skip
    def tick(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        current = settings()
        try:
            with writing(current.data_dir, command=name):
                pass
        except LockedError as error:
            return dg.SkipReason(str(error))
        return dg.RunRequest(run_config=run_config(full=full), asset_selection=wanted(current, Request()))

    return tick
