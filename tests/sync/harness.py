"""A sandbox over real HTTP, a lake beside it, and the comparison of the two, field by field."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq

from instantly_pipeline import settings as settings_module
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.records.coerce import TypeMismatch, coerce
from instantly_pipeline.streams.model import Column, Read, Type
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.context import DEFAULT_SIZES
from instantly_pipeline.sync.engine import World, plan, sync
from instantly_pipeline.sync.results import Event, OnEvent, Request, StreamResult, SyncReport, silent
from instantly_sandbox.config import SandboxConfig
from instantly_sandbox.server import running, spawned
from tests.sync.killing import Kill, run_killed

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SMALL = SandboxConfig(leads=350, campaigns=4, accounts=6, days=20, rate_limited=False, now=NOON)
# streams whose records the sandbox can show as they are: every list, and two that are no list
_LISTED = [stream for stream in all_streams().values() if stream.read in (Read.SCAN, Read.SWEEP, Read.INCREMENT)]
LISTS = (*(stream.name for stream in _LISTED if stream.group == "core"), "campaign_analytics", "workspaces")
OTHER_LISTS = tuple(stream.name for stream in _LISTED if stream.group != "core")
SECRETS = {"api_keys": {"key"}, "accounts": {"imap_password", "smtp_password"}, "webhooks": {"headers"}}


class SandboxClock:
    """The sandbox's date, and sleeps that take no time: monotonic time jumps ahead instead."""

    def __init__(self, start: datetime = NOON) -> None:
        self.start = start
        self.skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped

    def now(self) -> datetime:
        return self.start

    async def sleep(self, seconds: float) -> None:
        self.skipped += seconds
        await asyncio.sleep(0.001)


class Pace(SandboxClock):
    """With a stride monotonic time moves on at each look: every page or two of leads is a batch of its own."""

    stride = 0.0

    def monotonic(self) -> float:
        self.skipped += self.stride
        return super().monotonic()


class Bench:
    """One sandbox and one data directory."""

    def __init__(self, url: str, key: str, data_dir: Path) -> None:
        self.url = url
        self.key = key
        self.data_dir = data_dir
        self.layout = Layout(data_dir)
        self.clock = SandboxClock()
        self.sizes = DEFAULT_SIZES
        self.control = httpx.Client(base_url=f"{url}/_sandbox", timeout=60, verify=False)  # plain http: no certificates
        self.said: list[str] = []
        self.watch: OnEvent = silent
        self.transport: Callable[[], httpx.AsyncBaseTransport] | None = None  # between the sync and the sandbox

    def settings(self, **overrides: Any) -> settings_module.Settings:
        given = {"base_url": self.url, "data_dir": self.data_dir, "start_date": date(2026, 5, 1)} | overrides
        if not {"api_key", "api_keys"} & given.keys():
            given["api_key"] = self.key
        return settings_module.load(**given)

    def sync(self, *streams: str, settings: dict[str, Any] | None = None, **request: Any) -> SyncReport:
        """One sync, as a new process would do it."""
        return asyncio.run(self._work(streams, settings, request))

    def killed_sync(
        self, into: Path, after: int, area: str, *streams: str, settings: dict[str, Any] | None = None, **request: Any
    ) -> SyncReport | None:
        """A sync killed just before it touches a file (of the area) for the `after`th time; None where it was.

        The data directory is `into` from then on: what lay there at that instant.
        """
        kill = Kill(self.data_dir, into, after, area)
        report = run_killed(self._work(streams, settings, request), kill)
        if kill.struck:
            self.data_dir, self.layout = into, Layout(into)
        return report

    def _work(
        self, streams: tuple[str, ...], settings: dict[str, Any] | None, request: dict[str, Any]
    ) -> Coroutine[Any, Any, SyncReport]:
        world = self._world()
        asked = Request(streams=streams or None, **request)
        given = self.settings(**(settings or {}))

        def on_event(event: Event) -> None:
            self.said.append(event.text)
            self.watch(event)

        return sync(given, asked, on_event=on_event, world=world)

    def plan(self, *streams: str, settings: dict[str, Any] | None = None, **request: Any) -> SyncReport:
        """The plan of such a sync, as a new process would make it."""
        asked = Request(streams=streams or None, **request)
        return asyncio.run(plan(self.settings(**(settings or {})), asked, world=self._world()))

    def _world(self) -> World:
        return World(clock=self.clock, rng=random.Random(1), sizes=self.sizes, transport=self.transport)

    def post(self, path: str, body: Any) -> Any:
        answer = self.control.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def mutate(self, *ops: dict[str, Any]) -> int:
        return int(self.post("/mutate", list(ops))["applied"])

    def fault(self, path: str, kind: str, **more: Any) -> None:
        self.post("/faults", {"match": {"path": path, **more.pop("match", {})}, "kind": kind, **more})

    def advance(self, **step: float) -> dict[str, Any]:
        moved: dict[str, Any] = self.post("/advance", step)
        self.clock.start = datetime.fromisoformat(moved["now"])
        self.post("/clock", {"ahead_seconds": 0})
        return moved

    def wait(self, **step: float) -> None:
        """Let the clocks, the API's too, move while nothing happens; until the world moves on."""
        self.clock.start += timedelta(**step)
        now = datetime.fromisoformat(self.control.get("/clock").json()["now"])
        self.post("/clock", {"ahead_seconds": (self.clock.start - now).total_seconds()})

    def state(self, collection: str, **params: str) -> list[dict[str, Any]]:
        text = self.control.get(f"/state/{collection}", params=params).text
        return [json.loads(line) for line in text.splitlines() if line]

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control.get("/requests/log").json()
        return found

    def forget_requests(self) -> None:
        self.control.request("DELETE", "/requests")

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """Every version in the lake, oldest first, with the workspace's id."""
        found = [
            {**row, "_ws": file.workspace_id}
            for file in self.layout.files(self.layout.changes, stream)
            for row in pq.ParquetFile(file.path).read().to_pylist()
        ]
        return sorted(found, key=lambda row: row["_synced_at"])

    def alive(self, stream: str) -> dict[str, dict[str, Any]]:
        """The last version of every key that is not deleted."""
        last = {(row["_ws"], row["_key"]): row for row in self.rows(stream)}
        return {row["_key"]: row for row in last.values() if row["_op"] == "upsert"}

    def log(self, name: str) -> list[dict[str, Any]]:
        files = self.layout.files(self.layout.meta, name)
        return [row for file in files for row in pq.ParquetFile(file.path).read().to_pylist()]


