"""A sandbox that is looked at after every sync, and what the marts about leads should say by those looks alone.

The looks come from the sandbox's control plane and from the API asked directly, never from the lake or the warehouse.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from instantly_pipeline.streams import enums
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.warehouse import Warehouse
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import Bench, bench
from tests.warehouse.lake_writer import SQL, begin_with_tables, shipped_models

Row = dict[str, Any]
LISTS = ("leads", "campaigns", "accounts", "lead_lists", "lead_labels", "block_list_entries", "campaign_analytics")
TIMES = {"contacted": "contact", "opened": "open", "clicked": "click", "replied": "reply"}


def instant(text: str | None) -> datetime | None:
    """An instant of the API as the marts hold it."""
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None


def contact(record: Row) -> str | None:
    """Who a lead is."""
    return str(record.get("email") or "").strip().lower() or None


def last_step(lead: Row) -> Row:
    """`from`, `stepID` and `timestamp_executed` of a lead's last step, empty where there was none."""
    summary: Row = lead.get("status_summary") or {}
    found: Row = summary.get("lastStep", summary)
    return found


@dataclass
class Look:
    """One workspace as the API shows it at one sync."""

    at: datetime
    lists: dict[str, dict[str, Row]]
    overviews: dict[str, Row]
    log: list[Row]


@dataclass
class Space:
    """One workspace, look by look."""

    id: str
    name: str
    key: str
    looks: list[Look] = field(default_factory=list)

    @property
    def now(self) -> Look:
        return self.looks[-1]

    def last(self, collection: str) -> dict[str, Row]:
        """Every record that any look showed, as it was last seen."""
        return {key: row for look in self.looks for key, row in look.lists[collection].items()}

    def seen_events(self) -> dict[tuple[str, str, datetime], tuple[str | None, str | None]]:
        """(lead, event, the API's time) -> the campaign and the contact of the lead when that was first seen."""
        found: dict[tuple[str, str, datetime], tuple[str | None, str | None]] = {}
        for look in self.looks:
            for key, row in look.lists["leads"].items():
                for event, name in TIMES.items():
                    if at := instant(row.get(f"timestamp_last_{name}")):
                        found.setdefault((key, event, at), (row.get("campaign"), contact(row)))
        return found

    def positive(self, record: Row) -> bool:
        """Whether the interest of a lead is positive, by the API's numbers and the workspace's labels."""
        value = record.get("lt_interest_status")
        kinds = {r["interest_status"]: r["interest_status_label"] for r in self.last("lead_labels").values()}
        return value in (1, 2, 3, 4) or kinds.get(value) == "positive"


class LeadWorld:
    """Syncs and looks; `rows` are the marts made of the syncs."""

    def __init__(self, made: Bench, spaces: list[Space]) -> None:
        self.bench = made
        self.spaces = spaces
        self.warehouse = Warehouse(
            made.layout, all_streams(), sql_dir=SQL, models=shipped_models(), say=made.said.append
        )

    def look(self) -> None:
        """Sync everything, and look at what there is."""
        keys = json.dumps({f"key {n}": space.key for n, space in enumerate(self.spaces)})
        self.bench.sync(full=True, accept_deletes=True, settings={"api_keys": keys})
        for space in self.spaces:
            space.looks.append(self._look(space))

    def _look(self, space: Space) -> Look:
        lists = {name: self.bench.state(name, workspace=space.id) for name in LISTS}
        by_key = {
            name: {r.get("id") or r.get("campaign_id") or r["email"]: r for r in rows} for name, rows in lists.items()
        }
        overviews = {key: self._overview(space, key) for key in by_key["campaign_analytics"]}
        return Look(self.bench.clock.start.replace(tzinfo=None), by_key, overviews,
                    self.bench.state("events", workspace=space.id))  # fmt: skip

    def _overview(self, space: Space, campaign_id: str) -> Row:
        answer = self.bench.control.get(
            f"{self.bench.url}/api/v2/campaigns/analytics/overview",
            params={"id": campaign_id},
            headers={"Authorization": f"Bearer {space.key}", "User-Agent": "tests/1"},
        )
        assert answer.status_code == 200, answer.text
        found: Row = answer.json()
        return found

    def build(self) -> None:
        """Load and make the marts."""
        self.warehouse.load()
        self.warehouse.run_models()

    def rows(self, mart: str, space: Space, order: str = "all") -> list[Row]:
        """The rows of one workspace."""
        con = self.warehouse.connection
        answer = con.execute(f"select * from marts.{mart} where workspace_id = ? order by {order}", [space.id])
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


