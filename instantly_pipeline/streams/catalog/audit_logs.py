"""What was done in a workspace, by whom."""

from __future__ import annotations

from instantly_pipeline.streams.enums import AUDIT_ACTIVITY
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

STREAM = Stream(
    name="audit_logs",
    group="admin",
    about="What was done in the workspace: deletions, moves, launches, logins",
    path="/api/v2/audit-logs",
    read=Read.INCREMENT,
    newest="timestamp",
    since_param="start_date",
    page_size=1000,
    cursor=("id",),
    key=("id",),
    absent=Absent.KEEP,
    secrets=("headers", "key"),  # with secrets, the details are searched for more of them
    api_scope="audit_logs:read",
    columns=(
        Column("id", Type.TEXT, "Id", always=True),
        Column("organization_id", Type.TEXT, "Workspace id", always=True),
        Column("user_id", Type.TEXT, "User who did it"),
        Column("user_name", Type.TEXT, "Name of the user", personal=True),
        Column("api_key_id", Type.TEXT, "API key that did it, in api_keys.id"),
        Column("campaign_id", Type.TEXT, "Campaign that it was done to"),
        Column("subsequence_id", Type.TEXT, "Subsequence that it was done to"),
        Column("list_id", Type.TEXT, "Lead list that it was done to"),
        Column("webhook_id", Type.TEXT, "Webhook that it was done to"),
        Column("ip_address", Type.TEXT, "IP address of the request", always=True, personal=True),
        Column("user_agent", Type.TEXT, "Browser or program of the request", personal=True),
        Column("audit_metadata", Type.JSON, "Details"),
        Column("activity_type", Type.INT, "What was done", always=True, labels=AUDIT_ACTIVITY),
        Column("affected_count", Type.INT, "Records that it was done to"),
        Column("from_api", Type.BOOL, "Whether it was done through the API"),
        Column("timestamp", Type.INSTANT, "When it was done", always=True),
    ),
)
