"""Recent touches: of a campaign that moved only what happened in it lately is read and taken.

It is enough where the campaign counts as many leads as the lake has of it, before and afterwards, and where the leads
that were found changed account for what its counters say. Else the campaign is read whole. What is not shown is not
decided: a recent touch makes no tombstone, and moves no `_verified_at`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from instantly_pipeline.errors import PlanRequired, StreamError
from instantly_pipeline.lake.changes import Values
from instantly_pipeline.lake.runs import Entry
from instantly_pipeline.sync.leads.gate import CAMPAIGN, Gate
from instantly_pipeline.sync.leads.recent import ACTIONS, BESIDES, DAY, EXPLAINED, MARGIN_DAYS, WORTH, Reading, question
from instantly_pipeline.sync.leads.touch import AT_ONCE, side_by_side, take
from instantly_pipeline.sync.sink import Sink

BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
FEW_PAGES = 5  # that the action nothing relies on may take beyond what the others took


async def touch_lately(sink: Sink, campaigns: Sequence[str], gate: Gate) -> list[str]:
    """Read what happened lately in some campaigns; those are returned for which it was not enough."""
    if not campaigns:
        return []
    gate.recount()
    agreeing = [campaign for campaign in campaigns if gate.beyond(campaign) == 0]
    enough: set[str] = set()
    for start in range(0, len(agreeing), AT_ONCE):
        enough |= await _wave(sink, gate.readable_lately(agreeing[start : start + AT_ONCE]), gate)
    return [campaign for campaign in campaigns if campaign not in enough]


async def _wave(sink: Sink, wave: Sequence[str], gate: Gate) -> set[str]:
    """Some campaigns side by side, noted when they have landed; those for which it was enough."""
    at, changes = sink.ctx.now(), _Changes()
    sink.on_version = changes.see
    further = await side_by_side([_campaign(sink, campaign, gate) for campaign in wave])
    await sink.land()
    readings: dict[str, Reading] = {}
    rises = gate.rises(wave)
    for campaign, pages in zip(wave, further, strict=True):
        since = (gate.lately.read_at(campaign) or at) - MARGIN_DAYS * DAY
        over = changes.beyond(campaign, rises[campaign], gate.lately.over(campaign))
        if pages is not None and over is not None and changes.show(campaign, rises[campaign], since):
            readings[campaign] = Reading(at, pages, over)
    gate.touched_lately(readings)
    gate.lately.in_vain(set(wave) - readings.keys())
    return set(readings)


async def _campaign(sink: Sink, campaign: str, gate: Gate) -> int | None:
    """Take what happened lately; how many pages that were beyond the first of each action, None where it failed."""
    lately, now = gate.lately, sink.ctx.now()
    since, most, further = lately.read_at(campaign) or now, int(WORTH * gate.pages_of(campaign)), 0
    for action in lately.asked(gate.tokens[campaign]):
        allowed = most - further if action is not BESIDES else min(most - further, further + FEW_PAGES)
        try:
            pages = await _ask(sink, campaign, question(campaign, action, action.days(since, now)), allowed)
        except (StreamError, PlanRequired):  # it was right when it was probed: let the next probe see
            lately.decide(action, ok=False)
            if action is not BESIDES:
                return None
            continue
        further += pages
        if pages > allowed and action is BESIDES:
            lately.decide(action, ok=False)
        elif pages > allowed:
            return None
    return further


async def _ask(sink: Sink, campaign: str, body: Mapping[str, object], allowed: int) -> int:
    """Take the leads of an answer; its pages beyond the first, one more than `allowed` where it was left there."""
    further = -1
    async for page in sink.client.pages(sink.stream.method, sink.stream.path, body=body):
        take(sink, [page], campaign)
        if sink.is_full():
            await sink.land()
        further += 1
        if further > allowed:
            break
    return max(further, 0)


class _Changes:
    """What recent touches found changed, by campaign."""

    def __init__(self) -> None:
        self._like: dict[str, Counter[str]] = defaultdict(Counter)
        self._newest: dict[tuple[str, str], datetime] = {}
        self._came_or_went: set[str | None] = set()

    def see(self, _key: str, before: Entry | None, scope: str | None, values: Values | None) -> None:
        """A version was written; `before` is the one before it."""
        if before is None or not before.alive or before.scope != scope:
            self._came_or_went |= {scope, before.scope if before else None}
        if scope is not None and values is not None:
            self._like[scope].update(name for name, is_like in EXPLAINED.items() if is_like(values))
            for action in ACTIONS:
                if (at := values(action.stamp)) is not None:
                    self._newest[scope, action.figure] = max(at, self._newest.get((scope, action.figure), at))

    def show(self, campaign: str, rises: Mapping[str, int], since: datetime) -> bool:
        """Whether each action whose counter rose happened, since then, to a lead that was found changed."""
        return all(
            self._newest.get((f"{CAMPAIGN}{campaign}", action.figure), BEFORE_ALL) >= since
            for action in ACTIONS
            if rises.get(action.figure)
        )

    def beyond(self, campaign: str, rises: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int] | None:
        """Changes of each kind beyond those the counters tell of.

        None where the counters tell of more, those the last touch had found `before` they did included, or where leads
        were found that had not been in the campaign.
        """
        scope = f"{CAMPAIGN}{campaign}"
        found = {name: self._like[scope][name] - rises.get(name, 0) for name in EXPLAINED}
        if scope in self._came_or_went or any(n + before.get(name, 0) < 0 for name, n in found.items()):
            return None
        return {name: n for name, n in found.items() if n > 0}
