"""All e-mails of a workspace as columns, in the order of storage: sends, replies, answers by hand, changes.

An e-mail is stored (`created`) when Instantly notices it, hours after it was sent for some. Every second reply is
answered by hand, after minutes to days. What a user does later (reading, marking, setting a reminder) shows in the
e-mails of before.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from instantly_sandbox.world import columns as ev
from instantly_sandbox.world.collection import Overlay
from instantly_sandbox.world.lead_records import contact_hash, person
from instantly_sandbox.world.seeded import DAY, HOUR, MINUTE, iso, mix_array, stable, uuid7, uuid_column
from instantly_sandbox.world.world import World

Record = dict[str, Any]
EMAILS = "emails"
SENT, RECEIVED, BY_HAND, SCHEDULED = 1, 2, 3, 4  # `ue_type`
UNKNOWN = -9  # a campaign or mailbox that the world does not have
REPLIES = (
    "Sounds good, send me times.",
    "Not for us, thanks.",
    "Who gave you my address?",
    "Please talk to my colleague.",
)
TEXTS = {SENT: "Hi, quick question.", BY_HAND: "Thank you, here is my calendar."}
AWAY = "I am out of office."


@dataclass
class Mailbox:
    """The e-mails at the world's time. `event`: the event of each, or of the reply that it answers; -1 if inserted."""

    world: World
    event: np.ndarray
    created: np.ndarray
    kind: np.ndarray
    row: np.ndarray
    campaign: np.ndarray
    account: np.ndarray
    mark: np.ndarray
    ids: np.ndarray
    hidden: np.ndarray  # deleted, or not visible yet

    def __len__(self) -> int:
        return len(self.created)

    @property
    def changes(self) -> Overlay:
        """Changes through `/_sandbox/mutate`."""
        return self.world.mail

    def index_of(self, key: str) -> int | None:
        """The place of an id, also of a hidden e-mail."""
        found = np.flatnonzero(self.ids == np.bytes_(key.encode()))
        return int(found[0]) if len(found) else None

    def latest_of_thread(self) -> np.ndarray:
        """Which e-mails are the newest of their thread; one without a lead is a thread of its own."""
        last = np.zeros(len(self), bool)
        shown = np.flatnonzero(~self.hidden)
        _, first = np.unique(self.row[shown][::-1], return_index=True)
        last[shown[::-1][first]] = True
        return last | (self.row < 0)

    def record(self, i: int) -> Record:
        """One e-mail as live shows it."""
        key = self.ids[i].decode()
        record = self.changes.inserted[key] if self.event[i] < 0 else self._generated(i, key)
        return self.changes.applied(key, record)

    def _generated(self, i: int, key: str) -> Record:
        world, e, kind = self.world, int(self.event[i]), int(self.kind[i])
        log, names = world.leads.state.log, world.leads.names
        row, step, mark, created = int(self.row[i]), int(log.step[e]), int(self.mark[i]), int(self.created[i])
        contact = int(world.leads.leads.contact[row])
        first, last, _, _, lead = person(contact, int(contact_hash(names.seed, np.array([contact]))[0]))
        mailbox = names.emails[int(self.account[i])]
        is_away = kind == RECEIVED and log.kind[e] == ev.AUTO_REPLIED
        text = TEXTS.get(kind) or (AWAY if is_away else REPLIES[int(log.at[e]) % len(REPLIES)])
        sender, recipient = (lead, mailbox) if kind == RECEIVED else (mailbox, lead)
        person_json = {"address": lead, "name": f"{first} {last}"}
        own_json = {"address": mailbox, "name": ""}
        record: Record = {
            "id": key,
            "timestamp_created": iso(created),
            "timestamp_email": iso(_header_date(kind, int(log.at[e]), created, mark)),
            "message_id": f"<{key[:8]}.{mark % 10**9}@{sender.partition('@')[2]}>",
            "subject": ("" if kind == SENT and step <= 0 else "Re: ") + "Quick question",
            "from_address_email": sender,
            "to_address_email_list": recipient,
            "from_address_json": [person_json if kind == RECEIVED else own_json],
            "to_address_json": [own_json if kind == RECEIVED else person_json],
            "body": {"text": text, "html": f"<div>{text}</div>"} if mark % 3 else {"text": text},
            "organization_id": world.id,
            "campaign_id": names.campaign_ids[int(self.campaign[i])],
            "lead": lead,
            "lead_id": world.leads.ids[row].decode(),
            "eaccount": mailbox,
            "ue_type": kind,
            "is_unread": int(self._is_unread(i)),
            "is_auto_reply": int(is_away),
            "is_focused": int(kind == RECEIVED and not is_away),
            "ai_assisted": int(kind == BY_HAND and mark % 5 == 0),
            "thread_id": f"t_{row}",
            "content_preview": text[:80],
        }
        if step >= 0:
            record["step"] = f"0_{step}_{int(log.variant[e])}"
        if kind == RECEIVED and mark % 17 == 0:
            record["attachment_json"] = {
                "files": [{"filename": "offer.pdf", "size": 20_000, "type": "application/pdf"}]
            }
        if (status := self._status(i)) is not None:
            record["i_status"] = status
            record["ai_interest_value"] = 0.9 if status > 0 else 0.1
        if self._has_reminder(i):
            record["reminder_ts"] = iso(created + 7 * DAY)
        return record

    def _is_unread(self, i: int) -> bool:
        """A reply is unread for up to two days, one in 20 for ever."""
        mark, now = int(self.mark[i]), self.world.now
        read_at = int(self.created[i]) + mark % (2 * DAY)
        return int(self.kind[i]) == RECEIVED and (read_at > now or mark % 20 == 0)

    def _has_reminder(self, i: int) -> bool:
        mark, since = int(self.mark[i]), self.world.now - int(self.created[i])
        return int(self.kind[i]) == RECEIVED and mark % 23 == 0 and since > HOUR + mark % DAY

    def _status(self, i: int) -> int | None:
        """The lead's interest, in what people wrote."""
        state = self.world.leads.state
        last = int(state.last_interest[int(self.row[i])])
        if last < 0 or int(self.kind[i]) != RECEIVED or state.log.kind[int(self.event[i])] != ev.REPLIED:
            return None
        return int(state.log.value[last])


