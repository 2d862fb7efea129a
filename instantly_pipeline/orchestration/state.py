"""What the steps of one run share: the settings, the lock, the open warehouse, and what has come of it so far.

A run is one process (the in-process executor), so that this is a plain object, made when the run begins and closed
when it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from instantly_pipeline.api.clock import SYSTEM, Clock
from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.orchestration.sql import SQL_DIR, models_in
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.engine import World, sync
from instantly_pipeline.sync.results import Event, OnEvent, Request, SyncReport, silent
from instantly_pipeline.warehouse.checks.checks import CheckResult
from instantly_pipeline.warehouse.publish.publish import PublishResult
from instantly_pipeline.warehouse.warehouse import Warehouse


class Sync(Protocol):
    """The engine, or what stands for it in a test."""

    def __call__(
        self, settings: Settings, request: Request, *, on_event: OnEvent, world: World
    ) -> Coroutine[Any, Any, SyncReport]: ...


@dataclass(slots=True)
class Results:
    """What has come of a run; steps that did not happen leave None."""

    sync: SyncReport | None = None
    checks: list[CheckResult] | None = None
    published: PublishResult | None = None
    error: PipelineError | None = None
    skipped: str | None = None  # why a scheduled run did nothing
    unforeseen: str | None = None  # kind and place of an unexpected error
    interrupted: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a caller or a test passes into the definitions.

    `results` is filled while the run goes on; None makes new ones for each run. `clock` is that of the API.
    """

    on_event: OnEvent = silent
    sync: Sync = sync
    sql_dir: Path = SQL_DIR
    results: Results | None = None
    clock: Clock = SYSTEM


class RunState:
    """One run."""

    def __init__(self, settings: Settings, overrides: Overrides) -> None:
        self.settings = settings
        self.layout = Layout(settings.data_dir)
        self.overrides = overrides
        self.results = overrides.results or Results()
        self._open = ExitStack()
        self._locked = False
        self._warehouse: Warehouse | None = None

    def lock(self, *, wait: bool, say: Callable[[str], None]) -> None:
        """Hold the data directory until the run ends. LockedError where another process does and `wait` is off."""
        if not self._locked:
            self._open.enter_context(writing(self.settings.data_dir, command="sync", wait=wait, say=say))
            self._locked = True

    def warehouse(self, say: Callable[[str], None]) -> Warehouse:
        """The warehouse of this run; its build file is opened at the first need."""
        if self._warehouse is None:
            settings = self.settings
            self._warehouse = self._open.enter_context(
                Warehouse(
                    self.layout, all_streams(), sql_dir=self.overrides.sql_dir,
                    storage_version=settings.storage_version, memory_limit=settings.memory_limit,
                    publish_mode=settings.publish_mode, say=say, models=models_in(self.overrides.sql_dir),
                )
            )  # fmt: skip
        return self._warehouse

    def show(self, kind: str, step: str, *, text: str = "", rows: int = 0, done: int = 0, total: int = 0) -> None:
        """Tell whoever watches how far a step after the sync is."""
        self.overrides.on_event(Event(kind, "", step, text, rows, done, total or None))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show and time one step after the sync."""
        started = time.monotonic()
        self.show("start", name)
        yield
        self.results.seconds[name] = time.monotonic() - started
        self.show("end", name)

    def close(self) -> None:
        """Close the warehouse and let go of the lock."""
        self._open.close()
