"""Checks by the changes that sweeps find whether campaign counters can be trusted.

Counters do not show manual edits, such as a new interest status (reference, section 5.4), and a campaign that has never
sent has none. But if a sweep finds that a lead of a campaign with unchanged counters was added, removed, or changed in
a counted field, the counters miss changes in this workspace. Then every sync sweeps everything for a week, after which
the counters are trusted again.
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

# Fields that campaign counters count: contacts, opens, replies, clicks, status and interest.
COUNTED = (
    "status", "lt_interest_status", "email_open_count", "email_reply_count", "email_click_count",
    "timestamp_last_contact", "timestamp_last_open", "timestamp_last_reply", "timestamp_last_click",
)  # fmt: skip
BY_HAND = ("status", "lt_interest_status")  # can also be set manually, which changes one of `HAND_TIMES`
HAND_TIMES = ("timestamp_updated", "timestamp_last_interest_change")
MOST_COMPARED = 100  # changed leads per campaign


@dataclass(frozen=True, slots=True)
class _Changed:
    """A lead as a sweep found it, and its last version in the lake."""

    before_at: int  # `_synced_at` in microseconds since 1970
    values: dict[str, Any]


class MissedChanges:
    """Collects changes found by a sweep that the selection of campaigns would have missed.

    The tail was read before. Inactive while every sync sweeps everything anyway.
    """

    def __init__(self, sink: Sink, selector: LeadSelector, state: LeadState) -> None:
        self._sink = sink
        self._selector = selector
        self._state = state
        changed = set(selector.changed)
        # a campaign that has never sent has no counters (reference, section 6.1), so they miss nothing
        self._unchanged = {one for one, now in selector.fingerprints.items() if now.counters and one not in changed}
        self._unread = state.segments().unread
        self._newest = selector.newest_timed()
        self._added_or_removed: set[str] = set()  # campaigns
        self._edited: dict[str, dict[str, _Changed]] = defaultdict(dict)  # by campaign and key
        self._edits = 0
        self._has_tail = not state.is_by_parent()
        self._has_missed_tail = False
        self._is_on = state.swept_at() is not None and state.distrust() is None and not selector.is_small()

    def note(self, key: str, before: IndexEntry | None, scope_text: str | None, values: Values | None) -> None:
        """Note a version of `key` that was written; `before` is the previous one."""
        if not self._is_on or any(segment.keys.has(key) for segment in self._unread):
            return
        scope = Scope.indexed(scope_text)
        scopes = {scope, Scope.indexed(before.scope) if before else None}
        unchanged = {one.id for one in scopes if one is not None and one.campaign_id in self._unchanged}
        if before is not None and before.alive and values is not None and scopes == {scope}:
            for campaign in unchanged:
                self._edits += 1
                edited = self._edited[campaign]
                if len(edited) < MOST_COMPARED and key not in edited:
                    edited[key] = _Changed(before.at, {name: values(name) for name in (*COUNTED, *HAND_TIMES)})
        else:
            self._added_or_removed |= unchanged
        is_outside = scope is None or scope.campaign_id is None
        if before is None and is_outside and self._has_tail:
            self._has_missed_tail |= not (is_timed(key) and key > (self._newest or ""))

    async def reason_for_distrust(self) -> str | None:
        """Why the counters cannot be trusted, by what the sweep found; None if they can.

        The counters are requested again: only campaigns whose counters are still unchanged count.
        """
        counted = await asyncio.to_thread(self._counted_differences)
        by_hand = self._edits - sum(counted.values())
        if by_hand:
            self._sink.ctx.say(
                f"{by_hand} leads were edited manually, which no counter shows; the sweep found them.",
                self._sink.stream.name,
            )
        if self._has_missed_tail and not self._state.is_by_parent():
            return "A sweep found new leads outside campaigns that are not at the tail"
        missed = self._added_or_removed | counted.keys()
        if not missed:
            return None
        now = await counters_now(self._sink.ctx, fresh=True)
        hashes = now.hashes if now else {}
        fingerprints = self._selector.fingerprints
        still = sum(hashes.get(one, "") == fingerprints[one].counters for one in missed)
        return f"A sweep found changed leads in {still} campaigns with unchanged counters" if still else None

    def _counted_differences(self) -> Counter[str]:
        """How many of the edited leads differ from the version before in a counted field, by campaign."""
        ctx, stream = self._sink.ctx, self._sink.stream.name
        edited = {key: lead for leads in self._edited.values() for key, lead in leads.items()}
        if not edited:
            return Counter()
        versions = {key: lead.before_at for key, lead in edited.items()}
        columns = (*COUNTED, *HAND_TIMES)
        try:
            before = read_versions(ctx.layout, stream, ctx.workspace_id, versions, columns)
        except UnreadableFile:
            return Counter()  # reported by the modules that need the file
        return Counter(
            campaign
            for campaign, leads in self._edited.items()
            for key, lead in leads.items()
            if key in before and _has_counted(_differences(before[key], lead.values))
        )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> set[str]:
    """The fields that differ, of those that the version before has."""
    return {name for name in before if before[name] != now[name]}


def _has_counted(differences: set[str]) -> bool:
    """Whether counters should show the differences; status and interest may have been set manually."""
    by_hand = BY_HAND if differences & set(HAND_TIMES) else ()
    return bool(differences & set(COUNTED) - set(by_hand))
