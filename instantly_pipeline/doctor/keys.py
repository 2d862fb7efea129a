"""Checks the settings, the workspace of each key, and which streams a key may read.

Requests each endpoint once, for one record if it takes a limit. Writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

from pydantic import SecretStr

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.api.clock import HOW_TO_SET, SYSTEM, Clock, ClockSkew
from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.api.retry import RetryPolicy
from instantly_pipeline.doctor.findings import Finding, Health
from instantly_pipeline.doctor.needs import examine_needs
from instantly_pipeline.errors import BadRequest, Exhausted, Forbidden, PipelineError, UsageError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.settings import Settings
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.streams.registry import all_streams, select_streams
from instantly_pipeline.sync.identity import WORKSPACE_PATH, Names, workspace_in, workspace_of
from instantly_pipeline.sync.readers.reader import Seen
from instantly_pipeline.sync.readers.registry import reader_of

_COUNTERS = all_streams()["campaign_analytics"].path
ONCE = RetryPolicy(tries=1, edge_tries=1, unreached_tries=1, rate_budget=0.0)


def examine_settings(settings: Settings) -> list[Finding]:
    """Check the settings for keys and streams."""
    found = []
    try:
        keys = settings.keys()
        count = "1 key" if len(keys) == 1 else f"{len(keys)} keys"
        found.append(Finding("settings", Health.OK, f"{count} for {settings.base_url}"))
    except UsageError as error:
        found.append(Finding("settings", Health.FAIL, str(error)))
    try:
        select_streams(settings.stream_names())
    except UsageError as error:
        found.append(Finding("settings", Health.FAIL, f"INSTANTLY_STREAMS: {error}"))
    return found


async def examine_keys(settings: Settings, *, time: Clock = SYSTEM) -> list[Finding]:
    """Check the workspace of each key and which of the chosen streams it may read; needs valid settings."""
    streams = select_streams(settings.stream_names())
    names = Names(Layout(settings.data_dir))
    found = []
    taken: dict[str, str] = {}
    leads = 0
    clocks: list[ClockSkew] = []
    for name, key in settings.keys().items():
        examination = _Key(name, names, streams, taken, time)
        await examination.run(settings, key)
        found += examination.found
        leads += examination.leads
        if examination.clock_skew is not None and examination.clock_skew.ahead_by is not None:
            clocks.append(examination.clock_skew)
    if leads:
        found.append(examine_needs(settings, leads))
    return [*found, *([_clock(min(clocks, key=lambda one: abs(one.ahead_by or timedelta(0))))] if clocks else [])]


def _clock(skew: ClockSkew) -> Finding:
    """Compare this machine's clock with the API's."""
    if skew.is_wrong:
        return Finding("clock", Health.FAIL, f"{skew}: a sync refuses to write. {HOW_TO_SET}.")
    if skew.is_notable:
        return Finding("clock", Health.INFO, f"{skew}. {HOW_TO_SET}.")
    return Finding("clock", Health.OK, "agrees with the API's")


class _Key:
    """The examination of one key."""

    def __init__(
        self, name: str, names: Names, streams: Mapping[str, Stream], taken: dict[str, str], time: Clock
    ) -> None:
        self.name = name
        self.found: list[Finding] = []
        self.leads = 0  # as Instantly's counters say
        self.clock_skew: ClockSkew | None = None
        self._names = names
        self._streams = streams
        self._taken = taken
        self._time = time
        self._answers: dict[str, object | PipelineError] = {}  # by path

    async def run(self, settings: Settings, key: SecretStr) -> None:
        """Send the requests, and add the findings."""
        limiter = Limiter.for_cap(settings.max_requests_per_minute, self._time)
        try:
            client = ApiClient(base_url=settings.base_url, key=key.get_secret_value(), limiter=limiter,
                               clock=self._time, retry=ONCE)  # fmt: skip
        except UsageError as error:
            return self._note(Health.FAIL, str(error))
        self.clock_skew = client.clock_skew
        async with client:
            me = self._answers[WORKSPACE_PATH] = await _asked(client.get(WORKSPACE_PATH))
            if isinstance(me, PipelineError) and not isinstance(me, Forbidden):
                return self._note(Health.FAIL, str(me))
            await self._ask_all(client)
        if self._identify():
            self._report_streams()
            self.leads = _leads_in(self._answers.get(_COUNTERS))
        return None

    async def _ask_all(self, client: ApiClient) -> None:
        """Request each endpoint once, those of parent streams before the others: their probes use the records."""
        every = {stream.path: stream for stream in self._streams.values() if stream.path != WORKSPACE_PATH}.values()
        left = {stream.name: stream for stream in every}
        seen = Seen(self._time.now().astimezone(UTC).date())
        while wave := [stream for stream in left.values() if not left.keys() & set(stream.needs)]:
            answers = await asyncio.gather(*(self._ask(client, stream, seen) for stream in wave))
            self._answers |= {s.path: a for s, a in zip(wave, answers, strict=True) if a is not None}
            seen = replace(seen, records={s.name: _first(self._answers.get(s.path)) for s in every})
            left = {name: stream for name, stream in left.items() if stream not in wave}

    async def _ask(self, client: ApiClient, stream: Stream, seen: Seen) -> object | PipelineError:
        """The response, or the error; None if no request is possible."""
        probe = reader_of(stream).probe(stream, seen)
        answer: object | PipelineError = None
        while probe is not None:
            path = probe.path or stream.path
            asked = client.post(path, probe.body) if probe.body is not None else client.get(path, probe.params)
            answer = await _asked(asked)
            probe = probe.otherwise if isinstance(answer, BadRequest) else None
        return answer

    def _identify(self) -> bool:
        """Report the workspace of the key. Returns whether a sync would use the key."""
        me = self._answers[WORKSPACE_PATH]
        name = me.get("name") if isinstance(me, dict) else None
        named = map(workspace_of, map(_first, self._answers.values()))
        identity = workspace_in(me) or next((found for found in named if found), None)
        if identity is None:
            self._note(Health.FAIL, f"{me} No campaign, account or lead that it may read contains the workspace id.")
            return False
        bound = self._names.bound(self.name)
        if bound not in (None, identity):
            self._note(
                Health.FAIL,
                f"belongs to workspace {identity}, but in the data directory the name {self.name!r} belongs to "
                f"{bound}. Give it another name in INSTANTLY_API_KEYS, or another INSTANTLY_DATA_DIR.",
            )
            return False
        if identity in self._taken:
            self._note(Health.INFO, f"belongs to the same workspace as {self._taken[identity]!r}, so it is not used.")
            return False
        self._taken[identity] = self.name
        self._note(Health.OK, f"belongs to workspace {name or '(name not readable)'} ({identity})")
        return True

    def _report_streams(self) -> None:
        readable, unknown = [], []
        for name, stream in self._streams.items():
            answer = self._answers.get(stream.path)
            if isinstance(answer, PipelineError):
                self._note(Health.WARN, f"{answer}", stream=name)
            elif stream.path in self._answers:
                readable.append(name)
            else:
                unknown.append(name)
        self._note(Health.OK, f"{len(readable)} of {len(self._streams)} streams can be read", stream="all")
        if unknown:
            parents = {need for name in unknown for need in self._streams[name].needs}
            not_selected = ", ".join(sorted(parents - self._streams.keys()))
            found_none = f"no record of {', '.join(sorted(parents))} was found"
            why = f"INSTANTLY_STREAMS does not include {not_selected}" if not_selected else found_none
            self._note(Health.INFO, f"{', '.join(unknown)}: not checked, since {why}", stream="all")

    def _note(self, health: Health, said: str, *, stream: str | None = None) -> None:
        about = f"key {self.name}" if stream is None else f"streams of {self.name}"
        self.found.append(Finding(about, health, said if stream in (None, "all") else f"{stream}: {said}"))


async def _asked(answer: Any) -> object | PipelineError:
    """The response, or its error; the cause of an Exhausted, since there is only one try."""
    try:
        found: object = await answer
        return found
    except Exhausted as error:
        cause = error.__cause__
        return cause if isinstance(cause, PipelineError) else error
    except PipelineError as error:
        return error


def _leads_in(counters: object) -> int:
    """The leads of all campaigns; 0 if the counters were not readable."""
    rows = counters if isinstance(counters, list) else []
    counts = [row.get("leads_count") for row in rows if isinstance(row, dict)]
    return sum(count for count in counts if isinstance(count, int))


def _first(answer: object) -> dict[str, Any]:
    """The first record in the response of a list; empty if there is none."""
    items = answer.get("items") if isinstance(answer, dict) else answer
    first = items[0] if isinstance(items, list) and items else None
    return first if isinstance(first, dict) else {}
