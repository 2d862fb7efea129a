"""Selects which leads a sync reads. Writes nothing.

- A campaign is skipped if its counters and its row are the same as when its leads were last read.
- A changed campaign is *scanned*: its leads are read, and missing ones are requested by id.
- New leads outside campaigns are read at the *tail*: ids made from a timestamp follow the known ones (reference,
  section 5.4).
- A campaign or list that the audit log names is scanned too: leads were deleted, moved or merged there (`audit`).
- Segments of all leads are swept in turn, so that everything is read again within `INSTANTLY_SWEEP_DAYS`.

`missed_changes` checks whether the counters can be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import orjson

from instantly_pipeline.api.paging import PAGE_SIZE
from instantly_pipeline.lake.index.keys import KeySet
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import Counters
from instantly_pipeline.sync.leads.audit import read_audit
from instantly_pipeline.sync.leads.keyspace import FIRST_TIMED, is_timed, key_at, timed
from instantly_pipeline.sync.leads.lead_state import CampaignFingerprint, LeadState, ScanMark, Segment
from instantly_pipeline.sync.leads.scope import Kind, Scope, count_by_scope


@dataclass(frozen=True, slots=True)
class Choice:
    """What to read: all leads (`is_sweep`), or the tail, some campaigns and lists, and some segments.

    `why` is shown to the user; `pages` is about how many requests it takes.
    """

    is_sweep: bool
    why: str
    pages: int
    scopes: tuple[Scope, ...] = ()
    segments: tuple[Segment, ...] = ()


class LeadSelector:
    """Selects the leads to read in one run of one workspace.

    `fingerprints` is the current state of each campaign, `changed` are the campaigns that changed since their leads
    were last read, and `known` counts the live leads of each scope before the run.
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
        self.audit = read_audit(ctx, state)

    def choice(self, *, full: bool) -> Choice:
        """What this run should read."""
        pages = self.pages_of_all()
        must = self._reason_to_sweep() or ("there are only a few" if self.is_small() else None)
        if must or full:
            return Choice(is_sweep=True, why=must or "requested with --full", pages=pages)
        named = self.named()
        changed = [scope for scope in map(Scope.campaign, self.changed) if scope not in named]
        campaigns, segments = [*named, *self.unscanned(changed)], self.due_segments()
        all_segments = len(self._state.segments().all)
        swept = len(segments) * -(-self.leads() // (PAGE_SIZE * max(all_segments, 1)))
        spent = sum(map(self.pages_of, campaigns)) + swept + self.has_tail()
        if spent > self._ctx.sizes.worth_a_sweep * pages:
            why = f"what changed or is due has {spent:,} of {pages:,} pages"
            return Choice(is_sweep=True, why=why, pages=pages)
        why = f"{len(self.changed)} of {len(self.fingerprints)} campaigns changed and are scanned"
        if named:
            why += f", as are {len(named)} campaigns and lists that the audit log names"
        lists = self.lists() if self._state.is_by_parent() else []  # they are read either way
        if self._state.is_by_parent():
            why += f", and all {len(lists)} lists, since the API lists leads only by campaign or list"
        if segments:
            why += f", {len(segments)} of {all_segments} segments are due to be swept"
        lists = self.unscanned(one for one in lists if one not in named)
        spent += sum(map(self.pages_of, lists))
        return Choice(is_sweep=False, why=why, pages=spent, scopes=(*campaigns, *lists), segments=tuple(segments))

    def named(self) -> list[Scope]:
        """The known campaigns and lists in which leads were deleted, moved or merged, as the audit log says.

        An interrupted run that has read them may have done so before.
        """
        known = {*map(Scope.campaign, self.fingerprints), *self.lists()}
        return sorted(self.audit.scopes & known)

    def unscanned(self, scopes: Iterable[Scope]) -> list[Scope]:
        """The scopes without those that an interrupted run has already read in their current state."""
        done = self._state.scans()
        return [scope for scope in scopes if done.get(scope) != self.mark_of(scope)]

    def mark_of(self, scope: Scope) -> ScanMark:
        """The current state of a scope. A scope without counters is read once a day."""
        return self.fingerprints.get(scope.campaign_id or "") or self._ctx.windows.today

    def parents(self) -> list[Scope]:
        """All known campaigns and lists that leads may be in."""
        campaigns = map(Scope.campaign, self.fingerprints)
        return sorted({*campaigns, *self.lists(), *filter(None, count_by_scope(self._index))})

    def lists(self) -> list[Scope]:
        """All lists."""
        return [Scope(Kind.LIST, one) for one in self._ctx.ids("lead_lists", alive_only=True)]

    def without_parent(self) -> list[str]:
        """The keys of live leads in neither a campaign nor a list."""
        return [key for key, _ in self._index.unseen(KeySet(), scopes=[None])]

    def newest_timed(self) -> str | None:
        """The greatest key of a live lead whose id contains its creation time; None if there is none.

        Not after the tail: leads that scans have found after it may not be the only ones there.
        """
        until = key_at(timed(self._ctx.now() + timedelta(days=1)))
        return self._index.last_alive(key_at(timed(FIRST_TIMED)), min(until, self._state.tail() or until), is_timed)

    def has_tail(self) -> bool:
        """Whether new leads can be read after the newest known one."""
        return not self._state.is_by_parent() and self.newest_timed() is not None

    def pages_of_all(self) -> int:
        """About how many pages it takes to read every lead."""
        if self._state.is_by_parent():
            return 1 + sum(map(self.pages_of, self.parents()))  # one request checks for that
        return self.leads() // PAGE_SIZE + 1

    def pages_of(self, scope: Scope) -> int:
        """About how many pages of leads a campaign or list has."""
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
        """Whether there are so few leads that every sync sweeps them."""
        return not self._state.is_by_parent() and self.leads() <= self._ctx.sizes.few_pages * PAGE_SIZE

    def due_segments(self) -> list[Segment]:
        """The segments to sweep in this run, oldest first: their share grows with the time since the last one."""
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
        """Why everything must be swept; None if it need not."""
        state, sweep_days = self._state, self._ctx.windows.sweep_days
        swept_at, distrust = state.swept_at(), state.distrust()
        if state.unfinished_sweep():
            return "an interrupted sweep continues"
        if swept_at is None or not state.segments().all:
            return "they were never read completely"
        if state.is_by_parent() and self._ctx.now() - swept_at >= timedelta(days=sweep_days):
            return f"the last sweep was {sweep_days} days ago or more"
        if self._counters is None:
            return "the campaigns' counters cannot be read"
        if self.audit.unplaced >= self.pages_of_all():  # a request for each at most
            return f"the audit log names {self.audit.unplaced:,} leads without their campaign"
        return distrust.why if distrust else None
