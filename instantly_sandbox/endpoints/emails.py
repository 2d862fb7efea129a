"""`GET /emails`: the Unibox, newest first by `timestamp_created`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from instantly_sandbox.endpoints.call import Call, with_oddities
from instantly_sandbox.http import ApiError, Response, ok
from instantly_sandbox.world.columns import NOBODY
from instantly_sandbox.world.lead_query import query
from instantly_sandbox.world.mailbox import (
    BY_HAND,
    RECEIVED,
    REPLIES,
    SCHEDULED,
    SENT,
    Mailbox,
    mailbox_of,
    milliseconds,
)
from instantly_sandbox.world.world import World

Record = dict[str, Any]
TEXTS = REPLIES
TYPES = {"received": RECEIVED, "sent": SENT, "manual": BY_HAND}
MODES = ("emode_focused", "emode_others", "emode_all")
FLAGS = ("is_unread", "is_auto_reply", "is_focused", "ai_assisted")
LATE = 10  # with the switch `late_emails`, one e-mail in so many is visible later than it says


class Mail:
    """The e-mails that are events themselves: their places in the log, and their ids."""

    def __init__(self, world: World) -> None:
        mail = mailbox_of(world)
        own = (mail.event >= 0) & (mail.kind != BY_HAND)
        self.events, self.ids = mail.event[own], mail.ids[own]


def mail_of(call: Call) -> Mail:
    """See `Mail`."""
    return Mail(call.world)


class MailSource:
    """A filtered mailbox as a source of pages."""

    name = "emails"

    def __init__(self, call: Call, mail: Mailbox, chosen: np.ndarray, *, ascending: bool) -> None:
        self.call, self.mail, self.ascending = call, mail, ascending
        self.chosen = chosen if ascending else chosen[::-1]
        self.size = len(chosen)

    def position(self, cursor: str | None) -> int:
        if not cursor:
            return 0
        place = self.mail.index_of(cursor)
        if place is None:
            raise ApiError(400, "querystring/starting_after is not the id of an email")
        if self.ascending:
            start = int(np.searchsorted(self.chosen, place, side="right"))
        else:
            start = self.size - int(np.searchsorted(self.chosen[::-1], place, side="left"))
        depth = self.call.switches.max_email_depth
        if depth and start >= depth:
            raise ApiError(500, "Internal Server Error")
        return start

    def rows(self, start: int, count: int) -> list[bytes]:
        return [orjson.dumps(shown(self.call, self.mail.record(int(i)))) for i in self.chosen[start : start + count]]

    def cursor(self, index: int) -> str:
        return str(self.mail.ids[self.chosen[index]].decode())


def shown(call: Call, record: Record) -> Record:
    """A record as this profile and the switches show it."""
    if call.switches.email_booleans:
        record = record | {name: bool(record[name]) for name in FLAGS if name in record}
    if call.request.flag("preview_only") and call.switches.email_previews:
        record = record | {"body": {}}
    return with_oddities(call.switches, "emails", record)


def emails(call: Call) -> Response:
    """One page of the e-mails that all parameters allow."""
    request, mail, world = call.request, mailbox_of(call.world), call.world
    order = request.param("sort_order") or "desc"
    if order not in ("asc", "desc"):
        raise ApiError(400, "querystring/sort_order must be equal to one of the allowed values")
    asked = tuple((name, request.param(name)) for name in ("scheduled_only", *BY_COLUMN, *BY_RECORD))
    switches = call.switches.late_emails, call.switches.email_types, call.switches.email_bounds
    found = world.cached(("emails", world.mail_generation, asked, switches), lambda: _allowed(call, mail))
    return call.paged(MailSource(call, mail, found, ascending=order == "asc"))


def _allowed(call: Call, mail: Mailbox) -> np.ndarray:
    """The places of the e-mails that all parameters allow, oldest first."""
    request = call.request
    chosen = ~mail.hidden & _visible(call, mail) & ((mail.kind == SCHEDULED) == request.flag("scheduled_only"))
    for name, rule in BY_COLUMN.items():
        if (value := request.param(name)) is not None:
            chosen &= rule(call, mail, value)
    found = np.flatnonzero(chosen)
    for name, check in BY_RECORD.items():
        if (value := request.param(name)) is not None:
            found = np.array([i for i in found if check(mail.record(int(i)), value)], np.int64)
    return found


def _visible(call: Call, mail: Mailbox) -> np.ndarray:
    """With `late_emails`, one e-mail in ten is visible only so many seconds after `timestamp_created`."""
    lag = np.where(mail.mark % np.uint64(LATE) == 0, round(call.switches.late_emails * 1000), 0)
    return np.asarray(mail.created + lag <= call.world.now)


def _of_type(call: Call, mail: Mailbox, value: str) -> np.ndarray:
    if value not in TYPES:
        raise ApiError(400, "querystring/email_type must be equal to one of the allowed values")
    return np.asarray((mail.kind == TYPES[value]) | (not call.switches.email_types))


def _of_campaign(call: Call, mail: Mailbox, value: str) -> np.ndarray:
    index = call.world.campaign_index(value)
    return np.asarray(mail.campaign == (NOBODY - 1 if index is None else index))


def _of_mailboxes(call: Call, mail: Mailbox, value: str) -> np.ndarray:
    wanted = {address.strip().lower() for address in value.split(",")}
    return np.isin(mail.account, [i for i, e in enumerate(call.world.leads.names.emails) if e in wanted])


def _of_lead(call: Call, mail: Mailbox, value: str) -> np.ndarray:
    return np.isin(mail.row, query(call.world.leads, {"contacts": [value]}, f"mail {value}").rows)


def _of_list(call: Call, mail: Mailbox, value: str) -> np.ndarray:
    return np.isin(mail.row, query(call.world.leads, {"list_id": value}, f"mail of list {value}").rows)


def _found(call: Call, mail: Mailbox, value: str) -> np.ndarray:
    """`search` is a lead's address, or `thread:` and an id."""
    if not value.startswith("thread:"):
        return _of_lead(call, mail, value)
    row = value.removeprefix("thread:t_")
    return np.asarray(mail.row == (int(row) if row.isdigit() else NOBODY - 1))


