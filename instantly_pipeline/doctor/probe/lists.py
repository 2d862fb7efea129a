"""What the lists of campaigns, accounts and API keys show: order, limits, cursors, which fields they leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from instantly_pipeline.doctor.probe.question import Found, Question, times
from instantly_pipeline.doctor.probe.replies import Asker, NotAnswered, Reply, Row, not_sent, rows_of

PAGE = 100  # the most that a list is documented to give (reference, section 1.3)
_SHORTEST_KEY = 24  # characters; live keys are about 80, a masked one shows fewer


@dataclass(frozen=True, slots=True)
class ListReplies:
    """`ended`: a list whose first page is its last one; `end`: what follows, or it with a limit it just fills."""

    campaigns: Reply
    accounts_over: Reply
    accounts: Reply
    api_keys: Reply
    ended: Reply
    end: Reply


async def ask_lists(ask: Asker) -> ListReplies:
    """Five requests; four if the list of accounts takes a limit above 100."""
    campaigns = await ask.get("campaigns", f"limit={PAGE}", limit=str(PAGE))
    over = await ask.get("accounts", f"limit={PAGE + 1}", limit=str(PAGE + 1))
    accounts = over if rows_of(over) else await ask.get("accounts", f"limit={PAGE}", limit=str(PAGE))
    api_keys = await ask.get("api-keys", f"limit={PAGE}", limit=str(PAGE))
    ended, end = await _ask_end(ask, {"campaigns": campaigns, "api-keys": api_keys, "accounts": accounts})
    return ListReplies(campaigns, over, accounts, api_keys, ended, end)


async def _ask_end(ask: Asker, lists: Mapping[str, Reply]) -> tuple[Reply, Reply]:
    """The first list that one page holds, and the request after it."""
    for path, reply in lists.items():
        if 0 < len(rows_of(reply)) < PAGE:
            page = reply.page()
            if page.next_cursor:
                after = {"limit": str(PAGE), "starting_after": page.next_cursor}
                return reply, await ask.get(path, "after the last page", **after)
            return reply, await ask.get(path, "limit=(as many as there are)", limit=str(len(page.items)))
    return next(iter(lists.values())), not_sent(f"no list has 1 to {PAGE - 1} entries")


def list_questions(replies: ListReplies, leads: Sequence[Row]) -> list[Question]:
    """The questions that `replies` answer; `leads` are some leads, for which fields are left out."""
    never = "Nothing: it never asks for more than 100."
    return [
        Question("accounts_limit_above_100", "What does /accounts answer to limit=101?", never,
                 lambda: over_the_limit(replies.accounts_over, replies.accounts)),
        Question("last_page_cursor", "Does the last page of a list have a cursor?",
                 "A list ends where the cursor is absent, null or empty, or a page is empty.",
                 lambda: _last_page(replies)),
        Question("campaigns_order", "In which order are campaigns listed?",
                 "Nothing: it assumes no order.", lambda: _campaigns_order(replies.campaigns.rows())),
        Question("accounts_order", "In which order are accounts listed?",
                 "Nothing: it assumes no order.", lambda: _accounts_order(replies.accounts.rows())),
        Question("ai_agent_campaigns", "Are campaigns of AI agents listed?",
                 "Reads what is listed, and the workspace's own days, which contain everything.",
                 lambda: _ai_agents(replies.campaigns.rows())),
        Question("null_fields", "Are fields without a value sent as null?",
                 "Nothing: absent and null are the same to it.", lambda: _nulls(_records(replies, leads))),
        Question("false_flags", "Are flags that are false sent?",
                 "Keeps an absent flag as null, never as true.", lambda: _flags(_records(replies, leads))),
        Question("api_key_values", "Does the list of API keys show the keys themselves?",
                 "Drops the field `key` before anything is stored, masked or not.",
                 lambda: _keys(replies.api_keys.rows())),
    ]  # fmt: skip


def over_the_limit(over: Reply, usual: Reply) -> Found:
    """What a limit of 101 leads to; `usual` is a page of the same list with a limit that is allowed."""
    if over.refused:
        return Found("refused", over.refusal)
    page = over.page()
    count = len(page.items)
    if not count:
        if not usual.rows():
            raise NotAnswered("the list is empty")
        return Found("empty page", f"{over.request} answered 200 without rows, though there are some")
    if count > PAGE:
        return Found("accepted", f"{over.request} answered {count} rows")
    if page.next_cursor is None:
        return Found("accepted", f"{over.request} answered all {times(count, 'row')}; more may be cut off at 100")
    return Found("cut off", f"{over.request} answered {times(count, 'row')} and a cursor")


def _records(replies: ListReplies, leads: Sequence[Row]) -> list[Row]:
    found = [*rows_of(replies.campaigns), *rows_of(replies.accounts), *leads]
    if not found:
        replies.campaigns.rows()
        replies.accounts.rows()
        raise NotAnswered("there is no campaign, account or lead")
    return found


def _last_page(replies: ListReplies) -> Found:
    page, end = replies.ended.page(), replies.end.page()
    count = times(len(page.items), "row")
    if page.next_cursor is not None:
        if end.items:
            raise NotAnswered(f"a page of {count} was followed by more, so it was a short page, not the last one")
        return Found("always", f"{replies.ended.request}: a page of {count} had one, and nothing came after it")
    if len(end.items) != len(page.items):
        raise NotAnswered(f"{replies.end.request} answered {len(end.items)} of {count}")
    how = f"{replies.ended.request}: a page of {count} had none"
    if end.next_cursor is None:
        return Found("never", f"{how}, nor with limit={len(end.items)}")
    return Found("if the page is full", f"{how}, and one with limit={len(end.items)}")


def _campaigns_order(rows: list[Row]) -> Found:
    ids = [str(row["id"]) for row in rows if row.get("id")]
    if len(set(ids)) < 3:
        raise NotAnswered("fewer than 3 campaigns show no order")
    return Found(f"id {_direction(ids)}", f"the first page of {times(len(ids), 'campaign')}; no guarantee")


def _ai_agents(rows: list[Row]) -> Found:
    count = sum(bool(row.get("ai_sdr_id") or row.get("ai_sales_agent_id")) for row in rows)
    if not count:
        raise NotAnswered("no campaign on the first page has an `ai_sdr_id`: there is none, or they are left out")
    return Found("yes", f"{count} of {times(len(rows), 'campaign')} have an `ai_sdr_id`")


def _accounts_order(rows: list[Row]) -> Found:
    created = [str(row["timestamp_created"]) for row in rows if row.get("timestamp_created")]
    if len(set(created)) < 3:
        raise NotAnswered("fewer than 3 accounts with different creation times show no order")
    words = {"descending": "newest first", "ascending": "oldest first"}
    found = _direction(created)
    return Found(words.get(found, "not by creation"), f"the first page of {times(len(created), 'account')}")


def _direction(values: list[str]) -> str:
    if values == sorted(values):
        return "ascending"
    return "descending" if values == sorted(values, reverse=True) else "in no order"


def _nulls(records: list[Row]) -> Found:
    nulls = sum(value is None for record in records for value in record.values())
    if nulls:
        return Found("sent", f"{nulls:,} null fields in {times(len(records), 'record')}")
    return Found("left out", f"no null in {times(len(records), 'record')} of campaigns, accounts and leads")


def _flags(records: list[Row]) -> Found:
    flags = [value for record in records for value in record.values() if isinstance(value, bool)]
    false = flags.count(False)
    if false:
        return Found("sent", f"{false:,} of {times(len(flags), 'flag')} are false")
    if len(flags) < 3:
        raise NotAnswered("fewer than 3 flags in campaigns, accounts and leads")
    return Found("left out", f"all {times(len(flags), 'flag')} that were sent are true")


def _keys(rows: list[Row]) -> Found:
    if not rows:
        raise NotAnswered("the list of API keys is empty")
    values = [row["key"] for row in rows if isinstance(row.get("key"), str)]
    if not values:
        return Found("left out", f"none of {times(len(rows), 'key')} has the field")
    masked = sum(_is_masked(str(value)) for value in values)
    if masked == len(values):
        return Found("masked", f"all {times(len(values), 'value')} are short, or have asterisks or dots")
    return Found("shown", f"{len(values) - masked} of {times(len(values), 'value')} look complete")


def _is_masked(value: str) -> bool:
    return len(value) < _SHORTEST_KEY or "*" in value or "..." in value or "\u2026" in value or "\u2022" in value