def mailbox_of(world: World) -> Mailbox:
    """The e-mails at the world's time, made once."""
    made: Mailbox = world.cached(("mail", world.mail_generation), lambda: _made(world))
    return made


def _made(world: World) -> Mailbox:
    log = world.leads.state.log
    events = np.flatnonzero(np.isin(log.kind, (ev.SENT, ev.REPLIED, ev.AUTO_REPLIED)))
    kind = np.where(log.kind[events] == ev.SENT, SENT, RECEIVED)
    mark = _mark(log, events)
    answered = (log.kind[events] == ev.REPLIED) & (mark % np.uint64(2) == 0)
    wait = 5 * MINUTE + (mark[answered] >> np.uint64(8)).astype(np.int64) % (3 * DAY)
    wait = np.where(mark[answered] % np.uint64(4) == 0, wait // 24, wait)  # half of them within three hours
    events = np.concatenate([events, events[answered]])
    created = np.concatenate([log.seen[events[: len(kind)]], log.seen[events[len(kind) :]] + wait])
    mark = np.concatenate([mark, mix_array(mark[answered] ^ np.uint64(BY_HAND))])
    kind = np.concatenate([kind, np.full(len(wait), BY_HAND)])
    here = created <= world.now
    events, created, mark, kind = events[here], created[here], mark[here], kind[here]
    hi = (created.astype(np.uint64) << np.uint64(16)) | np.uint64(0x7000) | (mark & np.uint64(0xFFF))
    ids = uuid_column(hi, (mix_array(mark) & np.uint64((1 << 62) - 1)) | np.uint64(1 << 63))
    columns: dict[str, np.ndarray] = {
        "event": events, "created": created, "kind": kind, "row": log.row[events],
        "campaign": log.campaign[events], "account": log.account[events], "mark": mark, "ids": ids,
    }  # fmt: skip
    if world.mail.inserted:
        added = _inserted(world)
        columns = {name: np.concatenate([old, added[name].astype(old.dtype)]) for name, old in columns.items()}
    order = np.lexsort((columns["ids"], columns["created"]))
    columns = {name: column[order] for name, column in columns.items()}
    gone = np.array([key.encode() for key in world.mail.deleted] or [b""], "S36")
    return Mailbox(world, **columns, hidden=np.isin(columns["ids"], gone))


def _mark(log: ev.Events, events: np.ndarray) -> np.ndarray:
    kind, row, at = (x[events].astype(np.uint64) for x in (log.kind, log.row, log.at))
    return mix_array((row << np.uint64(8)) ^ (kind << np.uint64(4)) ^ at)


def _inserted(world: World) -> dict[str, np.ndarray]:
    """The columns of e-mails that were inserted through the control plane."""
    records, names = list(world.mail.inserted.values()), world.leads.names
    rows = [world.leads.row_of(str(r.get("lead_id"))) for r in records]
    campaigns = [world.campaign_index(str(r.get("campaign_id"))) for r in records]
    accounts = [names.emails.index(r["eaccount"]) if r.get("eaccount") in names.emails else UNKNOWN for r in records]
    return {
        "event": np.full(len(records), -1),
        "created": np.array([milliseconds(r["timestamp_created"]) for r in records], np.int64),
        "kind": np.array([r.get("ue_type") or 0 for r in records]),
        "row": np.array([-1 if row is None else row for row in rows]),
        "campaign": np.array([UNKNOWN if campaign is None else campaign for campaign in campaigns]),
        "account": np.array(accounts),
        "mark": np.array([stable(str(r["id"])) for r in records], np.uint64),
        "ids": np.array([str(r["id"]).encode() for r in records], "S36"),
    }


def _header_date(kind: int, at: int, created: int, mark: int) -> int:
    """The date in the mail's header: when it was sent, by a clock that is wrong in one reply of 40."""
    if kind == BY_HAND:
        return created - 4_000
    wrong = kind == RECEIVED and mark % 40 == 0
    return at + (400 * DAY if mark % 80 else -9_000 * DAY) if wrong else at


def milliseconds(text: str) -> int:
    """An instant in Unix milliseconds; ValueError if it is none."""
    at = datetime.fromisoformat(text)
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


# -- changes through the control plane, and while a client pages -----------------------------------------------------


def change_email(world: World, key: str, values: Record, unset: list[str]) -> int:
    """Set and unset fields of an e-mail."""
    place = mailbox_of(world).index_of(key)
    if place is None:
        return 0
    world.mail.patch(key, values, unset, touch=False, now=world.now)
    world.mail_generation += 1
    return 1


def insert_emails(world: World, records: list[Record]) -> int:
    """Insert e-mails; each needs `id` and `timestamp_created`."""
    for record in records:
        milliseconds(record["timestamp_created"])
        world.mail.inserted[str(record["id"])] = record
        world.mail.deleted.pop(str(record["id"]), None)
    world.mail_generation += 1
    return len(records)


def delete_email(world: World, key: str) -> int:
    """Hide an e-mail; its id stays a valid cursor."""
    mail = mailbox_of(world)
    place = mail.index_of(key)
    if place is None or mail.hidden[place]:
        return 0
    world.mail.deleted[key] = world.now
    world.mail_generation += 1
    return 1


def restore_email(world: World, key: str) -> int:
    """Show a deleted e-mail again."""
    world.mail_generation += 1
    return int(world.mail.deleted.pop(key, None) is not None)


def mutate_emails(world: World, *, kind: str, turn: int) -> None:
    """An e-mail arrives, or goes, while a client pages."""
    mail = mailbox_of(world)
    shown = np.flatnonzero(~mail.hidden)
    if kind == "delete" and len(shown):
        delete_email(world, mail.ids[shown[turn * 37 % len(shown)]].decode())
    elif kind == "insert":
        key = uuid7(world.now, "crawl", turn)
        address = f"crawl{turn}@inserted.example"
        insert_emails(world, [{
            "id": key, "timestamp_created": iso(world.now), "timestamp_email": iso(world.now), "ue_type": RECEIVED,
            "message_id": f"<{key}@inserted.example>", "subject": "Re: Quick question", "body": {"text": REPLIES[0]},
            "from_address_email": address, "to_address_email_list": "", "lead": address, "eaccount": "",
            "organization_id": world.id, "thread_id": key, "content_preview": REPLIES[0],
        }])  # fmt: skip
