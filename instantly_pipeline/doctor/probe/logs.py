"""What e-mails, the audit log, webhook events, warm-up figures and a deleted campaign show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from instantly_pipeline.doctor.probe.figures import campaign_of
from instantly_pipeline.doctor.probe.lists import PAGE
from instantly_pipeline.doctor.probe.question import Found, Question, times
from instantly_pipeline.doctor.probe.replies import Asker, NotAnswered, Reply, Row, not_sent, rows_of, unsent
from instantly_pipeline.doctor.probe.values import count, day, instant

AGES = {"audit": 92, "webhooks": 31}  # days: usual retentions are a month and a quarter
_MOST_REPLIES = 60  # of a campaign, so that all its received e-mails are on one page
_NONE_DELETED = "the audit log names no deleted campaign"
_CAMPAIGN_DELETED = 3  # `activity_type` (reference, section 16)


@dataclass(frozen=True, slots=True)
class LogReplies:
    """`received`: the received e-mails of a campaign, whose counters are `counters_of`, or of all; `since`: those from
    the time of the newest one on. `old_*`: what is older than `AGES`; `webhooks`: any, if nothing is. `deleted`: when
    the campaigns of `deletions` were deleted, the last one first."""

    counters: Reply
    counters_of: Row | None
    received: Reply
    since: Reply
    deletions: Reply
    old_audit: Reply
    old_webhooks: Reply
    webhooks: Reply
    deleted_daily: Reply
    deleted: Mapping[str, date]
    warmup: Reply


async def ask_logs(ask: Asker, counters: Reply, accounts: Reply, now: datetime, days: int) -> LogReplies:
    """Seven requests, up to eight; fewer where there is nothing to ask for. `days`: how many /daily takes at once."""
    limit, today = str(PAGE), now.date()
    deletions = await ask.get("audit-logs", "of deleted campaigns", limit=limit, activity_type=str(_CAMPAIGN_DELETED))
    old_audit = await ask.get(
        "audit-logs", f"older than {AGES['audit']} days", limit=limit,
        end_date=str(today - timedelta(days=AGES["audit"])),
    )  # fmt: skip
    old_webhooks = await ask.get(
        "webhook-events", f"older than {AGES['webhooks']} days", limit=limit,
        to=str(today - timedelta(days=AGES["webhooks"])),
    )  # fmt: skip
    webhooks = old_webhooks
    if old_webhooks.is_ok and not rows_of(old_webhooks):
        webhooks = await ask.get("webhook-events", limit=limit)
    deleted = _deleted(deletions)
    deleted_daily = not_sent(_NONE_DELETED)
    if deleted:
        campaign, on = next(iter(deleted.items()))
        deleted_daily = await ask.get(
            "campaigns/analytics/daily", "of a deleted campaign", campaign_id=campaign,
            start_date=str(on - timedelta(days=days - 1)), end_date=str(on),
        )  # fmt: skip
    warmup = await _ask_warmup(ask, accounts)
    # last, since /emails has a limit of its own, 20 a minute, which something else may have used up
    chosen = _campaign_with_automatic(counters)
    of_campaign = {} if chosen is None else {"campaign_id": campaign_of(chosen) or ""}
    received = await ask.get(
        "emails", "received", limit=str(PAGE), email_type="received", preview_only="true", **of_campaign
    )
    since = await _ask_since(ask, received, of_campaign)
    return LogReplies(
        counters, chosen, received, since, deletions, old_audit, old_webhooks, webhooks, deleted_daily, deleted, warmup
    )


def _campaign_with_automatic(counters: Reply) -> Row | None:
    """The campaign with most automatic replies of those whose replies fit on a page."""
    automatic = [(count(row, "reply_count_automatic"), row) for row in rows_of(counters)]
    few = [one for one in automatic if 0 < one[0] <= _MOST_REPLIES - count(one[1], "reply_count")]
    return max(few, key=lambda one: one[0], default=(0, None))[1]


async def _ask_since(ask: Asker, received: Reply, of_campaign: dict[str, str]) -> Reply:
    try:
        created = [str(row["timestamp_created"]) for row in received.rows() if row.get("timestamp_created")]
    except NotAnswered as none:
        return unsent(none)
    if not created:
        return not_sent("there is no received e-mail")
    return await ask.get(
        "emails", "received, from the newest one on", limit="10", email_type="received", preview_only="true",
        sort_order="asc", min_timestamp_created=max(created), **of_campaign,
    )  # fmt: skip


def _deleted(deletions: Reply) -> dict[str, date]:
    """The campaigns whose deletion is in the audit log, and when they were deleted; the last one first."""
    rows = rows_of(deletions)
    found = [
        (at, str(row["campaign_id"]))
        for row in rows
        if count(row, "activity_type") == _CAMPAIGN_DELETED and row.get("campaign_id")
        and (at := instant(row.get("timestamp"))) is not None
    ]  # fmt: skip
    return {campaign: at.date() for at, campaign in sorted(found, reverse=True)}


async def _ask_warmup(ask: Asker, accounts: Reply) -> Reply:
    try:
        emails = [str(row["email"]) for row in accounts.rows() if row.get("email")]
    except NotAnswered as none:
        return unsent(none)
    if not emails:
        return not_sent("there is no account")
    return await ask.post("accounts/warmup-analytics", {"emails": emails[:PAGE]}, f"of up to {PAGE} accounts")


def log_questions(replies: LogReplies, now: datetime) -> list[Question]:
    """The questions that `replies` answer."""
    retention = "Nothing: it keeps what it has read, however long the API does."
    return [
        Question("automatic_replies", "Does `reply_count` include automatic replies?",
                 "Keeps both counters as they are; no rate mixes them.", lambda: _automatic(replies)),
        Question("min_timestamp_created", "Is `min_timestamp_created` of /emails included?",
                 "Nothing: increments overlap.", lambda: _since(replies)),
        Question("audit_log_kept", "How long is the audit log kept?", retention,
                 lambda: _kept(replies.old_audit, replies.deletions, "timestamp", AGES["audit"], now)),
        Question("webhook_events_kept", "How long are webhook events kept?", retention,
                 lambda: _kept(replies.old_webhooks, replies.webhooks, "timestamp_created", AGES["webhooks"], now)),
        Question("webhook_retries", "When is a failed webhook sent again?", "Nothing: it takes an event once.",
                 lambda: _retries(replies.webhooks.rows())),
        Question("deleted_campaign_days", "Does a deleted campaign still answer /daily?",
                 "Keeps its figures either way, and reads its last days as long as it answers.",
                 lambda: _deleted_daily(replies)),
        Question("deleted_campaign_counters", "Does /campaigns/analytics list deleted campaigns?",
                 "Nothing: counters that are missing are kept.", lambda: _deleted_counters(replies)),
        Question("warmup_days", "How many days does /accounts/warmup-analytics cover?",
                 "Keeps the days that are no longer in it.", lambda: _warmup(replies.warmup.record())),
    ]  # fmt: skip


def _automatic(replies: LogReplies) -> Found:
    page = replies.received.page()
    replies.counters.page()
    if replies.counters_of is None:
        raise NotAnswered(f"no campaign has automatic replies and at most {_MOST_REPLIES} replies in all")
    if page.next_cursor is not None and len(page.items) >= PAGE:
        raise NotAnswered("its received e-mails are more than one page")
    automatic = sum(row.get("is_auto_reply") in (1, True) for row in page.items)
    people, counted = len(page.items) - automatic, count(replies.counters_of, "reply_count")
    how = f"a campaign received {people} replies and {automatic} automatic ones; `reply_count` is {counted}"
    if not automatic:
        raise NotAnswered(f"none of its received e-mails is marked as automatic: {how}")
    if abs(counted - people) * 4 <= automatic:
        return Found("no", how)
    if abs(counted - people - automatic) * 4 <= automatic:
        return Found("yes", how)
    raise NotAnswered(f"the counts do not fit: {how}")


def _since(replies: LogReplies) -> Found:
    newest = max(replies.received.rows(), key=lambda row: str(row.get("timestamp_created")), default=None)
    found = [row.get("id") for row in replies.since.rows()]
    is_there = newest is not None and newest.get("id") in found
    return Found(
        "yes" if is_there else "no", f"asked from the time of an e-mail on, it was {'' if is_there else 'not '}there"
    )


def _kept(old: Reply, some: Reply, name: str, age: int, now: datetime) -> Found:
    if rows := old.rows():
        oldest = max(_ages(rows, name, now), default=age)
        return Found(f"{age} days or more", f"the oldest that was read is {oldest:,} days old")
    ages = _ages(some.rows(), name, now)
    if not ages:
        raise NotAnswered("there is nothing to read, so it may never have had any")
    raise NotAnswered(f"nothing is older than {age} days ({max(ages)} at most): not kept, or it did not happen")


def _ages(rows: Iterable[Row], name: str, now: datetime) -> list[int]:
    return [(now - at).days for row in rows if (at := instant(row.get(name))) is not None]


def _retries(rows: list[Row]) -> Found:
    waits: dict[int, set[int]] = {}
    for row in rows:
        at, then = instant(row.get("timestamp_created")), instant(row.get("timestamp_next_retry"))
        if at is not None and then is not None and then > at:
            waits.setdefault(count(row, "retry_count"), set()).add(round((then - at).total_seconds()))
    if not waits:
        failed = sum(row.get("success") is False for row in rows)
        raise NotAnswered(f"{times(failed, 'failed event')} read, and none names a next try")
    said = (f"after try {number + 1}: {min(found):,} to {max(found):,} s" for number, found in sorted(waits.items()))
    return Found("; ".join(said), f"{times(sum(map(len, waits.values())), 'wait')} of failed events")


def _deleted_daily(replies: LogReplies) -> Found:
    reply = replies.deleted_daily
    if reply.refused and reply.status == 404:
        return Found("no", reply.refusal)
    replies.deletions.page()
    rows = reply.rows()
    return Found("yes" if rows else "with an empty list", f"{reply.request} answered {times(len(rows), 'day')}")


def _deleted_counters(replies: LogReplies) -> Found:
    listed = {campaign_of(row) for row in replies.counters.rows()}
    replies.deletions.page()
    if not replies.deleted:
        raise NotAnswered(_NONE_DELETED)
    found = sum(one in listed for one in replies.deleted)
    how = f"of {times(len(replies.deleted), 'deleted campaign')} in the audit log, {found}"
    if found:
        return Found("yes", f"{how} listed")
    if not any(count(row, "sent") for row in rows_of(replies.deleted_daily)):
        raise NotAnswered(f"{how} listed, and none is known to have sent e-mails")
    return Found("no", f"{how} listed, though the last one has sent e-mails")


def _warmup(answer: Row) -> Found:
    by_account = answer.get("email_date_data", answer)
    maps = by_account.values() if isinstance(by_account, dict) else []
    texts = (text for found in maps if isinstance(found, dict) for text in found)
    days = [found for text in texts if (found := day(text)) is not None]
    if not days:
        raise NotAnswered("no account that was asked for has warm-up figures")
    return Found(
        f"{(max(days) - min(days)).days + 1}", "from the first to the last day of any account that was asked for"
    )