@contextmanager
def lead_world(root: Path, config: SandboxConfig, empty_build: Path) -> Iterator[LeadWorld]:
    """A sandbox nobody has looked at yet."""
    with bench(root, config) as made:
        begin_with_tables(made.layout, empty_build)
        spaces = [
            Space(w["id"], w["name"], w["key"])
            for w in made.control.get("/state").raise_for_status().json()["workspaces"]
        ]
        world = LeadWorld(made, spaces)
        try:
            yield world
        finally:
            world.warehouse.close()


# --- what the marts should say


def funnel(space: Space) -> dict[str, Row]:
    """Campaign -> stages."""
    leads, alive = space.last("leads"), space.now.lists["leads"]
    figures = space.last("campaign_analytics")
    overviews = {key: row for look in space.looks for key, row in look.overviews.items()}
    found = {}
    for key in {*figures, *space.last("campaigns"), *(r["campaign"] for r in leads.values() if r.get("campaign"))}:
        known = [r for r in leads.values() if r.get("campaign") == key]
        here = [r for r in alive.values() if r.get("campaign") == key]
        a, o = figures.get(key, {}), overviews.get(key, {})
        tracking = space.last("campaigns").get(key, {}).get("open_tracking")
        tracked = tracking or (tracking is None and a.get("open_count_unique", 0) > 0)
        waiting = sum(r["status"] == 1 and not r.get("timestamp_last_contact") for r in here)
        reached = a.get("new_leads_contacted_count", 0)
        found[key] = {
            "leads": max(a.get("leads_count", 0), len(known), reached + waiting),
            "checked_leads": sum(r.get("verification_status", 0) not in (0, 11, 12) for r in known),
            "verified_leads": sum(r.get("verification_status") == 1 for r in known),
            "leads_reached": reached,
            "unique_opens": a.get("open_count_unique", 0) if tracked else None,
            "repliers": a.get("reply_count_unique", 0),
            "positive_leads": sum(map(space.positive, here)),
            "meetings": o.get(
                "total_meeting_booked", sum(r.get("lt_interest_status") in (2, 3, 4) for r in here)
            ),
            "won": o.get("total_closed", sum(r.get("lt_interest_status") == 4 for r in here)),
        }  # fmt: skip
    return found


def week(at: datetime) -> date:
    """The Monday before or on a day."""
    return at.date() - timedelta(days=at.weekday())


def first_times(space: Space) -> dict[tuple[str, str | None, str], datetime]:
    """(lead, campaign, `contacted`, `replied` or `positive`) -> when it was so first."""
    first: dict[tuple[str, str | None, str], datetime] = {}

    def note(key: str, campaign: str | None, what: str, at: datetime) -> None:
        first[key, campaign, what] = min(at, first.get((key, campaign, what), at))

    for (key, event, at), (campaign, _) in space.seen_events().items():
        note(key, campaign, "contacted", at)
        if event == "replied":
            note(key, campaign, "replied", at)
    known: dict[str, datetime | None] = {}
    for look in space.looks:
        for key, row in look.lists["leads"].items():
            changed = instant(row.get("timestamp_last_interest_change"))
            if space.positive(row) and (key, row.get("campaign"), "positive") not in first:
                note(key, row.get("campaign"), "positive", look.at if changed in (None, known.get(key)) else changed)
            known[key] = changed
    return first


