"""The text of the page about a workspace: its tiles and what needs attention.

Plain text that the templates escape. Every sentence follows from figures and verdicts of the marts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from instantly_pipeline.report.formatting import change, counted, day, listed, number, passed, percent, quoted
from instantly_pipeline.report.read import Facts, Row

BAD, WATCH, GOOD = "bad", "watch", "good"
RED, AMBER, GREEN = "red", "amber", "green"
SOON_DAYS = 14  # campaigns that run out of leads within so many days are shown
READ_BY_THE_MARTS = (
    "campaigns", "leads", "accounts", "campaign_analytics", "daily_analytics", "step_analytics_lifetime",
    "account_daily_analytics", "warmup_analytics",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline figure. `health` is red, amber, green, or empty if there is no target or threshold."""

    title: str
    figure: str
    against: str
    health: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that needs attention: `mark` is bad, watch or good, `section` the part of the page that shows it."""

    mark: str
    text: str
    section: str


def tiles(facts: Facts, workspace_id: str) -> list[Tile]:
    """The last seven closed days against their targets, or against the seven days before if there is no target."""
    week, sums = facts.row("totals", workspace_id), facts.row("campaign_sums", workspace_id)
    if week is None:
        return []
    return [
        _weekly("E-mails sent", week, "sent"),
        _weekly("New leads reached", week, "new_leads"),
        _weekly("Replies", week, "replies"),
        _weekly("New positive leads", week, "positives"),
        _weekly("New meetings", week, "meetings"),
        _weekly("Opportunities", week, "opportunities"),
        _bounces(week, facts.thresholds.get("bounce_rate")),
        *([_positive(sums)] if sums else []),
    ]


def _weekly(title: str, week: Row, field: str) -> Tile:
    now, target = week[field], week.get(f"{field}_target")
    if now is None:
        return Tile(title, number(None), "not reported for every day")
    if not target:
        return Tile(title, number(now), change(now, week[f"{field}_before"]))
    reached = now / target
    health = GREEN if reached >= 1 else AMBER if reached >= 0.8 else RED
    return Tile(title, number(now), f"{percent(reached, 0)} of the target of {number(target)}", health)


def _bounces(week: Row, limits: Row | None) -> Tile:
    sent, bounced = week["sent_by_accounts"], week["bounced"]
    if sent is None or bounced is None:
        return Tile("Bounce rate", percent(None), "the figures of the mailboxes are unknown")
    if not sent:
        return Tile("Bounce rate", percent(None), "the mailboxes sent nothing on these days")
    rate = bounced / sent
    if limits is None:
        return Tile("Bounce rate", percent(rate), f"{number(bounced)} of {number(sent)}")
    warning = limits["warning"]
    limit = "" if warning is None else f"; up to {percent(warning, 1).replace('.0', '')} is green"
    return Tile("Bounce rate", percent(rate), f"{number(bounced)} of {number(sent)}{limit}", week["bounce_health"])


def _positive(sums: Row) -> Tile:
    positive, sent = sums["positive_leads"], sums["sent"]
    if positive is None:
        return Tile("Positive leads", number(None), "leads are not synced")
    if sent is None or (sent and sums["positive_per_1000"] is None):
        return Tile("Positive leads now", number(positive), "of an unknown number of e-mails")
    per_1000 = f"{number(sums['positive_per_1000'], 1)} per 1,000 e-mails" if sent else "nothing sent yet"
    return Tile("Positive leads now", number(positive), per_1000)


def attention(facts: Facts, workspace_id: str) -> list[Note]:
    """The notes of a workspace, bad ones first; empty if all is well."""
    notes = [
        *_reading(facts, workspace_id),
        *_answers(facts, workspace_id),
        *_suppressed(facts, workspace_id),
        *_unsorted(facts, workspace_id),
        *_senders(facts, workspace_id),
        *_blockers(facts, workspace_id),
        *_stopped(facts, workspace_id),
        *_campaigns(facts, workspace_id),
        *_outlook(facts, workspace_id),
        *_rates(facts, workspace_id),
        *_unusual(facts, workspace_id),
        *_copy(facts, workspace_id),
        *_counters(facts, workspace_id),
    ]
    return sorted(notes, key=lambda note: [BAD, WATCH, GOOD].index(note.mark))


def _reading(facts: Facts, workspace_id: str) -> list[Note]:
    notes = []
    streams = facts.rows("freshness", workspace_id)
    stale = [row["stream"] for row in streams if row["state"] not in ("fresh", "partial", "deletes held", "not chosen")]
    if stale:
        text = f"{counted(len(stale), 'stream')} not read recently, so figures may be old: {listed(_some(stale))}."
        notes.append(Note(BAD, text, "freshness"))
    unread = [stream for stream in READ_BY_THE_MARTS if stream not in {row["stream"] for row in streams}]
    if unread:
        text = f"{counted(len(unread), 'stream')} never synced, so this page has no figures of: {listed(unread)}."
        notes.append(Note(WATCH, text, "freshness"))
    held = sum(row["held_deletes"] or 0 for row in streams)
    if held:
        text = f"{counted(held, 'deletion')} held as suspicious; these rows still count as existing."
        notes.append(Note(WATCH, text, "freshness"))
    if any(row["state"] == "partial" for row in streams):
        text = "Part of the history has not been read yet; older figures may be too low."
        notes.append(Note(WATCH, text, "freshness"))
    return notes


def _counters(facts: Facts, workspace_id: str) -> list[Note]:
    compared = facts.row("reconciliation", workspace_id)
    apart = compared["counters"] - compared["agreeing"] if compared else 0
    if not compared or not apart:
        return []
    text = f"{number(apart)} of {number(compared['counters'])} of Instantly's own counters differ from ours."
    return [Note(WATCH, text, "freshness")]


def _answers(facts: Facts, workspace_id: str) -> list[Note]:
    sums = facts.row("answer_sums", workspace_id)
    if not sums or not sums["waiting"] or sums["longest_waiting"] is None:
        return []
    longest = timedelta(seconds=sums["longest_waiting"])
    waits = counted(sums["waiting"], "hot reply waits", "hot replies wait")
    text = f"{waits} for an answer, the oldest for {passed(longest)}."
    return [Note(BAD if longest > timedelta(days=1) else WATCH, text, "answers")]


def _suppressed(facts: Facts, workspace_id: str) -> list[Note]:
    rows = facts.rows("suppression", workspace_id)
    certain = sum(row["contacts"] or 0 for row in rows if row["finding"] == "contacted" and row["is_certain"])
    if not certain:
        return []
    text = f"{counted(certain, 'contact was', 'contacts were')} written to after being blocked or unsubscribing."
    return [Note(BAD, text, "suppression")]


def _unsorted(facts: Facts, workspace_id: str) -> list[Note]:
    rows = facts.rows("waiting", workspace_id)
    if not rows or not rows[0]["is_answer_known"] or not rows[0]["all_waiting"]:
        return []  # without e-mails most of them may be answered
    waits = counted(rows[0]["all_waiting"], "reply waits", "replies wait")
    return [Note(WATCH, f"{waits} without an interest or an answer.", "waiting")]


def _senders(facts: Facts, workspace_id: str) -> list[Note]:
    sums, notes = facts.row("sender_sums", workspace_id), []
    red_rows = [row for row in facts.rows("domains", workspace_id) if row["health"] == "red"]
    red_domains = [row["domain"] for row in red_rows]
    if sums and sums["to_reconnect"]:
        text = f"{_of_mailboxes(sums, 'to_reconnect')} {_are(sums['to_reconnect'])} in an error: reconnect"
        notes.append(Note(BAD, f"{text} {'it' if sums['to_reconnect'] == 1 else 'them'}.", "senders"))
    if sums and sums["to_rest"]:
        text = f"{_of_mailboxes(sums, 'to_rest')} {_are(sums['to_rest'])} red and should rest"
        notes.append(Note(BAD, f"{text}{_sent_by_red(sums)}.", "senders"))
    notes += _unauthenticated(facts, workspace_id)
    if red_domains:
        noun = "sending domain" if len(red_domains) == 1 else "sending domains"
        notes.append(Note(BAD, f"Red {noun}: {listed(_some(red_domains, of_all=red_rows[0]['of_red']))}.", "senders"))
    if sums and sums["sending_to_warm_up"]:
        sending = counted(sums["sending_to_warm_up"], "mailbox sends", "mailboxes send")
        notes.append(Note(WATCH, f"{sending} without the warmup needed.", "senders"))
    if sums and sums["amber"]:
        notes.append(
            Note(WATCH, f"{counted(sums['amber'], 'mailbox', 'mailboxes')} {_are(sums['amber'])} amber.", "senders")
        )
    if sums and sums["to_use"]:
        idle = counted(sums["to_use"], "mailbox is", "mailboxes are")
        notes.append(Note(GOOD, f"{idle} ready for more campaigns.", "senders"))
    return notes


def _unauthenticated(facts: Facts, workspace_id: str) -> list[Note]:
    """Domains of which no test e-mail passed a check: their DNS, not their reputation, is to be mended first."""
    failed: dict[str, list[str]] = {}
    for row in facts.rows("placement", workspace_id):
        checks = [name for name in ("spf", "dkim", "dmarc") if row[f"{name}_rate_of_domain"] == 0]
        if checks:
            failed[row["domain"]] = [name.upper() for name in checks]
    return [
        Note(BAD, f"{quoted(domain, 50)}: {listed(checks)} failed in every test e-mail. Correct its DNS.", "senders")
        for domain, checks in failed.items()
    ]


def _of_mailboxes(sums: Row, part: str) -> str:
    return f"{number(sums[part])} of {counted(sums['mailboxes'], 'mailbox', 'mailboxes')}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _sent_by_red(sums: Row) -> str:
    share = _share(sums["sent_30d_to_rest"], sums["sent_30d"])
    return f"; they sent {percent(share, 0)} of the e-mails of the last 30 days" if share else ""


def _campaigns(facts: Facts, workspace_id: str) -> list[Note]:
    sums = facts.row("campaign_sums", workspace_id)
    if sums is None:
        return []
    notes = []
    if sums["red"]:
        other = f" and {counted(sums['red'] - 1, 'other')}" if sums["red"] > 1 else ""
        notes.append(Note(BAD, f"{quoted(sums['a_red_one'], 50)}{other} {_are(sums['red'])} red.", "campaigns"))
    if sums["amber"]:
        its = "its" if sums["amber"] == 1 else "their"
        text = f"{counted(sums['amber'], 'campaign')} {_are(sums['amber'])} amber by {its} rates."
        notes.append(Note(WATCH, text, "campaigns"))
    return notes


def _blockers(facts: Facts, workspace_id: str) -> list[Note]:
    """The campaigns that stand still, then those that some of their mailboxes or new leads are missing to."""
    rows = [row for row in facts.rows("blockers", workspace_id) if row["is_main"]]
    still = [row for row in rows if row["blocks"] == "everything"]
    notes = [
        Note(BAD, f"{quoted(row['campaign_name'], 50)} does not send: {blocker(row)}.", "blockers") for row in still[:3]
    ]
    left = (still[0]["of_stopped"] if still else 0) - len(notes)
    if left > 0:
        notes.append(Note(BAD, f"{counted(left, 'more campaign')} {_do(left)} not send.", "blockers"))
    rest = [row for row in rows if row["blocks"] != "everything"]
    if rest:
        other = f", and {counted(len(rest) - 1, 'more campaign')}" if len(rest) > 1 else ""
        text = f"{quoted(rest[0]['campaign_name'], 50)} sends only in part: {blocker(rest[0])}{other}."
        notes.append(Note(WATCH, text, "blockers"))
    return notes


def _do(count: int) -> str:
    return "does" if count == 1 else "do"


def blocker(row: Row) -> str:
    """Why a campaign does not send: accounts unhealthy since 27 Nov; it costs 12 e-mails a day."""
    since = "" if row["since"] is None or "schedule ended" in row["detail"] else f" since {day(row['since'])}"
    earlier = " or earlier" if since and row["is_since_or_earlier"] else ""
    cost = row["costs_sends_per_day"]
    costs = "" if cost is None else f"; it costs {counted(round(cost), 'e-mail')} a day"
    return f"{row['detail']}{since}{earlier}{costs}"


def _stopped(facts: Facts, workspace_id: str) -> list[Note]:
    """Which campaigns a week with fewer e-mails or new leads comes from."""
    week, rows = facts.row("totals", workspace_id), facts.rows("stopped", workspace_id)
    if week is None or not rows:
        return []
    fell = [
        (title, percent((before - now) / before, 0))
        for title, now, before in (
            ("new leads", week["new_leads"], week["new_leads_before"]), ("e-mails", week["sent"], week["sent_before"]),
        )
        if now is not None and before and now < before
    ]  # fmt: skip
    if not fell:
        return []
    shown = [_stop(row) for row in rows[:3]]
    if len(rows) > len(shown):
        shown.append(counted(len(rows) - len(shown), "more campaign"))
    said = listed([f"{title} {'by' if place else 'fell by'} {share}" for place, (title, share) in enumerate(fell)])
    text = f"{said[0].upper()}{said[1:]} against the week before. Campaigns that stopped: {listed(shown)}."
    return [Note(WATCH, text, "blockers")]


def _stop(row: Row) -> str:
    brought, what = (row["sent_per_day"], "e-mail") if row["has_stopped"] else (row["new_leads_per_day"], "new lead")
    before = "" if brought is None else f"; {counted(round(brought), what)} a day before"
    why = f"{row['why']}{before}" if row["why"] else before.removeprefix("; ")
    last = "" if row["has_stopped"] else "new leads "
    return f"{quoted(row['campaign_name'], 50)} ({last}until {day(row['last_on'])}{': ' if why else ''}{why})"


def client_tiles(week: Row | None) -> list[Tile]:
    """The last closed week of a client against its targets, or against the week before if there is no target."""
    if week is None:
        return []
    return [
        _weekly("E-mails sent", week, "sent"),
        _weekly("New leads reached", week, "new_leads"),
        _weekly("Replies", week, "replies"),
        _weekly("Positive leads", week, "positives"),
        _weekly("Meetings", week, "meetings"),
        _weekly("Value of opportunities", week, "opportunity_value"),
    ]


def _outlook(facts: Facts, workspace_id: str) -> list[Note]:
    notes = []
    dated = [row for row in facts.rows("runway", workspace_id) if row["days_to_date"] is not None]
    soon = [row for row in dated if row["days_to_date"] <= SOON_DAYS]
    if soon:
        first = f"{quoted(soon[0]['campaign_name'], 50)} first, on {day(soon[0]['runs_dry_on'])}"
        of_all = (facts.row("runway_sums", workspace_id) or {}).get("dry_soon") or len(soon)
        text = f"{counted(of_all, 'campaign')} will run out of new leads within {SOON_DAYS} days: {first}."
        notes.append(Note(WATCH, text, "runway"))
    over = [row for row in facts.rows("capacity", workspace_id) if row["is_over_limit"]]
    if over:
        text = f"More follow-ups due than may be sent on {counted(len(over), 'day')}, from {day(over[0]['date'])}."
        notes.append(Note(WATCH, text, "runway"))
    most = max((row["mailboxes_over"] for row in facts.rows("capacity", workspace_id)), default=0)
    if most and not over:
        have = "has more follow-ups due than it" if most == 1 else "have more follow-ups due than they"
        text = f"Up to {counted(most, 'mailbox', 'mailboxes')} per day {have} can send."
        notes.append(Note(WATCH, text, "runway"))
    return notes


def _rates(facts: Facts, workspace_id: str) -> list[Note]:
    worse = [row for row in facts.rows("rate_changes", workspace_id) if row["is_worse"]]
    notes = []
    for rows, said in (
        ([row for row in worse if not row["is_beside"]], "turned for the worse"),
        ([row for row in worse if row["is_beside"]], "worse than the others'"),
    ):
        if rows:
            first = f"{quoted(rows[0]['entity_name'], 50)}: {rows[0]['metric']} {said}, {rows[0]['reason']}"
            of_all = max(rows[0]["of_worse"] or 0, len(rows))
            more = f"; and {counted(of_all - 1, 'more rate')}" if of_all > 1 else ""
            mark = BAD if any(row["metric"] == "bounces" for row in rows) else WATCH
            notes.append(Note(mark, f"{first}{more}.", "anomalies"))
    return notes


def _unusual(facts: Facts, workspace_id: str) -> list[Note]:
    recent = [row for row in facts.rows("anomalies", workspace_id) if row["is_recent"]]
    if not recent:
        return []
    first = recent[0]
    metric = str(first["metric"]).replace("_", " ")
    text = f"{quoted(first['entity_name'], 50)}: {metric} {first['verdict']} on {day(first['date'])}"
    of_all = max(first["of_recent"] or 0, len(recent))
    more = f", and {number(of_all - 1)} more" if of_all > 1 else ""
    return [Note(WATCH, f"Unusual: {text}{more}.", "anomalies")]


def _copy(facts: Facts, workspace_id: str) -> list[Note]:
    notes = []
    sums = facts.row("variant_sums", workspace_id)
    if sums and sums["winner_to_act_on"]:
        worse = sums["worse_to_act_on"]
        rest = f"; switch off {counted(worse, 'worse one')} still being sent" if worse else ""
        text = f"{counted(sums['winner_to_act_on'], 'variant')} won{rest}."
        notes.append(Note(GOOD, text, "steps"))
    idle = sum(row["not_worth_it_to_act_on"] for row in facts.rows("step_sums", workspace_id))
    if idle:
        notes.append(Note(WATCH, f"{counted(idle, 'step')} of sequences with too few replies to be worth it.", "steps"))
    return notes


def _some(names: list[str], most: int = 3, of_all: int | None = None) -> list[str]:
    """The first names and the number of others; `of_all` is the total if the list itself was cut."""
    shown = [quoted(one, 50) for one in names[:most]]
    left = max(of_all or 0, len(names)) - len(shown)
    return [*shown, f"{number(left)} more"] if left else shown


def funnel(sums: Row | None) -> list[Row]:
    """The stages of the funnel, each with its count, its share of all leads and of the stage before."""
    if sums is None or not sums["leads"]:
        return []
    reached, opened = sums["leads_reached"], sums["unique_opens"]
    stages: list[tuple[str, int | None, str, int | None]] = [
        ("Leads", sums["leads"], "", None),
        ("Reached", reached, "of the leads", sums["leads_of_reached"]),
        ("Opened", opened, "of those reached where opens are tracked", sums["reached_with_tracking"]),
        ("Replied", sums["repliers"], "of those reached", sums["reached_of_repliers"]),
        ("Positive, now or once", sums["ever_positive_leads"], "of those who replied", sums["repliers_of_positive"]),
        ("Meeting", sums["meetings"], "of the positive", sums["positive_of_meetings"]),
        ("Won", sums["won"], "of the meetings", sums["meetings_of_won"]),
    ]
    return [
        {"stage": stage, "count": count, "of": of, "share": _share(count, base), "width": (count or 0) / sums["leads"]}
        for stage, count, of, base in stages
        if count is not None
    ]


def hidden(rows: Mapping[str, list[Row]]) -> set[str]:
    """The sections without anything to show, which are left out."""
    return {name for name in ("waiting", "providers", "lists", "suppression") if not rows[name]}


def _share(count: int | None, base: int | None) -> float | None:
    return None if not base or count is None else count / base


def axis_end(rows: list[Row], rate: str, high: str) -> float:
    """Where the axis of intervals ends: at the widest, but at most three times the best rate.

    Otherwise the wide interval of one small campaign would squeeze all others.
    """
    highest = max((row[high] or 0 for row in rows), default=0)
    best = max((row[rate] or 0 for row in rows), default=0)
    return float(min(highest, 3 * best) or highest or 1)


def age(now: datetime, as_of: datetime | None, max_lag_hours: float | None) -> tuple[str, bool]:
    """The age of the figures as text, and whether it is above `max_lag_hours` (26 if None)."""
    if as_of is None:
        return "nothing was read yet", True
    old = now - as_of
    late = old > timedelta(hours=max_lag_hours or 26)
    return (f"read {passed(old)} before this page was made", late)


def overview(facts: Facts) -> list[dict[str, Any]]:
    """One row per workspace, for a page with several."""
    lines = []
    for workspace in facts.workspaces:
        key = workspace["workspace_id"]
        lines.append(
            {
                **workspace,
                "week": facts.row("totals", key) or {},
                "sums": facts.row("campaign_sums", key) or {},
                "senders": facts.row("sender_sums", key) or {},
                "notes": attention(facts, key),
            }
        )
    return lines
