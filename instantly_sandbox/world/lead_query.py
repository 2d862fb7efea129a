"""The filters of `POST /leads/list` as masks over the columns. Unknown keys are ignored, as live does."""

from typing import Any

import numpy as np
import orjson

from instantly_sandbox.world import columns as ev
from instantly_sandbox.world.lead_records import contact_of, has_address
from instantly_sandbox.world.lead_store import LeadStore, View
from instantly_sandbox.world.seeded import DAY, Bools
from instantly_sandbox.world.state import LeadState

Body = dict[str, Any]
KEYS = (
    "campaign",
    "list_id",
    "in_campaign",
    "in_list",
    "search",
    "filter",
    "ids",
    "excluded_ids",
    "contacts",
    "queries",
    "is_website_visitor",
    "distinct_contacts",
    "enrichment_status",
    "esg_code",
    "smart_view_id",
    "organization_user_ids",
)
QUERIES = {"reply": "last_reply", "email-open": "last_open", "last-contacted": "last_sent", "link-click": "last_click"}
COUNTERS = {"reply": "replies", "email-open": "opens", "link-click": "clicks"}
INTERESTS = {
    "FILTER_LEAD_INTERESTED": 1,
    "FILTER_LEAD_NOT_INTERESTED": -1,
    "FILTER_LEAD_MEETING_BOOKED": 2,
    "FILTER_LEAD_MEETING_COMPLETED": 3,
    "FILTER_LEAD_CLOSED": 4,
    "FILTER_LEAD_OUT_OF_OFFICE": 0,
    "FILTER_LEAD_WRONG_PERSON": -2,
    "FILTER_LEAD_LOST": -3,
    "FILTER_LEAD_NO_SHOW": -4,
}
STATUSES = {
    "FILTER_VAL_ACTIVE": 1,
    "FILTER_VAL_COMPLETED": 3,
    "FILTER_VAL_BOUNCED": -1,
    "FILTER_VAL_UNSUBSCRIBED": -2,
    "FILTER_VAL_SKIPPED": -3,
}
VERIFIED = {"FILTER_VAL_VALID": 1, "FILTER_VAL_RISKY": -2, "FILTER_VAL_INVALID": -1, "FILTER_VAL_CATCH_ALL": -3}


def query(store: LeadStore, body: Body, key: str) -> View:
    """The view of the leads that match a request's filters; `key` is the same for the same filters."""
    found = store.remembered(key)
    if found is not None:
        return found
    view = _by_ids(store, body["ids"]) if isinstance(body.get("ids"), list) else None
    if view is None or set(body) - {"ids"}:
        chosen = _choose(store, body)
        view = store.view(lambda state: chosen)
    if body.get("distinct_contacts"):
        view = _by_contact(store, view)
    return store.remember(key, view)


def _by_ids(store: LeadStore, ids: list[object]) -> View:
    rows = sorted({r for r in map(store.visible_row, ids) if r is not None}, key=lambda r: bytes(store.ids[r]))
    picked = np.array(rows, np.int64)
    return View(picked, store.ids[picked])


def _choose(store: LeadStore, body: Body) -> Bools:
    state = store.state
    chosen = _in_scope(store, body)
    for name, wanted in (("ids", True), ("excluded_ids", False)):
        if isinstance(body.get(name), list):
            listed = np.zeros(len(chosen), bool)
            listed[[r for r in map(store.row_of, body[name]) if r is not None]] = True
            chosen &= listed == wanted
    if isinstance(body.get("contacts"), list):
        chosen &= _rows_by_email(store, {str(e).lower() for e in body["contacts"]})
    if body.get("filter"):
        chosen &= _filter(store, str(body["filter"]))
    for one in body.get("queries") or []:
        chosen &= _recency(store, state, one)
    if body.get("search"):
        chosen &= _rows_by_search(store, str(body["search"]).lower(), chosen)
    return chosen


def _in_scope(store: LeadStore, body: Body) -> Bools:
    """Rows of the campaign and list that are asked for, or of any, or of none."""
    state, names = store.state, store.names
    chosen = np.ones(len(store.leads), bool)
    for name, column, known in (
        ("campaign", state.campaign, names.campaign_ids),
        ("list_id", state.lead_list, names.list_ids),
    ):
        if body.get(name) is not None:
            chosen &= column == known.index(body[name]) if body[name] in known else False
    for name, column in (("in_campaign", state.campaign), ("in_list", state.lead_list)):
        if isinstance(body.get(name), bool):
            chosen &= (column >= 0) == body[name]
    return chosen


def emails(store: LeadStore, rows: np.ndarray) -> list[str]:
    """The address per row, as in the record ("" for none)."""
    out = []
    for start in range(0, len(rows), 1000):
        view = View(rows[start : start + 1000], store.ids[rows[start : start + 1000]])
        for raw in store.record_bytes(view, 0, 1000):
            at = raw.find(b'"email":"')
            out.append(raw[at + 9 : raw.index(b'"', at + 9)].decode().lower() if at >= 0 else "")
    return out


