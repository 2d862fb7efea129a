"""One workspace: leads, collections and figures at the clock's time, with manual changes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson

from instantly_sandbox.world import account_records, analytics, campaign_records, small_collections
from instantly_sandbox.world.collection import Collection, Overlay
from instantly_sandbox.world.columns import KINDS, Events
from instantly_sandbox.world.lead_records import users
from instantly_sandbox.world.lead_store import LeadStore, Names
from instantly_sandbox.world.plan import make_plan
from instantly_sandbox.world.seeded import day_text, iso

Record = dict[str, Any]
Row = dict[str, Any]


class World:
    """A workspace at the instant `now`. Times are Unix milliseconds."""

    def __init__(
        self,
        *,
        seed: int,
        workspace: int,
        now: int,
        days: int,
        campaigns: int,
        leads: int,
        accounts: int,
        lead_shape: Callable[[Record], Record] | None = None,
    ) -> None:
        self.plan = make_plan(seed, workspace, now, days, campaigns, leads, accounts)
        self.now = now
        plan = self.plan
        made = [
            small_collections.workspaces(plan),
            campaign_records.campaigns(plan),
            account_records.accounts(plan),
            small_collections.lead_lists(plan),
            small_collections.lead_labels(plan),
            small_collections.block_list_entries(plan),
            small_collections.custom_tags(plan),
            small_collections.api_keys(plan),
            small_collections.webhooks(plan),
        ]
        self.collections: dict[str, Collection] = {c.name: c for c in made}
        names = Names(
            organization=plan.workspace_id,
            users=users(seed, workspace, plan.owner_id),
            campaign_ids=[c.id for c in plan.campaigns],
            list_ids=list(self.collections["lead_lists"].records(now)),
            emails=[a.email for a in plan.accounts],
            seed=seed,
        )
        self.leads = LeadStore(plan, names, lead_shape)
        self.daily_overrides: dict[str, dict[str, Row | None]] = {}
        self.delivered: list[Record] = []  # attempts that were really made, beside those that are generated
        self.book_on = "event"
        self.mail, self.mail_generation = Overlay(), 0  # changes of e-mails; see `mailbox`
        self._cached: dict[object, Any] = {}
        self._cached_at: object = None

    @property
    def id(self) -> str:
        return self.plan.workspace_id

    @property
    def name(self) -> str:
        return str(self.records("workspaces")[self.id]["name"])

    def records(self, collection: str) -> dict[str, Record]:
        return self.collections[collection].records(self.now)

    # -- the clock -----------------------------------------------------------------------------------------------

    def advance_to(self, now: int) -> dict[str, int]:
        """Move the clock forward; returns counts of what happened."""
        before = {name: dict(c.records(self.now)) for name, c in self.collections.items()}
        state, old_now = self.leads.state, self.now
        visible = np.flatnonzero(state.visible)
        campaign, lead_list = state.campaign.copy(), state.lead_list.copy()
        self.now = now
        self.leads.advance_to(now)
        after = self.leads.state
        still = visible[after.visible[visible]]
        moved = (after.campaign[still] != campaign[still]) | (after.lead_list[still] != lead_list[still])
        happened = {
            "new_leads": int(after.visible.sum()) - len(still),
            "deleted_leads": len(visible) - len(still),
            "moved_leads": int(moved.sum()),
        }
        log = after.log
        fresh = (log.seen > old_now) & (log.seen <= now)
        happened["touched_leads"] = len(np.unique(log.row[fresh]))
        for kind, name in enumerate(KINDS):
            happened[name] = int((fresh & (log.kind == kind)).sum())
        return happened | self._collection_changes(before)

    def _collection_changes(self, before: dict[str, dict[str, Record]]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for name, old in before.items():
            new = self.collections[name].records(self.now)
            counts[f"new_{name}"] = len(new.keys() - old.keys())
            counts[f"deleted_{name}"] = len(old.keys() - new.keys())
            counts[f"changed_{name}"] = sum(old[k] != new[k] for k in old.keys() & new.keys())
            if name == "campaigns":
                counts["renamed_campaigns"] = sum(old[k]["name"] != new[k]["name"] for k in old.keys() & new.keys())
        return counts

    # -- figures -------------------------------------------------------------------------------------------------

    def cached(self, key: object, make: Callable[[], Any]) -> Any:
        """A figure, cached until the clock, the leads or `book_on` change."""
        at = (self.leads.generation, self.book_on)
        if self._cached_at != at:
            self._cached, self._cached_at = {}, at
        if key not in self._cached:
            self._cached[key] = make()
        return self._cached[key]

    def campaign_index(self, campaign_id: str) -> int | None:
        """Index of a campaign, deleted ones included."""
        ids = self.leads.names.campaign_ids
        index = ids.index(campaign_id) if campaign_id in ids else None
        if index is None or index >= len(self.plan.campaigns):
            return index
        return index if self.plan.campaigns[index].created <= self.now else None

    def log_of(self, index: int) -> Events:
        """The visible log of one campaign."""
        log = self.leads.state.log

        def split() -> tuple[Events, np.ndarray]:
            ordered = log.take(np.argsort(log.campaign, kind="stable"))
            return ordered, np.searchsorted(ordered.campaign, np.arange(len(self.plan.campaigns) + 1))

        ordered, edges = self.cached("logs", split)
        if index >= len(self.plan.campaigns):
            edges = np.zeros(index + 2, np.int64)  # an inserted campaign has never sent
        found: Events = ordered.between(int(edges[index]), int(edges[index + 1]))
        return found

    def cut(self, index: int, start: int | None, end: int | None) -> Events:
        """The log of a campaign between two instants, both inclusive."""
        log = self.log_of(index)
        first = np.searchsorted(log.at, start, side="left") if start is not None else 0
        last = np.searchsorted(log.at, end, side="right") if end is not None else len(log)
        return log.between(int(first), int(max(first, last)))

    def value_of(self, index: int) -> float:
        return float(self.plan.campaigns[index].pl_value) if index < len(self.plan.campaigns) else 0.0

    def totals(self, index: int, start: int | None = None, end: int | None = None) -> Row:
        return self.cached(  # type: ignore[no-any-return]
            ("totals", index, start, end), lambda: analytics.totals(self.cut(index, start, end), self.value_of(index))
        )

    def leads_counts(self) -> np.ndarray:
        def count() -> np.ndarray:
            state = self.leads.state
            here = state.campaign[state.visible & (state.campaign >= 0)]
            return np.bincount(here, minlength=len(self.leads.names.campaign_ids))

        return np.asarray(self.cached("leads_counts", count))

    def daily(self, index: int) -> dict[str, Row]:
        """Date to counters of a campaign, manual changes included."""
        made = self.cached(("daily", index), lambda: analytics.daily(self.log_of(index), book_on=self.book_on))
        changes = self.daily_overrides.get(self.leads.names.campaign_ids[index])
        if not changes:
            return made  # type: ignore[no-any-return]
        rows = {**made}
        for date, values in changes.items():
            if values is None:
                rows.pop(date, None)
            else:
                rows[date] = {**dict.fromkeys(analytics.DAILY, 0), **rows.get(date, {}), **values, "date": date}
        return dict(sorted(rows.items()))

    def workspace_daily(self, indexes: list[int]) -> dict[str, Row]:
        """Date to counters summed over campaigns (a lead is in one campaign only, so uniques add up within a day)."""
        out: dict[str, Row] = {}
        for index in indexes:
            for date, row in self.daily(index).items():
                total = out.setdefault(date, {"date": date, **dict.fromkeys(analytics.DAILY, 0)})
                for name in analytics.DAILY:
                    total[name] += row[name]
        return dict(sorted(out.items()))

    def account_daily(self) -> list[tuple[str, str, Row]]:
        """(email, date, counters), by date."""

        def make() -> list[tuple[str, str, Row]]:
            emails = self.leads.names.emails
            rows = [(emails[a], date, row) for a, date, row in analytics.account_daily(self.leads.state.log)]
            return sorted(rows, key=lambda r: (r[1], r[0]))

        return self.cached("account_daily", make)  # type: ignore[no-any-return]

    def events(self) -> Iterator[bytes]:
        """The visible log as JSON lines."""
        log, names = self.leads.state.log, self.leads.names
        ids = self.leads.ids
        for i in range(len(log)):
            campaign, account = int(log.campaign[i]), int(log.account[i])
            yield orjson.dumps(
                {
                    "lead": ids[log.row[i]].decode(),
                    "campaign": names.campaign_ids[campaign] if campaign >= 0 else None,
                    "step": int(log.step[i]) if log.step[i] >= 0 else None,
                    "variant": int(log.variant[i]) if log.variant[i] >= 0 else None,
                    "account": names.emails[account] if account >= 0 else None,
                    "kind": KINDS[int(log.kind[i])],
                    "value": int(log.value[i]),
                    "at": iso(int(log.at[i])),
                    "date": day_text(int(log.at[i]) // 86_400_000),
                }
            )
