"""The results of the steps of a run, and of the run as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from instantly_pipeline.errors import PipelineError
from instantly_pipeline.sync.results import SyncReport

if TYPE_CHECKING:  # a run that only reads does not import DuckDB
    from instantly_pipeline.warehouse.checks.checks import CheckResult
    from instantly_pipeline.warehouse.load.load_stream import LoadResult
    from instantly_pipeline.warehouse.models.runner import ModelResult
    from instantly_pipeline.warehouse.publish.publish import PublishResult


@dataclass(frozen=True, slots=True)
class Loaded:
    """The lake is loaded into the build file; by stream."""

    streams: Mapping[str, LoadResult]


@dataclass(frozen=True, slots=True)
class ModelsBuilt:
    """The SQL models are up to date; by name, in dependency order."""

    models: Mapping[str, ModelResult]


@dataclass(frozen=True, slots=True)
class Checked:
    """Every check has run."""

    results: Sequence[CheckResult]


@dataclass(slots=True)
class RunReport:
    """The results of a run so far; None for a step that has not run."""

    sync_report: SyncReport | None = None
    checks: Sequence[CheckResult] | None = None
    published: PublishResult | None = None
    seconds: dict[str, float] = field(default_factory=dict)  # by step, without the API step
    error: PipelineError | None = None  # what stopped the run
    details: str | None = None  # type and traceback of an unexpected error, for a log file
    interrupted: bool = False
    dagster_run_id: str | None = None

    @property
    def exit_code(self) -> int:
        """0 success, 1 nothing published, 3 published with something skipped, failed or held."""
        if self.error is not None:
            return self.error.exit_code
        if self.sync_report is not None:
            return self.sync_report.exit_code
        return 1 if self.published is None else 0

    @property
    def problem(self) -> str | None:
        """Why nothing was published, as a sentence."""
        return None if self.error is None else str(self.error)
