"""All figures of the API, counted from the log of one campaign, or of all (a lead is in one campaign only)."""

from typing import Any

import numpy as np

from instantly_sandbox.world import columns as ev
from instantly_sandbox.world.columns import Events
from instantly_sandbox.world.seeded import DAY, Bools, Ints, day_text
from instantly_sandbox.world.state import POSITIVE

Row = dict[str, Any]
DAILY = (
    "sent",
    "contacted",
    "new_leads_contacted",
    "opened",
    "unique_opened",
    "replies",
    "unique_replies",
    "replies_automatic",
    "unique_replies_automatic",
    "clicks",
    "unique_clicks",
    "opportunities",
    "unique_opportunities",
)
PAIRS = (
    ("opened", ev.OPENED),
    ("replies", ev.REPLIED),
    ("replies_automatic", ev.AUTO_REPLIED),
    ("clicks", ev.CLICKED),
)


def distinct_of(keys: np.ndarray) -> np.ndarray:
    """Sorted distinct values; for millions of integers, sorting is several times faster than numpy's hash table."""
    ordered = np.sort(keys)
    if not len(ordered):
        return ordered
    return np.asarray(ordered[np.append(True, ordered[1:] != ordered[:-1])])


def first_positive(log: Events) -> Bools:
    """A mask of each lead's first positive interest event, which makes it an opportunity."""
    found = np.zeros(len(log), bool)
    where = np.flatnonzero((log.kind == ev.INTEREST) & np.isin(log.value, POSITIVE))
    if len(where):
        found[where[np.unique(log.row[where], return_index=True)[1]]] = True
    return found


def booked_days(log: Events, *, book_on: str) -> Ints:
    """The UTC day that each event counts on: its own, or (`send`) that of the e-mail it responds to."""
    days = log.at // DAY
    if book_on != "send":
        return days
    sends = np.flatnonzero(log.kind == ev.SENT)
    keys = log.row[sends].astype(np.int64) * 8 + log.step[sends]
    order = np.argsort(keys, kind="stable")
    keys, at = keys[order], log.at[sends][order]
    answers = np.flatnonzero(np.isin(log.kind, (ev.OPENED, ev.REPLIED, ev.AUTO_REPLIED, ev.CLICKED)) & (log.step >= 0))
    wanted = log.row[answers].astype(np.int64) * 8 + log.step[answers]
    found = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    if len(keys):
        hit = keys[found] == wanted
        days = days.copy()
        days[answers[hit]] = at[found[hit]] // DAY
    return days


def daily(log: Events, *, book_on: str = "event") -> dict[str, Row]:
    """Date to counters, for days with events."""
    if not len(log):
        return {}
    days = booked_days(log, book_on=book_on)
    low, width = int(days.min()), int(days.max() - days.min()) + 1
    columns = _counted(log, days - low, width, contacted=True)
    wins = first_positive(log)
    columns["opportunities"] = columns["unique_opportunities"] = np.bincount((days - low)[wins], minlength=width)
    busy = np.flatnonzero(sum(columns[name] for name in DAILY))
    return {
        day_text(low + int(d)): {"date": day_text(low + int(d)), **{k: int(columns[k][d]) for k in DAILY}} for d in busy
    }


def _counted(log: Events, group: Ints, width: int, *, contacted: bool) -> dict[str, Any]:
    """Counts and distinct leads per group."""

    def plain(where: Bools) -> Any:
        return np.bincount(group[where], minlength=width)

    def distinct(where: Bools) -> Any:
        keys = distinct_of(log.row[where].astype(np.int64) * width + group[where])
        return np.bincount(keys % width, minlength=width)

    sent = log.kind == ev.SENT
    columns = {"sent": plain(sent)}
    if contacted:
        columns["contacted"] = distinct(sent)
        columns["new_leads_contacted"] = plain(sent & (log.step == 0))
    for name, kind in PAIRS:
        where = log.kind == kind
        columns[name], columns[f"unique_{name}"] = plain(where), distinct(where)
    return columns


