"""What a few requests for figures of one campaign show: ranges, ends of ranges, the zone of a day, rows without a step.

The campaign's daily rows say what the sums of the other endpoints must be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from instantly_pipeline.doctor.probe.question import Found, Question, times
from instantly_pipeline.doctor.probe.replies import Asker, NotAnswered, Reply, Row, not_sent, unsent
from instantly_pipeline.doctor.probe.values import count
from instantly_pipeline.doctor.probe.values import day as day_of

RANGES = (365, 92, 31)  # days: what a first sync asks for, a quarter, and what the live API was last reported to take
_CLOSED = 2  # days: the figures of younger ones still grow
_ENDS = {  # endpoint -> the parameter that names a campaign, the counter of e-mails
    "campaigns/analytics/daily": ("campaign_id", "sent"),
    "campaigns/analytics": ("id", "emails_sent_count"),
    "campaigns/analytics/overview": ("id", "emails_sent_count"),
    "campaigns/analytics/steps": ("campaign_id", "sent"),
}
STEPS = "campaigns/analytics/steps"
DAILY = "campaigns/analytics/daily"


@dataclass(frozen=True, slots=True)
class Day:
    """A day on which a campaign sent e-mails, and how many then and on the day before."""

    date: date
    sent: int
    before: int


_NO_DAY = Day(date.min, 0, 0)  # where nothing was asked about a day


@dataclass(frozen=True, slots=True)
class FigureReplies:
    """`ranges`: the replies to ranges of days, by their length. `ends`: to the two plain dates that end with `day`, by
    endpoint; `whole` and `half`: the steps of that day and of its first half, by full timestamps."""

    lacking: Reply  # in place of those that were not sent: why
    ranges: Mapping[int, Reply] = field(default_factory=dict)
    day: Day | None = None
    ends: Mapping[str, Reply] = field(default_factory=dict)
    whole: Reply | None = None
    half: Reply | None = None
    steps: Reply | None = None  # of all campaigns together, where rows without a step are likeliest

    @property
    def days_at_once(self) -> int:
        """The longest range of days that was answered; a month if none was."""
        return next((days for days, reply in self.ranges.items() if reply.is_ok), RANGES[-1])

    @property
    def daily(self) -> Reply:
        """The longest range that was answered, or the last one that was tried."""
        replies = list(self.ranges.values())
        return next((reply for reply in replies if reply.is_ok), replies[-1] if replies else self.lacking)


def busiest_campaign(counters: Reply) -> Row:
    """The counters of the campaign that has sent most e-mails, if possible one that is active and counts opens.

    NotAnswered if none has, or they cannot be read.
    """
    rows = [row for row in counters.rows() if campaign_of(row) and count(row, "emails_sent_count")]
    if not rows:
        raise NotAnswered("no campaign has sent e-mails")
    return max(rows, key=_use)


def _use(row: Row) -> tuple[bool, bool, int]:
    is_active = count(row, "campaign_status") == 1
    return is_active, count(row, "open_count") > 0, count(row, "emails_sent_count")


def campaign_of(row: Row) -> str | None:
    """The campaign of a row of counters."""
    found = row.get("campaign_id") or row.get("id")
    return found if isinstance(found, str) else None


async def ask_figures(ask: Asker, campaign: str, today: date) -> FigureReplies:
    """Eight requests, up to ten."""
    ranges = await _ask_ranges(ask, campaign, today)
    steps = await ask.get(STEPS, "of all campaigns")
    found = FigureReplies(not_sent(""), ranges, steps=steps)
    try:
        day = _best_day(found.daily.rows(), today)
    except NotAnswered as none:
        return replace(found, lacking=unsent(none))
    ends = {}
    for path, (name, _) in _ENDS.items():
        given = {name: campaign, "start_date": str(day.date - timedelta(days=1)), "end_date": str(day.date)}
        ends[path] = await ask.get(path, "over two plain dates", **given)
    at = {"campaign_id": campaign, "start_date": f"{day.date}T00:00:00.000Z"}
    whole = await ask.get(STEPS, "over a day, by timestamps", **at, end_date=f"{day.date}T23:59:59.999Z")
    half = await ask.get(STEPS, "over half a day, by timestamps", **at, end_date=f"{day.date}T11:59:59.999Z")
    return replace(found, day=day, ends=ends, whole=whole, half=half)


async def _ask_ranges(ask: Asker, campaign: str, today: date) -> dict[int, Reply]:
    """The days up to today, fewer of them until that is not refused."""
    ranges: dict[int, Reply] = {}
    for days in RANGES:
        first = today - timedelta(days=days - 1)
        given = {"campaign_id": campaign, "start_date": str(first), "end_date": str(today)}
        ranges[days] = await ask.get(DAILY, f"over {days} days", **given)
        if not ranges[days].refused:
            break
    return ranges


def _best_day(rows: list[Row], today: date) -> Day:
    """The closed day with most e-mails: there, one day more or less shows best."""
    sent = {day: count(row, "sent") for row in rows if (day := day_of(row.get("date"))) is not None}
    closed = {day: number for day, number in sent.items() if number and (today - day).days >= _CLOSED}
    if not closed:
        raise NotAnswered("the campaign has sent nothing on a day that is over")
    best = max(closed, key=lambda day: (closed[day], day))
    return Day(best, closed[best], sent.get(best - timedelta(days=1), 0))


def figure_questions(replies: FigureReplies) -> list[Question]:
    """The questions that `replies` answer."""
    ends = {
        "campaigns/analytics": "Nothing: it asks without dates.",
        "campaigns/analytics/overview": "Nothing: it asks without dates.",
        STEPS: "Sends full timestamps, which have no such end. Where these are refused it finds this out in a sync by "
        "the e-mails of a day, or takes it from INSTANTLY_PROBE_FILE.",
        DAILY: "Finds this out in a sync by days that are missing.",
    }
    return [
        Question("daily_days", "How many days does /campaigns/analytics/daily take at once?",
                 "Finds this out in a sync by a refused request, or takes it from INSTANTLY_PROBE_FILE.",
                 lambda: _range(replies)),
        *(Question(f"end_date_{path.split('/')[-1]}", f"Does /{path} include a plain `end_date`?", use,
                   lambda path=path: _end(replies, path))  # type: ignore[misc]
          for path, use in ends.items()),
        Question("full_timestamps", "Does /campaigns/analytics/steps take full timestamps?",
                 "Finds this out in a sync by a refused request, or takes it from INSTANTLY_PROBE_FILE.",
                 lambda: _timestamps(replies)),
        Question("time_zone", "In which time zone is the `date` of figures?",
                 "Takes it as the UTC day: if it is not, open an issue.", lambda: _zone(replies)),
        Question("answers_booked_on", "Do opens and replies count on their own day or on that of the e-mail?",
                 "Reads the last days again in each sync (INSTANTLY_LOOKBACK_DAYS), which covers both.",
                 lambda: _booking(replies.daily.rows())),
        Question("quiet_days", "Do days without activity have rows?", "Nothing: a missing row counts as zeros.",
                 lambda: _quiet(replies.daily.rows())),
        Question("steps_without_step", "What is the step of rows without a step?",
                 "Takes null and the text `null` as the same.",
                 lambda: _without_step((replies.steps or replies.lacking).rows())),
        Question("step_type", "Are steps texts or numbers?", "Takes both as text.",
                 lambda: _type((replies.steps or replies.lacking).rows())),
    ]  # fmt: skip


def _range(replies: FigureReplies) -> Found:
    refused = [days for days, reply in replies.ranges.items() if reply.refused]
    for days, reply in replies.ranges.items():
        if not reply.refused:
            reply.page()
            if not refused:
                return Found(f"{days} or more", f"a range of {days} days was answered")
            how = f"{days} days were answered, {refused[-1]} refused: {replies.ranges[refused[-1]].refusal}"
            return Found(str(days), how)
    if not refused:
        replies.daily.page()
    return Found(f"fewer than {refused[-1]}", replies.ranges[refused[-1]].refusal)


def _end(replies: FigureReplies, path: str) -> Found:
    """Included if the sum is that of both days, not if it is that of the first one, within a quarter of the last day.

    A quarter: other endpoints may differ by a few e-mails, since deleted leads count in some only.
    """
    reply, day = replies.ends.get(path, replies.lacking), replies.day or _NO_DAY
    rows = [reply.record()] if path.endswith("overview") else reply.rows()
    total = sum(count(row, _ENDS[path][1]) for row in rows)
    how = f"{times(total, 'e-mail')}; the days have {day.before:,} and {day.sent:,}"
    if abs(total - day.before - day.sent) * 4 <= day.sent:
        return Found("included", how)
    if abs(total - day.before) * 4 <= day.sent:
        return Found("not included", how)
    raise NotAnswered(f"the sums do not fit: {how}")


def _timestamps(replies: FigureReplies) -> Found:
    whole = replies.whole or replies.lacking
    if whole.refused:
        return Found("refused", whole.refusal)
    whole.page()
    return Found("accepted", f"{whole.request} was answered")


def _zone(replies: FigureReplies) -> Found:
    parts = [part or replies.lacking for part in (replies.whole, replies.half)]
    if parts[0].refused:
        raise NotAnswered("full timestamps are refused, so no request tells the hours of a day apart")
    whole, half = (sum(count(row, "sent") for row in part.rows()) for part in parts)
    sent = (replies.day or _NO_DAY).sent
    how = f"{whole:,} of the {sent:,} e-mails of a date lie within that day in UTC, {half:,} in its first half"
    if whole and half == whole:
        raise NotAnswered(f"all e-mails of the day were sent in its first half, or times are cut to dates: {how}")
    if abs(whole - sent) * 50 > sent:  # 2 %: deleted leads count in some figures only
        return Found("not UTC", how)
    return Found("fits UTC", f"{how}; so may other zones if nothing is sent around midnight")


def _booking(rows: list[Row]) -> Found:
    """By the days without e-mails between the first and the last one with some: mostly weekends.

    If answers count on their own day, these days have a share of them; a fifth of what other days have is enough, since
    fewer people answer then. A few may lie there in any case: those that belong to no e-mail.
    """
    by_day = {day: row for row in rows if (day := day_of(row.get("date"))) is not None}
    sending = sorted(day for day, row in by_day.items() if count(row, "sent"))
    if not sending:
        raise NotAnswered("the campaign has sent nothing in these days")
    days = [sending[0] + timedelta(days=number) for number in range((sending[-1] - sending[0]).days + 1)]
    quiet = set(days) - set(sending)
    answers = sum(_answers(by_day.get(day, {})) for day in days)
    of_quiet = sum(_answers(by_day.get(day, {})) for day in quiet)
    how = f"{of_quiet:,} of {answers:,} opens and replies are on {len(quiet)} days without e-mails, of {len(days)}"
    if len(quiet) < 4 or answers < 20:  # two weekends, and enough answers for some to fall on them
        raise NotAnswered(f"too few of them, or of such days, to tell: {how}")
    return Found("their own day" if of_quiet * len(days) * 5 >= answers * len(quiet) else "the day of the e-mail", how)


def _answers(row: Row) -> int:
    return count(row, "opened") + count(row, "replies")


def _quiet(rows: list[Row]) -> Found:
    days = sorted(day for row in rows if (day := day_of(row.get("date"))) is not None)
    if len(days) < 2:
        raise NotAnswered("fewer than two days have rows")
    zeros = sum(not any(count(row, name) for name in row if name != "date") for row in rows)
    if zeros:
        return Found("yes", f"{times(zeros, 'row')} of zeros")
    left_out = (days[-1] - days[0]).days + 1 - len(set(days))
    if not left_out:
        raise NotAnswered("every day had activity")
    return Found("no", f"{times(left_out, 'day')} without a row between the first and the last one")


def _without_step(rows: list[Row]) -> Found:
    found = [row for row in rows if row.get("step") in (None, "null")]
    if not found:
        raise NotAnswered(f"none of {times(len(rows), 'row')} is without a step")
    text = any(row.get("step") == "null" for row in found)
    return Found("the text `null`" if text else "null", f"{times(len(found), 'row')} without a step")


def _type(rows: list[Row]) -> Found:
    steps = [row["step"] for row in rows if row.get("step") not in (None, "null")]
    if not steps:
        raise NotAnswered("no row has a step")
    return Found("texts" if isinstance(steps[0], str) else "numbers", f"{times(len(steps), 'row')} with a step")
