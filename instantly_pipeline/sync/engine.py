"""One sync: every workspace, some of them concurrently, each with its own key and rate.

A failed stream or workspace does not stop the others; what was read of it is in the lake. Fatal errors (a full disk, a
wrong setting) and cancellation stop the run.
"""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.api.clock import HOW_TO_SET, SYSTEM, Clock, ClockSkew
from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.errors import Fatal, PipelineError, UsageError, WrongClock
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.format import check_lake, open_lake
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.logs import append_log
from instantly_pipeline.lake.read_only import open_read_only
from instantly_pipeline.lake.run_ids import new_run_id
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.catalog.webhook_events import EVENTS
from instantly_pipeline.streams.registry import select_streams
from instantly_pipeline.sync.api_facts import ApiFacts
from instantly_pipeline.sync.context import DEFAULT_SIZES, Sizes
from instantly_pipeline.sync.events.intake import sort_inbox
from instantly_pipeline.sync.events.leftover import notices, take_in_rest
from instantly_pipeline.sync.identity import Names, resolve
from instantly_pipeline.sync.learned_rate import Limiters, keeping_rates, recall_rates
from instantly_pipeline.sync.results import Event, OnEvent, Outcome, Request, SyncReport, WorkspaceResult, silent
from instantly_pipeline.sync.sink import uncancelled
from instantly_pipeline.sync.workspace import Run, WorkspaceRun, first_of

GC_THRESHOLDS = (10_000, 10, 10)  # of the three generations; Python's own are 700, 10, 10

WORKSPACES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class World:
    """What tests replace: clock, randomness, transport and sizes."""

    clock: Clock = SYSTEM
    rng: random.Random | None = None
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None
    sizes: Sizes = DEFAULT_SIZES


async def sync(
    settings: Settings, request: Request, *, on_event: OnEvent = silent, world: World | None = None
) -> SyncReport:
    """Sync what `request` names into the lake of `settings`. The caller holds the data directory's lock.

    UsageError for a wrong request, StorageError if the disk cannot be written; everything else is in the report.
    """
    with _rare_gc():
        return await _Run(settings, request, on_event, world or World()).all()


@contextmanager
def _rare_gc() -> Iterator[None]:
    """Run the cycle collector rarely: records have no cycles, and scanning them costs time."""
    thresholds = gc.get_threshold()
    gc.freeze()  # existing objects are not scanned at all
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def plan(
    settings: Settings, request: Request, *, on_event: OnEvent = silent, world: World | None = None
) -> SyncReport:
    """The requests that `sync` would make, in the `plan` of each workspace. Nothing is written, no lock is needed.

    UsageError for a wrong request or a data directory of another API; everything else is in the report.
    """
    with open_read_only(settings.data_dir) as layout:
        return await _Run(settings, request, on_event, world or World(), only_plan=layout).all()


