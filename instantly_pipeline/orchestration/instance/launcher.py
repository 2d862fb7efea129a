"""Dagster's local run launcher with a health check of the run's process.

`DefaultRunLauncher` of dagster 1.13 has none, so its run monitoring leaves a killed run open, which blocks a queue that
allows one run. Can be removed when the default launcher supports health checks (`test_workarounds.py` checks that).
"""

from __future__ import annotations

from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus

from instantly_pipeline.orchestration.instance.housekeeping import is_gone


class LocalRunLauncher(DefaultRunLauncher):
    """The default launcher with a health check."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True, so that `run_monitoring` marks killed runs as failed."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """RUNNING, or NOT_FOUND if the process of the run no longer exists."""
        record = self._instance.get_run_record_by_id(run.run_id)
        if record is not None and is_gone(record):
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its process no longer exists")
        return CheckRunHealthResult(WorkerStatus.RUNNING)
