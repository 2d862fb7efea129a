"""Figures per step and variant, by day and for a campaign's lifetime.

Step and variant are text, counted from 0, and can be null: replies and opens that match no step have a row of their
own, so that sums agree with the campaign's. Without a campaign the API sums all campaigns by step number, so each
request has one. The last two counters depend on the current status of a lead and can fall.
"""

from __future__ import annotations

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

_CAMPAIGN_ID = Column("campaign_id", Type.TEXT, "Campaign id")

COUNTERS = (
    Column("step", Type.TEXT, "Step, counted from 0; null for activity that matches no step"),
    Column("variant", Type.TEXT, "Variant, counted from 0 (0 is A); null for activity that matches no step"),
    Column("sent", Type.INT, "E-mails sent", always=True),
    Column("opened", Type.INT, "Opens", always=True),
    Column("unique_opened", Type.INT, "Leads that opened", always=True),
    Column("replies", Type.INT, "Replies", always=True),
    Column("unique_replies", Type.INT, "Leads that replied", always=True),
    Column("replies_automatic", Type.INT, "Automatic replies"),
    Column("unique_replies_automatic", Type.INT, "Leads with an automatic reply"),
    Column("clicks", Type.INT, "Clicks", always=True),
    Column("unique_clicks", Type.INT, "Leads that clicked", always=True),
)

_OUTCOMES = (
    Column("opportunities", Type.INT, "Opportunities"),
    Column("unique_opportunities", Type.INT, "Leads that became an opportunity"),
    Column("meetings_booked", Type.INT, "Leads that have a meeting booked now"),
    Column("won", Type.INT, "Leads that are won now"),
)

_PARAMS = {"include_opportunities_count": "true"}

STREAMS = (
    Stream(
        name="step_analytics",
        about="Daily figures of each step and variant of a campaign",
        path="/api/v2/campaigns/analytics/steps",
        read=Read.CAMPAIGN_DAYS,
        key=("campaign_id", "date", "step", "variant"),
        given=("campaign_id", "date"),
        absent=Absent.FLAGGED,
        needs=("daily_analytics",),
        api_scope="campaigns:read",
        params=_PARAMS,
        full_instants=True,
        columns=(_CAMPAIGN_ID, Column("date", Type.DATE, "Day (UTC)"), *COUNTERS, *_OUTCOMES),
    ),
    Stream(
        name="step_analytics_lifetime",
        about="Lifetime figures of each step and variant of a campaign",
        path="/api/v2/campaigns/analytics/steps",
        read=Read.PER_CAMPAIGN,
        key=("campaign_id", "step", "variant"),
        given=("campaign_id",),
        absent=Absent.KEEP,
        needs=("campaigns", "campaign_analytics"),
        api_scope="campaigns:read",
        params=_PARAMS,
        full_instants=True,
        columns=(_CAMPAIGN_ID, *COUNTERS, *_OUTCOMES),
    ),
)
