"""Lifetime figures: per campaign, and the overview of a campaign and of the workspace.

Overview rows have no campaign id; it is added from the request.
"""

from __future__ import annotations

from instantly_pipeline.streams.enums import CAMPAIGN_STATUS
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type


def _reactions(*, always: bool) -> tuple[Column, ...]:
    """The counters of opens, replies and clicks; `always` for the three that were never optional."""
    return (
        Column("open_count", Type.INT, "Opens", always=always),
        Column("open_count_unique", Type.INT, "Leads that opened"),
        Column("open_count_unique_by_step", Type.INT, "Leads that opened, counted per step and summed"),
        Column("reply_count", Type.INT, "Replies", always=always),
        Column("reply_count_unique", Type.INT, "Leads that replied, without automatic replies"),
        Column(
            "reply_count_unique_by_step",
            Type.INT,
            "Leads that replied, counted per step and summed, without automatic replies",
        ),
        Column("reply_count_automatic", Type.INT, "Automatic replies"),
        Column("reply_count_automatic_unique", Type.INT, "Leads with an automatic reply"),
        Column(
            "reply_count_automatic_unique_by_step",
            Type.INT,
            "Leads with an automatic reply, counted per step and summed",
        ),
        Column("link_click_count", Type.INT, "Clicks", always=always),
        Column("link_click_count_unique", Type.INT, "Leads that clicked"),
        Column("link_click_count_unique_by_step", Type.INT, "Leads that clicked, counted per step and summed"),
    )


def _outcomes(*, always: bool) -> tuple[Column, ...]:
    return (
        Column("bounced_count", Type.INT, "Bounces", always=always),
        Column("unsubscribed_count", Type.INT, "Leads that unsubscribed", always=always),
        Column("completed_count", Type.INT, "Leads that completed the sequence", always=always),
        Column("total_opportunities", Type.INT, "Opportunities", always=always),
        Column(
            "total_opportunity_value",
            Type.FLOAT,
            "Value of the opportunities; the API sends no currency",
            always=always,
        ),
    )


_CAMPAIGN_ID = Column("campaign_id", Type.TEXT, "Campaign id")

_OVERVIEW = (
    Column("emails_sent_count", Type.INT, "E-mails sent"),
    Column("contacted_count", Type.INT, "Leads contacted"),
    Column("new_leads_contacted_count", Type.INT, "Leads contacted for the first time"),
    *_reactions(always=False),
    *_outcomes(always=False),
    Column("total_interested", Type.INT, "Leads marked interested"),
    Column("total_meeting_booked", Type.INT, "Leads with a meeting booked"),
    Column("total_meeting_completed", Type.INT, "Leads with a completed meeting"),
    Column("total_closed", Type.INT, "Leads won"),
)

STREAMS = (
    Stream(
        name="campaign_analytics",
        about="Lifetime figures of each campaign that ever sent",
        path="/api/v2/campaigns/analytics",
        read=Read.ARRAY,
        key=("campaign_id",),
        absent=Absent.KEEP,
        api_scope="campaigns:read",
        columns=(
            Column("campaign_id", Type.TEXT, "Campaign id", always=True),
            Column("campaign_name", Type.TEXT, "Name of the campaign", always=True),
            Column("campaign_status", Type.INT, "Status code of the campaign", always=True, labels=CAMPAIGN_STATUS),
            Column("campaign_is_evergreen", Type.BOOL, "Whether the campaign is evergreen (never ends)"),
            Column("leads_count", Type.INT, "Leads in the campaign now; falls when leads are deleted or moved"),
            Column("contacted_count", Type.INT, "Leads contacted", always=True),
            Column("new_leads_contacted_count", Type.INT, "Leads contacted for the first time", always=True),
            Column("emails_sent_count", Type.INT, "E-mails sent", always=True),
            *_reactions(always=True),
            *_outcomes(always=True),
        ),
    ),
    Stream(
        name="campaign_analytics_overview",
        about="Lifetime figures and CRM totals of each campaign",
        path="/api/v2/campaigns/analytics/overview",
        read=Read.PER_CAMPAIGN,
        key=("campaign_id",),
        given=("campaign_id",),
        absent=Absent.KEEP,
        needs=("campaigns", "campaign_analytics"),
        api_scope="campaigns:read",
        parent_param="id",
        full_instants=True,
        columns=(_CAMPAIGN_ID, *_OVERVIEW),
    ),
    Stream(
        name="workspace_analytics_overview",
        about="Lifetime figures and CRM totals of the workspace, deleted campaigns included",
        path="/api/v2/campaigns/analytics/overview",
        read=Read.OBJECT,
        key=(),
        absent=Absent.KEEP,
        api_scope="campaigns:read",
        columns=_OVERVIEW,
    ),
)