class _Run:
    """One run over all workspaces; with `only_plan`, a read-only layout, it ends after the plan."""

    def __init__(
        self, settings: Settings, request: Request, on_event: OnEvent, world: World, *, only_plan: Layout | None = None
    ) -> None:
        self._settings, self._request, self._on_event, self._world = settings, request, on_event, world
        self._only_plan = only_plan is not None
        self._layout = only_plan or Layout(settings.data_dir)
        self._started = world.clock.now()
        self._streams = select_streams(request.streams or settings.stream_names())
        self._keys = _selected(settings.keys(), request.workspaces)
        self._facts = ApiFacts.read(settings.probe_file, settings.base_url)
        check_lake(self._layout, origin=settings.base_url)
        self._run_id = new_run_id(self._layout, self._started)
        self._names = Names(self._layout)
        self._taken: dict[str, str] = {}  # workspace id -> the name it is synced under
        self._is_open = False
        self._aside: Counter[str] = Counter()  # received and no event, by reason
        self._takes_events = EVENTS.name in self._streams and not self._only_plan

    async def all(self) -> SyncReport:
        if not self._takes_events:
            return await self._all()
        arrived = await uncancelled(asyncio.to_thread(sort_inbox, self._layout, aside=self._aside))
        report = await self._all()
        damaged: list[str] = []
        rest = asyncio.to_thread(take_in_rest, self._layout, self._run_id, self._world.clock.now, damaged.append)
        report.taken_in = await uncancelled(rest)
        for text in damaged:
            self._on_event(Event("say", "", text=text))
        if report.taken_in:
            text = f"{report.taken_in:,} received events were taken in without asking the API."
            self._on_event(Event("say", "", text=text))
        self._report_waiting(is_new=arrived)
        return report

    async def _all(self) -> SyncReport:
        places = asyncio.Semaphore(WORKSPACES_AT_ONCE)

        async def one(name: str, key: SecretStr) -> WorkspaceResult:
            async with places:
                return await self._workspace(name, key)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(name, key)) for name, key in self._keys.items()]
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None
        accepted = frozenset(self._streams if self._request.accept_deletes else ())
        results = [task.result() for task in tasks]
        return SyncReport(self._run_id, self._started, self._world.clock.now(), results, accepted)

    async def _workspace(self, name: str, key: SecretStr) -> WorkspaceResult:
        result = WorkspaceResult(name, None, Outcome.OK)
        limiters = self._limiters()
        try:
            async with self._client(key, limiters) as client:
                try:
                    await self._identify_and_read(client, limiters, result)
                finally:
                    stats = client.stats
                    result.requests, result.retries = stats.requests, stats.retries
                    result.responses_429 = stats.responses_429
        except PipelineError as error:
            self._fail(result, error)
        return result

    def _limiters(self) -> Limiters:
        clock, streams = self._world.clock, self._streams.values()
        own = {s.name: Limiter(clock, untold=s.own_rate) for s in streams if s.own_rate is not None}
        return Limiters(Limiter.for_cap(self._settings.max_requests_per_minute, clock), own)

    def _client(self, key: SecretStr, limiters: Limiters) -> ApiClient:
        by_path = {self._streams[name].path: limiter for name, limiter in limiters.own.items()}
        return ApiClient(
            base_url=self._settings.base_url, key=key.get_secret_value(), limiter=limiters.general,
            limiters_by_path=by_path, clock=self._world.clock, rng=self._world.rng,
            transport=self._world.transport() if self._world.transport else None,
        )  # fmt: skip

    async def _identify_and_read(self, client: ApiClient, limiters: Limiters, result: WorkspaceResult) -> None:
        try:
            workspace_id, answer = await resolve(client)
        finally:
            self._check_clock(client.clock_skew, result)
        result.workspace_id = workspace_id
        if workspace_id in self._taken:
            other = self._taken[workspace_id]
            result.outcome = Outcome.SKIPPED
            result.reason = f"its key belongs to the same workspace as {other!r}, which this run syncs already"
            return
        self._taken[workspace_id] = result.name
        self._open()
        (self._names.check if self._only_plan else self._names.bind)(result.name, workspace_id)
        checkpoints = Checkpoints(self._layout, workspace_id)
        recall_rates(limiters, checkpoints)
        run = Run(
            self._settings, self._request, self._streams, self._on_event, self._world.clock, self._world.sizes,
            self._layout, self._run_id, self._started, self._facts,
        )  # fmt: skip
        workspace = WorkspaceRun(run, client, limiters, result, workspace_id, answer)
        if self._only_plan:
            await workspace.plan()
            return
        with keeping_rates(limiters, checkpoints):
            await workspace.sync()

    def _open(self) -> None:
        """Prepare the lake for writing once the first workspace is identified."""
        if not self._only_plan and not self._is_open:
            open_lake(self._layout, origin=self._settings.base_url)
            self._is_open = True

    def _report_waiting(self, *, is_new: bool) -> None:
        """Say which received events no workspace took; log it where some have just come."""
        found = notices(self._layout, self._aside)
        for text in found:
            self._on_event(Event("say", "", text=text))
        if is_new and self._is_open:
            rows = [{"stream": EVENTS.name, "notice": text, "seen_at": self._world.clock.now()} for text in found]
            append_log(self._layout, self._run_id, "notices", rows, now=self._world.clock.now)

    def _check_clock(self, skew: ClockSkew, result: WorkspaceResult) -> None:
        """WrongClock if this machine's clock is wrong, before anything is written; a plan only reports it."""
        if skew.is_wrong and not self._only_plan:
            raise WrongClock(
                f"{skew}, so all timestamps would be wrong. Nothing was written. {HOW_TO_SET}, then sync again. If it "
                f"is right, the clock of the server at {self._settings.base_url} is wrong: look for a proxy in between."
            )
        if skew.is_notable:
            refused = "; a sync would refuse to write" if skew.is_wrong else ""
            result.clock = f"{skew}{refused}. {HOW_TO_SET}."
            self._on_event(Event("say", result.name, text=result.clock))

    def _fail(self, result: WorkspaceResult, error: PipelineError) -> None:
        """Mark a workspace as failed. Fatal errors stop the run, except a wrong setting of one workspace of several."""
        if isinstance(error, Fatal) and not (isinstance(error, UsageError) and len(self._keys) > 1):
            raise error
        result.outcome, result.reason = Outcome.FAILED, str(error)
        self._on_event(Event("end", result.name, text=str(error), outcome=Outcome.FAILED))
        if result.workspace_id is None and not self._only_plan:
            self._log_failure(result)

    def _log_failure(self, result: WorkspaceResult) -> None:
        """Log the run of a workspace that was synced before and cannot be identified now, so that `status` shows it."""
        workspace_id = self._names.bound(result.name)
        if workspace_id is None:
            return
        row = {"workspace_id": workspace_id, "workspace_name": result.name, "started_at": self._started,
               "ended_at": self._world.clock.now(), "outcome": result.outcome.value, "reason": result.reason,
               "full": self._request.full, "requests": result.requests}  # fmt: skip
        append_log(self._layout, self._run_id, "sync_runs", [row], now=self._world.clock.now)


def _selected(keys: Mapping[str, SecretStr], names: tuple[str, ...] | None) -> dict[str, SecretStr]:
    if names is None:
        return dict(keys)
    unknown = [name for name in names if name not in keys]
    if unknown:
        raise UsageError(f"There is no workspace {unknown[0]!r}. The settings name: {', '.join(sorted(keys))}.")
    return {name: keys[name] for name in names}