def _rows_by_email(store: LeadStore, wanted: set[str]) -> Bools:
    """Rows of these addresses: generated contacts by their address, all others by their record."""
    found = [contact_of(store.names.seed, email) for email in wanted]
    chosen = np.isin(store.leads.contact, [c for c in found if c is not None])
    rows = np.flatnonzero(chosen)
    chosen[rows] = has_address(store.names.seed, store.leads, rows)
    for row in {*store.by_hand.values, *store.by_hand.inserted}:
        view = View(np.array([row]), store.ids[[row]])
        record = orjson.loads(store.record_bytes(view, 0, 1)[0])
        chosen[row] = str(record.get("email", "")).lower() in wanted
    return chosen


def _rows_by_search(store: LeadStore, text: str, chosen: Bools) -> Bools:
    rows = np.flatnonzero(chosen & store.state.visible)
    found = np.zeros(len(chosen), bool)
    needle = text.encode()
    for start in range(0, len(rows), 1000):
        part = rows[start : start + 1000]
        for row, raw in zip(part, store.record_bytes(View(part, store.ids[part]), 0, 1000), strict=True):
            found[row] = needle in raw.lower()
    return found


def _filter(store: LeadStore, name: str) -> Bools:
    state = store.state
    if name in STATUSES:
        return np.asarray(state.status == STATUSES[name])
    if name in VERIFIED:
        return np.asarray(store.leads.verification == VERIFIED[name])
    if name in INTERESTS:
        return np.asarray(_interest(state) == INTERESTS[name])
    known: dict[str, Bools] = {
        "FILTER_VAL_CONTACTED": state.last_sent >= 0,
        "FILTER_VAL_NOT_CONTACTED": state.last_sent < 0,
        "FILTER_VAL_REPLIED": state.replies > 0,
        "FILTER_VAL_LINK_CLICKED": state.clicks > 0,
        "FILTER_VAL_OPENED_NO_REPLY": (state.opens > 0) & (state.replies == 0),
        "FILTER_VAL_NO_OPENS": (state.opens == 0) & (state.last_sent >= 0),
        "FILTER_VAL_COMPLETED_NO_REPLY": (state.status == 3) & (state.replies == 0),
        "FILTER_VAL_IN_SUBSEQUENCE": np.zeros(len(state.status), bool),
        "FILTER_VAL_NOT_VERIFIED": store.leads.verification == 0,
        "FILTER_LEAD_CUSTOM_LABEL_POSITIVE": _interest(state) >= 10000,
        "FILTER_LEAD_CUSTOM_LABEL_NEGATIVE": (_interest(state) <= -10000),
    }
    return np.asarray(known.get(name, np.ones(len(state.status), bool)))


def _interest(state: LeadState) -> np.ndarray:
    marked = state.last_interest
    if not len(state.log):
        return np.full(len(marked), -99)
    return np.where(marked >= 0, state.log.value[marked], -99)


def _recency(store: LeadStore, state: LeadState, one: Any) -> Bools:
    """One of `queries`: an event within the last n days, a count compared with n, or a status."""
    everyone = np.ones(len(state.status), bool)
    if not isinstance(one, dict) or not isinstance(one.get("values"), dict):
        return everyone
    action, values = one.get("actionType"), one["values"]
    chosen = everyone
    if isinstance(values.get("occurrence-days"), int | float):
        since = state.now - int(values["occurrence-days"] * DAY)
        if action == "lead-status-change":
            chosen = _status_changed(store, since)
        elif action in QUERIES:
            last = getattr(state, QUERIES[action])
            at = np.where(last >= 0, state.log.at[last], -1) if len(state.log) else np.full(len(last), -1)
            chosen = at >= since
    if isinstance(values.get("occurrence-count"), dict) and action in COUNTERS:
        n, wanted = getattr(state, COUNTERS[action]), values["occurrence-count"].get("count", 0)
        chosen = chosen & {"more": n > wanted, "less": n < wanted}.get(
            values["occurrence-count"].get("condition"), n == wanted
        )
    if isinstance(values.get("lead-status"), dict):
        same = state.status == values["lead-status"].get("status")
        chosen = chosen & (same if values["lead-status"].get("condition") != "is-not" else ~same)
    if one.get("partial"):
        chosen = chosen & (np.arange(len(chosen)) % 3 > 0)
    return np.asarray(chosen)


def _status_changed(store: LeadStore, since: int) -> Bools:
    log = store.state.log
    moved = np.isin(log.kind, (ev.COMPLETED, ev.BOUNCED, ev.UNSUBSCRIBED, ev.INTEREST)) & (log.at >= since)
    skipped = store.leads.skipped
    found = np.asarray((skipped >= since) & (skipped <= store.state.now))
    found[log.row[moved]] = True
    return found


def _by_contact(store: LeadStore, view: View) -> View:
    """One lead per address, ordered by address; the cursor is the address."""
    first: dict[str, int] = {}
    for row, email in zip(view.rows.tolist(), emails(store, view.rows), strict=True):
        if email:
            first.setdefault(email, row)
    ordered = sorted(first)
    return View(np.array([first[e] for e in ordered], np.int64), np.array([e.encode() for e in ordered], dtype=bytes))
