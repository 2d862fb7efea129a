"""Daily figures of the sending accounts."""

from __future__ import annotations

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type


def _count(name: str, about: str) -> Column:
    """A counter that every row has."""
    return Column(name, Type.INT, about, always=True)


def named_rows(answer: object) -> list[dict[str, object]]:
    """The rows without those whose address is an empty string: live answers have had such rows."""
    rows = answer if isinstance(answer, list) else []
    return [row for row in rows if isinstance(row, dict) and row.get("email_account", row.get("email")) != ""]


STREAM = Stream(
    name="account_daily_analytics",
    about="Daily figures of each sending account; days without activity have no row",
    path="/api/v2/accounts/analytics/daily",
    read=Read.ACCOUNT_WINDOW,
    key=("email", "date"),
    absent=Absent.KEEP,
    needs=("accounts",),
    api_scope="accounts:read",
    rows=named_rows,
    columns=(
        Column("email", Type.TEXT, "E-mail address of the account", aliases=("email_account",), always=True),
        Column("date", Type.DATE, "Day, assumed to be UTC", always=True),
        _count("sent", "E-mails sent by campaigns and subsequences"),
        _count("bounced", "Bounces"),
        _count("contacted", "Leads contacted"),
        _count("new_leads_contacted", "Leads contacted for the first time"),
        _count("opened", "Opens"),
        _count("unique_opened", "Leads that opened on that day"),
        _count("replies", "Replies"),
        _count("unique_replies", "Leads that replied on that day"),
        _count("replies_automatic", "Automatic replies"),
        _count("unique_replies_automatic", "Leads with an automatic reply on that day"),
        _count("clicks", "Clicks"),
        _count("unique_clicks", "Leads that clicked on that day"),
    ),
)
