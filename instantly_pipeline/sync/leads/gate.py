"""What a sync reads of the leads, when it is not asked to read all.

- A campaign whose counters and own row are as they were when its leads were last read is not read.
- A campaign that moved is *touched*: its leads are read and taken; what is missing is asked for by id. Of a large
  one only what happened lately is read, where this workspace's recency queries have proven right (`recent`).
- New leads outside campaigns are found at the *tail*: ids made from the time come after those known (section 5.4).
- A part of the whole is swept in turn, so that within `INSTANTLY_SWEEP_DAYS` everything is read again.

Whether this holds is judged by what sweeps find (`watch`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypedDict

import orjson

from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import Counters, counters_now
from instantly_pipeline.sync.leads.ids import FIRST_TIMED, is_timed, key_at, timed
from instantly_pipeline.sync.leads.recent import ACTIONS, PROBE_PAGES, SWEPT, WORTH, Lately, Reading, instant, rises

CAMPAIGN = "campaign="
WORTH_A_SWEEP = 0.8  # of all pages: where the touches would cost as much, everything is swept
PER_PAGE = 100
SLICES = 112  # parts of the whole, swept in turn

TOKENS, DISTRUST, SLICED = "leads.gate", "leads.distrust", "leads.slices"
SWEEP, SWEEP_TOKENS, TOUCHED = "leads", "leads.sweep_tokens", "leads.touched"


@dataclass(frozen=True, slots=True)
class Slice:
    """The keys in (low, high], and when they were swept last."""

    low: str | None
    high: str | None
    swept_at: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """What to read, and why."""

    sweep: bool
    why: str
    touch: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()  # touched by what happened in them lately, if that is enough
    slices: tuple[Slice, ...] = ()
    pages: int = 0  # so many, unless leads come or go meanwhile
    most: int = 0  # pages, where nothing that happened lately is enough, and with the probe
    probe: str = ""  # the campaign by which recency queries are put to the test


class _Probing(TypedDict):
    most: int
    probe: str


@dataclass(slots=True)
class Gate:
    """One workspace's gate in one run. `tokens` is what the counters and rows of the campaigns are now."""

    ctx: Context
    stream: str
    counters: Counters | None
    tokens: dict[str, str] = field(default_factory=dict)
    lately: Lately = field(init=False)
    _ours: dict[str, int] | None = None

    def __post_init__(self) -> None:
        self.lately = Lately(self.ctx)

    @classmethod
    async def of(cls, ctx: Context, stream: str) -> Gate:
        """The gate as the counters of this run have it."""
        return cls.made(ctx, stream, await counters_now(ctx))

    @classmethod
    def made(cls, ctx: Context, stream: str, counters: Counters | None) -> Gate:
        """The gate for given counters."""
        hashes, rows = counters.hashes if counters else {}, _rows(ctx)
        figures = counters.figures if counters else {}
        told = {c: ",".join("" if n is None else str(n) for n in found) for c, found in figures.items()}
        known = sorted({*hashes, *rows, *ctx.states.read(TOKENS)})
        return cls(
            ctx, stream, counters, {c: f"{hashes.get(c, '')}|{rows.get(c, '')}|{told.get(c, '')}" for c in known}
        )

    def choose(self, *, full: bool) -> Choice:
        """What this run should read."""
        moved = self.moved()
        pages = self.leads() // PER_PAGE + 1
        must = self._must_sweep() or ("there are few" if self.is_small() else "")
        if must or full:
            probing = self._probing("" if must else self._probe(moved), pages)
            return Choice(sweep=True, why=must or "asked for with --full", pages=pages, **probing)
        held, done = self.held(), self.ctx.states.read(TOUCHED)
        sizes = {campaign: self.pages_of(campaign) for campaign in moved}
        enough = {c for c in self.readable_lately(moved) if self._is_accountable(c, held.get(c))}
        asked = {c: len(self.lately.asked(self.tokens[c])) for c in enough}
        costs = {c: asked[c] + self.lately.further(c, sizes[c]) if c in enough else sizes[c] for c in moved}
        if sum(min(costs[c], WORTH * sizes[c]) if c in enough else sizes[c] for c in moved) > WORTH_A_SWEEP * pages:
            why = f"{len(moved)} campaigns moved, nearly all there is"
            return Choice(sweep=True, why=why, pages=pages, **self._probing(self._probe(moved), pages))
        todo = [c for c in moved if done.get(c) != self.tokens[c]]
        touch, recent = tuple(c for c in todo if c not in enough), tuple(c for c in todo if c in enough)
        slices, parts = self.due(), len(self._slices())
        swept = len(slices) * -(-self.leads() // (PER_PAGE * max(parts, 1)))
        spent = sum(costs[c] for c in todo) + swept + (newest_timed(self.ctx, self.stream) is not None)
        most = spent + round(sum(sizes[c] * (1 + WORTH) + asked[c] for c in recent))
        probing = self._probing(self._probe(touch), most)
        return Choice(False, self._why(moved, recent, slices), touch, recent, tuple(slices), pages=spent, **probing)

    def held(self) -> dict[str, str]:
        """The tokens of the campaigns as they were when their leads were last read."""
        return {c: token for c, token in self.ctx.states.read(TOKENS).items() if isinstance(token, str)}

    def moved(self) -> list[str]:
        """The campaigns whose counters or own row are other ones than when their leads were last read."""
        held = self.held()
        return [campaign for campaign, token in self.tokens.items() if held.get(campaign) != token]

    def pages_of(self, campaign: str) -> int:
        """About how many pages the leads of a campaign are."""
        return self.leads_of(campaign) // PER_PAGE + 1

    def beyond(self, campaign: str) -> int | None:
        """How many more leads the lake has of a campaign (`recount` first) than it counts; None where it does not."""
        counted = self.counters.leads.get(campaign) if self.counters else None
        return None if counted is None else self.ours().get(campaign, 0) - counted

    def recount(self) -> None:
        """The lake has got other leads."""
        self._ours = None

    def rises(self, campaigns: Sequence[str]) -> dict[str, dict[str, int]]:
        """By how much the counters of some campaigns rose since they were read last."""
        held = self.held()
        return {campaign: rises(held.get(campaign), self.tokens[campaign]) or {} for campaign in campaigns}

    def _is_accountable(self, campaign: str, held: str | None) -> bool:
        """Whether leads can account for what moved: what happens to them happened more often, or leads came."""
        return any((rises(held, self.tokens[campaign]) or {}).values()) or self.beyond(campaign) != 0

    def readable_lately(self, campaigns: Sequence[str]) -> list[str]:
        """Those of some campaigns for which a recent touch may do, by what is known by now."""
        held = self.held()
        return [c for c in campaigns if self.lately.is_enough(c, held.get(c), self.tokens[c], self.pages_of(c))]

    def leads_of(self, campaign: str) -> int:
        """About how many leads a campaign has."""
        return max(self.counters.leads.get(campaign, 0) if self.counters else 0, self.ours().get(campaign, 0))

    def was_swept(self) -> bool:
        """Whether all leads were ever read."""
        return bool(self.ctx.states.read(SWEPT))

    def is_small(self) -> bool:
        """Whether a sweep costs next to nothing."""
        return self.leads() <= self.ctx.sizes.few_pages * PER_PAGE

    def leads(self) -> int:
        """About how many leads there are."""
        known = sum(self.ours().values())
        if not self.was_swept():
            return max(known, sum(self.counters.leads.values()) if self.counters else 0)
        return known + sum(self.leads_of(campaign) - self.ours().get(campaign, 0) for campaign in self.moved())

    def ours(self) -> dict[str, int]:
        """How many live leads the lake has of each campaign, and elsewhere."""
        if self._ours is None:
            counts = self.ctx.log(self.stream).index.alive_by_scope()
            self._ours = {(scope or "").removeprefix(CAMPAIGN): count for scope, count in counts.items()}
        return self._ours

    def due(self) -> list[Slice]:
        """The slices to sweep in this run: in proportion to the time that went by, the oldest first."""
        slices, now = self._slices(), self.ctx.now()
        if not slices:
            return []
        whole = timedelta(days=self.ctx.windows.sweep_days)
        since = instant(self.ctx.states.read(SLICED).get("rolled_at")) or max(one.swept_at for one in slices)
        share = int(len(slices) * ((now - since) / whole))
        oldest = sorted(slices, key=lambda one: one.swept_at)
        late = sum(now - one.swept_at >= whole for one in slices)
        return oldest[: min(max(share, late), len(slices))]

    def rolled(self, spans: Sequence[tuple[str | None, str | None]], *, done: bool = False) -> None:
        """Note that the slices within some spans were swept; `done` where these were all that were due."""
        now, before = self.ctx.now(), instant(self.ctx.states.read(SLICED).get("rolled_at"))
        slices = [Slice(s.low, s.high, now) if _is_within(s, spans) else s for s in self._slices()]
        self._write_slices(slices, rolled_at=now if done or before is None else before)

    def forget_slices(self) -> None:
        """The parts are no longer what they were: the next sync sweeps everything."""
        self.ctx.states.forget(SLICED)

    def swept(self, tokens: dict[str, str]) -> None:
        """Everything was swept, in order of the ids; `tokens` were taken before."""
        states, now = self.ctx.states, self.ctx.now()
        index = self.ctx.log(self.stream).index
        every = max(self.ctx.sizes.leads_per_slice, -(-self.leads() // SLICES))
        cuts = [None, *index.spread(every), None]
        self._write_slices([Slice(low, high, now) for low, high in pairwise(cuts)], rolled_at=now)
        states.write(TOKENS, tokens)
        began = states.read(SWEEP).get("sweep", {}).get("started_at")
        self.lately.swept()
        states.write(SWEPT, {"at": now.isoformat(), "began": began})
        states.forget(TOUCHED)

    def touched(self, campaigns: Sequence[str], at: datetime) -> None:
        """The leads of these campaigns were read completely, from `at` on; what was missing is yet to be judged."""
        self.lately.read_whole(campaigns, at)
        self._note_touched(campaigns)

    def touched_lately(self, readings: Mapping[str, Reading]) -> None:
        """What happened lately in these campaigns was read: the counters have no more to tell."""
        self.lately.read_lately(readings)
        self._note_touched(readings)

    def has_touched(self) -> bool:
        """Whether touches of a run that was cut off wait to be settled."""
        return bool(self.ctx.states.read(TOUCHED))

    def settled(self) -> None:
        """What the touches found missing was judged."""
        self.ctx.states.write(TOKENS, self.ctx.states.read(TOKENS) | self.ctx.states.read(TOUCHED))
        self.ctx.states.forget(TOUCHED)

    def _note_touched(self, campaigns: Iterable[str]) -> None:
        self.ctx.states.write(TOUCHED, self.ctx.states.read(TOUCHED) | {c: self.tokens[c] for c in campaigns})

    def _probe(self, read: Sequence[str]) -> str:
        """Of the campaigns that moved and will be read whole the one that tells most; empty where it does not pay."""
        known = self.held()
        large = [c for c in read if self.lately.is_large(self.pages_of(c)) and c in known]
        is_wanted = self.lately.untested() and not self.lately.is_off()
        return max(large, key=self.leads_of, default="") if is_wanted else ""

    def _probing(self, probe: str, most: int) -> _Probing:
        """The choice of a probe, and what it may cost at most."""
        asked = len(ACTIONS) * (PROBE_PAGES + 1) if probe else 0
        return _Probing(most=most + asked, probe=probe)

    def _why(self, moved: Sequence[str], recent: Sequence[str], slices: Sequence[Slice]) -> str:
        why = f"{len(moved)} of {len(self.tokens)} campaigns moved and are touched"
        if recent:
            why += f", {len(recent)} of them by what happened lately"
        if slices:
            why += f", {len(slices)} of {len(self._slices())} parts are due to be swept"
        return why

    def distrust(self, why: str) -> None:
        """The gate does not hold for this workspace: from now on everything is swept."""
        self.ctx.states.write(DISTRUST, {"why": why, "at": self.ctx.now().isoformat()})
        self.ctx.say(f"{why}; from now on every sync sweeps all leads (reset leads to try again).", self.stream)
        self.ctx.notes.add(
            "quarantine", stream=self.stream, key=None, column="", expected="", found="", seen_at=self.ctx.now(),
            reason=f"{why}; every sync sweeps all leads from now on", times=1,
        )  # fmt: skip

    def _must_sweep(self) -> str:
        """Why everything has to be swept; empty where it has not."""
        states = self.ctx.states
        if states.read(SWEEP).get("sweep"):
            return "a sweep that was cut off goes on"
        if not states.read(SWEPT) or not self._slices():
            return "they were never read whole"
        if self.counters is None:
            return "the campaigns' counters cannot be read"
        return str(states.read(DISTRUST).get("why", ""))

    def _slices(self) -> list[Slice]:
        found = self.ctx.states.read(SLICED).get("slices")
        try:
            return [Slice(low, high, datetime.fromisoformat(at)) for low, high, at in found or []]
        except (TypeError, ValueError):
            return []

    def _write_slices(self, slices: Sequence[Slice], *, rolled_at: datetime) -> None:
        rows = [[one.low, one.high, one.swept_at.isoformat()] for one in slices]
        self.ctx.states.write(SLICED, {"rolled_at": rolled_at.isoformat(), "slices": rows})


def newest_timed(ctx: Context, stream: str) -> str | None:
    """The greatest key of a known lead whose id was made from the time; None where there is none."""
    until = key_at(timed(ctx.now() + timedelta(days=1)))
    return ctx.log(stream).index.last_alive(key_at(timed(FIRST_TIMED)), until, is_timed)


def _rows(ctx: Context) -> dict[str, str]:
    """The hash of each listed campaign's own row."""
    return {orjson.loads(key)[0]: digest for key, digest in ctx.hashes("campaigns").items()}


def counters_in(token: str | None) -> str | None:
    """The hash of the counters in a campaign's token."""
    return None if token is None else token.split("|")[0]


def _is_within(part: Slice, spans: Sequence[tuple[str | None, str | None]]) -> bool:
    return any(
        (low is None or (part.low is not None and part.low >= low))
        and (high is None or (part.high is not None and part.high <= high))
        for low, high in spans
    )
