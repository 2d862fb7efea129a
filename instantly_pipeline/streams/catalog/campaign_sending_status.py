"""Why a campaign sends, or does not."""

from __future__ import annotations

from datetime import timedelta

from instantly_pipeline.streams.model import Absent, Column, Parent, Read, Stream, Type

A_DAY = timedelta(days=1)
AT_REST = (0, 2, 3)  # draft, paused, completed: nothing is to be sent


def status_of(answer: object) -> list[dict[str, object]] | None:
    """The answer, with the status as a field of its own. Both of its fields may be left out."""
    if not isinstance(answer, dict) or (answer and not {"diagnostics", "summary"} & answer.keys()):
        return None
    diagnostics = answer.get("diagnostics")
    return [answer | {"status": diagnostics.get("status") if isinstance(diagnostics, dict) else None}]


STREAM = Stream(
    name="campaign_sending_status",
    group="setup",
    about="Why each campaign sends or does not send, as last asked for",
    path="/api/v2/campaigns/{id}/sending-status",
    read=Read.PER_PARENT,
    key=("campaign_id",),
    given=("campaign_id",),
    absent=Absent.KEEP,
    needs=("campaigns",),
    parent=Parent(
        "campaigns",
        "id",
        into="campaign_id",
        watch=("status", "not_sending_status"),
        every=lambda campaign: None if campaign.get("status") in AT_REST else A_DAY,
    ),
    rows=status_of,
    api_scope="campaigns:read",
    columns=(
        Column("campaign_id", Type.TEXT, "Campaign, in campaigns.id"),
        Column("status", Type.TEXT, "Whether it sends or why not, such as healthy or out_of_schedule"),
        Column("diagnostics", Type.JSON, "Accounts, limits, schedule and leads that decide whether it sends"),
        Column("summary", Type.JSON, "Status in words, since when there is an issue"),
    ),
)