def cohorts(space: Space) -> dict[tuple[str, date, int], tuple[int, int, int, int]]:
    """(campaign, week, weeks since) -> leads, contacted, replied and positive so far."""
    first = first_times(space)
    members: dict[tuple[str, date], list[str]] = defaultdict(list)
    for key, row in space.last("leads").items():
        if row.get("campaign"):
            members[row["campaign"], week(datetime.fromisoformat(row["timestamp_created"]))].append(key)
    found = {}
    for (campaign, monday), keys in members.items():
        for age in range(min(26, (week(space.now.at) - monday).days // 7) + 1):
            end = datetime.combine(monday + timedelta(weeks=age + 1 if age < 26 else 9999), datetime.min.time())
            reached = [sum(first.get((k, campaign, w), end) < end for k in keys)
                       for w in ("contacted", "replied", "positive")]  # fmt: skip
            found[campaign, monday, age] = (len(keys), reached[0], reached[1], reached[2])
    return found


def hours_to_reply(space: Space) -> tuple[dict[str, list[float]], Counter[str]]:
    """Campaign -> hours of the leads whose first reply is known, and how many replied without."""
    contacts: dict[str, list[datetime]] = defaultdict(list)
    replies: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for (key, event, at), (campaign, _) in space.seen_events().items():
        if event == "contacted":
            contacts[key].append(at)
        if event == "replied" and campaign:
            replies[campaign, key].append(at)
    found: dict[str, list[float]] = defaultdict(list)
    untimed: Counter[str] = Counter()
    for (campaign, key), times in replies.items():
        counted = next(r["email_reply_count"] for look in space.looks
                       if (r := look.lists["leads"].get(key)) and r.get("timestamp_last_reply"))  # fmt: skip
        before = [at for at in contacts[key] if at <= min(times)]
        if counted == 1 and before:
            found[campaign].append((min(times) - max(before)).total_seconds() / 3600)
        else:
            untimed[campaign] += 1
    return found, untimed


def providers(space: Space) -> dict[tuple[str, str, str, str], tuple[int, int, int]]:
    """(campaign, recipient's provider, sender's provider and domain) -> leads contacted, replied, bounced."""
    mailboxes = {key.lower(): row for key, row in space.last("accounts").items()}
    found: dict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in space.last("leads").values():
        if not row.get("campaign") or not row.get("timestamp_last_contact"):
            continue
        mailbox = mailboxes.get(last_step(row)["from"].lower(), {})
        recipient = enums.ESP_CODE.get(row.get("esp_code", -1), "unknown")
        sender = enums.PROVIDER_CODE.get(mailbox.get("provider_code", -1), "unknown")
        domain = last_step(row)["from"].lower().partition("@")[2]
        counts = found[row["campaign"], recipient, sender, domain]
        counts[0] += 1
        counts[1] += row["email_reply_count"] > 0
        counts[2] += row["status"] == -1
    return {key: (a, b, c) for key, (a, b, c) in found.items()}


def blocked(space: Space, email: str | None) -> bool:
    """Whether an address is on the block list now."""
    values = {r["bl_value"].lower() for r in space.now.lists["block_list_entries"].values()}
    return email is not None and (email in values or email.partition("@")[2] in values)


def list_quality(space: Space) -> dict[str, Row]:
    """List -> counts."""
    alive, known = space.now.lists["leads"], space.last("leads")
    everywhere = Counter(contact(r) for r in alive.values())
    found = {}
    for key in {*space.last("lead_lists"), *(r["list_id"] for r in known.values() if r.get("list_id"))}:
        here = [r for r in alive.values() if r.get("list_id") == key]
        ever = [r for r in known.values() if r.get("list_id") == key and r.get("timestamp_last_contact")]
        within = Counter(contact(r) for r in here if contact(r))
        verified = Counter(r.get("verification_status", 0) for r in here)
        found[key] = {
            "leads": len(here),
            "without_email": sum(contact(r) is None for r in here),
            "verified": verified[1], "catch_all": verified[-3], "risky": verified[-2], "invalid": verified[-1],
            "duplicates": sum(within.values()) - len(within),
            "elsewhere": sum(n for who, n in within.items() if everywhere[who] > n),
            "blocked": sum(blocked(space, contact(r)) for r in here),
            "missing_names": sum(not r.get("first_name", "").strip() for r in here),
            "contacts": len(within) or (None if here else 0),
            "contacted_leads": len(ever),
            "replied_leads": sum(r["email_reply_count"] > 0 for r in ever),
            "bounced_leads": sum(r["status"] == -1 for r in ever),
        }  # fmt: skip
    return found


def pressure(space: Space) -> dict[str, tuple[int, int]]:
    """Contact -> active campaigns, campaigns that wrote in the 30 days before the last look."""
    active: dict[str, set[str]] = defaultdict(set)
    recent: dict[str, set[str | None]] = defaultdict(set)
    for row in space.now.lists["leads"].values():
        campaign = space.now.lists["campaigns"].get(row.get("campaign", ""))
        if row["status"] == 1 and campaign and campaign["status"] == 1 and (who := contact(row)):
            active[who].add(campaign["id"])
    for (_, event, at), (campaign_id, who) in space.seen_events().items():
        if event == "contacted" and at > space.now.at - timedelta(days=30) and who:
            recent[who].add(campaign_id)
    return {who: (len(active[who]), len(recent[who])) for who in {*active, *recent}}


def written_to_though_blocked(space: Space) -> set[str]:
    """Contacts with an e-mail or a new lead after an entry of the block list was made and before it was gone."""
    found = set()
    happened = [(who, at) for (_, event, at), (_, who) in space.seen_events().items() if event == "contacted"]
    happened += [(contact(r), datetime.fromisoformat(r["timestamp_created"]).replace(tzinfo=None))
                 for r in space.last("leads").values()]  # fmt: skip
    for key, entry in space.last("block_list_entries").items():
        since = datetime.fromisoformat(entry["timestamp_created"]).replace(tzinfo=None)
        shown = [n for n, look in enumerate(space.looks) if key in look.lists["block_list_entries"]][-1]
        until = space.looks[shown + 1].at if shown + 1 < len(space.looks) else None
        value = entry["bl_value"].lower()
        for who, at in happened:
            if who and value in (who, who.partition("@")[2]) and at > since and (until is None or at < until):
                found.add(who)
    return found
