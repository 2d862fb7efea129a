"""One workspace in one run: the plan, then every chosen stream, parents before children, the others concurrently."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from instantly_pipeline.api.client import ApiClient, ClientStats, count_requests
from instantly_pipeline.api.clock import HOW_TO_SET, Clock
from instantly_pipeline.errors import Fatal, Forbidden, KeyRejected, PipelineError, PlanRequired, lack_of_memory
from instantly_pipeline.lake.change_log import RunFiles, WriterClock, last_written
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.logs import LogWriter
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.streams.registry import all_streams, select_streams, sort_by_needs
from instantly_pipeline.sync.api_facts import ApiFacts
from instantly_pipeline.sync.context import Context, Sizes, Windows
from instantly_pipeline.sync.identity import WORKSPACE_PATH
from instantly_pipeline.sync.last_reading import last_reading, note_reading, note_refusal
from instantly_pipeline.sync.learned_rate import Limiters
from instantly_pipeline.sync.plan import make_plan
from instantly_pipeline.sync.readers.registry import reader_of
from instantly_pipeline.sync.results import Cost, Event, OnEvent, Outcome, Request, StreamResult, WorkspaceResult
from instantly_pipeline.sync.sink import Sink

STEP_MINUTES = 10  # limits the campaign-days of steps per run, at the learned rate

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """What the workspaces of one run have in common."""

    settings: Settings
    request: Request
    streams: Mapping[str, Stream]
    on_event: OnEvent
    clock: Clock
    sizes: Sizes
    layout: Layout
    run_id: str
    started: datetime
    facts: ApiFacts


class WorkspaceRun:
    """One workspace in one run."""

    def __init__(
        self,
        run: Run,
        client: ApiClient,
        limiters: Limiters,
        result: WorkspaceResult,
        workspace_id: str,
        answer: object,
    ) -> None:
        self.run = run
        self.result = result
        self._slow: dict[str, Cost] = {}  # streams whose path the API limits by itself
        self._left: dict[str, int] = {}  # requests that they still take
        self._unpaid = 0  # streams refused because the plan does not include them
        self.client = client
        settings, clock = run.settings, run.clock
        write_clock = WriterClock(clock.now, after=last_written(run.layout, workspace_id))
        files = RunFiles(run.layout, workspace_id, run.run_id)
        today = clock.now().astimezone(UTC).date()
        self.per_minute = limiters.general.per_minute
        self.ctx = Context(
            workspace=result.name, workspace_id=workspace_id, client=client, clock=clock, layout=run.layout,
            files=files, write_clock=write_clock, logs=LogWriter(files, write_clock),
            checkpoints=Checkpoints(run.layout, workspace_id),
            windows=Windows(today, settings.first_day(today), settings.lookback_days, settings.sweep_days),
            request=run.request, streams=all_streams(), chosen=frozenset(select_streams(settings.stream_names())),
            on_event=self._report, sizes=run.sizes,
            step_requests=max(int(STEP_MINUTES * self.per_minute), 1),
            own_rates={name: min(own.per_minute, self.per_minute) for name, own in limiters.own.items()},
            email_bodies=settings.email_bodies, facts=run.facts,
        )  # fmt: skip
        if answer is not None:
            self.ctx.know(WORKSPACE_PATH, answer)

    async def sync(self) -> None:
        """Plan, then read every stream; the outcome is in the result and in the lake's logs."""
        streams = self._with_parents()
        try:
            await self._plan(streams)
        except Exception as error:  # noqa: BLE001 - a failed plan must not stop the sync
            _log.error("The plan failed: %s at\n%s", type(error).__name__, _traceback(error))
        if self.result.clock is not None:
            self.ctx.note(self.result.clock)
        self._log_run("running")
        try:
            await self._read_all(streams)
        except KeyRejected as error:
            self.result.outcome, self.result.reason = Outcome.FAILED, str(error)
        finally:
            self.ctx.close()
        self._fail_if_unpaid()
        self._report_clock_change()
        self._log_run(self._logged_outcome())

    async def _read_all(self, streams: Mapping[str, Stream]) -> None:
        """Read every stream after its parents; an error that ends the workspace or the run is raised."""
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                for stream in streams.values():
                    parents = [tasks[need] for need in (*stream.needs, *stream.after) if need in tasks]
                    tasks[stream.name] = group.create_task(self._read_after(parents, stream))
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None

    async def plan(self) -> None:
        """Plan the requests that `sync` would make."""
        try:
            await self._plan(self._with_parents())
        finally:
            self.ctx.close()

    async def _plan(self, streams: Mapping[str, Stream]) -> None:
        identified = self.client.stats.requests - self.client.stats.retries
        self.result.plan = await make_plan(self.ctx, streams, identified=identified, per_minute=self.per_minute)
        self._slow = {cost.stream: cost for cost in self.result.plan.costs if cost.per_minute}
        self._report_spent(identified)

    def _report(self, event: Event) -> None:
        """Pass an event on; after the progress of a stream comes that of the workspace."""
        self.run.on_event(event)
        cost = self._slow.get(event.stream or "")
        if cost is not None and event.kind in ("progress", "end"):
            self._left[cost.stream] = max(cost.requests - event.done, 0) if event.kind == "progress" else 0
        if event.kind == "progress":
            self._report_spent(self.client.stats.requests - self.client.stats.retries)

    def _report_spent(self, spent: int) -> None:
        plan = self.result.plan
        if plan is None:
            return
        left = {name: self._left.get(name, cost.requests) for name, cost in self._slow.items()}
        at_least = max((60 * left[name] / (cost.per_minute or 1) for name, cost in self._slow.items()), default=0.0)
        total = max(plan.total.requests, spent)
        self.run.on_event(Event("spent", self.result.name, done=spent, total=total, at_least=at_least))

    def _with_parents(self) -> dict[str, Stream]:
        """The chosen streams, and their parents that were never read: a child is requested by its parents' records."""
        wanted = dict(self.run.streams)
        for stream in list(wanted.values()):
            for need in self._missing_parents(stream):
                if need not in wanted:
                    self.ctx.say(f"{stream.name} needs {need}, which was never read, so that is read first.", need)
                    wanted[need] = self.ctx.streams[need]
        return sort_by_needs(wanted.values())

    def _missing_parents(self, stream: Stream) -> list[str]:
        missing = [need for need in stream.needs if last_reading(self.ctx.checkpoints, need) is None]
        return [deep for need in missing for deep in (*self._missing_parents(self.ctx.streams[need]), need)]

    async def _read_after(self, parents: list[asyncio.Task[None]], stream: Stream) -> None:
        for parent in parents:
            await parent
        await self._read(stream)

    async def _read(self, stream: Stream) -> None:
        """Read one stream. An error becomes its outcome; one that ends the workspace or the run is raised too."""
        ctx = self.ctx
        result = StreamResult(ctx.workspace_id, ctx.workspace, stream.name, ctx.now())
        self.result.streams.append(result)
        ctx.on_event(Event("start", ctx.workspace, stream.name))
        with count_requests() as stats:
            try:
                await reader_of(stream).read(Sink(ctx, stream, result, self.client))
                requests = stats.requests - stats.retries + ctx.requests_ahead(stream.name)
                note_reading(ctx.checkpoints, stream.name, at=ctx.now(), run_id=self.run.run_id, requests=requests)
            except (Fatal, KeyRejected, asyncio.CancelledError) as error:
                result.outcome = Outcome.FAILED
                result.reason = f"interrupted: {error}" if str(error) else "interrupted"
                raise
            except Exception as error:  # noqa: BLE001 - a bug in one stream must not stop the others
                self._record_error(error, result)
            finally:
                result.reason = "; ".join(text for text in (result.reason, result.data_issues) if text) or None
                result.ended_at = ctx.now()
                self._log_stream(result, stats)
        end = Event("end", ctx.workspace, stream.name, result.reason or "", result.rows_read, outcome=result.outcome)
        ctx.on_event(end)

    def _record_error(self, error: Exception, result: StreamResult) -> None:
        """Set the outcome of a stream that an error ended."""
        result.outcome, result.reason = Outcome.FAILED, str(error)
        if isinstance(error, Forbidden | PlanRequired):
            result.outcome = Outcome.SKIPPED
            self._unpaid += isinstance(error, PlanRequired)
            note_refusal(self.ctx.checkpoints, result.stream, self.ctx.now())
        elif isinstance(error, MemoryError):
            error.add_note(f"the stream {result.stream}")
            result.reason = str(lack_of_memory(error))
        elif not isinstance(error, PipelineError):
            _log.error("%s: unexpected %s at\n%s", result.stream, type(error).__name__, _traceback(error))
            result.reason = f"unexpected {type(error).__name__}; the log has the traceback. Please report it"

    def _log_stream(self, result: StreamResult, stats: ClientStats) -> None:
        ahead = self.ctx.ahead.get(result.stream, ClientStats())
        result.requests, result.retries = stats.requests + ahead.requests, stats.retries + ahead.retries
        changes, plan = result.changes, self.result.plan
        self.ctx.logs.add(
            "stream_status", stream=result.stream, outcome=result.outcome.value, reason=result.reason,
            started_at=result.started_at, ended_at=result.ended_at, planned_requests=plan and plan.of(result.stream),
            requests=result.requests, responses_429=stats.responses_429 + ahead.responses_429, retries=result.retries,
            rows_read=result.rows_read, rows_inserted=changes.inserted, rows_updated=changes.updated,
            rows_deleted=changes.deleted, rows_unchanged=changes.unchanged,
            partial=result.outcome is Outcome.PARTIAL, held_deletes=result.held_deletes,
        )  # fmt: skip

    def _fail_if_unpaid(self) -> None:
        """Mark the workspace as failed if its plan includes none of the streams."""
        if self._unpaid and self._unpaid == len(self.result.streams):
            self.result.outcome = Outcome.FAILED
            self.result.reason = next(stream.reason for stream in self.result.streams)

    def _report_clock_change(self) -> None:
        """Warn if this machine's clock was changed during the run."""
        if (jump := self.client.clock_skew.jump) is not None:
            self.result.clock = f"{jump}; the next sync corrects the wrong timestamps. {HOW_TO_SET}."
            self.ctx.say(self.result.clock)
            self.ctx.note(self.result.clock)

    def _logged_outcome(self) -> str:
        """The workspace's outcome; `incomplete` if it did not fail but a stream was skipped, failed or held."""
        whole = all(stream.outcome in (Outcome.OK, Outcome.PARTIAL) for stream in self.result.streams)
        return self.result.outcome.value if whole or self.result.outcome is Outcome.FAILED else "incomplete"

    def _log_run(self, outcome: str) -> None:
        ended = None if outcome == "running" else self.ctx.now()
        streams, stats = self.result.streams, self.client.stats
        self.ctx.logs.add(
            "sync_runs", workspace_name=self.result.name, started_at=self.run.started, ended_at=ended, outcome=outcome,
            reason=self.result.reason, full=self.run.request.full, requests=stats.requests, retries=stats.retries,
            planned_requests=self.result.plan.total.requests if self.result.plan else None,
            responses_429=stats.responses_429, rows_deleted=sum(s.changes.deleted for s in streams),
            rows_upserted=sum(s.changes.inserted + s.changes.updated for s in streams),
            streams=orjson.dumps(sorted(select_streams(self.run.settings.stream_names()))).decode(),
        )  # fmt: skip
        self.ctx.logs.flush()


def _traceback(error: Exception) -> str:
    """Where an unexpected error was raised; without its message, which may contain a record's values."""
    return "".join(traceback.format_tb(error.__traceback__))


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show of several tasks that failed together: a fatal one before others."""
    leaves = list(_leaves(errors))
    return next((e for e in leaves if isinstance(e, Fatal)), leaves[0])


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
