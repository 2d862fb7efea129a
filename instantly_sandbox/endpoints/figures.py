"""The analytics routes. Like live, a wrong parameter name is ignored and returns every campaign."""

from collections.abc import Iterable
from typing import Any

from instantly_sandbox.endpoints import dates
from instantly_sandbox.endpoints.call import Call, with_oddities
from instantly_sandbox.http import ApiError, Response, ok
from instantly_sandbox.seed_shape import shape
from instantly_sandbox.world import account_records, analytics
from instantly_sandbox.world.columns import Events
from instantly_sandbox.world.seeded import day_text

Row = dict[str, Any]


def _indexes(call: Call, ids: list[str]) -> list[int]:
    """The indexes of the campaigns with these ids, or of every campaign that ever existed."""
    world = call.world
    if ids:
        found = [world.campaign_index(i) for i in ids]
        return [i for i in found if i is not None]
    every = [world.campaign_index(i) for i in world.leads.names.campaign_ids]
    return [i for i in every if i is not None]


def _asked(call: Call) -> list[str]:
    """`id` and `ids`; live repeats the key, the seed joins with commas."""
    request = call.request
    many = request.many("ids") if call.profile == "seed" else request.params.get("ids", [])
    return [*filter(None, [request.param("id")]), *many]


def campaign_analytics(call: Call) -> Response:
    return ok(campaign_rows(call, _asked(call), dates.instants(call)))


def campaign_rows(call: Call, ids: list[str], span: dates.Range) -> list[Row]:
    """One row per listed campaign that ever sent."""
    world, listed = call.world, call.world.records("campaigns")
    counts = world.leads_counts()
    without_leads = call.request.flag("exclude_total_leads_count")
    rows = []
    for index in _indexes(call, ids):
        key = world.leads.names.campaign_ids[index]
        if key not in listed and not call.switches.list_deleted_campaigns:
            continue
        if not world.totals(index)["emails_sent_count"]:
            continue
        record = listed.get(key) or {"name": world.plan.campaigns[index].name(world.now), "status": 3}
        row = {
            "campaign_name": record["name"],
            "campaign_id": key,
            "campaign_status": record["status"],
            "campaign_is_evergreen": bool(record.get("is_evergreen")),
            "leads_count": 0 if without_leads else int(counts[index]),
            **_replies(call, world.totals(index, *span)),
        }
        if call.profile == "seed":
            row = shape("campaign_analytics", row)
        rows.append(with_oddities(call.switches, "campaign_analytics", row))
    return rows


def _replies(call: Call, totals: Row) -> Row:
    if call.switches.reply_count_includes_automatic:
        return {**totals, "reply_count": totals["reply_count"] + totals["reply_count_automatic"]}
    return totals


def _with_status(call: Call, indexes: list[int]) -> list[int]:
    wanted = call.request.param("campaign_status")
    if wanted is None:
        return indexes
    listed, ids = call.world.records("campaigns"), call.world.leads.names.campaign_ids
    return [i for i in indexes if str(listed.get(ids[i], {}).get("status")) == wanted]


def overview(call: Call) -> Response:
    """Sums over campaigns: their leads are distinct, so uniques add up as well."""
    span = dates.instants(call)
    total: Row = {}
    for index in _with_status(call, _indexes(call, _asked(call))):
        row = {**_replies(call, call.world.totals(index, *span))}
        log = call.world.cut(index, *span)
        row |= analytics.crm_totals(log, every_event=call.request.flag("expand_crm_events"))
        total = {k: total.get(k, 0) + v for k, v in row.items()}
    if not total:
        empty = call.world.cut(len(call.world.plan.campaigns), None, None)
        total = {**analytics.totals(empty, 0), **analytics.crm_totals(empty, every_event=False)}
    return ok(shape("overview", total) if call.profile == "seed" else total)


def _one_campaign(call: Call) -> list[int]:
    """The campaign of `campaign_id`, or all without it; deleted ones count unless switched off."""
    key = call.request.param("campaign_id")
    if key is None:
        return _indexes(call, [])
    index = call.world.campaign_index(key)
    gone = index is not None and key not in call.world.records("campaigns")
    if index is None or (gone and not call.switches.deleted_daily):
        raise ApiError(404, "Resource not found")
    return [index]


