"""The workspace itself: one row, the tenant of all other rows."""

from __future__ import annotations

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

STREAM = Stream(
    name="workspaces",
    about="Workspaces of the API keys, with their plans and defaults",
    path="/api/v2/workspaces/current",
    read=Read.OBJECT,
    key=("id",),
    absent=Absent.KEEP,
    api_scope="workspaces:read",
    columns=(
        Column("id", Type.TEXT, "Workspace id; other tables call it organization", always=True),
        Column("owner", Type.TEXT, "Id of the user who owns it", always=True),
        Column("name", Type.TEXT, "Display name; users can change it", always=True),
        Column("plan_id", Type.TEXT, "Id of the outreach plan, for example pid_hg_v1"),
        Column("plan_id_bundle", Type.TEXT, "Id of the bundle plan"),
        Column("plan_id_leadfinder", Type.TEXT, "Id of the lead finder plan"),
        Column("plan_id_crm", Type.TEXT, "Id of the CRM plan"),
        Column("plan_id_website_visitor", Type.TEXT, "Id of the website visitor plan"),
        Column("plan_id_inbox_placement", Type.TEXT, "Id of the inbox placement plan"),
        Column("plan_id_verification", Type.JSON, "Verification plan: quantity, product and time of change"),
        Column("org_logo_url", Type.TEXT, "URL of the logo"),
        Column("org_client_domain", Type.TEXT, "Custom domain for client logins"),
        Column("add_unsub_to_block", Type.BOOL, "Whether unsubscribed contacts go to the block list"),
        Column(
            "default_opportunity_value",
            Type.FLOAT,
            "Value of an opportunity that has none of its own; the API sends no currency",
        ),
        Column("timestamp_created", Type.INSTANT, "When the workspace was created", always=True),
        Column("timestamp_updated", Type.INSTANT, "When the workspace last changed", always=True),
        Column("scheduled_for_removal_at", Type.INSTANT, "When the workspace is scheduled to be removed"),
    ),
)
