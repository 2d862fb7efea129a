"""One run: its steps in their order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from instantly_pipeline.errors import NothingRead
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.lake.logs import append_log
from instantly_pipeline.lake.run_ids import new_run_id
from instantly_pipeline.run.results import Checked, Loaded, ModelsBuilt, RunReport
from instantly_pipeline.run.sql_models import SQL_DIR, models_in
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.engine import World, sync
from instantly_pipeline.sync.results import Event, OnEvent, Request, SyncReport, silent
from instantly_pipeline.visible import visible

if TYPE_CHECKING:  # a run that only reads does not import DuckDB
    from instantly_pipeline.warehouse.checks.checks import CheckResult
    from instantly_pipeline.warehouse.publish.publish import PublishResult
    from instantly_pipeline.warehouse.warehouse import Warehouse


class Sync(Protocol):
    """The sync engine, or its replacement in a test."""

    def __call__(
        self, settings: Settings, request: Request, *, on_event: OnEvent, world: World
    ) -> Coroutine[Any, Any, SyncReport]: ...


class Run:
    """One run over the data directory of `settings`: `lock`, `read`, `build`, `publish`, in this order.

    A run that does not `read` builds from what is in the lake. `report` has the results so far, `on_event` gets the
    progress. A context manager: at its end the build file is closed and the lock released.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_event: OnEvent = silent,
        world: World | None = None,
        sync: Sync = sync,
        sql_dir: Path = SQL_DIR,
        build_file: Path | None = None,
    ) -> None:
        self.settings = settings
        self.layout = Layout(settings.data_dir)
        self.layout.build_file = build_file or self.layout.build_file
        self.sql_dir = sql_dir
        self.report = RunReport()
        self._world = world or World()
        self.clock = self._world.clock
        self._sync = sync
        self._listeners = [on_event]
        self._open = ExitStack()
        self._is_locked = False
        self._warehouse: Warehouse | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    @contextmanager
    def listening(self, listener: OnEvent) -> Iterator[None]:
        """Send the events to `listener` too, within this context."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def say(self, text: str) -> None:
        """Show one line to the user."""
        self._emit(Event("say", "", text=text))

    def lock(self, *, wait: bool = False) -> None:
        """Hold the data directory's lock until the run ends. LockedError if another process holds it, unless `wait`."""
        if not self._is_locked:
            self._open.enter_context(writing(self.settings.data_dir, command="sync", wait=wait, say=self.say))
            self._is_locked = True

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse of this run; its build file is opened at first use."""
        from instantly_pipeline.warehouse.warehouse import Warehouse

        if self._warehouse is None:
            settings = self.settings
            self._warehouse = self._open.enter_context(
                Warehouse(
                    self.layout, all_streams(), sql_dir=self.sql_dir, models=models_in(self.sql_dir), say=self.say,
                    storage_version=settings.storage_version, memory_limit=settings.memory_limit,
                    publish_mode=settings.publish_mode,
                )
            )  # fmt: skip
        return self._warehouse

    def read(self, request: Request) -> SyncReport:
        """Read from the API into the lake. NothingRead if no workspace could be read."""
        found = asyncio.run(self._sync(self.settings, request, on_event=self._emit, world=self._world))
        self.report.sync_report = found
        if found.exit_code == 1:
            why = "\n".join(visible(f"{workspace.name}: {workspace.reason}") for workspace in found.workspaces)
            raise NothingRead(
                f"Nothing could be read, so nothing was published; the last published file is unchanged.\n{why}"
            )
        return found

    def build_steps(self, *, as_of: datetime | None = None) -> Iterator[Loaded | ModelsBuilt | Checked]:
        """Load the lake, run the models, run the checks; yields the result of each step when it ends.

        All tables are built and checked, whatever was read, so that the published file is consistent.
        """
        yield self._load(as_of)
        yield self._run_models()
        yield self._check()

    def build(self, *, as_of: datetime | None = None) -> Sequence[CheckResult]:
        """Run all `build_steps`; returns the results of the checks."""
        for _ in self.build_steps(as_of=as_of):
            pass
        return self.report.checks or ()

    def publish(self, *, as_of: datetime | None = None, to: Path | None = None) -> PublishResult:
        """Publish the tables and log that in the lake. PublishRefused if a blocking check failed.

        Tables as of a past time go `to` a separate file and are not logged.
        """
        now = as_of or self.clock.now()
        read = self.report.sync_report
        run_id = read.run_id if read is not None else new_run_id(self.layout, now)
        with self._step("publish"):
            published = self.warehouse.publish(run_id=run_id, now=now, to=to)
            if as_of is None:
                append_log(self.layout, run_id, "published", [published.published_row], now=self.clock.now)
        self.report.published = published
        return published

    def _load(self, as_of: datetime | None) -> Loaded:
        with self._step("load"):
            return Loaded(self.warehouse.load(as_of=as_of))

    def _run_models(self) -> ModelsBuilt:
        total = len(self.warehouse.models())
        begun: list[str] = []

        def on_model(name: str) -> None:
            begun.append(name)
            self._emit(Event("progress", "", "models", text=name, done=len(begun), total=total))

        with self._step("models"):
            return ModelsBuilt(self.warehouse.run_models(on_model=on_model))

    def _check(self) -> Checked:
        """Compare with Instantly's counters, only if this run has read them; then run every check.

        Tables of streams whose deletions the user accepted may become empty.
        """
        read = self.report.sync_report
        with self._step("checks"):
            if read is not None:
                compared = self.warehouse.reconcile(run_id=read.run_id, now=self.clock.now())
                append_log(self.layout, read.run_id, "reconciliation", compared, now=self.clock.now)
            results = self.warehouse.run_checks(accepted=read.accepted if read is not None else ())
        self.report.checks = results
        return Checked(results)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Show and time one step."""
        started = time.monotonic()
        self._emit(Event("start", "", name))
        yield
        self.report.seconds[name] = time.monotonic() - started
        self._emit(Event("end", "", name))

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)
