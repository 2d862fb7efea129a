"""What the readers of one workspace share: client, lake, clock, and responses that several streams need."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from instantly_pipeline.api.client import ApiClient, ClientStats, Page
from instantly_pipeline.api.clock import Clock
from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.change_log import ChangeLog, RunFiles, WriterClock
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.logs import LogWriter
from instantly_pipeline.lake.read_versions import read_versions
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.api_facts import DAILY_PATH, STEPS_PATH, ApiFacts
from instantly_pipeline.sync.limits import ACCOUNTS, DAYS, Dates, Kind, Limits, RefusedAccounts, of_endpoint
from instantly_pipeline.sync.results import Event, OnEvent, Request


@dataclass(slots=True)
class Windows:
    """The dates of this run, all UTC."""

    today: date
    first_day: date
    lookback_days: int
    sweep_days: int  # every lead is read again within this many days

    @property
    def begin(self) -> date:
        """The first day to read of something that was never read."""
        return min(self.first_day, self.lookback)

    @property
    def lookback(self) -> date:
        """The first day that is read again."""
        return self.today - timedelta(days=self.lookback_days)


@dataclass(frozen=True, slots=True)
class Sizes:
    """From which size on leads are read incrementally, and in which steps; others in tests, whose worlds are small."""

    few_pages: int = 10  # up to this many pages every sync sweeps all leads: choosing would cost as much
    leads_per_segment: int = 3_200  # at least
    # If reading in part would take more than this share of all pages, everything is swept. Requests stand for time,
    # too: a page of a campaign takes at most 1.3 times the processor of one of a sweep. For at most twice the requests
    # a sweep also finds what no counter shows, and for some time no segment is due.
    worth_a_sweep: float = 0.5
    # of campaigns, between two looks for missing leads: a look takes 10 ms with 1,000,000 known leads, and a checkpoint
    pages_per_step: int = 100


DEFAULT_SIZES = Sizes()


@dataclass(frozen=True, slots=True)
class Listing:
    """The pages of one list, when it was requested, and the error that ended it, if any."""

    pages: Sequence[Page]
    asked_at: datetime
    error: PipelineError | None


@dataclass(slots=True)
class Context:
    """One workspace in one run."""

    workspace: str
    workspace_id: str
    client: ApiClient
    clock: Clock
    layout: Layout
    files: RunFiles
    write_clock: WriterClock
    logs: LogWriter
    checkpoints: Checkpoints
    windows: Windows
    request: Request
    streams: Mapping[str, Stream]
    chosen: Collection[str]  # the streams that the settings choose; `request` may name others
    on_event: OnEvent
    sizes: Sizes
    step_requests: int  # the most campaign-days of steps to read in this run
    own_rates: Mapping[str, float]  # requests a minute, by stream, of paths that the API limits by themselves
    email_bodies: bool  # keep what e-mails say
    facts: ApiFacts = field(default_factory=ApiFacts)
    _change_logs: dict[str, ChangeLog] = field(default_factory=dict)
    _shared: dict[str, asyncio.Future[object]] = field(default_factory=dict)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    expected: dict[str, Mapping[str, str]] = field(default_factory=dict)  # by stream: hashes the plan has seen
    listed: dict[str, Listing] = field(default_factory=dict)  # by stream: what the plan has read ahead
    own_days: Mapping[str, str] | None = None  # hash of the workspace's figures by date, if the plan has read them
    ahead: dict[str, ClientStats] = field(default_factory=dict)  # requests made before a stream's turn
    _limits: dict[str, Limits] = field(default_factory=dict)
    _refused_accounts: dict[str, RefusedAccounts] = field(default_factory=dict)

    def log(self, name: str) -> ChangeLog:
        """The change log of a stream, opened once."""
        if name not in self._change_logs:
            self._change_logs[name] = ChangeLog(self.files, self.streams[name], self.write_clock)
        return self._change_logs[name]

    def close(self) -> None:
        """Close the change logs that were opened."""
        for log in list(self._change_logs.values()):
            log.close()

    def limits_of_days(self, stream: Stream, most: int | None = None) -> Limits:
        """How many days the endpoint of a stream takes in one request; never more than `most`."""
        form, end_included = Dates.INSTANTS if stream.full_instants else Dates.PLAIN, None
        if stream.path == STEPS_PATH:
            form, end_included = self.facts.step_dates or form, self.facts.step_end_included
        if stream.path == DAILY_PATH:
            most = min(filter(None, (most, self.facts.daily_days)), default=None)
        return self._limits_of(of_endpoint(stream, "days"), DAYS, most, form, end_included)

    def limits_of_accounts(self, stream: Stream, most: int) -> Limits:
        """How many accounts the endpoint of a stream takes in one request; never more than `most`."""
        return self._limits_of(of_endpoint(stream, "accounts"), ACCOUNTS, most)

    def _limits_of(
        self, name: str, kind: Kind, most: int | None, form: Dates = Dates.PLAIN, end_included: bool | None = None
    ) -> Limits:
        if name not in self._limits:
            self._limits[name] = Limits(
                self.checkpoints, name, self.windows.today, kind, most=most, form=form, end_included=end_included
            )
        return self._limits[name]

    def refused_accounts(self, stream: Stream) -> RefusedAccounts:
        """The accounts that the endpoint of a stream refuses."""
        name = of_endpoint(stream, "refused")
        if name not in self._refused_accounts:
            self._refused_accounts[name] = RefusedAccounts(
                self.checkpoints, name, self.windows.today, full=self.request.full
            )
        return self._refused_accounts[name]

    def now(self) -> datetime:
        """The current time of this machine in UTC."""
        return self.clock.now().astimezone(UTC)

    def say(self, text: str, stream: str | None = None) -> None:
        """Show one line to the user."""
        self.on_event(Event("say", self.workspace, stream, text=text))

    def note(self, text: str, stream: str | None = None) -> None:
        """Add a line to `meta.notices`; the next flush of the logs writes it."""
        self.logs.add("notices", stream=stream, notice=text, seen_at=self.now())

    async def shared(self, name: str, ask: Callable[[], Awaitable[object]]) -> object:
        """The result of `ask`, called once per run and `name`."""
        if name not in self._shared:
            self._shared[name] = asyncio.ensure_future(ask())
            # if all waiting tasks are cancelled, nobody retrieves an error, and asyncio would print it
            self._shared[name].add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._shared[name])

    def requests_ahead(self, stream: str) -> int:
        """How many requests the plan made for a stream, without retries."""
        stats = self.ahead.get(stream)
        return stats.requests - stats.retries if stats else 0

    def knows(self, name: str) -> bool:
        """Whether `shared` has, or waits for, a result under `name`."""
        return name in self._shared

    def know(self, name: str, answer: object) -> None:
        """Let `shared` return `answer` under `name`."""
        self._shared[name] = asyncio.get_running_loop().create_future()
        self._shared[name].set_result(answer)

    def hashes(self, stream: str) -> Mapping[str, str]:
        """The hash of the last version of every live record of a stream, by its key."""
        if stream in self.expected:
            return self.expected[stream]
        return {key: entry.hash or "" for key, entry in self.log(stream).index.alive().items()}

    def rows(self, stream: str, columns: Collection[str]) -> dict[str, dict[str, Any]]:
        """Some columns of every live record of a stream in the lake, by key."""
        versions = {key: entry.at for key, entry in self.log(stream).index.alive().items()}
        return read_versions(self.layout, stream, self.workspace_id, versions, columns) if versions else {}

    def is_listed(self, stream: str, identity: str) -> bool:
        """Whether the lake has a live record of a stream with this id."""
        key = orjson.dumps([identity]).decode()
        entry = self.log(stream).index.lookup([key]).get(key)
        return entry is not None and entry.alive

    def addresses(self) -> dict[str, str]:
        """The live accounts: address in lower case, as in keys -> as the API spells it."""
        alive = self.log("accounts").index.alive().items()
        found = {orjson.loads(key)[0]: (entry.scope or "").removeprefix("email=") for key, entry in alive}
        return {email: spelled or email for email, spelled in sorted(found.items())}

    def ids(self, stream: str, *, alive_only: bool = False) -> list[str]:
        """The first key part of every record of a stream in the lake, deleted ones included: a campaign's id."""
        keys = set(self.hashes(stream))
        if not alive_only:
            keys.update(self.log(stream).index.entries())
        return sorted({part for key in keys if isinstance(part := orjson.loads(key)[0], str)})
