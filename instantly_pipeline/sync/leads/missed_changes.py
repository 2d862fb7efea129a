"""Whether the counters can be trusted to show which campaigns changed, judged by the changes that sweeps find.

Counters do not show what people do by hand: edit a lead, set an interest (reference, section 5.4). But where a sweep
finds that a lead of a campaign whose counters stood still came, went, or differs in what counters speak of, they miss
things in this workspace: for a week every sync sweeps everything, then they are tried again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from instantly_pipeline.errors import UnreadableFile
from instantly_pipeline.lake.change_log import Values
from instantly_pipeline.lake.index.sorted_files import IndexEntry
from instantly_pipeline.lake.read_versions import read_versions
from instantly_pipeline.sync.counters import counters_now
from instantly_pipeline.sync.leads.keyspace import is_timed
from instantly_pipeline.sync.leads.lead_state import LeadState
from instantly_pipeline.sync.leads.scope import Scope
from instantly_pipeline.sync.leads.selector import LeadSelector
from instantly_pipeline.sync.sink import Sink

# What counters speak of: contacts, opens, replies, clicks, state and interest.
COUNTED = (
    "status", "lt_interest_status", "email_open_count", "email_reply_count", "email_click_count",
    "timestamp_last_contact", "timestamp_last_open", "timestamp_last_reply", "timestamp_last_click",
)  # fmt: skip
BY_HAND = ("status", "lt_interest_status")  # are set by hand, too; then one of these times moves, as it does by an edit
HAND_TIMES = ("timestamp_updated", "timestamp_last_interest_change")
MOST_COMPARED = 100  # changed leads of one campaign: a few show what it is about


@dataclass(frozen=True, slots=True)
class _Changed:
    """A lead as a sweep found it, and which version of it was known."""

    before_at: int  # `_synced_at` in microseconds since 1970
    values: dict[str, Any]


class MissedChanges:
    """Looks on while a sweep takes records, for changes that the selection would have missed.

    The tail was read before. As long as everything is read anyway, there is nothing to find.
    """

    def __init__(self, sink: Sink, selector: LeadSelector, state: LeadState) -> None:
        self._sink = sink
        self._selector = selector
        self._state = state
        changed = set(selector.changed)
        self._quiet = {one for one in selector.fingerprints if one not in changed}
        self._unread = state.segments().unread
        self._newest = selector.newest_timed()
        self._came_or_went: set[str] = set()  # campaigns
        self._edited: dict[str, dict[str, _Changed]] = defaultdict(dict)  # by campaign and key
        self._edits = 0
        self._has_tail = not state.is_by_parent()
        self._has_missed_tail = False
        self._is_on = state.swept_at() is not None and state.distrust() is None and not selector.is_small()

    def note(self, key: str, before: IndexEntry | None, scope_text: str | None, values: Values | None) -> None:
        """A version of `key` was written; `before` is the one before it."""
        if not self._is_on or any(segment.keys.has(key) for segment in self._unread):
            return
        scope = Scope.indexed(scope_text)
        scopes = {scope, Scope.indexed(before.scope) if before else None}
        quiet = {one.id for one in scopes if one is not None and one.campaign_id in self._quiet}
        if before is not None and before.alive and values is not None and scopes == {scope}:
            for campaign in quiet:
                self._edits += 1
                edited = self._edited[campaign]
                if len(edited) < MOST_COMPARED and key not in edited:
                    edited[key] = _Changed(before.at, {name: values(name) for name in (*COUNTED, *HAND_TIMES)})
        else:
            self._came_or_went |= quiet
        is_outside = scope is None or scope.campaign_id is None
        if before is None and is_outside and self._has_tail:
            self._has_missed_tail |= not (is_timed(key) and key > (self._newest or ""))

    async def judge(self) -> str | None:
        """Why the counters cannot be trusted, as far as the sweep has shown; None where nothing speaks against them.

        They are asked again: only campaigns whose counters still have not moved count.
        """
        counted = await asyncio.to_thread(self._counted_differences)
        by_hand = self._edits - sum(counted.values())
        if by_hand:
            self._sink.ctx.say(
                f"{by_hand} leads were edited or judged by hand, which no counter shows: the sweep found them.",
                self._sink.stream.name,
            )
        if self._has_missed_tail and not self._state.is_by_parent():
            return "A sweep found new leads outside campaigns that do not come at the tail"
        missed = self._came_or_went | counted.keys()
        if not missed:
            return None
        now = await counters_now(self._sink.ctx, fresh=True)
        hashes = now.hashes if now else {}
        fingerprints = self._selector.fingerprints
        still = sum(hashes.get(one, "") == fingerprints[one].counters for one in missed)
        return f"A sweep found changed leads in {still} campaigns whose counters had not moved" if still else None

    def _counted_differences(self) -> Counter[str]:
        """How many of the edited leads differ, from the version before, in what counters speak of, by campaign."""
        ctx, stream = self._sink.ctx, self._sink.stream.name
        edited = {key: lead for leads in self._edited.values() for key, lead in leads.items()}
        if not edited:
            return Counter()
        versions = {key: lead.before_at for key, lead in edited.items()}
        columns = (*COUNTED, *HAND_TIMES)
        try:
            before = read_versions(ctx.layout, stream, ctx.workspace_id, versions, columns)
        except UnreadableFile:
            return Counter()  # what is damaged is reported by those who need it
        return Counter(
            campaign
            for campaign, leads in self._edited.items()
            for key, lead in leads.items()
            if key in before and _has_counted(_differences(before[key], lead.values))
        )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> set[str]:
    """The fields that differ; one that the version before does not have says nothing."""
    return {name for name in before if before[name] != now[name]}


def _has_counted(differences: set[str]) -> bool:
    """Whether counters should have shown the differences: a state or an interest may have been set by hand."""
    by_hand = BY_HAND if differences & set(HAND_TIMES) else ()
    return bool(differences & set(COUNTED) - set(by_hand))
