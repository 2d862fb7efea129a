"""Leads that a sweep did not see: collected while it goes on, judged at its end.

An absence is *confirmed* where the API, asked by id, did not have it in an answer that can be believed. Confirmed
absences become tombstones, unless they contradict the campaign's own counter: if we had as many leads as
`leads_count` says, and would be left with fewer, somebody is wrong. An absence the API was merely *silent* about (the
answer left out even the lead that surely is there) becomes a tombstone only where something else explains it: its
campaign is deleted, or counts no leads. The rest is held. Where the API cannot be *asked* by id a sweep's absences are
judged alike, and a touch shows none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from enum import StrEnum

import orjson

from instantly_pipeline.errors import BadRequest, NotFound, TooLarge
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import counters_now
from instantly_pipeline.sync.held_deletions import accepted
from instantly_pipeline.sync.sink import Sink

ASKED_AT_ONCE = 99  # and one that is known to be there: a request takes 100 ids
CAMPAIGN = "campaign="
AT_ONCE = 5_000


class Answer(StrEnum):
    """What an answer by id is worth for the ids it leaves out."""

    CONFIRMED = "confirmed"
    SILENT = "silent"
    IGNORED = "ignored"  # the server cannot be asked: it names leads nobody asked for, or refuses the question


async def ask(sink: Sink, keys: Collection[str], control: str | None) -> tuple[dict[str, Record], Answer]:
    """Those of `keys` that the API has, and what its silence about the others is worth.

    It is asked along for `control`, a lead that surely is there: an answer without it is not believed. Where the
    question is too large for the server it is put in halves.
    """
    try:
        return await _asked(sink, keys, control)
    except TooLarge:
        if len(keys) == 1:
            return {}, Answer.IGNORED
    except (BadRequest, NotFound):
        return {}, Answer.IGNORED
    ordered, half = sorted(keys), len(keys) // 2
    found, worth = await ask(sink, ordered[:half], control)
    if worth is Answer.IGNORED:  # the smallest question was too large: the other half would go the same way
        return found, worth
    more, other = await ask(sink, ordered[half:], control)
    return found | more, max(worth, other, key=list(Answer).index)


async def _asked(sink: Sink, keys: Collection[str], control: str | None) -> tuple[dict[str, Record], Answer]:
    asked = {*keys, control} if control else set(keys)
    body: dict[str, object] = {"ids": [orjson.loads(key)[0] for key in sorted(asked)]}
    found: dict[str, Record] = {}
    async for page in sink.client.pages(sink.stream.method, sink.stream.path, body=body):
        for key, record in zip(sink.ctx.log(sink.stream.name).keys(page.items), page.items, strict=True):
            if key is None or key not in asked:
                return {}, Answer.IGNORED
            found[key] = record
    worth = Answer.CONFIRMED if control in found else Answer.SILENT
    return {key: record for key, record in found.items() if key != control}, worth


class Absences:
    """The absences of one sweep, kept beside its checkpoint so that a resumed sweep still knows them."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._checkpoints = sink.ctx.checkpoints
        self._prefix = f"{sink.stream.name}.missing."
        self._fresh: dict[Answer, list[str]] = defaultdict(list)
        self._from_before = bool(self._checkpoints.names(self._prefix))
        self.control: str | None = None  # the last lead that was seen: it surely is there

    def add(self, keys: Collection[str], answer: Answer) -> None:
        """Note missing keys; `save` makes them last."""
        self._fresh[answer] += sorted(keys)

    def save(self) -> None:
        """Write what was added since the last time; a part of the sweep's checkpoint."""
        if any(self._fresh.values()):
            fresh = {answer.value: keys for answer, keys in self._fresh.items()}
            self._checkpoints.write(f"{self._prefix}{len(self._checkpoints.names(self._prefix)):06}", fresh)
            self._fresh = defaultdict(list)

    def cannot_be_asked(self) -> bool:
        """Whether the server has shown that it does not answer by id."""
        return bool(self._fresh[Answer.IGNORED] or self._all(Answer.IGNORED))

    def forget(self) -> None:
        """The sweep is over, or starts afresh."""
        self._from_before = False
        self._fresh = defaultdict(list)
        for name in self._checkpoints.names(self._prefix):
            self._checkpoints.forget(name)

    async def judge(self) -> set[str]:
        """Land tombstones for what is gone; returns the keys to hold."""
        self.save()
        if self._from_before:
            await self._ask_again()
        confirmed, silent = self._all(Answer.CONFIRMED), self._all(Answer.SILENT) | self._all(Answer.IGNORED)
        if not confirmed and not silent:
            return set()
        found = await counters_now(self._sink.ctx, fresh=True)
        counters = found.leads if found else {}
        held = _contradicted(self._sink, confirmed, counters)
        held |= {key for key, scope in self._scopes(silent) if not _explained(self._sink.ctx, scope, counters)}
        held -= accepted(self._sink)
        await self._bury((confirmed | silent) - held)
        return held

    async def _ask_again(self) -> None:
        """What was noted by a sweep cut off hours ago may have come back, or have its tombstone already.

        Only what is still missing counts.
        """
        noted = sorted(set().union(*(self._all(answer) for answer in Answer)))
        known = self._sink.ctx.log(self._sink.stream.name).index.lookup(noted)
        keys = [key for key in noted if key in known and known[key].alive]
        self.forget()
        for start in range(0, len(keys), ASKED_AT_ONCE):
            chunk = keys[start : start + ASKED_AT_ONCE]
            there, answer = await ask(self._sink, chunk, self.control)
            self._sink.take(list(there.values()))
            self.add(set(chunk) - there.keys(), answer)
        await self._sink.flush()
        self.save()

    def _all(self, answer: Answer) -> set[str]:
        parts = [self._checkpoints.read(name).get(answer.value) for name in self._checkpoints.names(self._prefix)]
        return {key for part in parts if isinstance(part, list) for key in part if isinstance(key, str)}

    def _scopes(self, keys: Collection[str]) -> Iterator[tuple[str, str | None]]:
        known = self._sink.ctx.log(self._sink.stream.name).index.lookup(sorted(keys))
        return ((key, known[key].scope) for key in keys if key in known)

    async def _bury(self, keys: set[str]) -> None:
        ordered = sorted(keys)
        for start in range(0, len(ordered), AT_ONCE):
            self._sink.delete(ordered[start : start + AT_ONCE])
            await self._sink.flush()


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
