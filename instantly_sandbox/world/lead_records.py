"""Leads as the live API shows them, without null fields, built from columns a batch at a time."""

from typing import Any, Protocol

import numpy as np

from instantly_sandbox.world import word_lists
from instantly_sandbox.world.columns import V4_UNTIL, Leads
from instantly_sandbox.world.seeded import NEVER, iso_column, mix_array, stable, uuid4
from instantly_sandbox.world.state import LeadState

Record = dict[str, Any]
ESP = ((1, 46), (2, 34), (999, 9), (3, 4), (9, 2), (12, 2), (13, 1), (10, 1), (1000, 1))
_ESP = np.array([code for code, weight in ESP for _ in range(weight)])
_PLAIN = str.maketrans("ÅåÄäÖöØøÜüÇçĆćČčŠšŽžÑñÉéÈèËëÍíÓóÚúŁłĐđĞğ'", "AaAaOoOoUuCcCcCcSsZzNnEeEeEeIiOoUuLlDdGg-")


class Names(Protocol):
    """Identifiers by index, for the columns that hold indexes."""

    organization: str
    users: list[str]
    campaign_ids: list[str]
    list_ids: list[str]
    emails: list[str]
    seed: int


def _ascii(text: str) -> str:
    plain = text.translate(_PLAIN).lower()
    return plain if plain.isascii() else f"user{stable(text) % 97}"


_FIRST_ASCII = [_ascii(w) for w in word_lists.FIRST]
_LAST_ASCII = [_ascii(w) for w in word_lists.LAST]


_SIZE = 16_777_213  # a prime: neighbours in the list of firms are not neighbours in name
_STEP = 1_000_003
_FIRMS = {
    (left + right).lower(): a + len(word_lists.LEFT) * b
    for a, left in enumerate(word_lists.LEFT)
    for b, right in enumerate(word_lists.RIGHT)
}


def person(contact: int, h: int) -> tuple[str, str, str, str, str]:
    """First name, last name, company, domain and e-mail of a contact; three colleagues share a company."""
    f, s = h % len(word_lists.FIRST), (h >> 12) % len(word_lists.LAST)
    firm, seat = divmod(contact, 3)
    scrambled = (firm * _STEP + 17) % _SIZE
    a, rest = scrambled % len(word_lists.LEFT), scrambled // len(word_lists.LEFT)
    b, number = rest % len(word_lists.RIGHT), rest // len(word_lists.RIGHT)
    tail = "" if number == 0 else str(number)
    company = f"{word_lists.LEFT[a]} {word_lists.RIGHT[b]}{' ' + tail if tail else ''}"
    domain = f"{word_lists.LEFT[a]}{word_lists.RIGHT[b]}{tail}.example".lower()
    local = f"{_FIRST_ASCII[f]}.{_LAST_ASCII[s]}{seat + 1 if seat else ''}"
    return word_lists.FIRST[f], word_lists.LAST[s], company, domain, f"{local}@{domain}"


def contact_of(seed: int, email: str) -> int | None:
    """The contact of an address, computed without a search; None if nobody has it."""
    name = email.partition("@")[2].removesuffix(".example")
    letters = name.rstrip("0123456789")
    if letters not in _FIRMS:
        return None
    scrambled = _FIRMS[letters] + len(word_lists.LEFT) * len(word_lists.RIGHT) * int(name[len(letters) :] or 0)
    firm = (scrambled - 17) * pow(_STEP, -1, _SIZE) % _SIZE
    return next((c for c in range(firm * 3, firm * 3 + 3) if contact_email(seed, c) == email), None)


def contact_hash(seed: int, contacts: np.ndarray) -> np.ndarray:
    return mix_array(contacts.astype(np.uint64) ^ np.uint64(stable(seed, "contact")))


def contact_email(seed: int, contact: int) -> str:
    return person(contact, int(contact_hash(seed, np.array([contact]))[0]))[4]


def has_address(seed: int, leads: Leads, rows: np.ndarray) -> np.ndarray:
    """Whether a lead has an address: a few that were imported into a list have none yet."""
    h = contact_hash(seed, leads.contact[rows])
    return np.asarray((leads.campaign[rows] >= 0) | ((h >> np.uint64(20)) % np.uint64(41) != 0))


