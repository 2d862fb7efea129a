"""Subsequences of campaigns, their lifetime figures and those of their steps."""

from __future__ import annotations

from datetime import timedelta

from instantly_pipeline.streams.catalog.steps import COUNTERS
from instantly_pipeline.streams.enums import CAMPAIGN_STATUS
from instantly_pipeline.streams.model import Absent, Column, Parent, Read, Stream, Type

A_DAY = timedelta(days=1)
A_WEEK = timedelta(days=7)
_ID = Column("subsequence_id", Type.TEXT, "Subsequence, in subsequences.id", always=True)

STREAMS = (
    Stream(
        name="subsequences",
        group="setup",
        about="Subsequences of campaigns, with conditions, steps and settings",
        path="/api/v2/subsequences",
        read=Read.SCAN,
        cursor=("id",),
        key=("id",),
        absent=Absent.DELETED,
        needs=("campaigns",),
        # a server from before 2026-08-07 lists them by campaign only (reference, section 11)
        parent=Parent("campaigns", "id", into="parent_campaign", param="parent_campaign"),
        api_scope="subsequences:read",
        columns=(
            Column("id", Type.TEXT, "Id", always=True),
            Column("parent_campaign", Type.TEXT, "Campaign that it follows, in campaigns.id", always=True),
            Column("workspace", Type.TEXT, "Workspace id", always=True),
            Column("name", Type.TEXT, "Display name", always=True),
            Column("status", Type.INT, "Status code", always=True, labels=CAMPAIGN_STATUS),
            Column("conditions", Type.JSON, "Which leads it takes: interest, activity, words of a reply", always=True),
            Column("subsequence_schedule", Type.JSON, "Days, hours and time zone of sending"),
            Column("sequences", Type.JSON, "Steps with their variants; only the first element is used"),
            Column("auto_variant_select", Type.JSON, "Rule that picks the best variant"),
            Column("daily_limit_mode", Type.TEXT, "inherit, custom or unlimited"),
            Column("daily_limit", Type.INT, "E-mails a day, where the mode is custom"),
            Column("ignore_account_daily_limit", Type.BOOL, "Whether it may exceed the accounts' daily limits"),
            Column("timestamp_created", Type.INSTANT, "When it was created", always=True),
            Column("timestamp_leads_updated", Type.INSTANT, "When its leads were last updated", always=True),
        ),
    ),
    Stream(
        name="subsequence_analytics",
        group="setup",
        about="Lifetime figures of each subsequence",
        path="/api/v2/subsequences/analytics",
        read=Read.PER_PARENT,
        key=("subsequence_id",),
        absent=Absent.KEEP,
        needs=("subsequences", "campaign_analytics"),
        parent=Parent(
            "subsequences",
            "parent_campaign",
            into="campaign_id",
            param="campaign_id",
            changes="campaign_analytics",
            every=lambda _: A_DAY,  # it is not documented that a campaign's counters include its subsequences
        ),
        api_scope="subsequences:read",
        columns=(
            _ID,
            Column("campaign_id", Type.TEXT, "Campaign that was asked for"),
            Column("emails_sent", Type.INT, "E-mails sent", always=True),
            Column("unique_opens", Type.INT, "Leads that opened", always=True),
            Column("unique_replies", Type.INT, "Leads that replied", always=True),
        ),
    ),
    Stream(
        name="subsequence_step_analytics",
        group="setup",
        about="Lifetime figures of each step and variant of a subsequence",
        path="/api/v2/subsequences/{id}/analytics/steps",
        read=Read.PER_PARENT,
        key=("subsequence_id", "step", "variant"),
        given=("subsequence_id",),
        absent=Absent.KEEP,
        needs=("subsequences", "subsequence_analytics"),
        parent=Parent(
            "subsequences",
            "id",
            into="subsequence_id",
            changes="subsequence_analytics",
            every=lambda _: A_WEEK,  # what its figures do not show: clicks, automatic replies
        ),
        api_scope="subsequences:read",
        columns=(Column("subsequence_id", Type.TEXT, "Subsequence, in subsequences.id"), *COUNTERS),
    ),
)
