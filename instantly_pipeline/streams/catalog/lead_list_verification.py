"""How many leads of each lead list are verified."""

from __future__ import annotations

from datetime import timedelta

from instantly_pipeline.streams.model import Absent, Column, Parent, Read, Stream, Type

A_DAY = timedelta(days=1)

STREAM = Stream(
    name="lead_list_verification",
    group="setup",
    about="How many leads of each lead list are verified, by result",
    path="/api/v2/lead-lists/{id}/verification-stats",
    read=Read.PER_PARENT,
    key=("list_id",),
    given=("list_id",),
    absent=Absent.KEEP,
    needs=("lead_lists",),
    parent=Parent("lead_lists", "id", into="list_id", every=lambda _: A_DAY),
    api_scope="lead_lists:read",
    columns=(
        Column("list_id", Type.TEXT, "Lead list, in lead_lists.id"),
        Column("total_leads", Type.INT, "Leads of the list", always=True),
        Column("stats", Type.JSON, "Leads by result of the verification", always=True),
    ),
)
