"""Formats figures, dates and names for the page: 1,234 and 12.3 %, 23 Nov, a dash for unknown values.

Everything returns plain text; the templates escape it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

NONE = "\u2013"  # a dash
_THIN = "\u202f"  # narrow no-break space
_LONGEST_NAME = 90


def number(value: float | None, digits: int = 0) -> str:
    """A count or an amount: 1,234."""
    return NONE if value is None else f"{value:,.{digits}f}".replace("-", "\u2212")


def percent(share: float | None, digits: int = 1) -> str:
    """A share from 0 to 1: 12.3 %."""
    return NONE if share is None else f"{number(100 * share, digits)}{_THIN}%"


def change(now: float, before: float | None) -> str:
    """The relative change against the week before, as text with an arrow."""
    if before is None:
        return "no week before"
    if now == before:
        return "same as the week before"
    if not before:
        return "0 in the week before"
    moved = (now - before) / before
    arrow = "▲" if moved > 0 else "▼"
    return f"{arrow} {percent(abs(moved), 0)} on the week before ({number(before)})"


def day(value: date | None) -> str:
    """A day without its year: 23 Nov."""
    return NONE if value is None else f"{value.day}\u00a0{value:%b}"


def weekday(value: date) -> str:
    """A day with its weekday: Mon 23 Nov."""
    return f"{value:%a} {day(value)}"


def week(monday: date) -> str:
    """A week by its first and last day: 23 to 29 Nov."""
    sunday = monday + timedelta(days=6)
    return f"{monday.day if monday.month == sunday.month else day(monday)} to {day(sunday)}"


def moment(value: datetime | None) -> str:
    """An instant in UTC: Mon 23 Nov 2026, 22:31 UTC."""
    return "an unknown time" if value is None else f"{value:%a} {value.day} {value:%b %Y, %H:%M} UTC"


def passed(span: timedelta) -> str:
    """A duration: 45 minutes, 3 hours, 12 days."""
    minutes = max(span.total_seconds() / 60, 0)
    if minutes < 90:
        return counted(round(minutes), "minute")
    return counted(round(minutes / 60), "hour") if minutes < 48 * 60 else counted(round(minutes / 1440), "day")


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count and its noun: 1 campaign, 2,000 campaigns."""
    return f"{number(count)} {one if count == 1 else many or f'{one}s'}"


def name(value: str | None, longest: int = _LONGEST_NAME) -> str:
    """A name on one line, cut to `longest` characters."""
    shown = " ".join((value or "").split())
    return shown if len(shown) <= longest else f"{shown[: longest - 1].rstrip()}…"


def quoted(value: str | None, longest: int = _LONGEST_NAME) -> str:
    """A name within a sentence, isolated so that right-to-left text does not reorder the words around it."""
    shown = name(value, longest)
    return shown if shown.isascii() else f"\u2068{shown}\u2069"  # the same as <bdi> in HTML


def listed(parts: Sequence[str]) -> str:
    """A list in a sentence: a, b and c."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
