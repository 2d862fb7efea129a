"""What a sync reads of the leads, when it is not asked to read all.

- A campaign whose counters and own row are as they were when its leads were last read is not read.
- A campaign that moved is *touched*: its leads are read and taken; what is missing is asked for by id.
- New leads outside campaigns are found at the *tail*: ids made from the time come after those known (section 5.4).
- A part of the whole is swept in turn, so that within `INSTANTLY_SWEEP_DAYS` everything is read again.

Whether this holds is judged by what sweeps find (`watch`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import orjson

from instantly_pipeline.api.clock import WRONG
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import Counters, counters_now
from instantly_pipeline.sync.leads.keyspace import FIRST_TIMED, is_timed, key_at, timed
from instantly_pipeline.sync.leads.parallel_scan import Span

CAMPAIGN, LIST = "campaign=", "list_id="
NEVER = datetime.min.replace(tzinfo=UTC)
Bounds = tuple[str | None, str | None]
WORTH_A_SWEEP = 0.8  # of all pages: where the touches would cost as much, everything is swept
PER_PAGE = 100
SLICES = 112  # parts of the whole, swept in turn

TOKENS, DISTRUST, SLICED = "leads.gate", "leads.distrust", "leads.slices"
SWEEP, SWEEP_TOKENS, TOUCHED = "leads", "leads.sweep_tokens", "leads.touched"
SERVER, SWEPT = "leads.server", "leads.swept"  # what is known of the server; when everything was read last


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
    slices: tuple[Slice, ...] = ()
    pages: int = 0  # so many, unless leads come or go meanwhile


@dataclass(slots=True)
class Gate:
    """One workspace's gate in one run. `tokens` is what the counters and rows of the campaigns are now."""

    ctx: Context
    stream: str
    counters: Counters | None
    tokens: dict[str, str] = field(default_factory=dict)
    _ours: dict[str | None, int] | None = None

    @classmethod
    async def of(cls, ctx: Context, stream: str) -> Gate:
        """The gate as the counters of this run have it."""
        return cls.made(ctx, stream, await counters_now(ctx))

    @classmethod
    def made(cls, ctx: Context, stream: str, counters: Counters | None) -> Gate:
        """The gate for given counters."""
        hashes, rows = counters.hashes if counters else {}, _rows(ctx)
        known = sorted({*hashes, *rows, *ctx.checkpoints.read(TOKENS)})
        return cls(ctx, stream, counters, {c: f"{hashes.get(c, '')}|{rows.get(c, '')}" for c in known})

    def choose(self, *, full: bool) -> Choice:
        """What this run should read."""
        pages = self.pages_of_all()
        must = self._must_sweep() or ("there are few" if self.is_small() else "")
        if must or full:
            return Choice(sweep=True, why=must or "asked for with --full", pages=pages)
        moved = self.moved()
        if sum(self.pages_of(f"{CAMPAIGN}{c}") for c in moved) > WORTH_A_SWEEP * pages:
            return Choice(sweep=True, why=f"{len(moved)} campaigns moved, nearly all there is", pages=pages)
        scopes = [f"{CAMPAIGN}{c}" for c in moved] + (self.lists() if self.is_by_parent() else [])
        touch = self.untouched(scopes)
        slices, parts = self.due(), len(self._slices())
        swept = len(slices) * -(-self.leads() // (PER_PAGE * max(parts, 1)))
        spent = sum(map(self.pages_of, touch)) + swept + self.has_tail()
        return Choice(False, self._why(moved, slices), tuple(touch), tuple(slices), pages=spent)

    def is_by_parent(self) -> bool:
        """Whether the API has shown that it lists leads by campaign or list only."""
        return bool(self.ctx.checkpoints.read(SERVER).get("by_parent"))

    def note_by_parent(self, *, is_so: bool) -> None:
        """Remember how the API lists leads."""
        self.ctx.checkpoints.write(SERVER, self.ctx.checkpoints.read(SERVER) | {"by_parent": is_so})

    def has_tail(self) -> bool:
        """Whether new leads come behind those known."""
        return not self.is_by_parent() and newest_timed(self.ctx, self.stream) is not None

    def parents(self) -> list[str]:
        """The scopes of all campaigns and lists that leads may be in."""
        known = self.ctx.log(self.stream).index.alive_by_scope()
        return sorted({*(f"{CAMPAIGN}{c}" for c in self.tokens), *self.lists(), *filter(None, known)})

    def lists(self) -> list[str]:
        """The scopes of all lists."""
        return [f"{LIST}{one}" for one in self.ctx.ids("lead_lists", alive_only=True)]

    def pages_of_all(self) -> int:
        """About how many pages it takes to read every lead."""
        if self.is_by_parent():
            return 1 + sum(map(self.pages_of, self.parents()))  # one finds out whether it is so still
        return self.leads() // PER_PAGE + 1

    def held(self) -> dict[str, str]:
        """The tokens of the campaigns as they were when their leads were last read."""
        found = self.ctx.checkpoints.read(TOKENS).items()
        return {c: "|".join(token.split("|")[:2]) for c, token in found if isinstance(token, str)}  # once it had more

    def moved(self) -> list[str]:
        """The campaigns whose counters or own row are other ones than when their leads were last read."""
        held = self.held()
        return [campaign for campaign, token in self.tokens.items() if held.get(campaign) != token]

    def pages_of(self, scope: str) -> int:
        """About how many pages the leads of a campaign or list are."""
        return self.leads_of(scope) // PER_PAGE + 1

    def leads_of(self, scope: str) -> int:
        """About how many leads a campaign or list has."""
        counted = self.counters.leads.get(scope.removeprefix(CAMPAIGN), 0) if self.counters else 0
        return max(counted, self.ours().get(scope, 0))

    def was_swept(self) -> bool:
        """Whether all leads were ever read."""
        return bool(self.ctx.checkpoints.read(SWEPT))

    def is_small(self) -> bool:
        """Whether a sweep costs next to nothing."""
        return not self.is_by_parent() and self.leads() <= self.ctx.sizes.few_pages * PER_PAGE

    def leads(self) -> int:
        """About how many leads there are."""
        known = sum(self.ours().values())
        if not self.was_swept():
            return max(known, sum(self.counters.leads.values()) if self.counters else 0)
        moved = [f"{CAMPAIGN}{campaign}" for campaign in self.moved()]
        return known + sum(self.leads_of(scope) - self.ours().get(scope, 0) for scope in moved)

    def ours(self) -> dict[str | None, int]:
        """How many live leads the lake has of each campaign and list, and elsewhere."""
        if self._ours is None:
            self._ours = self.ctx.log(self.stream).index.alive_by_scope()
        return self._ours

    def due(self) -> list[Slice]:
        """The slices to sweep in this run: in proportion to the time that went by, the oldest first."""
        slices, now = self._slices(), self.ctx.now()
        if not slices or self.is_by_parent():
            return []
        whole = timedelta(days=self.ctx.windows.sweep_days)
        since = instant(self.ctx.checkpoints.read(SLICED).get("rolled_at"), now) or max(one.swept_at for one in slices)
        share = int(len(slices) * ((now - since) / whole))
        oldest = sorted(slices, key=lambda one: one.swept_at)
        late = sum(now - one.swept_at >= whole for one in slices)
        return oldest[: min(max(share, late), len(slices))]

    def unread(self) -> list[Slice]:
        """The slices of which a part could never be read."""
        return [one for one in self._slices() if one.swept_at == NEVER]

    def rolled(self, spans: Sequence[Bounds], *, done: bool = False, but: Sequence[Span] = ()) -> None:
        """Note that the slices within some spans were swept; `done` where these were all that were due.

        Those with a part that could not be read (`but`) stay due.
        """
        now = self.ctx.now()
        before = instant(self.ctx.checkpoints.read(SLICED).get("rolled_at"), now)
        slices = [
            Slice(s.low, s.high, now) if _is_within(s, spans) and not _touches(s, but) else s for s in self._slices()
        ]
        self._write_slices(slices, rolled_at=now if done or before is None else before)

    def forget_slices(self) -> None:
        """The parts are no longer what they were: the next sync sweeps everything."""
        self.ctx.checkpoints.forget(SLICED)

    def swept(self, tokens: dict[str, str], *, but: Sequence[Span] = ()) -> None:
        """Everything was read, but for some parts, which stay due; `tokens` were taken before."""
        checkpoints, now = self.ctx.checkpoints, self.ctx.now()
        index = self.ctx.log(self.stream).index
        every = max(self.ctx.sizes.leads_per_slice, -(-self.leads() // SLICES))
        cuts = [None, *index.spread(every), None]
        slices = [Slice(low, high, now) for low, high in pairwise(cuts)]
        slices = [replace(one, swept_at=NEVER) if _touches(one, but) else one for one in slices]
        self._write_slices(slices, rolled_at=now)
        checkpoints.write(TOKENS, tokens)
        checkpoints.write(SWEPT, {"at": now.isoformat()})
        checkpoints.forget(TOUCHED)

    def untouched(self, scopes: Iterable[str]) -> list[str]:
        """Those that a run which was cut off has not read as they are now."""
        done = self.ctx.checkpoints.read(TOUCHED)
        return [scope for scope in scopes if done.get(scope) != self._token(scope)]

    def touched(self, scopes: Iterable[str]) -> None:
        """The leads of these campaigns and lists were read completely; what was missing is yet to be judged."""
        now_read = {scope: self._token(scope) for scope in scopes}
        self.ctx.checkpoints.write(TOUCHED, self.ctx.checkpoints.read(TOUCHED) | now_read)

    def _token(self, scope: str) -> str:
        """What shows that a scope has moved; of what has no counters, it is read once a day."""
        return self.tokens.get(scope.removeprefix(CAMPAIGN)) or self.ctx.windows.today.isoformat()

    def has_touched(self) -> bool:
        """Whether touches of a run that was cut off wait to be settled."""
        return bool(self.ctx.checkpoints.read(TOUCHED))

    def settled(self) -> None:
        """What the touches found missing was judged."""
        touched = {scope.removeprefix(CAMPAIGN): token for scope, token in self.ctx.checkpoints.read(TOUCHED).items()}
        campaigns = {campaign: token for campaign, token in touched.items() if campaign in self.tokens}
        self.ctx.checkpoints.write(TOKENS, self.ctx.checkpoints.read(TOKENS) | campaigns)
        self.ctx.checkpoints.forget(TOUCHED)

    def _why(self, moved: Sequence[str], slices: Sequence[Slice]) -> str:
        why = f"{len(moved)} of {len(self.tokens)} campaigns moved and are touched"
        if self.is_by_parent():
            why += f", and all {len(self.lists())} lists, as the API lists leads by campaign or list only"
        if slices:
            why += f", {len(slices)} of {len(self._slices())} parts are due to be swept"
        return why

    def distrust(self, why: str) -> None:
        """The gate does not hold for this workspace: from now on everything is swept."""
        self.ctx.checkpoints.write(DISTRUST, {"why": why, "at": self.ctx.now().isoformat()})
        self.ctx.say(f"{why}; from now on every sync sweeps all leads (reset leads to try again).", self.stream)
        self.ctx.logs.add(
            "notices", stream=self.stream, notice=f"{why}; every sync sweeps all leads from now on",
            seen_at=self.ctx.now(),
        )  # fmt: skip

    def _must_sweep(self) -> str:
        """Why everything has to be swept; empty where it has not."""
        checkpoints = self.ctx.checkpoints
        if checkpoints.read(SWEEP).get("sweep"):
            return "a sweep that was cut off goes on"
        swept = instant(checkpoints.read(SWEPT).get("at"), self.ctx.now())
        if swept is None or not self._slices():
            return "they were never read whole"
        if self.is_by_parent() and self.ctx.now() - swept >= timedelta(days=self.ctx.windows.sweep_days):
            return f"{self.ctx.windows.sweep_days} days have gone by"
        if self.counters is None:
            return "the campaigns' counters cannot be read"
        return str(checkpoints.read(DISTRUST).get("why", ""))

    def _slices(self) -> list[Slice]:
        found, now = self.ctx.checkpoints.read(SLICED).get("slices"), self.ctx.now()
        try:
            return [Slice(low, high, instant(at, now) or NEVER) for low, high, at in found or []]
        except (TypeError, ValueError):
            return []

    def _write_slices(self, slices: Sequence[Slice], *, rolled_at: datetime) -> None:
        rows = [[one.low, one.high, one.swept_at.isoformat()] for one in slices]
        self.ctx.checkpoints.write(SLICED, {"rolled_at": rolled_at.isoformat(), "slices": rows})


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


def instant(text: object, now: datetime) -> datetime | None:
    """An instant as a checkpoint has it, now at the latest; None for anything else, such as one without its offset.

    None also where it lies ahead by more than clocks may differ: it was noted by a clock that was wrong, and when that
    was is not known.
    """
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return min(at, now) if at is not None and at.tzinfo is not None and at - now <= WRONG else None


def _touches(part: Slice, spans: Sequence[Span]) -> bool:
    return any(
        (part.high is None or span.low is None or span.low < part.high)
        and (span.high is None or part.low is None or part.low < span.high)
        for span in spans
    )


def _is_within(part: Slice, spans: Sequence[Bounds]) -> bool:
    return any(
        (low is None or (part.low is not None and part.low >= low))
        and (high is None or (part.high is not None and part.high <= high))
        for low, high in spans
    )
