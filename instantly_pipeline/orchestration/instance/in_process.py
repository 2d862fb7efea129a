"""Running a job in this process, recorded as a run of the project's code location.

`JobDefinition.execute_in_process` of dagster 1.13 records no code location, so Dagster's UI does not show the run in
its timeline, its list of jobs and the job's page. Can be removed when it accepts one (`test_workarounds.py` checks
that).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from instantly_pipeline.orchestration.assets import asset_keys


def run_here(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    *,
    run_config: Mapping[str, object],
    selection: Sequence[dg.AssetKey] | None,
    tags: Mapping[str, str],
) -> dg.DagsterRun:
    """Run `job`, or its selected assets; returns the ended run. Does not raise if a step fails."""
    chosen = job.get_subset(asset_selection=set(selection)) if selection else job
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")  # write the planned events in one batch
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(asset_keys.LOCATION), SINGLETON_REPOSITORY_NAME)
    run = instance.create_run_for_job(
        job_def=chosen,
        run_config=run_config,
        tags={**chosen.run_tags, **tags},  # at creation, since a run can be killed before it starts
        asset_selection=frozenset(selection) if selection else None,
        remote_job_origin=RemoteJobOrigin(repository, job.name),
    )
    for _event in execute_run_iterator(InMemoryJob(chosen), run, instance):
        pass
    return instance.get_run_by_id(run.run_id) or run
