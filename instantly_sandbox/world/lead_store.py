"""All leads of a workspace: columns, log, manual changes, and each record as bytes once it is rendered.

A page of leads is a slice of row numbers in id order and a join of their bytes, so any cursor and any filter costs the
same. The clock and changes drop only the records that they can affect.
"""

import gc
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from instantly_sandbox.world import timelines
from instantly_sandbox.world.columns import NOBODY, Events, Leads
from instantly_sandbox.world.lead_records import lead_records
from instantly_sandbox.world.plan import Plan
from instantly_sandbox.world.seeded import DAY, NEVER, Ints, iso, parse_uuid, uuid_column
from instantly_sandbox.world.state import LeadState, changed_rows, lead_state, visible_log

Record = dict[str, Any]
Shape = Callable[[Record], Record]
BATCH = 400  # leads rendered at once if one of a page is missing
VIEWS = 64


@dataclass
class Names:
    """Identifiers by index; grows with records inserted through `/_sandbox/mutate`."""

    organization: str
    users: list[str]
    campaign_ids: list[str]
    list_ids: list[str]
    emails: list[str]
    seed: int


@dataclass(frozen=True)
class View:
    """The leads of a request: their rows, and their cursors in ascending order."""

    rows: np.ndarray
    cursors: np.ndarray

    def after(self, cursor: str | None) -> int:
        """Position of the first lead after the cursor; any text is a valid cursor."""
        return int(np.searchsorted(self.cursors, np.bytes_(cursor.encode()), side="right")) if cursor else 0


@dataclass
class ByHand:
    """Manual changes by row: fields set and unset, records inserted."""

    values: dict[int, Record] = field(default_factory=dict)
    unset: dict[int, set[str]] = field(default_factory=dict)
    inserted: dict[int, Record] = field(default_factory=dict)


