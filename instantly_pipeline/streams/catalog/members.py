"""People of a workspace, and the workspaces of its group."""

from __future__ import annotations

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

STREAMS = (
    Stream(
        name="workspace_members",
        group="admin",
        about="Members of the workspace, with their roles",
        path="/api/v2/workspace-members",
        read=Read.SCAN,
        cursor=("id",),
        key=("id",),
        absent=Absent.DELETED,
        secrets=("headers",),  # permissions are searched for more of them
        api_scope="workspace_members:read",
        columns=(
            Column("id", Type.TEXT, "Id of the membership", always=True),
            Column("workspace", Type.TEXT, "Workspace id", aliases=("workspace_id",), always=True),
            Column("user_id", Type.TEXT, "User", always=True),
            Column("issuer_id", Type.TEXT, "User who invited the member"),
            Column("email", Type.TEXT, "E-mail address that was invited", always=True, personal=True),
            Column("user_email", Type.TEXT, "E-mail address of the user", personal=True),
            Column("nickname", Type.TEXT, "Nickname", personal=True),
            Column("name", Type.JSON, "First and last name", personal=True),
            Column("role", Type.TEXT, "owner, admin, editor, view or client", always=True),
            Column("permissions", Type.JSON, "Permissions of the member"),
            Column("accepted", Type.BOOL, "Whether the invitation was accepted"),
            Column("timestamp_created", Type.INSTANT, "When the member was invited", always=True),
        ),
    ),
    Stream(
        name="workspace_group_members",
        group="admin",
        about="Workspaces that this one administers, or the one that administers it",
        path="/api/v2/workspace-group-members",
        read=Read.SCAN,
        cursor=("id",),
        key=("id",),
        absent=Absent.DELETED,
        api_scope="workspace_group_members:read",
        columns=(
            Column("id", Type.TEXT, "Id", always=True),
            Column("admin_workspace_id", Type.TEXT, "Workspace that administers the other", always=True),
            Column("admin_workspace_name", Type.TEXT, "Its name"),
            Column("sub_workspace_id", Type.TEXT, "Workspace that is administered", always=True),
            Column("sub_workspace_name", Type.TEXT, "Its name"),
            Column("status", Type.TEXT, "pending, accepted or rejected", always=True),
            Column("timestamp_created", Type.INSTANT, "When it was created", always=True),
            Column("timestamp_updated", Type.INSTANT, "When it last changed", always=True),
        ),
    ),
)
