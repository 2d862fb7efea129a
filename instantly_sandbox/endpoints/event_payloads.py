"""What webhooks tell: the events of the log as payloads.

A payload does not change once it was sent: it has the campaign's name of that time, and `is_first` counts what was
noticed before.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from instantly_sandbox.endpoints.emails import TEXTS, Mail
from instantly_sandbox.world import columns as ev
from instantly_sandbox.world import word_lists
from instantly_sandbox.world.account_records import status_of
from instantly_sandbox.world.lead_records import contact_hash, person
from instantly_sandbox.world.seeded import DAY, Bools, Ids, Ints, iso, iso_column, mix_array, stable
from instantly_sandbox.world.world import World

Record = dict[str, Any]
BY_KIND = {
    ev.SENT: "email_sent",
    ev.OPENED: "email_opened",
    ev.CLICKED: "link_clicked",
    ev.REPLIED: "reply_received",
    ev.AUTO_REPLIED: "auto_reply_received",
    ev.BOUNCED: "email_bounced",
    ev.UNSUBSCRIBED: "lead_unsubscribed",
}
BY_INTEREST = {
    0: "lead_out_of_office",
    1: "lead_interested",
    2: "lead_meeting_booked",
    3: "lead_meeting_completed",
    4: "lead_closed",
    -1: "lead_not_interested",
    -2: "lead_wrong_person",
    -4: "lead_no_show",
}  # -3, lost, has no type of event
RENDERED_AT_ONCE = 1_000
FIRSTS = (ev.OPENED, ev.CLICKED, ev.REPLIED, ev.AUTO_REPLIED)


class Told:
    """The events that webhooks tell, in the order in which Instantly noticed them.

    `event` is an index into the log; below 0 it is one of `others`: -1 the first.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.labels = {r["interest_status"]: str(r["label"]) for r in world.records("lead_labels").values()}
        log = world.leads.state.log
        marked = np.isin(log.value, [*BY_INTEREST, *self.labels])
        told = np.flatnonzero(np.isin(log.kind, list(BY_KIND)) | ((log.kind == ev.INTEREST) & marked))
        self.others = _others(world)
        event = np.concatenate([told, -1 - np.arange(len(self.others))]).astype(np.int64)
        seen = np.concatenate([log.seen[told], np.array([at for at, _ in self.others], np.int64)])
        order = np.lexsort((event, seen))
        self.event: Ints = event[order]
        self.seen: Ints = seen[order]
        self.is_first = _firsts(log, self.event)
        mail = world.cached("mail", lambda: Mail(world))
        self.mail_ids: Ids = mail.ids
        self.mail: Ints = np.full(len(log), -1, np.int64)
        self.mail[mail.events] = np.arange(len(mail.events))

    def __len__(self) -> int:
        return len(self.event)

    def is_reply(self) -> Bools:
        """Which events are replies."""
        inside = self.event >= 0
        is_reply = np.zeros(len(self), bool)
        is_reply[inside] = self.world.leads.state.log.kind[self.event[inside]] == ev.REPLIED
        return is_reply

    def marks(self) -> np.ndarray:
        """A hash of each event that stays the same when the log grows."""
        log, inside = self.world.leads.state.log, self.event >= 0
        e = self.event[inside]
        mark = mix_array(self.seen.astype(np.uint64) ^ np.uint64(stable(self.world.id, "told")))
        mark[inside] = mix_array(
            mark[inside] ^ (log.row[e].astype(np.uint64) << np.uint64(8)) ^ log.kind[e].astype(np.uint64)
        )
        mark[~inside] = mix_array(mark[~inside] ^ (-self.event[~inside]).astype(np.uint64))
        return mark

    def payloads(self, chosen: Ints) -> list[Record]:
        """The posted bodies of some events."""
        log, names, contacts = self.world.leads.state.log, self.world.leads.names, self.world.leads.leads.contact
        event = self.event[chosen]
        inside = np.maximum(event, 0)  # of the others nothing of the log is used
        if not len(log):
            return [self._other(int(e)) for e in event]
        contact = contacts[log.row[inside]]
        columns = (log.kind, log.campaign, log.account, log.step, log.variant, log.value, log.at, self.mail)
        rows = zip(
            event.tolist(),
            self.seen[chosen].tolist(),
            self.is_first[chosen].tolist(),
            contact.tolist(),
            contact_hash(names.seed, contact).tolist(),
            iso_column(log.at[inside]),
            *[column[inside].tolist() for column in columns],
            strict=True,
        )
        return [self._other(row[0]) if row[0] < 0 else self._payload(*row[1:]) for row in rows]

    def _other(self, e: int) -> Record:
        at, what = self.others[-1 - e]
        return {"timestamp": iso(at), **what}

    def _payload(
        self,
        seen: int,
        is_first: bool,
        contact: int,
        h: int,
        timestamp: str,
        kind: int,
        campaign: int,
        account: int,
        step: int,
        variant: int,
        value: int,
        at: int,
        mail: int,
    ) -> Record:
        world, names = self.world, self.world.leads.names
        payload: Record = {
            "timestamp": timestamp,
            "event_type": BY_KIND.get(kind) or BY_INTEREST.get(value) or self.labels[value],
            "workspace": world.id,
            "campaign_id": names.campaign_ids[campaign],
            "campaign_name": world.plan.campaigns[campaign].name(seen),
            "lead_email": person(contact, h)[4],
        }
        if account >= 0:
            payload["email_account"] = names.emails[account]
        if step >= 0:  # counted from 1 here
            payload |= {"step": step + 1, "variant": variant + 1}
        if kind in FIRSTS:
            payload["is_first"] = is_first
        if mail >= 0:
            payload |= _mail_fields(kind, self.mail_ids[mail].decode(), at)
        payload["firstName"] = word_lists.FIRST[h % len(word_lists.FIRST)]
        payload["city"] = word_lists.CITIES[h % len(word_lists.CITIES)]
        return payload


