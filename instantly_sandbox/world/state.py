"""The state of every lead at one instant, computed from the log, column by column."""

from dataclasses import dataclass

import numpy as np

from instantly_sandbox.world import columns as ev
from instantly_sandbox.world.columns import NOBODY, Events, Leads
from instantly_sandbox.world.seeded import NEVER, Bools, Ints

POSITIVE = (1, 2, 3, 4, 10231, 10234)


@dataclass
class LeadState:
    """One row per lead. `last_*` are indexes into `log`, -1 for never."""

    now: int
    log: Events  # events seen by `now`, in order of `at`
    visible: Bools
    campaign: np.ndarray
    lead_list: np.ndarray
    status: np.ndarray
    opens: np.ndarray
    replies: np.ndarray
    clicks: np.ndarray
    edits: np.ndarray
    last_sent: Ints
    last_open: Ints
    last_reply: Ints
    last_click: Ints
    last_interest: Ints
    updated: Ints


def visible_log(leads: Leads, events: Events, stopped: Ints, campaign_ends: Ints, now: int) -> Events:
    """Events seen by `now`. A lead has none after it was deleted, moved, or deleted with its campaign."""
    early = events.take(np.arange(np.searchsorted(events.at, now, side="right")))
    stop = np.minimum(np.minimum(leads.deleted, leads.moved), stopped)
    stop = np.minimum(stop, np.append(campaign_ends, NEVER)[leads.campaign])
    keep = (early.seen <= now) & (early.at <= stop[early.row])
    return early if keep.all() else early.take(np.flatnonzero(keep))


def lead_state(leads: Leads, log: Events, campaign_gone: Bools, now: int, paused: Bools) -> LeadState:
    """Compute the columns from the log. `campaign_gone[c]` is true once campaign c and its leads are deleted."""
    n = len(leads)
    campaign, lead_list, moved = leads.campaign.copy(), leads.lead_list.copy(), leads.moved <= now
    to_campaign, to_list = moved & (leads.move_to >= 0), moved & (leads.move_to <= -2)
    campaign[to_campaign] = leads.move_to[to_campaign]
    campaign[to_list] = NOBODY
    lead_list[to_list] = -2 - leads.move_to[to_list]
    visible = (leads.created <= now) & (leads.deleted > now) & ~np.append(campaign_gone, False)[campaign]
    is_kind = [log.kind == k for k in range(len(ev.KINDS))]

    def last(kind: int) -> Ints:
        found = np.full(n, -1, np.int64)
        where = np.flatnonzero(is_kind[kind])
        found[log.row[where]] = where  # of equal rows the last one stays, and the log is in order of time
        return found

    def count(kind: int) -> np.ndarray:
        return np.bincount(log.row[is_kind[kind]], minlength=n).astype(np.int32)

    updated = leads.created.copy()
    edited = np.flatnonzero(is_kind[ev.EDITED])
    updated[log.row[edited]] = log.at[edited]
    updated[moved] = np.maximum(updated, leads.moved)[moved]
    return LeadState(
        now=now,
        log=log,
        visible=visible,
        campaign=campaign,
        lead_list=lead_list,
        status=_status(leads, log, is_kind, to_campaign, now, paused),
        opens=count(ev.OPENED),
        replies=count(ev.REPLIED),
        clicks=count(ev.CLICKED),
        edits=count(ev.EDITED),
        last_sent=last(ev.SENT),
        last_open=last(ev.OPENED),
        last_reply=last(ev.REPLIED),
        last_click=last(ev.CLICKED),
        last_interest=last(ev.INTEREST),
        updated=updated,
    )


def _status(leads: Leads, log: Events, is_kind: list[Bools], to_campaign: Bools, now: int, paused: Bools) -> np.ndarray:
    status = np.ones(len(leads), np.int8)
    status[paused] = 2
    status[log.row[is_kind[ev.COMPLETED]]] = 3
    status[leads.skipped <= now] = -3
    status[log.row[is_kind[ev.UNSUBSCRIBED]]] = -2
    status[log.row[is_kind[ev.BOUNCED]]] = -1
    status[to_campaign & (status > 0)] = 1
    return status


def changed_rows(leads: Leads, events: Events, old: int, new: int) -> np.ndarray:
    """Rows with records that may differ between `old` and `new`."""
    noticed = events.row[(events.seen > old) & (events.seen <= new)]
    others = np.zeros(len(leads), bool)
    for column in (leads.created, leads.deleted, leads.moved, leads.skipped):
        others |= (column > old) & (column <= new)
    others[noticed] = True
    return np.flatnonzero(others)
