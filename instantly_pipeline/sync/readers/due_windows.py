"""Which campaigns' windows of daily figures are due, and what the workspace's own days say about the others.

Every window is read once a day (UTC). After that it is read again in a sync before which its days may have moved:

- its fingerprint differs from that of its last reading. A fingerprint is the hash of Instantly's counters of the
  campaign; if these leave the campaign out (it is deleted), the hash of the workspace's own days, which include it;
- days of it are missing, or have collapsed in fewer than three syncs;
- the workspace's own days moved on a date on which no campaign read in this sync did. Then all windows are read. If no
  campaign explains it even so (one may have been deleted before it was ever listed), that is not tried again on the
  same day.

Counters and own days take one request each, made before any window is. A sync without both reads all windows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.collapses import Collapses
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import Counters
from instantly_pipeline.sync.readers.campaigns import every_campaign
from instantly_pipeline.sync.readings import Readings
from instantly_pipeline.sync.sink import days_of


@dataclass(frozen=True, slots=True)
class DueWindows:
    """The campaigns to read now, and the others that are read once a day; `readings` has this run's fingerprints."""

    now: list[str]
    others: list[str]
    readings: Readings


def choose_windows(ctx: Context, stream: Stream, counters: Counters | None) -> DueWindows:
    """What is due, from the checkpoint and what was requested before. Deleted campaigns too, while they have days in
    the lookback or counters that move: the API still answers about them."""
    every, listed = every_campaign(ctx), set(ctx.ids("campaigns", alive_only=True))
    fingerprints = dict(counters.hashes) if counters else {}
    in_lookback = {c for c in every if not (c in listed and c in fingerprints) and _has_days(ctx, stream, c)}
    if counters is not None and ctx.own_days is not None:
        fingerprints = dict.fromkeys(in_lookback, _hash_of(ctx.own_days)) | fingerprints
    readings, collapsed = Readings.of(ctx, stream, fingerprints), Collapses(ctx, stream).parents()
    may_wait = counters is not None and ctx.own_days is not None and not ctx.request.full
    due = DueWindows([], [], readings)
    for campaign in every:
        if campaign not in readings or readings.is_behind(campaign) or readings.has_moved(campaign):
            due.now.append(campaign)
        elif campaign in listed or campaign in in_lookback:
            waits = may_wait and readings.is_of_today(campaign) and campaign not in collapsed
            (due.others if waits else due.now).append(campaign)
    return due


class OwnDays:
    """A checkpoint: the workspace's own days when the windows were last complete, by date the hash of its figures."""

    def __init__(self, ctx: Context, stream: Stream) -> None:
        self._ctx, self._name, self._today = ctx, f"{stream.name}.own_days", ctx.windows.today.isoformat()
        found = ctx.checkpoints.read(self._name)
        days = found["days"] if isinstance(found.get("days"), dict) else {}
        self._before = {day: digest for day, digest in days.items() if isinstance(digest, str)}
        self._is_ignored = found.get("unexplained_on") == self._today

    def unexplained(self, moved: Collection[str] = ()) -> set[str]:
        """The dates in the lookback on which the own days moved and none of the campaigns read (`moved`) did."""
        if self._ctx.own_days is None or not self._before or self._is_ignored:
            return set()
        first = self._ctx.windows.lookback.isoformat()
        differing = {*self._before.items()} ^ {*self._ctx.own_days.items()}
        return {day for day, _ in differing if day >= first}.difference(moved)

    def save(self, *, is_explained: bool) -> None:
        """Write the checkpoint, after all windows that are due were read."""
        if self._ctx.own_days is not None:
            on = self._today if self._is_ignored or not is_explained else None
            self._ctx.checkpoints.write(self._name, {"days": self._ctx.own_days, "unexplained_on": on})


def _has_days(ctx: Context, stream: Stream, campaign: str) -> bool:
    """Whether a campaign has days in the lookback."""
    bounds = days_of((campaign,), ctx.windows.lookback.isoformat(), ctx.windows.today.isoformat())
    return bool(ctx.log(stream.name).index.alive(*bounds))


def _hash_of(days: object) -> str:
    return blake2b(orjson.dumps(days, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