def _firsts(log: ev.Events, event: Ints) -> Bools:
    """Which events are the first that was noticed of their kind and lead."""
    first, inside = np.zeros(len(event), bool), np.flatnonzero(event >= 0)
    e = event[inside]
    _, at = np.unique(log.row[e].astype(np.int64) * len(ev.KINDS) + log.kind[e], return_index=True)
    first[inside[at]] = True
    return first


def _others(world: World) -> list[tuple[int, Record]]:
    """What happens to campaigns and accounts: when, and the payload."""
    plan, found = world.plan, list[tuple[int, Record]]()
    for c in plan.campaigns:
        for at, status in c.statuses:
            if status == 3 and plan.window <= at <= min(world.now, c.deleted):
                what = {"event_type": "campaign_completed", "campaign_id": c.id, "campaign_name": c.name(at)}
                found.append((at, {**what, "workspace": world.id}))
    for a in plan.accounts:
        start = max(plan.window, a.created)
        for at in range((start // DAY) * DAY, min(world.now, a.deleted) + 1, DAY):
            status, since = status_of(plan, a, at)
            if status < 0 and at - DAY < since <= at and since >= start:
                what = {"event_type": "account_error", "email_account": a.email, "error_message": "IMAP login failed"}
                found.append((since, {**what, "workspace": world.id}))
    return sorted(found, key=lambda one: (one[0], one[1]["event_type"], orjson.dumps(one[1])))


def _mail_fields(kind: int, email_id: str, at: int) -> Record:
    if kind == ev.SENT:
        text = "Hi, quick question."
        return {
            "email_id": email_id,
            "email_subject": "Quick question",
            "email_text": text,
            "email_html": f"<p>{text}</p>",
        }
    text = TEXTS[at % len(TEXTS)] if kind == ev.REPLIED else "I am out of office."
    return {
        "email_id": email_id,
        "unibox_url": f"https://app.example/unibox/{email_id}",
        "email_subject": "Re: Quick question",
        "email_text": text,
        "email_html": f"<p>{text}</p>",
        "reply_subject": "Re: Quick question",
        "reply_text": text,
        "reply_html": f"<p>{text}</p>",
        "reply_text_snippet": text[:80],
    }


def told_by(world: World) -> Told:
    """The events of a world at its clock's time."""
    told: Told = world.cached("told", lambda: Told(world))
    return told


def payloads(world: World, *, after: int | None = None, until: int | None = None) -> Iterator[tuple[int, Record]]:
    """The events that Instantly noticed in (after, until], in order: when, in Unix milliseconds, and the payload."""
    told = told_by(world)
    first = 0 if after is None else int(np.searchsorted(told.seen, after, side="right"))
    last = len(told) if until is None else int(np.searchsorted(told.seen, until, side="right"))
    for start in range(first, last, RENDERED_AT_ONCE):
        chosen = np.arange(start, min(start + RENDERED_AT_ONCE, last))
        yield from zip(told.seen[chosen].tolist(), told.payloads(chosen), strict=True)