def _bound(sign: int, name: str) -> Callable[[Call, Mailbox, str], np.ndarray]:
    def rule(call: Call, mail: Mailbox, value: str) -> np.ndarray:
        try:
            edge = sign * milliseconds(value)
        except ValueError:
            raise ApiError(400, f'querystring/{name} must match format "date-time"') from None
        created = sign * mail.created
        return np.asarray(created > edge if call.switches.email_bounds == "exclusive" else created >= edge)

    return rule


BY_COLUMN: dict[str, Callable[[Call, Mailbox, str], np.ndarray]] = {
    "email_type": _of_type,
    "campaign_id": _of_campaign,
    "list_id": _of_list,
    "eaccount": _of_mailboxes,
    "lead": _of_lead,
    "search": _found,
    "min_timestamp_created": _bound(1, "min_timestamp_created"),
    "max_timestamp_created": _bound(-1, "max_timestamp_created"),
    "latest_of_thread": lambda _, mail, value: mail.latest_of_thread() | (value != "true"),
}


def _in_mode(record: Record, value: str) -> bool:
    if value not in MODES:
        raise ApiError(400, "querystring/mode must be equal to one of the allowed values")
    return value == "emode_all" or bool(record.get("is_focused")) == (value == "emode_focused")


# what users do with single e-mails; the world has nobody that they are assigned to, and none is marked as done
BY_RECORD: dict[str, Callable[[Record, str], bool]] = {
    "i_status": lambda record, value: str(record.get("i_status")) == value,
    "is_unread": lambda record, value: bool(record.get("is_unread")) == (value == "true"),
    "has_reminder": lambda record, value: ("reminder_ts" in record) == (value == "true"),
    "mode": _in_mode,
    "company_domain": lambda record, value: str(record.get("lead")).partition("@")[2] == value.lower(),
    "assigned_to": lambda record, value: False,
    "marked_as_done": lambda record, value: value != "true",
}


def email(call: Call) -> Response:
    mail = mailbox_of(call.world)
    place = mail.index_of(call.uuid())
    if place is None or mail.hidden[place]:
        raise ApiError(404, "Resource not found")
    return ok(shown(call, mail.record(place)))


def unread(call: Call) -> Response:
    mail = mailbox_of(call.world)
    received = np.flatnonzero((mail.kind == RECEIVED) & ~mail.hidden)
    return ok({"count": sum(bool(mail.record(int(i)).get("is_unread")) for i in received)})