@contextmanager
def bench(data_dir: Path, config: SandboxConfig = SMALL, *, apart: bool = False) -> Iterator[Bench]:
    """A running sandbox with a bench on it; `apart` in a process of its own."""
    with (spawned if apart else running)(config) as sandbox:
        made = Bench(sandbox.url, sandbox.key, data_dir)
        try:
            yield made
        finally:
            made.control.close()


def stream_result(report: SyncReport, stream: str) -> StreamResult:
    return next(s for w in report.workspaces for s in w.streams if s.stream == stream)


def assert_equal(stream: str, api: list[dict[str, Any]], stored: dict[str, dict[str, Any]]) -> None:
    """Every record of the API is stored with each field, and nothing else is alive."""
    declared = all_streams()[stream]
    by_key = {json.loads(key)[0]: row for key, row in stored.items()}
    name = declared.key[0]
    sent = {str(r[name]).lower(): r for r in api}
    assert sorted(by_key) == sorted(sent), f"{stream}: other records"
    for key, record in sent.items():
        assert_same(stream, record, by_key[key])


def assert_same(stream: str, sent: dict[str, Any], stored: dict[str, Any]) -> None:
    declared = all_streams()[stream]
    aliases = {alias: column.name for column in declared.columns for alias in column.aliases}
    names = declared.names
    extra = json.loads(stored["extra"] or "{}")
    expected: dict[str, Any] = {}
    for field, value in sent.items():
        if value is None or field in SECRETS.get(stream, ()) or field.startswith(("imap_", "smtp_")):
            continue
        if field in names or (field in aliases and sent.get(aliases[field]) is None):
            expected[aliases.get(field, field) if field not in names else field] = value
        else:
            assert extra.get(field) == value, f"{stream}.{field} is not in extra"
    for column in declared.columns:
        found = stored[column.name]
        if (stream, column.name) == ("accounts", "tags"):
            continue  # sent only when asked for; the state is what a plain list sends
        if column.name not in expected:
            assert found is None, f"{stream}.{column.name} was never sent"
        elif column.keep is not None:
            assert found == column.keep(expected[column.name]), f"{stream}.{column.name}"
        elif column.type is Type.JSON:
            assert json.loads(found) == expected[column.name], f"{stream}.{column.name}"
        else:
            assert_fits(stream, column, expected[column.name], found, extra)


def assert_fits(stream: str, column: Column, sent: Any, found: Any, extra: dict[str, Any]) -> None:
    """A value that fits is in its column; one that does not is null there and whole in extra."""
    try:
        assert found == coerce(sent, column.type), f"{stream}.{column.name}"
    except TypeMismatch:
        assert (found, extra[column.name]) == (None, sent), f"{stream}.{column.name}"


def assert_mirrors(made: Bench, lists: tuple[str, ...] = LISTS) -> None:
    """The lake's live records are the API's, list by list."""
    for stream in lists:
        assert_equal(stream, made.state(stream), made.alive(stream))
