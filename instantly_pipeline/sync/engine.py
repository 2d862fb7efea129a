"""One sync: every workspace, some side by side, each with its key and its rate.

A stream that fails does not stop the others, a workspace that fails does not stop the others; what was read of each is
in the lake. Fatal errors (a full disk, a wrong setting) and cancellation do stop the run.
"""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.api.clock import HOW_TO_SET, SYSTEM, Ahead, Clock
from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.errors import (
    Fatal,
    PipelineError,
    UsageError,
    WrongClock,
)
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.format import check_lake, open_lake
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.logs import append_log
from instantly_pipeline.lake.read_only import open_read_only
from instantly_pipeline.lake.run_ids import new_run_id
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.registry import chosen
from instantly_pipeline.sync.context import DEFAULT_SIZES, Sizes
from instantly_pipeline.sync.identity import Names, resolve
from instantly_pipeline.sync.learned_rate import keeping_rate, recall_rate
from instantly_pipeline.sync.results import (
    Event,
    OnEvent,
    Outcome,
    Request,
    SyncReport,
    WorkspaceResult,
    silent,
)
from instantly_pipeline.sync.workspace import Run, WorkspaceRun, first_of

FEW_COLLECTIONS = (10_000, 10, 10)  # thresholds of the three generations; Python's own are 700, 10, 10

WORKSPACES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class World:
    """What the engine takes from outside, so that tests can pass in their own."""

    clock: Clock = SYSTEM
    rng: random.Random | None = None
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None
    sizes: Sizes = DEFAULT_SIZES


async def sync(
    settings: Settings, request: Request, *, on_event: OnEvent = silent, world: World | None = None
) -> SyncReport:
    """Sync what `request` names into the lake of `settings`. The caller holds the data directory's lock.

    UsageError for a wrong request, StorageError for a disk that does not take it; everything else is in the report.
    """
    with _few_collections():
        return await _Run(settings, request, on_event, world or World()).all()


