"""What a sync reads of the leads, when it is not asked to read all. Questions only: nothing is written here.

- A campaign whose counters and own row are as they were when its leads were last read is not read.
- A campaign that changed is *scanned*: its leads are read and taken; what is missing is asked for by id.
- New leads outside campaigns are found at the *tail*: ids made from the time come after those known (reference,
  section 5.4).
- A segment of the whole is swept in turn, so that within `INSTANTLY_SWEEP_DAYS` everything is read again.

Whether the counters can be trusted is judged by what sweeps find (`missed_changes`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import orjson

from instantly_pipeline.api.paging import PAGE_SIZE
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import Counters
from instantly_pipeline.sync.leads.keyspace import FIRST_TIMED, is_timed, key_at, timed
from instantly_pipeline.sync.leads.lead_state import CampaignFingerprint, LeadState, ScanMark, Segment
from instantly_pipeline.sync.leads.scope import Kind, Scope, count_by_scope

WORTH_A_SWEEP = 0.8  # of all pages: where the scans would cost as much, everything is swept


@dataclass(frozen=True, slots=True)
class Choice:
    """What to read: all (`is_sweep`), or the tail, some campaigns and lists, and some segments.

    `why` is for people; `pages` is about how many it takes, unless leads come or go meanwhile.
    """

    is_sweep: bool
    why: str
    pages: int
    scopes: tuple[Scope, ...] = ()
    segments: tuple[Segment, ...] = ()


class LeadSelector:
    """The leads of one workspace as one run finds them.

    `fingerprints` are the campaigns as their counters and rows are now, `changed` those that have changed since their
    leads were last read, and `known` counts the live leads of each scope, before the run reads any.
    """

    def __init__(self, ctx: Context, stream: str, state: LeadState, counters: Counters | None) -> None:
        self._ctx = ctx
        self._index = ctx.log(stream).index
        self._state = state
        self._counters = counters
        last = state.last_fingerprints()
        counted = counters.hashes if counters else {}
        rows = {orjson.loads(key)[0]: digest for key, digest in ctx.hashes("campaigns").items()}
        campaigns = sorted({*counted, *rows, *last})
        self.fingerprints = {one: CampaignFingerprint(counted.get(one, ""), rows.get(one, "")) for one in campaigns}
        self.changed = [one for one, now in self.fingerprints.items() if last.get(one) != now]
        self.known = count_by_scope(self._index)

    def choice(self, *, full: bool) -> Choice:
        """What this run should read."""
        pages = self.pages_of_all()
        must = self._reason_to_sweep() or ("there are few" if self.is_small() else None)
        if must or full:
            return Choice(is_sweep=True, why=must or "asked for with --full", pages=pages)
        changed = [Scope.campaign(one) for one in self.changed]
        if sum(map(self.pages_of, changed)) > WORTH_A_SWEEP * pages:
            return Choice(is_sweep=True, why=f"{len(changed)} campaigns changed, nearly all there is", pages=pages)
        lists = self.lists() if self._state.is_by_parent() else []
        scopes, segments = self.unscanned([*changed, *lists]), self.due_segments()
        all_segments = len(self._state.segments().all)
        swept = len(segments) * -(-self.leads() // (PAGE_SIZE * max(all_segments, 1)))
        why = f"{len(changed)} of {len(self.fingerprints)} campaigns changed and are scanned"
        if self._state.is_by_parent():
            why += f", and all {len(lists)} lists, as the API lists leads by campaign or list only"
        if segments:
            why += f", {len(segments)} of {all_segments} segments are due to be swept"
        spent = sum(map(self.pages_of, scopes)) + swept + self.has_tail()
        return Choice(is_sweep=False, why=why, pages=spent, scopes=tuple(scopes), segments=tuple(segments))

    def unscanned(self, scopes: Iterable[Scope]) -> list[Scope]:
        """Those that a run which was interrupted has not read as they are now."""
        done = self._state.scans()
        return [scope for scope in scopes if done.get(scope) != self.mark_of(scope)]

    def mark_of(self, scope: Scope) -> ScanMark:
        """What shows that a scope has changed; one that nothing is counted of is read once a day."""
        return self.fingerprints.get(scope.campaign_id or "") or self._ctx.windows.today

    def parents(self) -> list[Scope]:
        """All campaigns and lists that leads may be in, by what is known by now."""
        campaigns = map(Scope.campaign, self.fingerprints)
        return sorted({*campaigns, *self.lists(), *filter(None, count_by_scope(self._index))})

    def lists(self) -> list[Scope]:
        """All lists."""
        return [Scope(Kind.LIST, one) for one in self._ctx.ids("lead_lists", alive_only=True)]

    def without_parent(self) -> list[str]:
        """The keys of the known leads that are in no campaign and no list."""
        if not count_by_scope(self._index).get(None):
            return []
        return sorted(key for key, entry in self._index.alive().items() if entry.scope is None)

    def newest_timed(self) -> str | None:
        """The key of the newest known lead whose id was made from the time; None where there is none.

        Not behind the tail: what scans have shown behind it may not be the only leads there.
        """
        until = key_at(timed(self._ctx.now() + timedelta(days=1)))
        return self._index.last_alive(key_at(timed(FIRST_TIMED)), min(until, self._state.tail() or until), is_timed)

    def has_tail(self) -> bool:
        """Whether new leads come behind those known."""
        return not self._state.is_by_parent() and self.newest_timed() is not None

    def pages_of_all(self) -> int:
        """About how many pages it takes to read every lead."""
        if self._state.is_by_parent():
            return 1 + sum(map(self.pages_of, self.parents()))  # one finds out whether it is so still
        return self.leads() // PAGE_SIZE + 1

    def pages_of(self, scope: Scope) -> int:
        """About how many pages the leads of a campaign or list are."""
        return self.leads_of(scope) // PAGE_SIZE + 1

    def leads_of(self, scope: Scope) -> int:
        """About how many leads a campaign or list has."""
        counted = self._counters.leads.get(scope.campaign_id or "", 0) if self._counters else 0
        return max(counted, self.known.get(scope, 0))

    def leads(self) -> int:
        """About how many leads there are."""
        known = sum(self.known.values())
        if self._state.swept_at() is None:
            return max(known, sum(self._counters.leads.values()) if self._counters else 0)
        changed = map(Scope.campaign, self.changed)
        return known + sum(self.leads_of(scope) - self.known.get(scope, 0) for scope in changed)

    def is_small(self) -> bool:
        """Whether a sweep costs next to nothing."""
        return not self._state.is_by_parent() and self.leads() <= self._ctx.sizes.few_pages * PAGE_SIZE

    def due_segments(self) -> list[Segment]:
        """The segments to sweep in this run: in proportion to the time that went by, the oldest first."""
        segments, now = self._state.segments(), self._ctx.now()
        if not segments.all or self._state.is_by_parent():
            return []
        whole = timedelta(days=self._ctx.windows.sweep_days)
        oldest = segments.unread + sorted(
            (one for one in segments.all if one.swept_at is not None), key=lambda one: one.swept_at or now
        )
        late = sum(one.swept_at is None or now - one.swept_at >= whole for one in oldest)
        since = segments.rolled_at or oldest[-1].swept_at
        share = int(len(oldest) * ((now - since) / whole)) if since else len(oldest)
        return oldest[: max(share, late)]

    def _reason_to_sweep(self) -> str | None:
        """Why everything has to be swept; None where it has not."""
        state, sweep_days = self._state, self._ctx.windows.sweep_days
        swept_at, distrust = state.swept_at(), state.distrust()
        if state.unfinished_sweep():
            return "a sweep that was interrupted goes on"
        if swept_at is None or not state.segments().all:
            return "they were never read whole"
        if state.is_by_parent() and self._ctx.now() - swept_at >= timedelta(days=sweep_days):
            return f"{sweep_days} days have gone by"
        if self._counters is None:
            return "the campaigns' counters cannot be read"
        return distrust.why if distrust else None
