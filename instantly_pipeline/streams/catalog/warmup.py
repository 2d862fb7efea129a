"""Warmup figures of the sending accounts: daily, and totals.

One response has both, as maps by e-mail address: `email_date_data` (address, date, figures) and `aggregate_data`
(address, figures). An older description of the API shows a flat map (address, date, figures) without totals.
"""

from __future__ import annotations

import re

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

_LIVE = ("email_date_data", "aggregate_data")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T.*)?\Z")


def daily_rows(answer: object) -> list[dict[str, object]]:
    """One row per address and date; anything of another shape is skipped."""
    return [
        {**figures, "email": email, "date": day[:10]}
        for email, days in _by_email(answer)
        for day, figures in days.items()
        if _DATE.match(day) and isinstance(figures, dict)
    ]


def summary_rows(answer: object) -> list[dict[str, object]]:
    """One row per address with its totals; no rows for the older flat map, which has none."""
    sums = answer.get("aggregate_data") if isinstance(answer, dict) else None
    return [{**figures, "email": email} for email, figures in _entries(sums)]


def _by_email(answer: object) -> list[tuple[str, dict[str, object]]]:
    if isinstance(answer, dict) and any(part in answer for part in _LIVE):
        return _entries(answer.get("email_date_data"))
    return _entries(answer)


def _entries(by_email: object) -> list[tuple[str, dict[str, object]]]:
    """The entries of a map with an address as key and an object as value."""
    if not isinstance(by_email, dict):
        return []
    return [(email, value) for email, value in by_email.items() if "@" in email and isinstance(value, dict)]


_FIGURES = (
    Column("sent", Type.INT, "Warmup e-mails sent"),
    Column("received", Type.INT, "Warmup e-mails received"),
    Column("landed_inbox", Type.INT, "Sent warmup e-mails that landed in the inbox; null means none"),
    Column("landed_spam", Type.INT, "Sent warmup e-mails that landed in spam; null means none"),
)

_EMAIL = Column("email", Type.TEXT, "E-mail address of the account", always=True)

STREAMS = (
    Stream(
        name="warmup_analytics",
        about="Daily warmup figures of each account; the API decides how far back",
        path="/api/v2/accounts/warmup-analytics",
        method="POST",
        read=Read.ACCOUNT_BATCH,
        key=("email", "date"),
        absent=Absent.KEEP,
        needs=("accounts",),
        api_scope="accounts:read",
        rows=daily_rows,
        columns=(_EMAIL, Column("date", Type.DATE, "Day, assumed to be UTC", always=True), *_FIGURES),
    ),
    Stream(
        name="warmup_summary",
        about="Warmup totals of each account over a period that the API decides",
        path="/api/v2/accounts/warmup-analytics",
        method="POST",
        read=Read.ACCOUNT_BATCH,
        key=("email",),
        absent=Absent.KEEP,
        needs=("accounts",),
        api_scope="accounts:read",
        rows=summary_rows,
        columns=(
            _EMAIL,
            *_FIGURES,
            Column("health_score", Type.FLOAT, "Health score from 0 to 100"),
            Column("health_score_label", Type.TEXT, "Health score as Instantly shows it"),
        ),
    ),
)