@contextmanager
def _few_collections() -> Iterator[None]:
    """Records go as soon as nothing refers to them; looking through them all for cycles would only cost time."""
    thresholds = gc.get_threshold()
    gc.freeze()  # what was there before stays
    gc.set_threshold(*FEW_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def plan(
    settings: Settings, request: Request, *, on_event: OnEvent = silent, world: World | None = None
) -> SyncReport:
    """What `sync` would ask for, in the workspaces' `plan`. Nothing is written and no lock is needed.

    UsageError for a wrong request or a data directory of another API; everything else is in the report.
    """
    with open_read_only(settings.data_dir) as layout:
        return await _Run(settings, request, on_event, world or World(), only_plan=layout).all()


class _Run:
    """One run over all workspaces; with `only_plan`, a layout for reading, it ends where it would begin to spend."""

    def __init__(
        self, settings: Settings, request: Request, on_event: OnEvent, world: World, *, only_plan: Layout | None = None
    ) -> None:
        self.settings = settings
        self.request = request
        self.on_event = on_event
        self.world = world
        self.only_plan = only_plan is not None
        self.layout = only_plan or Layout(settings.data_dir)
        self.started = world.clock.now()
        self.run_id = ""
        self.streams = chosen(request.streams or settings.stream_names())
        self.taken: dict[str, str] = {}  # workspace id -> the name it is synced under
        self.names: Names | None = None
        self.several = False
        self._is_open = False

    async def all(self) -> SyncReport:
        keys = _selected(self.settings.keys(), self.request.workspaces)
        self.several = len(keys) > 1
        check_lake(self.layout, origin=self.settings.base_url)
        self.run_id = new_run_id(self.layout, self.started)
        self.names = Names(self.layout)
        places = asyncio.Semaphore(WORKSPACES_AT_ONCE)

        async def one(name: str, key: SecretStr) -> WorkspaceResult:
            async with places:
                return await self._workspace(name, key)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(name, key)) for name, key in keys.items()]
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None
        accepted = frozenset(self.streams if self.request.accept_deletes else ())
        results = [task.result() for task in tasks]
        return SyncReport(self.run_id, self.started, self.world.clock.now(), results, accepted)

    async def _workspace(self, name: str, key: SecretStr) -> WorkspaceResult:
        limiter = Limiter.for_cap(self.settings.max_requests_per_minute, self.world.clock)
        transport = self.world.transport() if self.world.transport else None
        result = WorkspaceResult(name, None, Outcome.OK)
        try:
            client = ApiClient(
                base_url=self.settings.base_url, key=key.get_secret_value(), limiter=limiter, clock=self.world.clock,
                rng=self.world.rng, transport=transport,
            )  # fmt: skip
        except UsageError as error:
            self._failed(result, error)
            return result
        async with client:
            failed: PipelineError | None = None
            try:
                await self._identified(client, limiter, result)
            except PipelineError as error:
                failed = error
            stats = client.stats
            result.requests, result.retries, result.responses_429 = stats.requests, stats.retries, stats.responses_429
            if failed is not None:
                self._failed(result, failed)
            return result

    def _failed(self, result: WorkspaceResult, error: PipelineError) -> None:
        """A wrong setting of one of several workspaces is that workspace's; anything else fatal stops the run."""
        if isinstance(error, Fatal) and not (isinstance(error, UsageError) and self.several):
            raise error
        result.outcome, result.reason = Outcome.FAILED, str(error)
        self.on_event(Event("end", result.name, text=str(error), outcome=Outcome.FAILED))
        if result.workspace_id is None:
            self._note_unread(result)

    def _note_unread(self, result: WorkspaceResult) -> None:
        """The run of a workspace known from before whose key opens nothing now: `status` shows it."""
        workspace_id = self.names.bound(result.name) if self.names else None
        if workspace_id is None or self.only_plan:
            return
        now = self.world.clock.now
        row = {"workspace_id": workspace_id, "workspace_name": result.name, "started_at": self.started,
               "ended_at": now(), "outcome": result.outcome.value, "reason": result.reason,
               "full": self.request.full, "requests": result.requests}  # fmt: skip
        append_log(self.layout, self.run_id, "sync_runs", [row], now=now)

    async def _identified(self, client: ApiClient, limiter: Limiter, result: WorkspaceResult) -> None:
        """Find out whose key this is, then sync that workspace."""
        try:
            workspace_id, answer = await resolve(client)
        finally:
            self._judge_clock(client.ahead, result)
        result.workspace_id = workspace_id
        if workspace_id in self.taken:
            result.outcome = Outcome.SKIPPED
            result.reason = f"its key opens the same workspace as {self.taken[workspace_id]!r}, which is synced already"
            return
        self.taken[workspace_id] = result.name
        self._open()
        if self.names is not None:
            (self.names.check if self.only_plan else self.names.bind)(result.name, workspace_id)
        checkpoints = Checkpoints(self.layout, workspace_id)
        recall_rate(limiter, checkpoints)
        facts = Run(
            self.settings, self.request, self.streams, self.on_event, self.world.clock, self.world.sizes, self.layout,
            self.run_id, self.started,
        )  # fmt: skip
        run = WorkspaceRun(facts, client, limiter, result, workspace_id, answer)
        if self.only_plan:
            await run.plan()
            return
        with keeping_rate(limiter, checkpoints):
            await run.go()
        if client.ahead.change is not None:
            self._say_clock(f"{client.ahead.change}; the next sync corrects what it dated. {HOW_TO_SET}.", result)

    def _judge_clock(self, ahead: Ahead, result: WorkspaceResult) -> None:
        """WrongClock before anything is written with a clock that would mislead; a plan only says so."""
        if ahead.is_wrong and not self.only_plan:
            raise WrongClock(
                f"{ahead}, so what it dates would mislead. Nothing was written. {HOW_TO_SET}; then again. If it is "
                f"right, the clock of what answers at {self.settings.base_url} is wrong: look for a proxy in between."
            )
        if ahead.is_notable:
            refused = "; a sync would refuse to write" if ahead.is_wrong else ""
            self._say_clock(f"{ahead}{refused}. {HOW_TO_SET}.", result)

    def _say_clock(self, text: str, result: WorkspaceResult) -> None:
        result.clock = text
        self.on_event(Event("say", result.name, text=text))

    def _open(self) -> None:
        """Make ready for writing, once, with the first workspace that could be read."""
        if not self.only_plan and not self._is_open:
            open_lake(self.layout, origin=self.settings.base_url)
            self._is_open = True


def _selected(keys: Mapping[str, SecretStr], names: tuple[str, ...] | None) -> dict[str, SecretStr]:
    if names is None:
        return dict(keys)
    unknown = [name for name in names if name not in keys]
    if unknown:
        raise UsageError(f"There is no workspace {unknown[0]!r}. The settings name: {', '.join(sorted(keys))}.")
    return {name: keys[name] for name in names}
