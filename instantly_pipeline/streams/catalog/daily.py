"""Daily figures, per campaign and for the workspace.

The rows have no campaign id. Days without activity are missing, past days are restated, and a day can disappear. Unique
figures are distinct within a day and must not be summed over days. The workspace's rows include deleted campaigns.
"""

from __future__ import annotations

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

_DATE = Column("date", Type.DATE, "Day, assumed to be UTC", always=True)  # a row without it is useless

_FIGURES = (
    Column("sent", Type.INT, "E-mails sent"),
    Column("contacted", Type.INT, "Leads contacted"),
    Column("new_leads_contacted", Type.INT, "Leads contacted for the first time"),
    Column("opened", Type.INT, "Opens"),
    Column("unique_opened", Type.INT, "Leads that opened on that day"),
    Column("replies", Type.INT, "Replies"),
    Column("unique_replies", Type.INT, "Leads that replied on that day"),
    Column("replies_automatic", Type.INT, "Automatic replies"),
    Column("unique_replies_automatic", Type.INT, "Leads with an automatic reply on that day"),
    Column("clicks", Type.INT, "Clicks"),
    Column("unique_clicks", Type.INT, "Leads that clicked on that day"),
    Column("opportunities", Type.INT, "Opportunities"),
    Column("unique_opportunities", Type.INT, "Leads that became an opportunity on that day"),
)

STREAMS = (
    Stream(
        name="daily_analytics",
        about="Daily figures of each campaign; days without activity have no row",
        path="/api/v2/campaigns/analytics/daily",
        read=Read.CAMPAIGN_WINDOW,
        key=("campaign_id", "date"),
        given=("campaign_id",),
        absent=Absent.FLAGGED,
        needs=("campaigns", "campaign_analytics"),  # analytics may have campaigns that the list does not
        api_scope="campaigns:read",
        columns=(Column("campaign_id", Type.TEXT, "Campaign id"), _DATE, *_FIGURES),
    ),
    Stream(
        name="workspace_daily_analytics",
        about="Daily figures of the workspace, deleted campaigns included; days without activity have no row",
        path="/api/v2/campaigns/analytics/daily",
        read=Read.WORKSPACE_WINDOW,
        key=("date",),
        absent=Absent.FLAGGED,
        api_scope="campaigns:read",
        columns=(_DATE, *_FIGURES),
    ),
)
