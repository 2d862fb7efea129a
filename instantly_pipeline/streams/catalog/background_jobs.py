"""Background jobs: imports, moves and other work that takes a while."""

from __future__ import annotations

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

STREAM = Stream(
    name="background_jobs",
    group="admin",
    about="Background jobs, such as moving leads, with their progress",
    path="/api/v2/background-jobs",
    read=Read.INCREMENT,
    newest="updated_at",
    params={"sort_column": "updated_at", "sort_order": "desc"},
    cursor=("id",),
    key=("id",),
    absent=Absent.KEEP,
    secrets=("headers", "key"),  # with secrets, the details are searched for more of them
    api_scope="background-jobs:read",
    columns=(
        Column("id", Type.TEXT, "Id, 24 hexadecimal digits", always=True),
        Column("workspace", Type.TEXT, "Workspace id", aliases=("workspace_id",), always=True),
        Column("user_id", Type.TEXT, "User who started it"),
        Column("entity_id", Type.TEXT, "Campaign, list or other thing that it works on"),
        Column("entity_type", Type.TEXT, "Kind of that thing"),
        Column("type", Type.TEXT, "What it does, such as move-leads", always=True),
        Column(
            "status", Type.TEXT, "pending, in-progress, success, failed, draining, paused or cancelled", always=True
        ),
        Column("data", Type.JSON, "Details"),
        Column("progress", Type.FLOAT, "Progress in percent", always=True),
        Column("created_at", Type.INSTANT, "When it was created", always=True),
        Column("updated_at", Type.INSTANT, "When it last changed", always=True),
    ),
)
