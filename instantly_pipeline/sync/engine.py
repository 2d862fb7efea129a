"""One sync: every workspace, every chosen stream, parents before children, independent ones side by side.

A stream that fails does not stop the others, a workspace that fails does not stop the others; what was read of each is
in the lake. Fatal errors (a full disk, a wrong setting) and cancellation do stop the run.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC

import httpx
from pydantic import SecretStr

from instantly_pipeline.api.client import ApiClient, ClientStats, counted
from instantly_pipeline.api.clock import SYSTEM, Clock
from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.errors import (
    Fatal,
    Forbidden,
    KeyRejected,
    PipelineError,
    PlanRequired,
    UsageError,
)
from instantly_pipeline.lake.aside import aside
from instantly_pipeline.lake.changes import RunFiles, WriterClock, last_written
from instantly_pipeline.lake.layout import Layout, check_lake, new_run_id, open_lake
from instantly_pipeline.lake.notes import Notes, note_down
from instantly_pipeline.lake.state import States
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.model import Read, Stream
from instantly_pipeline.streams.registry import all_streams, chosen, in_order
from instantly_pipeline.sync.context import DEFAULT_SIZES, Context, Sizes, Windows
from instantly_pipeline.sync.identity import WORKSPACE_PATH, Names, resolve
from instantly_pipeline.sync.leads.reader import read_leads
from instantly_pipeline.sync.plan import make_plan
from instantly_pipeline.sync.readers.accounts import read_account_batch, read_account_window
from instantly_pipeline.sync.readers.campaigns import read_campaign_window, read_per_campaign, read_workspace_window
from instantly_pipeline.sync.readers.lists import read_array, read_object, read_scan
from instantly_pipeline.sync.readers.steps import read_campaign_days
from instantly_pipeline.sync.report import (
    Event,
    OnEvent,
    Outcome,
    Request,
    StreamResult,
    SyncReport,
    WorkspaceResult,
    silent,
)
from instantly_pipeline.sync.sink import Sink

FEW_COLLECTIONS = (10_000, 10, 10)  # thresholds of the three generations; Python's own are 700, 10, 10

_log = logging.getLogger(__name__)

READERS: Mapping[Read, Callable[[Sink], Awaitable[None]]] = {
    Read.OBJECT: read_object,
    Read.ARRAY: read_array,
    Read.SCAN: read_scan,
    Read.SWEEP: read_leads,
    Read.PER_CAMPAIGN: read_per_campaign,
    Read.CAMPAIGN_WINDOW: read_campaign_window,
    Read.WORKSPACE_WINDOW: read_workspace_window,
    Read.CAMPAIGN_DAYS: read_campaign_days,
    Read.ACCOUNT_WINDOW: read_account_window,
    Read.ACCOUNT_BATCH: read_account_batch,
}

STEP_MINUTES = 10  # campaign-days of steps per run: what so many minutes allow at the learned rate
RATE = "rate"  # the checkpoint of what was learned of it
WORKSPACES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class World:
    """What the engine takes from outside, so that tests can pass in their own."""

    time: Clock = SYSTEM
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
    with aside(settings.data_dir) as layout:
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
        self.started = world.time.now()
        self.run_id = ""
        self.streams = chosen(request.streams or settings.stream_names())
        self.taken: dict[str, str] = {}  # workspace id -> the name it is synced under
        self.names: Names | None = None
        self.several = False

    async def all(self) -> SyncReport:
        keys = _selected(self.settings.keys(), self.request.workspaces)
        self.several = len(keys) > 1
        if self.only_plan:
            check_lake(self.layout, origin=self.settings.base_url)
        else:
            open_lake(self.layout, origin=self.settings.base_url)
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
            raise _first(errors) from None
        return SyncReport(self.run_id, self.started, self.world.time.now(), [task.result() for task in tasks])

    async def _workspace(self, name: str, key: SecretStr) -> WorkspaceResult:
        limiter = Limiter.for_cap(self.settings.max_requests_per_minute, self.world.time)
        transport = self.world.transport() if self.world.transport else None
        result = WorkspaceResult(name, None, Outcome.OK)
        try:
            client = ApiClient(
                base_url=self.settings.base_url, key=key.get_secret_value(), limiter=limiter, clock=self.world.time,
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
        now = self.world.time.now
        row = {"workspace_id": workspace_id, "workspace_name": result.name, "started_at": self.started,
               "ended_at": now(), "outcome": result.outcome.value, "reason": result.reason,
               "full": self.request.full, "requests": result.requests}  # fmt: skip
        note_down(self.layout, self.run_id, "sync_runs", [row], now=now)

    async def _identified(self, client: ApiClient, limiter: Limiter, result: WorkspaceResult) -> None:
        """Find out whose key this is, then sync that workspace."""
        workspace_id, answer = await resolve(client)
        result.workspace_id = workspace_id
        if workspace_id in self.taken:
            result.outcome = Outcome.SKIPPED
            result.reason = f"its key opens the same workspace as {self.taken[workspace_id]!r}, which is synced already"
            return
        self.taken[workspace_id] = result.name
        if self.names is not None:
            (self.names.check if self.only_plan else self.names.bind)(result.name, workspace_id)
        states = States(self.layout, workspace_id)
        limiter.recall(states.read(RATE))
        run = WorkspaceRun(self, client, limiter, result, workspace_id, answer)
        if self.only_plan:
            await run.plan()
            return
        with _remembering(limiter, states):
            await run.go()


class WorkspaceRun:
    """One workspace in one run."""

    def __init__(
        self, run: _Run, client: ApiClient, limiter: Limiter, result: WorkspaceResult, workspace_id: str, answer: object
    ) -> None:
        self.run = run
        self.result = result
        self._unpaid = 0  # streams refused for want of a plan
        self.client = client
        settings, time = run.settings, run.world.time
        clock = WriterClock(time.now, after=last_written(run.layout, workspace_id))
        files = RunFiles(run.layout, workspace_id, run.run_id)
        today = time.now().astimezone(UTC).date()
        self.per_minute = limiter.per_minute
        self.ctx = Context(
            workspace=result.name, workspace_id=workspace_id, client=client, time=time, layout=run.layout, files=files,
            clock=clock, notes=Notes(files, clock), states=States(run.layout, workspace_id),
            windows=Windows(today, settings.first_day(today), settings.lookback_days, settings.sweep_days),
            request=run.request, streams=all_streams(), on_event=self._tell, sizes=run.world.sizes,
            step_requests=max(int(STEP_MINUTES * self.per_minute), 1),
        )  # fmt: skip
        if answer is not None:
            self.ctx.know(WORKSPACE_PATH, answer)

    async def go(self) -> None:
        """Plan, then read every stream; the outcome is in the result, and in the lake's logs."""
        streams = self._with_parents()
        try:
            await self._plan(streams)
        except Exception as error:  # noqa: BLE001 - a plan that cannot be made must not cost the sync
            _log.error("No plan could be made: %s at\n%s", type(error).__name__, _place(error))
        self._log_run("running")
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                for stream in streams.values():
                    parents = [tasks[need] for need in stream.needs if need in tasks]
                    tasks[stream.name] = group.create_task(self._after(parents, stream))
        except BaseExceptionGroup as errors:
            first = _first(errors)
            if not isinstance(first, KeyRejected):
                raise first from None
            self.result.outcome, self.result.reason = Outcome.FAILED, str(first)
        finally:
            self._close()
        self._judge()
        whole = all(stream.outcome in (Outcome.OK, Outcome.PARTIAL) for stream in self.result.streams)
        self._log_run(self.result.outcome.value if whole or self.result.outcome is Outcome.FAILED else "incomplete")

    async def plan(self) -> None:
        """Say what `go` would ask for."""
        try:
            await self._plan(self._with_parents())
        finally:
            self._close()

    async def _plan(self, streams: Mapping[str, Stream]) -> None:
        identified = self.client.stats.requests - self.client.stats.retries
        self.result.plan = await make_plan(self.ctx, streams, identified=identified, per_minute=self.per_minute)
        self.ctx.on_event(Event("spent", self.result.name, done=identified, total=self.result.plan.total.requests))

    def _tell(self, event: Event) -> None:
        """Hand an event on; with the progress of a stream comes that of the whole."""
        self.run.on_event(event)
        if event.kind == "progress" and self.result.plan is not None:
            spent = self.client.stats.requests - self.client.stats.retries
            total = max(self.result.plan.total.requests, spent)
            self.run.on_event(Event("spent", self.result.name, done=spent, total=total))

    def _close(self) -> None:
        for log in self.ctx.logs.values():
            log.close()

    def _with_parents(self) -> dict[str, Stream]:
        """The chosen streams, and those parents that were never read: without them a child has nothing to ask for."""
        wanted = dict(self.run.streams)
        for stream in list(wanted.values()):
            for need in self._missing_parents(stream):
                if need not in wanted:
                    self.ctx.say(f"{stream.name} needs {need}, which was not read before: reading it first.", need)
                    wanted[need] = self.ctx.streams[need]
        return in_order(wanted.values())

    def _missing_parents(self, stream: Stream) -> list[str]:
        missing = [need for need in stream.needs if not self.ctx.states.read(f"{need}.read")]
        return [deep for need in missing for deep in (*self._missing_parents(self.ctx.streams[need]), need)]

    async def _after(self, parents: list[asyncio.Task[None]], stream: Stream) -> None:
        for parent in parents:
            await parent
        await self._stream(stream)

    async def _stream(self, stream: Stream) -> None:
        ctx, now = self.ctx, self.ctx.now
        result = StreamResult(ctx.workspace_id, ctx.workspace, stream.name, now())
        self.result.streams.append(result)
        ctx.on_event(Event("start", ctx.workspace, stream.name))
        sink = Sink(ctx, stream, result, self.client)
        with counted() as stats:
            try:
                await READERS[stream.read](sink)
                self._was_read(stream, stats)
            except (Fatal, KeyRejected, asyncio.CancelledError) as error:
                result.outcome, result.reason = Outcome.FAILED, f"cut off: {error}" if str(error) else "cut off"
                raise
            except (Forbidden, PlanRequired) as error:
                result.outcome, result.reason = Outcome.SKIPPED, str(error)
                self._unpaid += isinstance(error, PlanRequired)
                ctx.states.write(f"{stream.name}.refused", {"at": now().isoformat()})
            except PipelineError as error:
                result.outcome, result.reason = Outcome.FAILED, str(error)
            except Exception as error:  # noqa: BLE001 - one stream's defect must not cost the others
                _log.error("%s ended by an unexpected %s at\n%s", stream.name, type(error).__name__, _place(error))
                result.outcome = Outcome.FAILED
                result.reason = f"an unexpected {type(error).__name__}; the log has its place. Please report it"
            finally:
                result.ended_at = now()
                self._log_stream(result, stats)
        end = Event("end", ctx.workspace, stream.name, result.reason or "", result.rows_read, outcome=result.outcome)
        ctx.on_event(end)

    def _was_read(self, stream: Stream, stats: ClientStats) -> None:
        requests = stats.requests - stats.retries
        if stream.name in self.ctx.paid:
            requests += self.ctx.paid[stream.name].requests - self.ctx.paid[stream.name].retries
        read = {"at": self.ctx.now().isoformat(), "run_id": self.run.run_id, "requests": requests}
        self.ctx.states.write(f"{stream.name}.read", read)
        self.ctx.states.forget(f"{stream.name}.refused")

    def _log_stream(self, result: StreamResult, stats: ClientStats) -> None:
        ahead = self.ctx.paid.get(result.stream, ClientStats())
        result.requests, result.retries = stats.requests + ahead.requests, stats.retries + ahead.retries
        changes, plan = result.changes, self.result.plan
        self.ctx.notes.add(
            "stream_status", stream=result.stream, outcome=result.outcome.value, reason=result.reason,
            started_at=result.started_at, ended_at=result.ended_at, planned_requests=plan and plan.of(result.stream),
            requests=result.requests, responses_429=stats.responses_429 + ahead.responses_429, retries=result.retries,
            rows_read=result.rows_read, rows_inserted=changes.inserted, rows_updated=changes.updated,
            rows_deleted=changes.deleted, rows_unchanged=changes.unchanged,
            partial=result.outcome is Outcome.PARTIAL, held_deletes=result.held_deletes,
        )  # fmt: skip

    def _judge(self) -> None:
        """A workspace whose every stream was refused for want of a plan is refused itself."""
        if self._unpaid and self._unpaid == len(self.result.streams):
            self.result.outcome = Outcome.FAILED
            self.result.reason = next(stream.reason for stream in self.result.streams)

    def _log_run(self, outcome: str) -> None:
        ended = None if outcome == "running" else self.ctx.now()
        streams, stats = self.result.streams, self.client.stats
        self.ctx.notes.add(
            "sync_runs", workspace_name=self.result.name, started_at=self.run.started, ended_at=ended, outcome=outcome,
            reason=self.result.reason, full=self.run.request.full, requests=stats.requests, retries=stats.retries,
            planned_requests=self.result.plan.total.requests if self.result.plan else None,
            responses_429=stats.responses_429, rows_deleted=sum(s.changes.deleted for s in streams),
            rows_upserted=sum(s.changes.inserted + s.changes.updated for s in streams),
        )  # fmt: skip
        self.ctx.notes.flush()


@contextmanager
def _remembering(limiter: Limiter, states: States) -> Iterator[None]:
    """Keep the rate that this run learns, also if it is killed."""

    def keep() -> None:
        if learned := limiter.remembered():
            states.write(RATE, learned)

    limiter.on_learned = keep
    try:
        yield
    finally:
        limiter.on_learned = None
        keep()


def _selected(keys: Mapping[str, SecretStr], names: tuple[str, ...] | None) -> dict[str, SecretStr]:
    if names is None:
        return dict(keys)
    unknown = [name for name in names if name not in keys]
    if unknown:
        raise UsageError(f"There is no workspace {unknown[0]!r}. The settings name: {', '.join(sorted(keys))}.")
    return {name: keys[name] for name in names}


def _place(error: Exception) -> str:
    """Where an unforeseen error was raised; not its text, which may hold a record's values."""
    return "".join(traceback.format_tb(error.__traceback__))


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error worth showing of several tasks that ended together: a fatal one before others."""
    leaves = list(_leaves(errors))
    return next((e for e in leaves if isinstance(e, Fatal)), leaves[0])


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
