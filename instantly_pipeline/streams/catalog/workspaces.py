"""The workspace itself: one row, the tenant every other row belongs to."""

from __future__ import annotations

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

STREAM = Stream(
    name="workspaces",
    about="The workspace a key belongs to, with its plans and defaults",
    path="/api/v2/workspaces/current",
    read=Read.OBJECT,
    key=("id",),
    absent=Absent.KEEP,
    api_scope="workspaces:read",
    columns=(
        Column("id", Type.TEXT, "Workspace id; other tables call it organization", always=True),
        Column("owner", Type.TEXT, "User id of the owner", always=True),
        Column("name", Type.TEXT, "Display name; users change it", always=True),
        Column("plan_id", Type.TEXT, "Outreach plan, such as pid_hg_v1"),
        Column("plan_id_bundle", Type.TEXT, "Bundle plan"),
        Column("plan_id_leadfinder", Type.TEXT, "Lead finder plan"),
        Column("plan_id_crm", Type.TEXT, "CRM plan"),
        Column("plan_id_website_visitor", Type.TEXT, "Website visitor plan"),
        Column("plan_id_inbox_placement", Type.TEXT, "Inbox placement plan"),
        Column("plan_id_verification", Type.JSON, "Verification plan: quantity, product and time of change"),
        Column("org_logo_url", Type.TEXT, "Address of the logo"),
        Column("org_client_domain", Type.TEXT, "Own domain for client logins"),
        Column("add_unsub_to_block", Type.BOOL, "Whether unsubscribed contacts go to the block list"),
        Column("default_opportunity_value", Type.FLOAT, "Value of an opportunity without one; no currency"),
        Column("timestamp_created", Type.INSTANT, "When the workspace was created", always=True),
        Column("timestamp_updated", Type.INSTANT, "When the workspace was last changed", always=True),
        Column("scheduled_for_removal_at", Type.INSTANT, "When the workspace will be removed"),
    ),
)
