"""The small lists of a workspace: lead lists, lead labels, block list, tags and API keys."""

from __future__ import annotations

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

_ID = Column("id", Type.TEXT, "Id", always=True)
_ORGANIZATION = Column("organization_id", Type.TEXT, "Workspace id", always=True)
_CREATED = Column("timestamp_created", Type.INSTANT, "When it was created", always=True)
_UPDATED = Column("timestamp_updated", Type.INSTANT, "When it last changed", always=True)

STREAMS = (
    Stream(
        name="lead_lists",
        about="Lead lists, which hold leads outside of campaigns",
        path="/api/v2/lead-lists",
        read=Read.SCAN,
        cursor=("timestamp_created",),
        key=("id",),
        absent=Absent.DELETED,
        api_scope="lead_lists:read",
        columns=(
            _ID,
            _ORGANIZATION,
            Column("owned_by", Type.TEXT, "Id of the user who owns it"),
            Column("name", Type.TEXT, "Display name", always=True),
            Column("has_enrichment_task", Type.BOOL, "Whether leads of the list are enriched"),
            _CREATED,
        ),
    ),
    Stream(
        name="lead_labels",
        about="Custom interest labels; they decode leads.lt_interest_status",
        path="/api/v2/lead-labels",
        read=Read.SCAN,
        cursor=("timestamp_created",),
        key=("id",),
        absent=Absent.DELETED,
        api_scope="lead-labels:read",
        columns=(
            _ID,
            _ORGANIZATION,
            Column("created_by", Type.TEXT, "Id of the user who created it", always=True),
            Column("label", Type.TEXT, "Text of the label", always=True),
            Column("interest_status_label", Type.TEXT, "Kind of the label: positive, negative or neutral", always=True),
            Column("description", Type.TEXT, "Description"),
            Column("use_with_ai", Type.BOOL, "Whether the AI may assign the label"),
            Column("access_grants", Type.JSON, "Who may use the label; sent since 2026-09"),
            Column("interest_status", Type.INT, "Number of the label in leads.lt_interest_status", always=True),
            _CREATED,
        ),
    ),
    Stream(
        name="block_list_entries",
        about="Block list: addresses and domains that are never contacted",
        path="/api/v2/block-lists-entries",
        read=Read.SCAN,
        cursor=("id",),
        key=("id",),
        absent=Absent.DELETED,
        api_scope="block_list_entries:read",
        columns=(
            _ID,
            _ORGANIZATION,
            Column("bl_value", Type.TEXT, "E-mail address or domain", always=True, personal=True),
            Column("is_domain", Type.BOOL, "Whether the value is a domain"),
            _CREATED,
        ),
    ),
    Stream(
        name="custom_tags",
        about="Custom tags for accounts and campaigns",
        path="/api/v2/custom-tags",
        read=Read.SCAN,
        cursor=("id",),
        key=("id",),
        absent=Absent.DELETED,
        api_scope="custom_tags:read",
        columns=(
            _ID,
            _ORGANIZATION,
            Column("label", Type.TEXT, "Text of the tag; unique in the workspace", aliases=("name",), always=True),
            Column("description", Type.TEXT, "Description"),
            _CREATED,
            _UPDATED,
        ),
    ),
    Stream(
        name="api_keys",
        about="API keys of the workspace and their scopes; the key itself is never stored",
        path="/api/v2/api-keys",
        read=Read.SCAN,
        cursor=("id",),
        key=("id",),
        absent=Absent.DELETED,
        secrets=("key",),
        api_scope="api_keys:read",
        columns=(
            _ID,
            _ORGANIZATION,
            Column("name", Type.TEXT, "Display name", always=True),
            Column("scopes", Type.JSON, "Scopes of the key", always=True),
            _CREATED,
            _UPDATED,
        ),
    ),
)
