"""`GET /emails`: the Unibox, generated from the log (sends, replies, automatic replies), newest first."""

from typing import Any

import numpy as np
import orjson

from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.http import ApiError, Response, ok
from instantly_sandbox.paging import page, query_limit
from instantly_sandbox.world import columns as ev
from instantly_sandbox.world.lead_records import contact_email
from instantly_sandbox.world.seeded import iso, mix_array, uuid_column
from instantly_sandbox.world.world import World

Record = dict[str, Any]
TEXTS = (
    "Sounds good, send me times.",
    "Not for us, thanks.",
    "Who gave you my address?",
    "Please talk to my colleague.",
)


class Mail:
    """Indexes of all e-mails in the log, in id order, which is also time order."""

    def __init__(self, world: World) -> None:
        log = world.leads.state.log
        self.events = np.flatnonzero(np.isin(log.kind, (ev.SENT, ev.REPLIED, ev.AUTO_REPLIED)))
        kind, row, at = (x[self.events].astype(np.uint64) for x in (log.kind, log.row, log.at))
        mark = mix_array((row << np.uint64(8)) ^ (kind << np.uint64(4)) ^ at)
        hi = (at << np.uint64(16)) | np.uint64(0x7000) | (mark & np.uint64(0xFFF))
        lo = (mix_array(mark) & np.uint64((1 << 62) - 1)) | np.uint64(1 << 63)
        order = np.lexsort((lo, hi))
        self.events, self.ids = self.events[order], uuid_column(hi, lo)[order]


class MailSource:
    """A filtered mailbox as a source of pages."""

    name = "emails"

    def __init__(self, call: Call, chosen: np.ndarray, *, ascending: bool) -> None:
        self.call, self.mail, self.ascending = call, mail_of(call), ascending
        self.chosen = chosen if ascending else chosen[::-1]
        self.size = len(chosen)

    def position(self, cursor: str | None) -> int:
        if not cursor:
            return 0
        ids = self.mail.ids[self.chosen]
        if self.ascending:
            return int(np.searchsorted(ids, np.bytes_(cursor.encode()), side="right"))
        return self.size - int(np.searchsorted(ids[::-1], np.bytes_(cursor.encode()), side="left"))

    def rows(self, start: int, count: int) -> list[bytes]:
        return [orjson.dumps(email_record(self.call, int(i))) for i in self.chosen[start : start + count]]

    def cursor(self, index: int) -> str:
        return str(self.mail.ids[self.chosen[index]].decode())


def mail_of(call: Call) -> Mail:
    mail: Mail = call.world.cached("mail", lambda: Mail(call.world))
    return mail


def email_record(call: Call, i: int) -> Record:
    """One e-mail; `i` is its index in `Mail`."""
    world, mail = call.world, mail_of(call)
    log, names = world.leads.state.log, world.leads.names
    e = mail.events[i]
    row, kind, step = int(log.row[e]), int(log.kind[e]), int(log.step[e])
    lead = contact_email(names.seed, int(world.leads.leads.contact[row]))
    mailbox = names.emails[int(log.account[e])]
    received, h = kind != ev.SENT, int(log.at[e])
    text = TEXTS[h % len(TEXTS)] if kind == ev.REPLIED else "I am out of office." if received else "Hi, quick question."
    record: Record = {
        "id": mail.ids[i].decode(),
        "timestamp_created": iso(int(log.seen[e])),
        "timestamp_email": iso(int(log.at[e])),
        "message_id": f"<{mail.ids[i].decode()[:8]}.{h}@{mailbox.partition('@')[2]}>",
        "subject": ("Re: " if received else "") + "Quick question",
        "from_address_email": lead if received else mailbox,
        "to_address_email_list": mailbox if received else lead,
        "body": {"text": text},
        "organization_id": world.id,
        "campaign_id": names.campaign_ids[int(log.campaign[e])],
        "lead": lead,
        "lead_id": world.leads.ids[row].decode(),
        "eaccount": mailbox,
        "ue_type": 2 if received else 1,
        "is_unread": int(received and h % 3 == 0),
        "is_auto_reply": int(kind == ev.AUTO_REPLIED),
        "is_focused": int(kind == ev.REPLIED),
        "thread_id": f"t_{row}",
        "content_preview": text[:80],
    }
    marked = int(world.leads.state.last_interest[row])
    if kind == ev.REPLIED and marked >= 0:
        record["i_status"] = int(log.value[marked])
        record["ai_interest_value"] = 0.9 if record["i_status"] > 0 else 0.1
    if step >= 0:
        record["step"] = f"0_{step}_{int(log.variant[e])}"
    if call.request.flag("preview_only"):
        record["body"] = {}
    return record


def emails(call: Call) -> Response:
    request, world, mail = call.request, call.world, mail_of(call)
    log = world.leads.state.log
    kinds, rows = log.kind[mail.events], log.row[mail.events]
    chosen = np.ones(len(mail.events), bool)
    kind = request.param("email_type")
    if kind is not None:
        chosen &= (kinds == ev.SENT) if kind == "sent" else (kinds != ev.SENT) & (kind == "received")
    campaign = request.param("campaign_id")
    if campaign is not None:
        index = world.campaign_index(campaign)
        chosen &= log.campaign[mail.events] == (-9 if index is None else index)
    mailboxes = {m.lower() for m in request.many("eaccount")}
    if mailboxes:
        known = [i for i, e in enumerate(world.leads.names.emails) if e in mailboxes]
        chosen &= np.isin(log.account[mail.events], known)
    search = request.param("search") or ""
    lead = request.param("lead") or (search if "@" in search else None)
    if lead is not None:
        from instantly_sandbox.world.lead_query import query

        view = query(world.leads, {"contacts": [lead]}, f"mail {lead}")
        chosen &= np.isin(rows, view.rows)
    if search.startswith("thread:t_"):
        chosen &= rows == int(search[9:]) if search[9:].isdigit() else False
    chosen &= _within(call, log.seen[mail.events])
    source = MailSource(call, np.flatnonzero(chosen), ascending=request.param("sort_order") == "asc")
    return page(
        source, request.param("starting_after"), query_limit(request, call.switches), call.switches, call.profile
    )


def _within(call: Call, created: np.ndarray) -> np.ndarray:
    """`min_timestamp_created` and `max_timestamp_created`, both inclusive."""
    from datetime import UTC, datetime

    inside = np.ones(len(created), bool)
    for name, sign in (("min_timestamp_created", 1), ("max_timestamp_created", -1)):
        value = call.request.param(name)
        if value is None:
            continue
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ApiError(400, f'querystring/{name} must match format "date-time"') from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        inside &= sign * created >= sign * round(moment.timestamp() * 1000)
    return inside


def email(call: Call) -> Response:
    mail, key = mail_of(call), call.uuid().encode()
    at = int(np.searchsorted(mail.ids, np.bytes_(key)))
    if at >= len(mail.ids) or mail.ids[at] != key:
        raise ApiError(404, "Resource not found")
    return ok(email_record(call, at))


def unread(call: Call) -> Response:
    mail, log = mail_of(call), call.world.leads.state.log
    at, kind = log.at[mail.events], log.kind[mail.events]
    return ok({"count": int(((at % 3 == 0) & (kind != ev.SENT)).sum())})