def esp_codes(seed: int, contacts: np.ndarray) -> np.ndarray:
    """The mail provider of each contact's company."""
    firm = mix_array((contacts // 3).astype(np.uint64) ^ np.uint64(stable(seed, "esp")))
    return np.asarray(_ESP[(firm % np.uint64(len(_ESP))).astype(np.int64)])


def _times(column: np.ndarray) -> list[str | None]:
    """Instants as text, None for NEVER."""
    safe = np.where((column < 0) | (column >= NEVER), 0, column)
    return [t if ok else None for t, ok in zip(iso_column(safe), (column >= 0) & (column < NEVER), strict=True)]


def _event(state: LeadState, index: np.ndarray, attribute: str) -> np.ndarray:
    """An attribute of each row's last event of a kind; -1 without one."""
    if not len(state.log):
        return np.full(len(index), -1, np.int64)
    return np.where(index >= 0, getattr(state.log, attribute)[index].astype(np.int64), -1)


def lead_records(names: Names, leads: Leads, state: LeadState, ids: np.ndarray, rows: np.ndarray) -> list[Record]:
    """One record per row, in the order of `rows`."""
    sent, opened, replied, clicked, marked = (
        getattr(state, f"last_{k}")[rows] for k in ("sent", "open", "reply", "click", "interest")
    )
    contacts = leads.contact[rows]
    at = {k: _event(state, i, "at") for k, i in zip("sorcm", (sent, opened, replied, clicked, marked), strict=True)}
    touch = np.max(np.stack(list(at.values())), axis=0)
    columns = zip(
        [i.decode() for i in ids[rows].tolist()],
        _times(leads.created[rows]),
        _times(state.updated[rows]),
        state.campaign[rows].tolist(),
        state.lead_list[rows].tolist(),
        state.status[rows].tolist(),
        contacts.tolist(),
        contact_hash(names.seed, contacts).tolist(),
        esp_codes(names.seed, contacts).tolist(),
        leads.verification[rows].tolist(),
        state.opens[rows].tolist(),
        state.replies[rows].tolist(),
        state.clicks[rows].tolist(),
        state.edits[rows].tolist(),
        _event(state, sent, "account").tolist(),
        _event(state, sent, "step").tolist(),
        _event(state, sent, "variant").tolist(),
        _event(state, opened, "step").tolist(),
        _event(state, opened, "variant").tolist(),
        _event(state, replied, "step").tolist(),
        _event(state, replied, "variant").tolist(),
        _event(state, clicked, "step").tolist(),
        _event(state, clicked, "variant").tolist(),
        np.where(marked >= 0, _event(state, marked, "value"), -99).tolist(),
        *[_times(at[k]) for k in "sorcm"],
        _times(touch),
        (at["s"] > V4_UNTIL).tolist(),
        has_address(names.seed, leads, rows).tolist(),
        strict=True,
    )
    return [_record(names, *c) for c in columns]


def _record(
    names: Names,
    lead_id: str,
    created: str,
    updated: str,
    campaign: int,
    lead_list: int,
    status: int,
    contact: int,
    h: int,
    esp: int,
    verification: int,
    opens: int,
    replies: int,
    clicks: int,
    edits: int,
    account: int,
    step: int,
    variant: int,
    open_step: int,
    open_variant: int,
    reply_step: int,
    reply_variant: int,
    click_step: int,
    click_variant: int,
    interest: int,
    sent_at: str | None,
    open_at: str | None,
    reply_at: str | None,
    click_at: str | None,
    interest_at: str | None,
    touch_at: str | None,
    nested: bool,
    addressed: bool,
) -> Record:
    first, last, company, domain, email = person(contact, h)
    record: Record = {
        "id": lead_id,
        "timestamp_created": created,
        "timestamp_updated": updated,
        "organization": names.organization,
        "status": status,
        "email_open_count": opens,
        "email_reply_count": replies,
        "email_click_count": clicks,
        "company_domain": domain if h % 19 else "",
        "status_summary": {},
        "upload_method": ("manual", "api", "manual", "manual", "website-visitor")[h % 5],
    }
    if campaign >= 0:
        record["campaign"] = names.campaign_ids[campaign]
    if lead_list >= 0:
        record["list_id"] = names.list_ids[lead_list]
    _profile(record, names, first, last, company, domain, email if addressed else "", h, esp, verification, edits)
    if sent_at:
        sender, step_id = names.emails[account], f"0_{step}_{variant}"
        summary = {"from": sender, "stepID": step_id, "timestamp_executed": sent_at}
        record["status_summary"] = {"lastStep": summary} if nested else summary
        record["last_contacted_from"] = record["last_step_from"] = sender
        record["last_step_id"] = step_id
        record["last_step_timestamp_executed"] = record["timestamp_last_contact"] = sent_at
    if open_at:
        record["email_opened_step"], record["email_opened_variant"] = open_step, open_variant
        record["timestamp_last_open"] = open_at
    if reply_at:
        if reply_step >= 0:
            record["email_replied_step"], record["email_replied_variant"] = reply_step, reply_variant
        record["timestamp_last_reply"] = reply_at
    if click_at:
        record["email_clicked_step"], record["email_clicked_variant"] = click_step, click_variant
        record["timestamp_last_click"] = click_at
    if interest_at:
        record["lt_interest_status"] = interest
        record["timestamp_last_interest_change"] = interest_at
    if touch_at:
        record["timestamp_last_touch"] = touch_at
    return record


def _profile(
    record: Record,
    names: Names,
    first: str,
    last: str,
    company: str,
    domain: str,
    email: str,
    h: int,
    esp: int,
    verification: int,
    edits: int,
) -> None:
    """Who the lead is: names, company, codes and the custom variables of its import."""
    a, b, c = (h >> 20) & 0xFFF, (h >> 32) & 0xFFF, (h >> 44) & 0xFFF
    payload: Record = {}
    if email:
        record["email"] = payload["email"] = email
    if b % 17:
        record["first_name"] = payload["firstName"] = first
        if b % 23:
            record["last_name"] = payload["lastName"] = last
    if c % 13:
        record["company_name"] = payload["companyName"] = company
    if a % 3:
        title = word_lists.TITLES[a % len(word_lists.TITLES)]
        record["job_title"] = payload["jobTitle"] = title
    if b % 4 == 0:
        record["website"] = payload["website"] = f"https://{domain}"
    if edits or c % 5 == 0:
        record["phone"] = payload["phone"] = f"+1 555 01{(c + edits) % 100:02d}"
    if a % 6 == 0:
        text = f"Loved what {company} does" + (f" (note {edits})" if edits else "")
        record["personalization"] = payload["personalization"] = text
    _codes(record, names, esp, verification, a, b, c)
    record["payload"] = _custom(payload, h, a, b, c)


def _codes(record: Record, names: Names, esp: int, verification: int, a: int, b: int, c: int) -> None:
    """Verification, mail provider, enrichment and how the lead was added."""
    if verification:
        record["verification_status"] = verification
    if c % 9:
        record["esp_code"] = esp
    if a % 8 == 0:
        record["esg_code"] = b % 5
    if b % 6 == 0:
        record["enrichment_status"] = (1, 1, -1, 11)[c % 4]
    if b % 5 == 0:
        record["uploaded_by_user"] = names.users[c % len(names.users)]
    if c % 50 == 0:
        record["pl_value_lead"] = str(500 + c % 1500)


def _custom(payload: Record, h: int, a: int, b: int, c: int) -> Record:
    """Custom variables: free-text keys, scalar values, and sometimes an object or an unusual value."""
    payload["city"] = word_lists.CITIES[h % len(word_lists.CITIES)]
    payload["Employees"] = a % 500 if a % 2 else f"{a % 50}-{a % 50 + 50}"
    if b % 2:
        payload["is_hiring"] = c % 2 == 0
    if c % 4 == 0:
        payload["Tech Stack (2025)"] = "HubSpot; Stripe" if a % 2 else "Salesforce"
    if a % 11 == 0:
        payload["revenue.usd"] = round(b * 1317.5, 2)
    if b % 29 == 0:
        payload["source"] = {"file": f"export_{c % 7}.csv", "row": a, "tags": {"vip": True, "note": None}}
    if c % 31 == 0:
        payload["linkedIn"] = None
    if a % 37 == 0:
        payload["Notes"] = 'He said "later" \u2013 \\ call\nback 📞 ' + "ü" * (b % 9)
    if b % 41 == 0:
        payload["empty"] = ""
    if c % 61 == 0:
        payload["id_as_text"] = f"{h:020d}"
    return payload


def users(seed: int, workspace: int, owner: str) -> list[str]:
    return [owner, uuid4(seed, workspace, "user", 1), uuid4(seed, workspace, "user", 2)]