def totals(log: Events, value: float) -> Row:
    """Counters of `/campaigns/analytics` from a log cut to its range, without the campaign's own columns."""

    def rows(kind: int) -> np.ndarray:
        return np.asarray(log.row[log.kind == kind])

    def by_step(kind: int) -> int:
        where = log.kind == kind
        return len(distinct_of(log.row[where].astype(np.int64) * 8 + log.step[where]))

    wins = int(first_positive(log).sum())
    row: Row = {}
    for name, kind in (
        ("open_count", ev.OPENED),
        ("reply_count", ev.REPLIED),
        ("reply_count_automatic", ev.AUTO_REPLIED),
        ("link_click_count", ev.CLICKED),
    ):
        row[name] = len(rows(kind))
        row[f"{name}_unique"] = len(distinct_of(rows(kind)))
        row[f"{name}_unique_by_step"] = by_step(kind)
    return {
        **row,
        "bounced_count": len(rows(ev.BOUNCED)),
        "unsubscribed_count": len(rows(ev.UNSUBSCRIBED)),
        "completed_count": len(rows(ev.COMPLETED)),
        "emails_sent_count": len(rows(ev.SENT)),
        "contacted_count": len(distinct_of(rows(ev.SENT))),
        "new_leads_contacted_count": int(((log.kind == ev.SENT) & (log.step == 0)).sum()),
        "total_opportunities": wins,
        "total_opportunity_value": wins * value,
    }


def crm_totals(log: Events, *, every_event: bool) -> Row:
    """Interest figures of the overview: leads that ever had the status, or all status changes."""
    row = {}
    for name, values in (
        ("total_interested", (1,)),
        ("total_meeting_booked", (2,)),
        ("total_meeting_completed", (3,)),
        ("total_closed", (4,)),
    ):
        found = log.row[(log.kind == ev.INTEREST) & np.isin(log.value, values)]
        row[name] = len(found) if every_event else len(distinct_of(found))
    return row


def steps(log: Events, *, opportunities: bool, current: dict[int, int] | None = None) -> list[Row]:
    """Rows per (step, variant), then one with nulls for events that match no step."""
    if not len(log):
        return []
    group = np.where(log.step < 0, 0, (log.step.astype(np.int64) + 1) * 8 + log.variant)
    relevant = np.isin(log.kind, (ev.SENT, ev.OPENED, ev.REPLIED, ev.AUTO_REPLIED, ev.CLICKED))
    columns = _counted(log, group, 64, contacted=False)
    if opportunities:
        columns.update(_step_crm(log, group))
    present = np.flatnonzero(np.bincount(group[relevant], minlength=64))
    rows = []
    for g in [*present[present > 0], *present[present == 0]]:
        step, variant = (str(int(g) // 8 - 1), str(int(g) % 8)) if g else (None, None)
        rows.append({"step": step, "variant": variant, **{k: int(v[g]) for k, v in columns.items()}})
    return rows


def _step_crm(log: Events, group: Ints) -> dict[str, Any]:
    """Opportunities, meetings and wins, counted on the step that the lead replied to."""
    answered: dict[int, int] = {}
    for i in np.flatnonzero(np.isin(log.kind, (ev.REPLIED, ev.AUTO_REPLIED))):
        answered[int(log.row[i])] = int(group[i])
    now: dict[int, int] = {}
    for i in np.flatnonzero(log.kind == ev.INTEREST):
        now[int(log.row[i])] = int(log.value[i])
    columns = {k: np.zeros(64, np.int64) for k in ("opportunities", "unique_opportunities", "meetings_booked", "won")}
    for i in np.flatnonzero(first_positive(log)):
        g = answered.get(int(log.row[i]), 0)
        columns["opportunities"][g] += 1
        columns["unique_opportunities"][g] += 1
    for row, value in now.items():
        columns["meetings_booked"][answered.get(row, 0)] += value in (2, 3, 4)
        columns["won"][answered.get(row, 0)] += value == 4
    return columns


def account_daily(log: Events) -> list[tuple[int, str, Row]]:
    """(account, date, counters) for every account and day with events."""
    log = log.take(np.flatnonzero((log.account >= 0) & (log.kind < ev.COMPLETED) & (log.kind != ev.UNSUBSCRIBED)))
    if not len(log):
        return []
    days = log.at // DAY
    low, width = int(days.min()), int(days.max() - days.min()) + 1
    group = log.account.astype(np.int64) * width + (days - low)
    size = (int(log.account.max()) + 1) * width
    columns = _counted(log, group, size, contacted=True)
    columns["bounced"] = np.bincount(group[log.kind == ev.BOUNCED], minlength=size)
    names = ("sent", "bounced", "contacted", "new_leads_contacted", *[n for p, _ in PAIRS for n in (p, f"unique_{p}")])
    out = []
    for g in np.flatnonzero(sum(columns[n] for n in names)):
        date = day_text(low + int(g) % width)
        out.append((int(g) // width, date, {n: int(columns[n][g]) for n in names}))
    return out
