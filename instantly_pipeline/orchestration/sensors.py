"""The shipped sensor, stopped by default: a sync of events as soon as some were received."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from instantly_pipeline.lake.lock import held_by
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.selection import chosen_assets
from instantly_pipeline.run.events import EVENT_STREAMS, start_key
from instantly_pipeline.settings import Settings

INTERVAL = 20  # seconds: with the receiver's 2 and the start of a run a reply is published within a minute


def events_sensor(job: dg.UnresolvedAssetJobDefinition, settings: Callable[[], Settings]) -> dg.SensorDefinition:
    """Starts `sync --events` when the inbox has received events. It looks at a folder and asks the API for nothing."""

    @dg.sensor(
        name="received_events",
        job=job,
        minimum_interval_seconds=INTERVAL,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="When `webhooks serve` has received events, like `instantly-pipeline sync --events`: takes them in "
        "and reads the leads that they name. Skipped while another command writes.",
    )
    def tick(_context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        current = settings()
        key = start_key(current.data_dir)
        if key is None:
            return dg.SkipReason("No events were received since the last sync.")
        if held := held_by(current.data_dir):
            return dg.SkipReason(f"{held} {asset_keys.NEXT_TICK}")
        return dg.RunRequest(run_key=key, asset_selection=chosen_assets(EVENT_STREAMS))

    return tick