def daily(call: Call) -> Response:
    first, last = dates.days(call)
    call.world.book_on = call.switches.book_on
    rows = call.world.workspace_daily(_with_status(call, _one_campaign(call)))
    if not call.switches.sparse_days and rows:
        rows = _filled(call, rows, first, last)
    chosen = [r for d, r in sorted(rows.items()) if first <= d <= last]
    if call.profile == "seed":
        chosen = [shape("daily", r) for r in chosen]
    return ok([with_oddities(call.switches, "daily_analytics", r) for r in chosen])


def _filled(call: Call, rows: dict[str, Row], first: str, last: str) -> dict[str, Row]:
    from datetime import date, timedelta

    day = max(date.fromisoformat(min(rows)), date.fromisoformat(first) if len(first) == 10 else date.min)
    end = date.fromisoformat(min(day_text(call.world.now // 86_400_000), last if len(last) == 10 else "9999-12-31"))
    out = {**rows}
    while day <= end:
        out.setdefault(day.isoformat(), {"date": day.isoformat(), **dict.fromkeys(analytics.DAILY, 0)})
        day += timedelta(days=1)
    return out


def steps(call: Call) -> Response:
    span = dates.instants(call)
    indexes = _one_campaign(call)
    logs = [call.world.cut(i, *span) for i in indexes]
    log = logs[0] if len(logs) == 1 else Events.join(logs) if logs else None
    wanted = call.request.flag("include_opportunities_count")
    rows = analytics.steps(log, opportunities=wanted) if log is not None else []
    return ok([r for r in map(_step(call), rows) if r is not None])


def _step(call: Call) -> Any:
    def shaped(row: Row) -> Row | None:
        if row["step"] is None:
            if not call.switches.null_steps or call.profile == "seed":
                return None
            text = "null" if call.switches.step_text_null else None
            return {**row, "step": text, "variant": text}
        if call.switches.step_numbers:
            return {**row, "step": int(row["step"]), "variant": int(row["variant"])}
        return shape("steps", row) if call.profile == "seed" else row

    return shaped


def _refuse(call: Call, emails: Iterable[str]) -> None:
    """Apply `refused_emails`; like a real server, the error does not say which address it is about."""
    status = max((call.switches.refused_emails.get(email, 0) for email in emails), default=0)
    if status:
        raise ApiError(status, "One of the accounts cannot be read", bare="message")


def account_daily(call: Call) -> Response:
    first, last = dates.account_days(call)
    emails = {e.lower() for e in call.request.many("emails")}
    _refuse(call, emails)
    known = call.world.records("accounts")
    asked = len(emails) if emails else len(known)
    if asked > call.switches.max_account_emails:
        raise ApiError(413, "Too many accounts requested")
    rows = [
        {"date": date, "email_account": email, **row}
        for email, date, row in call.world.account_daily()
        if first <= date <= last and (email in emails if emails else True)
    ]
    return ok([with_oddities(call.switches, "account_daily_analytics", r) for r in rows])


def warmup(call: Call) -> Response:
    emails = call.json_body().get("emails")
    if not isinstance(emails, list):
        raise ApiError(400, "body must have required property 'emails'")
    if not emails:
        raise ApiError(400, "body/emails must NOT have fewer than 1 items")
    if len(emails) > call.switches.max_warmup_emails:
        raise ApiError(400, f"body/emails must NOT have more than {call.switches.max_warmup_emails} items")
    _refuse(call, (str(e).lower() for e in emails))
    per_day: Row = {}
    total: Row = {}
    listed = call.world.records("accounts")
    plans = {a.email: a for a in call.world.plan.accounts}
    for email in (str(e).lower() for e in emails):
        if email not in listed or email not in plans:
            continue
        made = account_records.warmup(call.world.plan, plans[email], call.world.now)
        if made is not None:
            per_day[email], total[email] = made
    if call.profile == "seed":
        full = dict.fromkeys(("sent", "landed_inbox", "landed_spam", "received"), 0)
        return ok({e: {d: {**full, **r} for d, r in rows.items()} for e, rows in per_day.items()})
    return ok({"email_date_data": per_day, "aggregate_data": total})
