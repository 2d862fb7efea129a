"""The shipped schedules, all stopped by default: a sync every hour, a full sync every night."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from instantly_pipeline.lake.lock import held_by
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.lake_assets import STEP
from instantly_pipeline.orchestration.assets.selection import wanted
from instantly_pipeline.settings import Settings
from instantly_pipeline.sync.results import Request


def schedules(job: dg.UnresolvedAssetJobDefinition, settings: Callable[[], Settings]) -> list[dg.ScheduleDefinition]:
    """Hourly and nightly."""
    return [
        _schedule(
            "hourly_sync", job, settings, cron="7 * * * *", full=False,
            about="Every hour at 7 past, like `instantly-pipeline sync`: changes since the last sync, and the figures "
            "of days that are still open. Skipped while another command writes.",
        ),
        _schedule(
            "nightly_full_sync", job, settings, cron="37 2 * * *", full=True,
            about="Every night at 02:37 UTC, like `instantly-pipeline sync --full`: reads everything again, changed "
            "or not. Skipped while another command writes.",
        ),
    ]  # fmt: skip


def run_config(
    *, streams: tuple[str, ...] = (), full: bool = False, accept_deletes: bool = False, workspaces: tuple[str, ...] = ()
) -> dict[str, object]:
    """The run config of a sync."""
    config = {"streams": list(streams), "full": full, "accept_deletes": accept_deletes, "workspaces": list(workspaces)}
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
        if held := held_by(current.data_dir):
            return dg.SkipReason(f"{held} {asset_keys.NEXT_TICK}")
        return dg.RunRequest(run_config=run_config(full=full), asset_selection=wanted(current, Request()))

    return tick
