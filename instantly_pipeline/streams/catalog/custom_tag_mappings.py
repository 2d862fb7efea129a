"""Which custom tag is on which account or campaign."""

from __future__ import annotations

from instantly_pipeline.streams.enums import TAGGED_RESOURCE
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

STREAM = Stream(
    name="custom_tag_mappings",
    group="setup",
    about="Which custom tag is on which account or campaign",
    path="/api/v2/custom-tag-mappings",
    read=Read.INCREMENT,
    newest="timestamp_created",
    cursor=("id",),
    key=("id",),
    absent=Absent.DELETED,
    scope=("resource_id",),
    asked_by=("resource_ids", "resource_id"),  # there is no request for one mapping
    api_scope="custom_tag_mappings:read",
    columns=(
        Column("id", Type.TEXT, "Id", always=True),
        Column("organization_id", Type.TEXT, "Workspace id", always=True),
        Column("tag_id", Type.TEXT, "Tag, in custom_tags.id; may no longer exist", always=True),
        Column("resource_id", Type.TEXT, "E-mail of the account, or id of the campaign", always=True),
        Column("resource_type", Type.INT, "What carries the tag", always=True, labels=TAGGED_RESOURCE),
        Column("timestamp_created", Type.INSTANT, "When the tag was put there", always=True),
    ),
)
