"""What a few pages of leads show: the default and the largest limit, the order, cursors, and their filters."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from instantly_pipeline.doctor.probe.lists import PAGE, over_the_limit
from instantly_pipeline.doctor.probe.question import Found, Question, times
from instantly_pipeline.doctor.probe.recency import Recency, choose_recency, judge_recency
from instantly_pipeline.doctor.probe.replies import Asker, NotAnswered, Reply, Row, not_sent, rows_of, unsent
from instantly_pipeline.sync.leads.keyspace import between, id_of, place

_PATH = "leads/list"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many leads Instantly's counters say there are: in all campaigns, and in the one that is asked about."""

    everywhere: int
    in_campaign: int


@dataclass(frozen=True, slots=True)
class LeadReplies:
    """`first` and `second` are two pages in a row. `unfiltered` and `unknown` are the same requests as these, without a
    campaign and with an unknown parameter; other ones if the API refused that. `counted`: leads by the counters."""

    unfiltered: Reply
    first: Reply
    unknown: Reply
    second: Reply
    over: Reply
    made_up: Reply
    made_up_after: int  # how many leads of the first page come before the made-up cursor
    of_campaign: Reply
    recency: Recency | None
    recent: Reply
    counted: Counted

    def some(self) -> list[Row]:
        """Some leads; none if none were read."""
        return rows_of(self.of_campaign) or rows_of(self.first)


async def ask_leads(ask: Asker, campaign: str | None, counted: Counted, now: datetime, lacking: Reply) -> LeadReplies:
    """Six requests, up to eight; fewer where there are no leads.

    `campaign` is one that has sent e-mails; `lacking` says why there is none.
    """
    unfiltered = first = await ask.post(_PATH, {}, "without limit")
    scope: dict[str, Any] = {}
    if unfiltered.refused and campaign is not None:
        scope = {"campaign": campaign}
        first = await ask.post(_PATH, scope, "of a campaign, without limit")
    over = await ask.post(_PATH, {**scope, "limit": PAGE + 1}, f"limit={PAGE + 1}")
    unknown, second = await _ask_second(ask, first, scope)
    made_up, made_up_after = await _ask_made_up(ask, first, scope)
    of_campaign, recency, recent = lacking, None, lacking
    if campaign is not None:
        of_campaign = await ask.post(_PATH, {"campaign": campaign, "limit": PAGE}, f"of a campaign, limit={PAGE}")
        recency, recent = await _ask_recent(ask, of_campaign, now)
    return LeadReplies(
        unfiltered, first, unknown, second, over, made_up, made_up_after, of_campaign, recency, recent, counted
    )


async def _ask_second(ask: Asker, first: Reply, scope: dict[str, Any]) -> tuple[Reply, Reply]:
    """The page after the first one, with an unknown parameter, and without it if that was refused."""
    try:
        page = first.page()
    except NotAnswered as none:
        return (reply := unsent(none)), reply
    if page.next_cursor is None:
        return (reply := not_sent(f"all {times(len(page.items), 'lead')} are on one page")), reply
    body = {**scope, "starting_after": page.next_cursor, "limit": max(len(page.items), 1)}
    unknown = second = await ask.post(_PATH, {**body, "probe": True}, "page 2, with an unknown parameter")
    if unknown.refused:
        second = await ask.post(_PATH, body, "page 2")
    return unknown, second


