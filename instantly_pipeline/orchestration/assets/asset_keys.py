"""The names of assets, checks, jobs and tags."""

from __future__ import annotations

import dagster as dg

from instantly_pipeline.warehouse.models.model import Model

PUBLISHED = dg.AssetKey(["publish", "warehouse"])
JOB = "sync"
LOCATION = "instantly_pipeline"  # its name in workspace.yaml
READ_CHECK = "read"  # of a lake stream: whether it was read in full
CONTRACT_CHECK = "contract"  # of a model: what must hold before anything is published
WARNING_CHECK = "warnings"  # of a model: what should hold
FRESH_CHECK = "streams_are_fresh"  # of the published file
COMPLETE_CHECK = "streams_are_complete"  # of the published file

# Tags of a run, which show the next run whether its process is still running.
PROCESS_TAG = ".dagster/instantly_process"  # the prefix keeps it out of the UI
DATA_DIR_TAG = "instantly/data_dir"
SKIPPED_TAG = "instantly/skipped"
INCOMPLETE_TAG = "instantly/incomplete"  # what a run that has published did not read
NEXT_TICK = "Skipped; the next tick tries again."
TICK_TAGS = ("dagster/schedule_name", "dagster/sensor_name")  # dagster's own


def lake(stream: str) -> dg.AssetKey:
    """The change log of a stream."""
    return dg.AssetKey(["lake", stream])


def raw(stream: str) -> dg.AssetKey:
    """The current state of a stream in the build file."""
    return dg.AssetKey(["raw", stream])


def model(which: Model) -> dg.AssetKey:
    """An SQL model: `staging/<name>`, `intermediate/<name>` or `marts/<name>`."""
    return dg.AssetKey([which.schema, which.name])


def table(full_name: str) -> dg.AssetKey:
    """The asset of the table `schema.name`."""
    return dg.AssetKey(full_name.split(".", 1))
