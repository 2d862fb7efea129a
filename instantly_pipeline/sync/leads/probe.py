"""Finding out whether a server's recency queries tell the truth: asked right after a campaign was read whole.

What they answer is held against what the leads themselves say. An answer has to hold every lead with a time within
fewer days than asked for, and none without one within more: how days are counted is not known. An answer that leaves
something out, or that does not look at the question, proves the action wrong; where the campaign has nothing to tell
by, nothing is asked and nothing decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from instantly_pipeline.errors import Exhausted, PlanRequired, StreamError
from instantly_pipeline.lake.record import Record
from instantly_pipeline.sync.leads.absences import ASKED_AT_ONCE, Answer, ask
from instantly_pipeline.sync.leads.recent import DAY, PROBE_PAGES, WORTH, Action, Lately, question
from instantly_pipeline.sync.sink import Sink

HORIZON = timedelta(days=30)


class Probe:
    """Looks on while the leads of one campaign are read, then asks for `actions` and decides on each."""

    def __init__(self, sink: Sink, lately: Lately, campaign: str, actions: Sequence[Action]) -> None:
        self._sink = sink
        self._lately = lately
        self._campaign = campaign
        self._actions = actions
        self._columns = {column.name: (column.name, *column.aliases) for column in sink.stream.columns}
        self._oldest = sink.ctx.now() - HORIZON
        self._leads = 0
        self._last = ""  # the key of the lead seen last
        self._found: dict[str, dict[str, datetime]] = defaultdict(dict)  # by action: key and time

    def see(self, records: Sequence[Record]) -> None:
        """Leads that were read, of whatever campaign."""
        mine = [record for record in records if self._is_mine(record)]
        self._leads += len(mine)
        for key, record in zip(self._keys(mine), mine, strict=True):
            self._last = key or self._last
            for action in self._actions:
                at = self._when(record, action)
                if key is not None and at is not None and at > self._oldest:
                    self._found[action.name][key] = at

    async def decide(self) -> None:
        """Ask and decide. What is left open is tried again with the next campaign.

        After an answer that never came nothing is asked any more: each would be waited for as long.
        """
        for number, action in enumerate(self._actions):
            try:
                ok = await self._is_right(action)
            except Exhausted:
                for one in self._actions[number:]:
                    self._lately.decide(one, ok=False)
                return
            except (StreamError, PlanRequired):
                ok = False
            if ok is not None:
                self._lately.decide(action, ok=ok)

    async def _is_right(self, action: Action) -> bool | None:
        times, now = self._found[action.name], self._sink.ctx.now()
        if not times:
            return None
        days = max(-((max(times.values()) - now) // DAY), 1) + 1
        inside, outside = now - (days - 1) * DAY, now - (days + 1) * DAY
        due = {key for key, at in times.items() if at >= inside}
        if not due or sum(at >= outside for at in times.values()) > WORTH * self._leads:
            return None
        got, end = await self._answer(action, days)
        if not all(self._is_mine(one) and (self._when(one, action) or outside) > outside for one in got.values()):
            return False
        missing = sorted(key for key in due - got.keys() if end is None or key < end)
        if not missing or len(missing) > ASKED_AT_ONCE:
            return not missing
        control = next((key for key in (*got, *times, self._last) if key and key not in missing), None)
        return await self._are_excused(missing, control, action, inside)

    async def _answer(self, action: Action, days: int) -> tuple[dict[str, Record], str | None]:
        """The first pages of the answer, and the key they end at, None where that is all."""
        stream, got, pages = self._sink.stream, dict[str, Record](), 0
        body = question(self._campaign, action, days)
        async for page in self._sink.client.pages(stream.method, stream.path, body=body):
            got |= {key or "": one for key, one in zip(self._keys(page.items), page.items, strict=True)}
            pages += 1
            if pages == PROBE_PAGES and page.next_cursor is not None:
                return got, max(got)
        return got, None

    async def _are_excused(self, missing: Sequence[str], control: str | None, action: Action, inside: datetime) -> bool:
        """Whether leads that were left out have gone or moved meanwhile, by an answer that can be believed."""
        there, worth = await ask(self._sink, missing, control)
        return worth is Answer.CONFIRMED and not any(
            self._is_mine(one) and (self._when(one, action) or inside) > inside for one in there.values()
        )

    def _keys(self, records: Sequence[Record]) -> list[str | None]:
        return self._sink.ctx.log(self._sink.stream.name).keys(records)

    def _is_mine(self, record: Record) -> bool:
        return record.get("campaign", record.get("campaign_id")) == self._campaign

    def _when(self, record: Record, action: Action) -> datetime | None:
        names = self._columns.get(action.stamp, ())
        text = next((record[name] for name in names if record.get(name) is not None), None)
        try:
            at = datetime.fromisoformat(text) if isinstance(text, str) else None
        except ValueError:
            return None
        return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