async def _ask_made_up(ask: Asker, first: Reply, scope: dict[str, Any]) -> tuple[Reply, int]:
    """The page after an id between two leads of the first page, which no lead has."""
    try:
        keys = [f'["{row.get("id")}"]' for row in first.rows()]
    except NotAnswered as none:
        return unsent(none), 0
    for number in range(len(keys) // 2, len(keys)):
        if number and place(keys[number - 1]) is not None and place(keys[number]) is not None:
            key = between(keys[number - 1], keys[number]) if keys[number - 1] < keys[number] else None
            if key is not None:
                body = {**scope, "starting_after": id_of(key), "limit": 10}
                return await ask.post(_PATH, body, "with a made-up cursor"), number
    return not_sent("no two leads whose ids are UUIDs in order, far enough apart"), 0


async def _ask_recent(ask: Asker, of_campaign: Reply, now: datetime) -> tuple[Recency | None, Reply]:
    try:
        recency = choose_recency(of_campaign.rows(), now)
    except NotAnswered as none:
        return None, unsent(none)
    return recency, await ask.post(_PATH, recency.body, "with queries")


def lead_questions(replies: LeadReplies) -> list[Question]:
    """The questions that `replies` answer."""
    return [
        Question("leads_without_campaign", "Are all leads of the workspace listed without a campaign?",
                 "Finds this out in a sync; else it reads leads by campaign and list.",
                 lambda: _without_campaign(replies)),
        Question("leads_default_limit", "How many leads does /leads/list answer without limit?",
                 "Nothing: it always sends limit=100.",
                 lambda: _default_limit(replies)),
        Question("leads_limit_above_100", "What does /leads/list answer to limit=101?",
                 "Nothing: it never asks for more than 100.",
                 lambda: over_the_limit(replies.over, replies.first)),
        Question("leads_order", "In which order are leads listed?",
                 "A sweep needs ascending ids; finds out if they are not, and then starts again.",
                 lambda: _order(replies)),
        Question("leads_cursor", "What does the cursor of /leads/list lead to?",
                 "Stops with an error where pages do not follow one another; deletes nothing that was not listed.",
                 lambda: _cursor(replies)),
        Question("leads_short_pages", "Are pages with a cursor shorter than the limit?",
                 "Nothing: a short page is not the end to it.", lambda: _short(replies)),
        Question("leads_repeated_rows", "Is a row repeated on the next page?",
                 "Nothing: a repeated row is taken once.", lambda: _repeated(replies)),
        Question("leads_made_up_cursor", "Which page does a cursor lead to that no lead has?",
                 "Finds this out in a sync: if the rows after it, ranges of ids are read side by side.",
                 lambda: _made_up(replies)),
        Question("unknown_parameters", "Is a parameter refused that the API does not know?",
                 "Nothing: it sends none.", lambda: _unknown(replies)),
        Question("leads_recent", "Is the filter `queries` with `occurrence-days` complete?",
                 "Nothing: it does not use the filter.", lambda: judge_recency(replies.recency, replies.recent)),
        Question("leads_last_step", "Where does a lead say what its last step was?",
                 "Takes it from either place.", lambda: _last_step(replies)),
    ]  # fmt: skip


def _without_campaign(replies: LeadReplies) -> Found:
    if replies.unfiltered.refused:
        return Found("refused", replies.unfiltered.refusal)
    rows = replies.unfiltered.rows()
    return Found("accepted", f"{replies.unfiltered.request} answered {times(len(rows), 'lead')}")


def _default_limit(replies: LeadReplies) -> Found:
    page = replies.first.page()
    if page.next_cursor is None:
        raise NotAnswered(f"all {times(len(page.items), 'lead')} are on one page")
    count, is_short = len(page.items), False
    with suppress(NotAnswered):
        is_short = _short(replies).answer == "yes"
    if is_short:
        return Found(f"at least {count}", f"a page had {times(count, 'lead')}, but pages may be shorter than the limit")
    return Found(str(count), f"{replies.first.request} answered {times(count, 'lead')} and a cursor")


def _ids(reply: Reply) -> list[str]:
    return [str(row.get("id")) for row in reply.rows()]


def _order(replies: LeadReplies) -> Found:
    first = _ids(replies.first)
    ids = first + (_ids(replies.second) if replies.second.is_ok and _ids(replies.second)[:1] != first[:1] else [])
    if len(ids) < 3:
        raise NotAnswered("fewer than 3 leads show no order")
    distinct = list(dict.fromkeys(ids))
    word = "id ascending" if distinct == sorted(distinct) else "not by id"
    return Found(word, f"{times(len(distinct), 'lead')} on the first pages")


def _cursor(replies: LeadReplies) -> Found:
    first = replies.first.page()
    if first.next_cursor is None:
        if replies.counted.everywhere > len(first.items) and first.items:
            where = "; the page has other fields instead" if first.has_unknown_fields else ""
            counts = f"{times(len(first.items), 'lead')} of {replies.counted.everywhere:,} and no cursor"
            return Found("no cursor", f"the first page has {counts}{where}")
        raise NotAnswered(f"all {times(len(first.items), 'lead')} are on one page")
    second = replies.second.page()
    if not second.items:
        onward = "with a cursor" if second.next_cursor else "without a cursor"
        return Found(f"an empty page {onward}", "page 2 has no leads")
    if _ids(replies.second)[:1] == _ids(replies.first)[:1]:
        return Found("the first page again", "page 2 begins with the same lead as page 1")
    if second.next_cursor == first.next_cursor:
        return Found("the next page, with the same cursor", "page 2 has the cursor that it was asked with")
    return Found("the next page", "page 2 begins after page 1")


def _short(replies: LeadReplies) -> Found:
    """From a page that is known not to be the last one, which may have a cursor too."""
    first = len(replies.first.rows())
    pages = (
        (replies.of_campaign, PAGE, replies.counted.in_campaign),
        (replies.second, first, replies.counted.everywhere - first),
    )
    for reply, limit, counted in pages:
        page = reply.page()
        if page.next_cursor is not None and (len(page.items) >= limit or 0 < len(page.items) < counted):
            found = f"a page with limit={limit} has {times(len(page.items), 'lead')} and a cursor"
            return Found("yes" if len(page.items) < limit else "no", found)
    raise NotAnswered("no page with a known limit has leads and more after them")


def _repeated(replies: LeadReplies) -> Found:
    first, second = _ids(replies.first), _ids(replies.second)
    if not second:
        raise NotAnswered("page 2 is empty")
    both = len(set(first) & set(second))
    return Found("yes" if both else "no", f"{times(both, 'lead')} on pages 1 and 2")


def _made_up(replies: LeadReplies) -> Found:
    if replies.made_up.refused:
        return Found("refused", replies.made_up.refusal)
    first, ids = _ids(replies.first), _ids(replies.made_up)
    expected = first[replies.made_up_after]
    if not ids:
        return Found("an empty page", f"{replies.made_up.request} answered no rows, though leads come after it")
    if ids[0] == expected:
        return Found("the rows after it", "the page begins with the next lead")
    if ids[0] == first[0]:
        return Found("the first page", "the page begins with the first lead of all")
    return Found("other rows", "the page begins with neither the next lead nor the first one")


def _unknown(replies: LeadReplies) -> Found:
    if replies.unknown.refused:
        if replies.second.refused:
            raise NotAnswered(f"page 2 is refused without it too: {replies.second.refusal}", failed=True)
        return Found("refused", replies.unknown.refusal)
    replies.unknown.page()
    return Found("ignored", f"{replies.unknown.request} was answered")


def _last_step(replies: LeadReplies) -> Found:
    rows = [row for row in replies.of_campaign.rows() if _step_in_summary(row) or row.get("last_step_id")]
    if not rows:
        raise NotAnswered("none of the leads that were read has a last step")
    own = sum(bool(row.get("last_step_id")) for row in rows)
    if own:
        return Found("in fields of its own", f"{own} of {times(len(rows), 'lead')} with a last step")
    return Found("in `status_summary` only", f"{times(len(rows), 'lead')} with a last step")


def _step_in_summary(row: Row) -> bool:
    summary = row.get("status_summary")
    return isinstance(summary, dict) and bool(summary.get("lastStep") or summary.get("stepID"))