class LeadStore:
    """The leads at the clock's time. `advance_to` and the mutations below change `generation`."""

    def __init__(self, plan: Plan, names: Names, shape: Shape | None = None) -> None:
        self.plan, self.names, self.shape = plan, names, shape
        self.generation, self.now, self.days = 0, plan.now0, 0
        self.leads, self.log = timelines.base_batch(plan, len(names.list_ids))
        self.stop: Ints = np.full(len(self.leads), NEVER)
        self.campaign_ends: Ints = np.array([c.deleted for c in plan.campaigns], np.int64)
        self.kept_campaigns: set[int] = set()
        self.by_hand = ByHand()
        self._records: list[bytes | None] = [None] * len(self.leads)
        self._views: OrderedDict[str, View] = OrderedDict()
        self._all: View | None = None
        self._sort_log()
        self._sort_ids()
        self._state: LeadState | None = None

    # -- the clock -----------------------------------------------------------------------------------------------

    def advance_to(self, now: int) -> None:
        """Move the clock forward: generate leads of new days, drop changed records."""
        parts, events, rows = [self.leads], [self.log], len(self.leads)
        while self.days <= (now - self.plan.now0) // DAY:
            leads, log = timelines.day_batch(self.plan, self.days, rows, len(self.names.list_ids))
            self.days += 1
            parts.append(leads)
            events.append(log)
            rows += len(leads)
        self._append(parts, events)
        before, self.now = self.now, now
        for row in changed_rows(self.leads, self.log, before, now).tolist():
            self._records[row] = None
        moved_with_campaign = np.flatnonzero((self.campaign_ends > before) & (self.campaign_ends <= now))
        if len(moved_with_campaign):
            self._drop(np.flatnonzero(np.isin(self.leads.campaign, moved_with_campaign)))
        self._changed()

    def _append(self, parts: list[Leads], events: list[Events]) -> None:
        if len(parts) == 1 or not sum(len(p) for p in parts[1:]):
            return
        self.leads, self.log = Leads.join(parts), Events.join(events)
        extra = len(self.leads) - len(self._records)
        self._records.extend([None] * extra)
        self.stop = np.concatenate([self.stop, np.full(extra, NEVER)])
        self._sort_log()
        self._sort_ids()

    def _sort_log(self) -> None:
        self.log = self.log.take(np.argsort(self.log.at, kind="stable"))

    def _sort_ids(self) -> None:
        self.ids = uuid_column(self.leads.hi, self.leads.lo)
        self.order = np.lexsort((self.leads.lo, self.leads.hi))
        self._sorted_hi = self.leads.hi[self.order]

    def _changed(self) -> None:
        self.generation += 1
        self._state = self._all = None
        self._views.clear()

    def _drop(self, rows: np.ndarray) -> None:
        for row in rows.tolist():
            self._records[row] = None

    # -- reading -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> LeadState:
        if self._state is None:
            gone = self.campaign_ends <= self.now
            kept = np.array(sorted(self.kept_campaigns), np.int64)
            gone[kept] = False
            leads = self.leads
            log = visible_log(leads, self.log, self.stop, self.campaign_ends, self.now)
            paused = (leads.lo % np.uint64(211)) == 0
            self._state = lead_state(leads, log, gone, self.now, paused)
            self._state.campaign[np.isin(self._state.campaign, kept)] = NOBODY
        return self._state

    def row_of(self, lead_id: object) -> int | None:
        """Row of a lead by id, deleted ones included."""
        halves = parse_uuid(lead_id)
        if halves is None or not len(self.leads):
            return None
        hi = self._sorted_hi
        at = int(np.searchsorted(hi, np.uint64(halves[0])))
        while at < len(hi) and int(hi[at]) == halves[0]:
            row = int(self.order[at])
            if int(self.leads.lo[row]) == halves[1]:
                return row
            at += 1
        return None

    def visible_row(self, lead_id: object) -> int | None:
        row = self.row_of(lead_id)
        return row if row is not None and self.state.visible[row] else None

    def view(self, choose: Callable[[LeadState], np.ndarray]) -> View:
        """The visible leads for which `choose` is true, in id order."""
        rows = self.order[(self.state.visible & choose(self.state))[self.order]]
        return View(rows, self.ids[rows])

    def everything(self) -> View:
        """All visible leads: the view of a sweep."""
        if self._all is None:
            self._all = self.view(lambda state: np.ones(len(self.leads), bool))
        return self._all

    def remember(self, key: str, view: View) -> View:
        """Keep a filtered view for its next page; the least recently used is dropped first."""
        self._views[key] = view
        if len(self._views) > VIEWS:
            self._views.popitem(last=False)
        return view

    def remembered(self, key: str) -> View | None:
        found = self._views.get(key)
        if found is not None:
            self._views.move_to_end(key)
        return found

    def record_bytes(self, view: View, start: int, count: int) -> list[bytes]:
        """JSON of `count` leads of a view from a position on."""
        rows = view.rows[start : start + count].tolist()
        records = self._records
        found = [records[row] for row in rows]
        if None in found:
            self.render(view.rows[start : start + max(count, BATCH)])
            found = [records[row] for row in rows]
        return [r for r in found if r is not None]

    def all_bytes(self) -> Iterator[bytes]:
        """JSON of every lead in id order, a batch at a time."""
        view = self.everything()
        for start in range(0, len(view.rows), 2000):
            yield from self.record_bytes(view, start, 2000)

    def render(self, rows: np.ndarray) -> None:
        """Render the rows that have no bytes yet."""
        missing = np.array([row for row in rows.tolist() if self._records[row] is None], np.int64)
        if not len(missing):
            return
        made = lead_records(self.names, self.leads, self.state, self.ids, missing)
        for row, record in zip(missing.tolist(), made, strict=True):
            # a copy: orjson shrinks a large buffer in place, which would cost 8 KB of heap per stored record
            self._records[row] = orjson.dumps(self._final(row, record))[:-1] + b"}"

    def _final(self, row: int, record: Record) -> Record:
        if row in self.by_hand.inserted:
            record = self._placed(self.by_hand.inserted[row], record)
        elif self.shape is not None:
            record = self.shape(record)
        if row in self.by_hand.values:
            record = {**record, **self.by_hand.values[row]}
        if row in self.by_hand.unset:
            record = {k: v for k, v in record.items() if k not in self.by_hand.unset[row]}
        return record

    def _placed(self, inserted: Record, now: Record) -> Record:
        """An inserted record with its current campaign and list; ids that do not exist in the world are kept."""
        known = {"campaign": self.names.campaign_ids, "list_id": self.names.list_ids}
        left = {name for name, ids in known.items() if now.get(name) is None and inserted.get(name) in ids}
        there = {name: now[name] for name in known if now.get(name) is not None}
        return {name: value for name, value in inserted.items() if name not in left} | there

    def warm(self) -> None:
        """Render everything now, without garbage collection, which would scan millions of records that stay."""
        rows = self.everything().rows
        collecting = gc.isenabled()
        gc.disable()
        try:
            for start in range(0, len(rows), 5000):
                self.render(rows[start : start + 5000])
        finally:
            if collecting:
                gc.enable()

    def forget(self) -> None:
        """Drop all rendered records, since their shape has changed."""
        self._records = [None] * len(self.leads)

    # -- changes by hand -----------------------------------------------------------------------------------------

    def delete(self, rows: np.ndarray) -> int:
        rows = rows[self.state.visible[rows]]
        self.leads.deleted[rows] = self.now
        self._changed()
        return len(rows)

    def restore(self, row: int) -> int:
        if self.state.visible[row]:
            return 0
        self.leads.deleted[row] = NEVER
        self._records[row] = None
        self._changed()
        return 1

    def move(self, row: int, *, campaign: str | None, lead_list: str | None) -> int:
        """To a campaign (its list stays) or to a list (it leaves its campaign); its sequence ends here."""
        names, moves = self.names, self.leads
        if campaign is not None:
            target = names.campaign_ids.index(campaign)
        else:
            target = -2 - names.list_ids.index(str(lead_list))
        moves.moved[row], moves.move_to[row] = self.now, target
        self.stop[row] = min(int(self.stop[row]), self.now)
        self._records[row] = None
        self._changed()
        return 1

    def update(self, row: int, values: Record, unset: list[str], *, touch: bool) -> int:
        patch = self.by_hand.values.setdefault(row, {})
        patch.update(values)
        if touch:
            patch["timestamp_updated"] = iso(self.now)
        gone = self.by_hand.unset.setdefault(row, set())
        gone.difference_update(values)
        gone.update(unset)
        self._records[row] = None
        self._changed()
        return 1

    def insert(self, records: list[Record]) -> int:
        """Insert leads with their own ids; their figures are those of the record."""
        halves = [parse_uuid(r.get("id")) for r in records]
        if None in halves:
            raise ValueError("an inserted lead needs an id that is a uuid")
        start, n = len(self.leads), len(records)
        never, none = np.full(n, NEVER), np.full(n, NOBODY, np.int16)
        columns = Leads(
            hi=np.array([h[0] for h in halves if h], np.uint64),
            lo=np.array([h[1] for h in halves if h], np.uint64),
            created=np.full(n, self.now),
            campaign=_indexes(records, "campaign", self.names.campaign_ids),
            lead_list=_indexes(records, "list_id", self.names.list_ids),
            account=none,
            contact=start + np.arange(n),
            verification=none,
            skipped=never,
            deleted=never.copy(),
            moved=never.copy(),
            move_to=none.copy(),
        )
        self.by_hand.inserted.update({start + i: r for i, r in enumerate(records)})
        self._append([self.leads, columns], [self.log])
        self._changed()
        return n

    def end_campaign(self, index: int, *, keep_leads: bool) -> None:
        """The campaign is deleted now, with or without its leads."""
        self.campaign_ends[index] = self.now
        if keep_leads:
            self.kept_campaigns.add(index)
            self._drop(np.flatnonzero(self.state.campaign == index))
        self._changed()

    def add_campaign(self, campaign_id: str) -> None:
        self.names.campaign_ids.append(campaign_id)
        self.campaign_ends = np.append(self.campaign_ends, NEVER)


def _indexes(records: list[Record], name: str, known: list[str]) -> np.ndarray:
    places = {value: i for i, value in enumerate(known)}
    return np.array([places.get(str(r.get(name)), NOBODY) for r in records], np.int16)
