"""Which campaigns each account sends for."""

from __future__ import annotations

from datetime import timedelta

from instantly_pipeline.streams.enums import CAMPAIGN_STATUS
from instantly_pipeline.streams.model import Absent, Column, Parent, Read, Stream, Type

A_WEEK = timedelta(days=7)

STREAM = Stream(
    name="account_campaign_mappings",
    group="setup",
    about="Which campaigns each account sends for, by itself or through a tag",
    path="/api/v2/account-campaign-mappings/{email}",
    read=Read.ACCOUNT_MAPPINGS,
    cursor=("timestamp_created",),
    key=("email", "campaign_id"),
    given=("email",),
    absent=Absent.DELETED,
    needs=("accounts", "campaigns"),
    parent=Parent("accounts", "email", into="email", every=lambda _: A_WEEK),
    api_scope="account_campaign_mappings:read",
    columns=(
        Column("email", Type.TEXT, "E-mail address of the account"),
        Column("campaign_id", Type.TEXT, "Campaign, in campaigns.id", always=True),
        Column("campaign_name", Type.TEXT, "Name of the campaign when it was asked for", always=True),
        Column("status", Type.INT, "Status code of the campaign when it was asked for", labels=CAMPAIGN_STATUS),
        Column("timestamp_created", Type.INSTANT, "When the campaign was created", always=True),
    ),
)
