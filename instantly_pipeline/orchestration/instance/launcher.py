"""Dagster's launcher of runs on this machine, able to say whether a run's process is still there.

`DefaultRunLauncher` of dagster 1.13 cannot, so that its run monitoring leaves a killed run open, and one open run
fills the queue of one. This one can go when the default launcher supports health checks (`test_workarounds.py` tells).
"""

from __future__ import annotations

from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus

from instantly_pipeline.orchestration.instance.housekeeping import is_gone


class LocalRunLauncher(DefaultRunLauncher):
    """The default launcher with a health check."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: `run_monitoring` asks, and closes what is gone."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Running, or not found where the process of the run is gone."""
        record = self._instance.get_run_record_by_id(run.run_id)
        if record is not None and is_gone(record):
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its process is gone")
        return CheckRunHealthResult(WorkerStatus.RUNNING)
