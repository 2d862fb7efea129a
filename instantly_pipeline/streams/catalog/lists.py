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
        about="Lists that hold leads outside of campaigns",
        path="/api/v2/lead-lists",
        read=Read.SCAN,
        cursor=("timestamp_created",),
        key=("id",),
        absent=Absent.DELETED,
        api_scope="lead_lists:read",
        columns=(
            _ID,
            _ORGANIZATION,
            Column("owned_by", Type.TEXT, "User id of the owner"),
            Column("name", Type.TEXT, "Display name", always=True),
            Column("has_enrichment_task", Type.BOOL, "Leads of the list are enriched"),
            _CREATED,
        ),
    ),
    Stream(
        name="lead_labels",
        about="The workspace's own interest labels; decode leads.lt_interest_status with them",
        path="/api/v2/lead-labels",
        read=Read.SCAN,
        cursor=("timestamp_created",),
        key=("id",),
        absent=Absent.DELETED,
        api_scope="lead-labels:read",
        columns=(
            _ID,
            _ORGANIZATION,
            Column("created_by", Type.TEXT, "User id of the creator", always=True),
            Column("label", Type.TEXT, "The label", always=True),
            Column("interest_status_label", Type.TEXT, "Kind: positive, negative or neutral", always=True),
            Column("description", Type.TEXT, "Description"),
            Column("use_with_ai", Type.BOOL, "The AI may set it"),
            Column("access_grants", Type.JSON, "Who may use it; sent since 2026-09"),
            Column("interest_status", Type.INT, "The number found in leads.lt_interest_status", always=True),
            _CREATED,
        ),
    ),
    Stream(
        name="block_list_entries",
        about="Addresses and domains that are never written to",
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
            Column("is_domain", Type.BOOL, "The value is a domain"),
            _CREATED,
        ),
    ),
    Stream(
        name="custom_tags",
        about="Tags for accounts and campaigns",
        path="/api/v2/custom-tags",
        read=Read.SCAN,
        cursor=("id",),
        key=("id",),
        absent=Absent.DELETED,
        api_scope="custom_tags:read",
        columns=(
            _ID,
            _ORGANIZATION,
            Column("label", Type.TEXT, "The tag; unique in the workspace", aliases=("name",), always=True),
            Column("description", Type.TEXT, "Description"),
            _CREATED,
            _UPDATED,
        ),
    ),
    Stream(
        name="api_keys",
        about="API keys of the workspace and their scopes; the key itself is never kept",
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
