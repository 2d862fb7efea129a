"""What the readers of single campaigns share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType

from instantly_pipeline.errors import NotFound
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.sync.answers import records_in
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import COUNTERS
from instantly_pipeline.sync.limits import Dates
from instantly_pipeline.sync.sink import Sink


async def rows_of(
    sink: Sink, campaign: str, params: Mapping[str, str] = MappingProxyType({}), *, or_object: bool = False
) -> list[Record] | None:
    """The rows of one request; None if the campaign is deleted (its rows are kept).

    It is deleted if the API answers 404, or without rows about a campaign that is not listed.
    """
    try:
        return await rows_in(sink, campaign, params, or_object=or_object)
    except NotFound:
        return None


async def rows_in(
    sink: Sink, campaign: str, params: Mapping[str, str], *, or_object: bool = False
) -> list[Record] | None:
    """The rows of one request; None if there are none and the campaign is not listed.

    NotFound if the API does not know the campaign.
    """
    asked = {**(sink.stream.params or {}), sink.stream.parent_param: campaign, **params}
    rows = records_in(sink.stream, await sink.client.get(sink.stream.path, asked), or_object=or_object)
    return rows if rows or sink.ctx.is_listed("campaigns", campaign) else None


def every_campaign(ctx: Context) -> Sequence[str]:
    """Every campaign in the lake, including deleted ones: the API still answers about them."""
    return sorted({*ctx.ids("campaigns"), *ctx.ids(COUNTERS)})


def dates_between(first: date, last: date, form: Dates = Dates.PLAIN) -> dict[str, str]:
    """The parameters of a range of days, both ends included (reference, section 6)."""
    if form is Dates.INSTANTS:
        return {"start_date": f"{first}T00:00:00.000Z", "end_date": f"{last}T23:59:59.999Z"}
    return {"start_date": first.isoformat(), "end_date": last.isoformat()}
