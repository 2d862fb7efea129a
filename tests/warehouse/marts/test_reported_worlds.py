"""The marts that rest on e-mails and webhook events against the sandbox's own log: read in full, in part, or not.

What is expected is counted here from the log and the e-mails of the control plane, never from tables of the warehouse.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.warehouse import Warehouse
from tests.sync.harness import SMALL, bench
from tests.warehouse.lake_writer import SQL, begin_with_tables, shipped_models

pytestmark = pytest.mark.whole

Row = dict[str, Any]
WORLD = replace(SMALL, leads=900, campaigns=5, days=60)
MARTS = (
    "fct_lead_event", "rpt_time_to_reply", "rpt_cohort_weekly", "rpt_contact_pressure", "rpt_send_time",
    "rpt_hot_reply", "rpt_our_response_time", "rpt_reply_share", "rpt_sender_bounces", "rpt_replies_waiting",
)  # fmt: skip
KINDS = {"sent": "contacted", "opened": "opened", "clicked": "clicked", "replied": "replied",
         "auto_replied": "auto replied", "bounced": "bounced", "unsubscribed": "unsubscribed",
         "interest": "interest changed"}  # fmt: skip
UNTOLD = -3  # an interest for which there is no type of event
READ = {"both": "core,emails,events", "only emails": "core,emails", "only events": "core,events",
        "neither": "core"}  # fmt: skip


@dataclass
class Looked:
    """What the sandbox says after the last of two syncs, and the marts of them by the streams that were read.

    `known` are the leads that it showed at either.
    """

    now: datetime
    states: dict[str, list[Row]]
    known: list[Row]
    marts: dict[str, duckdb.DuckDBPyConnection]
    failed: list[str]

    def rows(self, mart: str, read: str = "both", order: str = "all") -> list[Row]:
        answer = self.marts[read].execute(f"select * from marts.{mart} order by {order}")
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    @cached_property
    def once(self) -> set[str]:
        """Leads whose contact is in their campaign once: of two of them an event does not say whose it is."""
        places = Counter(map(place, self.known))
        return {r["id"] for r in self.states["leads"] if places[place(r)] == 1}

    def happened(self, *kinds: str) -> list[Row]:
        """Events of these leads from the log, with the words of the marts."""
        return [
            e | {"event": KINDS[e["kind"]], "at": instant(e["at"])}
            for e in self.states["events"] if e["lead"] in self.once and e["kind"] in (kinds or KINDS)
        ]  # fmt: skip


def place(lead: Row) -> tuple[str, str | None]:
    return (lead.get("email") or lead["id"]).lower(), lead.get("campaign")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[Looked]:
    """Two syncs, two days apart, of each choice of streams into a lake of its own, and the marts of each."""
    root = tmp_path_factory.mktemp("reported")
    known: dict[str, Row] = {}
    with bench(root / "both", WORLD) as made:
        for step in range(2):
            if step:
                made.advance(days=2, hours=5)
            for read, streams in READ.items():
                made.data_dir, made.layout = root / read, Layout(root / read)
                chosen = {"streams": streams, "start_date": date(2026, 1, 1)}
                assert made.sync(settings=chosen, full=True).exit_code == 0
            known |= {lead["id"]: lead for lead in made.state("leads")}
        states = {name: made.state(name) for name in ("leads", "events", "emails", "campaigns", "lead_labels")}
        now = made.clock.start.replace(tzinfo=None)
    with ExitStack() as stack:
        marts, failed = dict[str, duckdb.DuckDBPyConnection](), list[str]()
        for read in READ:
            layout = Layout(root / read)
            begin_with_tables(layout, empty_build)
            opened = stack.enter_context(Warehouse(layout, all_streams(), sql_dir=SQL, models=shipped_models()))
            opened.load()
            opened.run_models(None if read == "both" else MARTS)
            if read == "both":
                failed += [check.name for check in opened.run_checks() if not check.passed and check.blocking]
            marts[read] = opened.connection
        yield Looked(now, states, list(known.values()), marts, failed)


def test_no_blocking_check_fails(world: Looked) -> None:
    assert world.failed == []


def test_with_both_streams_each_event_of_the_log_is_one_row_at_its_own_time(world: Looked) -> None:
    rows = [r for r in world.rows("fct_lead_event") if r["lead_id"] in world.once and r["event"] != "answered"]
    assert {r["source"] for r in rows if r["lt_interest_status"] != UNTOLD} == {"emails", "webhook_events"}
    assert len({r["event"] for r in rows}) == len(KINDS)
    exact = Counter((r["lead_id"], r["event"], r["occurred_at"]) for r in rows if r["is_exact"])
    wrong = Counter((r["lead_id"], r["event"]) for r in rows if not r["is_exact"])  # replies with a wrong date
    wanted = Counter((e["lead"], e["event"], e["at"]) for e in world.happened())
    assert not exact - wanted
    assert Counter((lead, event) for lead, event, _ in (wanted - exact).elements()) == wrong
    assert wrong.total() <= 2


def test_with_e_mails_alone_sends_and_replies_are_exact_and_the_rest_is_as_without(world: Looked) -> None:
    rows = [r for r in world.rows("fct_lead_event", "only emails") if r["lead_id"] in world.once]
    mailed = ("contacted", "replied", "auto replied")
    found = Counter((r["lead_id"], r["event"]) for r in rows if r["event"] in mailed)
    assert found == Counter((e["lead"], e["event"]) for e in world.happened("sent", "replied", "auto_replied"))
    before = [r for r in world.rows("fct_lead_event", "neither") if r["lead_id"] in world.once]
    assert rest_of(rows, *mailed, "answered") == rest_of(before, *mailed)


def rest_of(rows: list[Row], *kinds: str) -> list[Row]:
    """Events of other kinds, without the time of the sync that first saw them."""
    return [r | {"first_seen_at": None, "occurred_at": r["is_exact"] and r["occurred_at"]} for r in rows
            if r["event"] not in kinds]  # fmt: skip


def test_with_events_alone_all_but_answers_by_hand_is_there(world: Looked) -> None:
    rows = [r for r in world.rows("fct_lead_event", "only events") if r["lead_id"] in world.once]
    found = Counter((r["lead_id"], r["event"], r["occurred_at"]) for r in rows)
    assert found == Counter((e["lead"], e["event"], e["at"]) for e in world.happened())


def test_answers_are_those_written_by_hand(world: Looked) -> None:
    by_hand = [e for e in world.states["emails"] if e["ue_type"] == 3 and e["lead_id"] in world.once]
    rows = [r for r in world.rows("fct_lead_event") if r["event"] == "answered" and r["lead_id"] in world.once]
    assert Counter((r["lead_id"], r["email_id"]) for r in rows) == Counter((e["lead_id"], e["id"]) for e in by_hand)
    assert rows


def test_counted_times_add_up_to_the_leads_counters_whatever_is_read(world: Looked) -> None:
    wanted = {(r["id"], kind): r[f"email_{name}_count"] for r in world.states["leads"] if r["id"] in world.once
              for kind, name in (("opened", "open"), ("clicked", "click"), ("replied", "reply"))}  # fmt: skip
    for read in READ:
        added: Counter[tuple[str, str]] = Counter()
        for row in world.rows("fct_lead_event", read):
            added[row["lead_id"], row["event"]] += row["times"] or 0
        assert {key: added[key] for key in wanted} == wanted, read


def first_replies(world: Looked) -> dict[tuple[str, str], list[float]]:
    """(campaign, lead) -> hours from the last e-mail to the first reply."""
    sends: dict[str, list[datetime]] = defaultdict(list)
    replies: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for event in world.happened("sent", "replied"):
        if event["kind"] == "sent":
            sends[event["lead"]].append(event["at"])
        else:
            replies[event["campaign"], event["lead"]].append(event["at"])
    return {
        key: [(min(times) - max(at for at in sends[key[1]] if at <= min(times))).total_seconds() / 3600]
        for key, times in replies.items()
    }


def test_every_replier_has_a_time_to_reply(world: Looked) -> None:
    hours: dict[str, list[float]] = defaultdict(list)
    for (campaign, _), found in first_replies(world).items():
        hours[campaign] += found
    several = {c for c, n in Counter(r.get("campaign") for r in world.states["leads"] if r["id"] not in world.once
                                     and r["email_reply_count"]).items() if n}  # fmt: skip
    rows = {r["campaign_id"]: r for r in world.rows("rpt_time_to_reply", "only events")}
    assert hours.keys() - several == rows.keys() - several
    for campaign in hours.keys() - several:
        row, known = rows[campaign], hours[campaign]
        assert (row["timed_repliers"], row["untimed_repliers"]) == (len(known), 0)
        quantiles = [row[name] for name in ("hours_p25", "hours_median", "hours_p75", "hours_p90")]
        assert quantiles == pytest.approx(list(np.quantile(known, [0.25, 0.5, 0.75, 0.9])))


def test_cohorts_have_the_first_contact_and_reply_of_leads_from_before_the_first_sync(world: Looked) -> None:
    first: dict[tuple[str, str], datetime] = {}
    for event in sorted(world.happened("sent", "replied"), key=lambda e: e["at"], reverse=True):
        first[event["lead"], event["kind"]] = event["at"]
    campaigns = {c["id"] for c in world.states["campaigns"]}
    members: dict[tuple[str, date], list[str]] = defaultdict(list)
    for row in world.states["leads"]:
        if row.get("campaign") in campaigns:
            created = instant(row["timestamp_created"]).date()
            members[row["campaign"], created - timedelta(days=created.weekday())].append(row["id"])
    rows = world.rows("rpt_cohort_weekly", "only events")
    compared = 0
    for row in [r for r in rows if (r["campaign_id"], r["cohort_week"]) in members]:
        leads = members[row["campaign_id"], row["cohort_week"]]
        if row["leads"] > len(leads) or not world.once.issuperset(leads):
            continue  # some were deleted between the syncs, or an event does not say whose it is
        compared += 1
        weeks = row["weeks_since"] + 1 if row["weeks_since"] < 26 else 999  # 26 is 26 and later
        end = datetime.combine(row["cohort_week"], datetime.min.time()) + timedelta(weeks=weeks)
        for name, kind in (("contacted_so_far", "sent"), ("replied_so_far", "replied")):
            assert row[name] == sum(first.get((one, kind), end) < end for one in leads)
    assert compared > 20
    assert not any(r["is_before_first_read"] for r in world.rows("rpt_cohort_weekly"))


def test_only_cohorts_whose_first_contacts_are_known_are_called_fully_read(world: Looked) -> None:
    first: dict[str, datetime] = {}
    for event in sorted(world.happened("sent"), key=lambda e: e["at"], reverse=True):
        first[event["lead"]] = event["at"]
    created = {r["id"]: instant(r["timestamp_created"]).date() for r in world.states["leads"]}

    def cohorts(read: str, *, only: bool) -> dict[tuple[str, date], dict[int, int]]:
        """First contacts of each cohort, by the weeks since its own in which the mart has them."""
        found: dict[tuple[str, date], dict[int, int]] = defaultdict(dict)
        for r in world.rows("rpt_cohort_weekly", read):
            if not only or r["is_fully_read"]:
                found[r["campaign_id"], r["cohort_week"]][r["weeks_since"]] = r["contacted"]
        return found

    # with e-mails every cohort is, and its first contacts are in the weeks of the sandbox's log
    assert all(r["is_fully_read"] for r in world.rows("rpt_cohort_weekly", "only emails"))
    wanted: dict[tuple[str, date], Counter[int]] = defaultdict(Counter)
    whole: dict[tuple[str, date], bool] = defaultdict(lambda: True)
    for row in world.known:
        if row.get("campaign"):
            day = created.get(row["id"]) or instant(row["timestamp_created"]).date()
            key = (row["campaign"], day - timedelta(days=day.weekday()))
            whole[key] &= row["id"] in world.once
            if row["id"] in first:
                wanted[key][min(26, (first[row["id"]].date() - key[1]).days // 7)] += 1
    compared = 0
    for key, weeks in cohorts("only emails", only=True).items():
        if whole[key]:
            compared += 1
            assert {week: n for week, n in weeks.items() if n} == dict(wanted[key])
    assert compared > 20
    # without, those from before the first sync are not, and they would have been too late
    assert cohorts("neither", only=True) == {}
    late = cohorts("neither", only=False)
    assert sum(weeks != cohorts("only emails", only=True)[key] for key, weeks in late.items()) > 10
    assert {r["not_fully_read_because"] is None for r in world.rows("rpt_cohort_weekly", "neither")} == {False}


def test_replies_wait_that_nobody_marked_or_answered(world: Looked) -> None:
    leads = {r["id"]: r for r in world.states["leads"]}
    mails = [m for m in world.states["emails"] if m["ue_type"] in (2, 3) and not m["is_auto_reply"]]
    wanted: dict[str, datetime] = {}
    for mail in sorted(mails, key=own_time):
        if mail["ue_type"] == 3:
            wanted.pop(mail["lead_id"], None)
        else:
            wanted.setdefault(mail["lead_id"], own_time(mail))
    unmarked = {key for key, r in leads.items() if r.get("lt_interest_status") is None}
    found = {r["lead_id"]: r["replied_at"] for r in world.rows("rpt_replies_waiting", "only emails")}
    assert found == {key: at for key, at in wanted.items() if key in unmarked}
    assert all(r["is_answer_known"] for r in world.rows("rpt_replies_waiting", "only emails"))
    # without e-mails answers do not show
    more = {r["lead_id"] for r in world.rows("rpt_replies_waiting", "neither")}
    assert more == {key for key in unmarked if leads[key]["email_reply_count"] > 0} >= found.keys()


def test_e_mails_to_a_contact_in_30_days_are_all_of_them(world: Looked) -> None:
    leads = {r["id"]: place(r)[0] for r in world.states["leads"]}
    doubled = {who for who, n in Counter(place(r)[0] for r in world.known).items() if n > 1}
    since = world.now - timedelta(days=30)
    wanted = Counter(leads[e["lead"]] for e in world.states["events"]
                     if e["kind"] == "sent" and e["lead"] in leads and instant(e["at"]) > since)  # fmt: skip
    for read in ("both", "only emails", "only events"):
        found = {r["email"]: r["sent_30d"] for r in world.rows("rpt_contact_pressure", read)}
        sent = {who: n for who, n in found.items() if n}
        assert {who: n for who, n in sent.items() if who not in doubled} == {
            who: n for who, n in wanted.items() if who not in doubled
        }, read
    assert {r["sent_30d"] for r in world.rows("rpt_contact_pressure", "neither")} == {None}


def test_send_times_are_those_of_the_campaigns_own_zone(world: Looked) -> None:
    zones = {c["id"]: ZoneInfo(c["campaign_schedule"]["schedules"][0]["timezone"]) for c in world.states["campaigns"]}
    leads = {r["id"] for r in world.states["leads"]}
    wanted: Counter[tuple[str, int, int]] = Counter()
    for event in world.states["events"]:
        if event["kind"] == "sent" and event["lead"] in leads and event["campaign"] in zones:
            local = datetime.fromisoformat(event["at"]).astimezone(zones[event["campaign"]])
            wanted[event["campaign"], local.isoweekday(), local.hour] += 1
    rows = [r for r in world.rows("rpt_send_time") if r["campaign_id"] in zones]
    assert {(r["campaign_id"], r["weekday"], r["hour"]): r["sent"] for r in rows} == dict(wanted)
    assert {r["weekday"] for r in rows} <= {1, 2, 3, 4, 5}  # these campaigns rest at weekends
    replied = [campaign for campaign, _ in first_replies(world) if campaign in zones]
    assert sum(r["sends_replied"] for r in rows) >= len(replied) > 0
    assert world.rows("rpt_send_time", "neither") == []


def test_hot_replies_are_answered_when_somebody_wrote_by_hand(world: Looked) -> None:
    own = world.states["lead_labels"]
    good = {1, 2, 3, 4} | {r["interest_status"] for r in own if r["interest_status_label"] == "positive"}
    marked = [e for e in world.states["events"] if e["kind"] == "interest" and e["value"] in good]
    ever = {e["lead"] for e in marked}
    waiting_at: dict[str, datetime | None] = {}
    wanted: dict[tuple[str, datetime], datetime | None] = {}
    mails = [e for e in world.states["emails"]
             if e["lead_id"] in ever and e["ue_type"] in (2, 3) and not e["is_auto_reply"]]  # fmt: skip
    for mail in sorted(mails, key=own_time):
        since = waiting_at.get(mail["lead_id"])
        if mail["ue_type"] == 2 and since is None:
            waiting_at[mail["lead_id"]] = own_time(mail)
            wanted[mail["lead_id"], own_time(mail)] = None
        elif mail["ue_type"] == 3 and since is not None:
            wanted[mail["lead_id"], since] = own_time(mail)
            waiting_at[mail["lead_id"]] = None
    known = {r["id"] for r in world.states["leads"]}
    rows = [r for r in world.rows("rpt_hot_reply", "only emails") if r["lead_id"] in known]
    assert {(r["lead_id"], r["replied_at"]): r["answered_at"] for r in rows} == {
        key: at for key, at in wanted.items() if key[0] in known
    }
    assert {"answered", "waiting"} <= {r["state"] for r in rows}
    hours = [r["hours_to_answer"] for r in world.rows("rpt_hot_reply", "only emails") if r["state"] == "answered"]
    totals = world.rows("rpt_our_response_time", "only emails")
    assert sum(r["answered"] for r in totals) == len(hours)
    assert sum(r["answered_24h"] for r in totals) == sum(h <= 24 for h in hours)
    assert world.rows("rpt_hot_reply", "only events") == world.rows("rpt_our_response_time", "neither") == []


def own_time(mail: Row) -> datetime:
    sent, stored = instant(mail["timestamp_email"]), instant(mail["timestamp_created"])
    return sent if stored - timedelta(days=5) <= sent <= stored else stored


def test_bounce_events_of_a_sender_are_those_of_the_log(world: Looked) -> None:
    bounces = [e for e in world.states["events"] if e["kind"] == "bounced"]
    rows = {(r["email"], str(r["date"])): r for r in world.rows("rpt_sender_bounces")}
    assert {key: r["bounce_events"] for key, r in rows.items()} == Counter((e["account"], e["date"]) for e in bounces)
    assert sum(r["difference"] == 0 for r in rows.values()) > 0
    assert world.rows("rpt_sender_bounces", "only emails") == []


@pytest.mark.parametrize("read", READ)
def test_each_replier_is_in_one_row_of_each_breakdown(world: Looked, read: str) -> None:
    rows = world.rows("rpt_reply_share", read)
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["breakdown"]] += row["repliers"]
    assert len(set(sums.values())) == 1
    assert sums.keys() == {"variant", "sender", "list"}
    if read == "both":
        newest_first = sorted(world.happened("replied"), key=lambda e: e["at"], reverse=True)
        first = {(e["campaign"], e["lead"]): e for e in newest_first}
        wanted = Counter((e["campaign"], e["step"], e["variant"]) for e in first.values())
        found = {(r["campaign_id"], number(r["step"]), number(r["variant"])): r["repliers"] for r in rows
                 if r["breakdown"] == "variant"}  # fmt: skip
        assert not [key for key, n in wanted.items() if found.get(key, 0) < n]


def number(text: str | None) -> int | None:
    return None if text is None else int(text)
