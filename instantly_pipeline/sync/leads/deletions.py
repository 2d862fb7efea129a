"""Leads missing from a sweep or a campaign scan: collected while it runs, resolved at its end.

Each is requested by id. Its deletion is *confirmed* if a reliable response does not contain it. Confirmed deletions
become tombstones, unless they contradict the campaign's own counter: if the lake has as many leads as `leads_count` and
would be left with fewer, one of the two is wrong. If the API was only *silent* about a lead (the response did not even
contain a lead known to exist), it becomes a tombstone only if its campaign is deleted or counts no leads. The rest is
held. If the API cannot be asked by id at all, a lead missing from a sweep counts as silent, and campaign scans find no
deletions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import orjson

from instantly_pipeline.errors import BadRequest, NotFound, TooLarge
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.sync.counters import counters_now
from instantly_pipeline.sync.held_deletions import accepted_keys, hold, release
from instantly_pipeline.sync.leads.lead_state import Answer, LeadState
from instantly_pipeline.sync.leads.scope import Scope, count_by_scope
from instantly_pipeline.sync.sink import Sink

ASKED_AT_ONCE = 99  # and one lead known to exist: a request takes 100 ids
DELETED_AT_ONCE = 5_000
ENDED_EARLY = (
    "The list of leads ended early: leads after its end still exist. What was read is kept; the next sync continues."
)


class Deletions:
    """The missing leads. They are stored beside the sweep's checkpoint, so that a resumed sweep still has them.

    `control` is the key of the last lead returned, which is known to exist.
    """

    def __init__(self, sink: Sink, state: LeadState) -> None:
        self.control: str | None = None
        self._sink = sink
        self._state = state
        self._fresh: dict[Answer, list[str]] = defaultdict(list)
        self._from_before = state.has_missing()

    async def confirm(self, missing: Sequence[str]) -> dict[str, Record]:
        """Request missing leads by id. Those that exist are taken and returned, the others are noted."""
        found: dict[str, Record] = {}
        if missing and self.control is None:
            self.control = await self._some_lead()
        for start in range(0, len(missing), ASKED_AT_ONCE):
            asked = missing[start : start + ASKED_AT_ONCE]
            there, answer = await self.ask(asked, self.control)
            self._sink.take(list(there.values()))
            self._fresh[answer] += sorted(set(asked) - there.keys())
            found |= there
        return found

    async def ask(self, keys: Collection[str], control: str | None) -> tuple[dict[str, Record], Answer]:
        """The leads of `keys` that exist, and how reliable it is that the others do not.

        `control`, a lead known to exist, is requested too: a response without it is not reliable. A request that is too
        large for the API is split in halves.
        """
        try:
            return await self._asked(keys, control)
        except TooLarge:
            if len(keys) == 1:
                return {}, Answer.IGNORED
        except (BadRequest, NotFound):
            return {}, Answer.IGNORED
        ordered, half = sorted(keys), len(keys) // 2
        found, worth = await self.ask(ordered[:half], control)
        if worth is Answer.IGNORED:  # even one id was too much: the other half would fail too
            return found, worth
        more, other = await self.ask(ordered[half:], control)
        return found | more, max(worth, other, key=list(Answer).index)

    async def _asked(self, keys: Collection[str], control: str | None) -> tuple[dict[str, Record], Answer]:
        sink, asked = self._sink, {*keys, control} if control else set(keys)
        body: dict[str, object] = {"ids": [orjson.loads(key)[0] for key in sorted(asked)]}
        found: dict[str, Record] = {}
        async for page in sink.client.pages(sink.stream.method, sink.stream.path, body=body):
            for key, record in zip(sink.ctx.log(sink.stream.name).keys(page.items), page.items, strict=True):
                if key is None or key not in asked:
                    return {}, Answer.IGNORED
                found[key] = record
        worth = Answer.CONFIRMED if control in found else Answer.SILENT
        return {key: record for key, record in found.items() if key != control}, worth

    def save(self) -> None:
        """Write what was noted since the last call; part of the sweep's checkpoint."""
        if any(self._fresh.values()):
            self._state.add_missing(self._fresh)
            self._fresh = defaultdict(list)

    def is_ignored(self) -> bool:
        """Whether the API has shown that it does not answer requests by id."""
        return bool(self._fresh[Answer.IGNORED] or self._state.missing()[Answer.IGNORED])

    def forget(self) -> None:
        """Drop all missing leads: the read that finds them starts over."""
        self._from_before = False
        self._fresh = defaultdict(list)
        self._state.forget_missing()

    async def resolve(self) -> None:
        """Write tombstones for deleted leads; hold suspicious deletions."""
        self.save()
        if self._from_before:
            await self._ask_again()
        missing = self._state.missing()
        confirmed, silent = missing[Answer.CONFIRMED], missing[Answer.SILENT] | missing[Answer.IGNORED]
        held: set[str] = set()
        if confirmed or silent:
            found = await counters_now(self._sink.ctx, fresh=True)
            counters = found.leads if found else {}
            held = self._contradicted(confirmed, counters) | self._unexplained(silent, counters)
            held -= accepted_keys(self._sink)
            gone = sorted((confirmed | silent) - held)
            for start in range(0, len(gone), DELETED_AT_ONCE):
                self._sink.delete(gone[start : start + DELETED_AT_ONCE])
                await self._sink.flush()
        if held:
            await hold(self._sink, held, "neither requests by id nor the campaigns' counters confirm them")
        else:
            await release(self._sink)

    async def _some_lead(self) -> str | None:
        """A lead that surely is there, where this run has not seen any; None where the API shows none."""
        sink, parents = self._sink, {}
        if self._state.is_by_parent():
            async with sink.ctx.writing:  # leads that scans have read may be being written
                known = count_by_scope(sink.ctx.log(sink.stream.name).index)
            largest = max(filter(None, known), key=lambda scope: known[scope], default=None)
            parents = {largest.kind.value: largest.id} if largest else {}
        try:
            page = await sink.client.page(sink.stream.method, sink.stream.path, body=parents, size=1)
        except (BadRequest, NotFound):
            return None
        return next(filter(None, sink.ctx.log(sink.stream.name).keys(page.items)), None)

    async def _ask_again(self) -> None:
        """Look up again what an interrupted run noted: some leads may be back, or already have a tombstone."""
        noted = sorted(set().union(*self._state.missing().values()))
        known = self._sink.ctx.log(self._sink.stream.name).index.lookup(noted)
        await self.confirm([key for key in noted if key in known and known[key].alive])
        await self._sink.flush()
        self._state.replace_missing(self._fresh)
        self._fresh = defaultdict(list)

    def _contradicted(self, keys: Collection[str], counters: dict[str, int]) -> set[str]:
        """Those of `keys` whose deletion would leave a campaign with fewer leads than its counter says."""
        gone: dict[Scope, set[str]] = defaultdict(set)
        for key, scope in self._scopes(keys):
            if scope is not None and scope.campaign_id in counters:
                gone[scope].add(key)
        if not gone:
            return set()
        ours = count_by_scope(self._sink.ctx.log(self._sink.stream.name).index)
        wrong = [one for one in gone if ours[one] - len(gone[one]) < counters[one.id] <= ours[one]]
        return {key for scope in wrong for key in gone[scope]}

    def _unexplained(self, keys: Collection[str], counters: dict[str, int]) -> set[str]:
        """Those of `keys` whose campaign is neither deleted nor empty."""
        scopes = dict(self._scopes(keys))
        campaigns = {scope.id for scope in scopes.values() if scope is not None and scope.campaign_id is not None}
        ended = {one for one in campaigns if counters.get(one) == 0 or self._is_deleted(one)}
        return {key for key, scope in scopes.items() if scope is None or scope.campaign_id not in ended}

    def _is_deleted(self, campaign: str) -> bool:
        key = orjson.dumps([campaign]).decode()
        entry = self._sink.ctx.log("campaigns").index.lookup([key]).get(key)
        return entry is not None and not entry.alive

    def _scopes(self, keys: Collection[str]) -> Iterator[tuple[str, Scope | None]]:
        known = self._sink.ctx.log(self._sink.stream.name).index.lookup(sorted(keys))
        return ((key, Scope.indexed(entry.scope)) for key, entry in known.items())
