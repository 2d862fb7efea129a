"""Leads that a sweep did not see: collected while it goes on, judged at its end.

An absence is *confirmed* where the API, asked by id, did not have it in an answer that can be believed. Confirmed
absences become tombstones, unless they contradict the campaign's own counter: if we had as many leads as
`leads_count` says, and would be left with fewer, somebody is wrong. An *unconfirmed* absence becomes a tombstone only
where something else explains it: its campaign is deleted, or counts no leads. The rest is held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

import orjson

from instantly_pipeline.errors import PipelineError, WorkspaceError
from instantly_pipeline.sync.context import Context, records_in
from instantly_pipeline.sync.sink import Sink

CAMPAIGN = "campaign="
COUNTERS = "campaign_analytics"
AT_ONCE = 5_000


class Absences:
    """The absences of one sweep, kept beside its checkpoint so that a resumed sweep still knows them."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._states = sink.ctx.states
        self._prefix = f"{sink.stream.name}.missing."
        self._fresh: dict[str, list[str]] = {"confirmed": [], "unconfirmed": []}

    def add(self, keys: Collection[str], *, confirmed: bool) -> None:
        """Note missing keys; `save` makes them last."""
        self._fresh["confirmed" if confirmed else "unconfirmed"] += sorted(keys)

    def save(self) -> None:
        """Write what was added since the last time; a part of the sweep's checkpoint."""
        if any(self._fresh.values()):
            self._states.write(f"{self._prefix}{len(self._states.names(self._prefix)):06}", dict(self._fresh))
            self._fresh = {"confirmed": [], "unconfirmed": []}

    def forget(self) -> None:
        """The sweep is over, or starts afresh."""
        for name in self._states.names(self._prefix):
            self._states.forget(name)

    async def judge(self) -> set[str]:
        """Land tombstones for what is gone; returns the keys to hold."""
        self.save()
        confirmed, unconfirmed = self._all("confirmed"), self._all("unconfirmed")
        if not confirmed and not unconfirmed:
            return set()
        if self._sink.ctx.request.accept_deletes:
            await self._bury(confirmed | unconfirmed)
            return set()
        counters = await _lead_counts(self._sink.ctx)
        held = _contradicted(self._sink, confirmed, counters)
        held |= {key for key, scope in self._scopes(unconfirmed) if not _explained(self._sink.ctx, scope, counters)}
        await self._bury((confirmed | unconfirmed) - held)
        return held

    def _all(self, kind: str) -> set[str]:
        """What was noted and is still not there: a lead that turned up later in the sweep is alive again by then."""
        parts = (self._states.read(name) for name in self._states.names(self._prefix))
        return {key for part in parts for key in part.get(kind, [])}

    def _scopes(self, keys: Collection[str]) -> Iterator[tuple[str, str | None]]:
        known = self._sink.ctx.log(self._sink.stream.name).index.lookup(sorted(keys))
        return ((key, known[key].scope) for key in keys if key in known)

    async def _bury(self, keys: set[str]) -> None:
        ordered = sorted(keys)
        for start in range(0, len(ordered), AT_ONCE):
            self._sink.gone(ordered[start : start + AT_ONCE])
            await self._sink.land()


def _contradicted(sink: Sink, keys: set[str], counters: dict[str, int]) -> set[str]:
    """Those of `keys` whose deletion would leave a campaign with fewer leads than it counts itself."""
    index = sink.ctx.log(sink.stream.name).index
    by_scope: dict[str, set[str]] = defaultdict(set)
    for key, entry in index.lookup(sorted(keys)).items():
        if entry.scope is not None and entry.scope.removeprefix(CAMPAIGN) in counters:
            by_scope[entry.scope].add(key)
    if not by_scope:
        return set()
    ours = index.alive_by_scope()
    wrong = [s for s, gone in by_scope.items() if ours[s] - len(gone) < counters[s.removeprefix(CAMPAIGN)] <= ours[s]]
    return {key for scope in wrong for key in by_scope[scope]}


def _explained(ctx: Context, scope: str | None, counters: dict[str, int]) -> bool:
    """Whether a campaign's own end explains that its leads are gone."""
    if scope is None or not scope.startswith(CAMPAIGN):
        return False
    campaign = scope.removeprefix(CAMPAIGN)
    key = orjson.dumps([campaign]).decode()
    entry = ctx.log("campaigns").index.lookup([key]).get(key)
    return counters.get(campaign) == 0 or (entry is not None and not entry.alive)


async def _lead_counts(ctx: Context) -> dict[str, int]:
    """`leads_count` of each campaign, asked for now; empty where the key may not read it."""
    stream = ctx.streams[COUNTERS]
    try:
        answer: Any = await ctx.client.get(stream.path, stream.params)
    except WorkspaceError:
        raise
    except PipelineError:
        return {}
    rows = records_in(stream, answer)
    return {
        str(row["campaign_id"]): row["leads_count"]
        for row in rows
        if row.get("campaign_id") and isinstance(row.get("leads_count"), int)
    }
