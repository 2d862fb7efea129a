"""Streams asked for campaign by campaign, lifetime and daily figures; and the daily figures of the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from instantly_pipeline.errors import NotFound
from instantly_pipeline.lake.record import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.collapses import Collapses
from instantly_pipeline.sync.context import Context, Windows, records_in
from instantly_pipeline.sync.counters import COUNTERS
from instantly_pipeline.sync.readers.asking import each
from instantly_pipeline.sync.sink import Range, Sink, below, days_of


def choose_lifetimes(ctx: Context, stream: Stream) -> list[str]:
    """The campaigns whose counters moved since their lifetime figures were last read."""
    counters, done = _counters(ctx), ctx.states.read(stream.name)
    return [c for c in every_campaign(ctx) if ctx.request.full or done.get(c) != counters.get(c, "")]


async def read_per_campaign(sink: Sink) -> None:
    """Lifetime figures of every campaign whose counters moved since they were last read.

    The counters were taken before, so a change in between is read again next time rather than missed.
    """
    counters, done = _counters(sink.ctx), sink.ctx.states.read(sink.stream.name)
    campaigns = choose_lifetimes(sink.ctx, sink.stream)
    sink.total = len(campaigns)

    async def ask(campaign: str) -> list[Record] | None:
        return await rows_of(sink, {sink.stream.parent_param: campaign})

    def take(campaign: str, rows: list[Record] | None) -> None:
        if rows is not None:
            sink.put([row | {"campaign_id": campaign} for row in rows], _whole(sink, campaign))
        done[campaign] = counters.get(campaign, "")

    await each(sink, campaigns, ask, take, checkpoint=lambda: sink.ctx.states.write(sink.stream.name, done))


def choose_windows(ctx: Context, stream: Stream) -> list[str]:
    """The campaigns to ask for their days: those listed or never asked for, and others while they may move."""
    done, listed = ctx.states.read(stream.name), set(ctx.ids("campaigns", alive_only=True))
    return [c for c in every_campaign(ctx) if c in listed or c not in done or _may_move(ctx, stream, c, done[c])]


async def read_campaign_window(sink: Sink) -> None:
    """Daily figures of every campaign over the lookback; the first time from the start date.

    The lookback is counted from the last day that was read, so a pause of any length leaves no hole. A deleted campaign
    still answers, and is asked while it has days within the lookback or its counters move.
    """
    today, done = sink.ctx.windows.today, sink.ctx.states.read(sink.stream.name)
    collapses = Collapses(sink)
    campaigns = choose_windows(sink.ctx, sink.stream)
    since = {c: collapses.reach(_first_day(sink, done.get(c)), c) for c in campaigns}
    listed = set(sink.ctx.ids("campaigns", alive_only=True))
    sink.total = len(campaigns)

    async def ask(campaign: str) -> list[Record] | None:
        return await rows_of(sink, {sink.stream.parent_param: campaign, **plain_dates(since[campaign], today)})

    def take(campaign: str, rows: list[Record] | None) -> None:
        if rows is not None:
            bounds = days_of((campaign,), since[campaign].isoformat(), today.isoformat())
            collapses.take([row | {"campaign_id": campaign} for row in rows], bounds)
        if rows is not None or campaign not in listed:
            done[campaign] = today.isoformat()

    def checkpoint() -> None:
        sink.ctx.states.write(sink.stream.name, done)

    await each(sink, campaigns, ask, take, checkpoint=checkpoint, before=collapses.save)


async def read_workspace_window(sink: Sink) -> None:
    """Daily figures of the whole workspace, deleted campaigns included, in one request."""
    windows, at = sink.ctx.windows, sink.ctx.now()
    collapses = Collapses(sink)
    first = collapses.reach(_first_day(sink, sink.ctx.states.read(sink.stream.name).get("last")))
    params = {**(sink.stream.params or {}), **plain_dates(first, windows.today)}
    answer = await sink.client.get(sink.stream.path, params)
    bounds = days_of((), first.isoformat(), windows.today.isoformat())
    collapses.take(records_in(sink.stream, answer), bounds)
    collapses.save()
    state = {"last": windows.today.isoformat()}
    await sink.land(checkpoint=lambda: sink.ctx.states.write(sink.stream.name, state), at=at)


async def rows_of(sink: Sink, params: dict[str, str]) -> list[Record] | None:
    """The rows of one request; None where the campaign is gone (its rows are kept).

    404 says so, and an answer without any row about a campaign that is not listed.
    """
    try:
        answer = await sink.client.get(sink.stream.path, {**(sink.stream.params or {}), **params})
    except NotFound:
        return None
    rows = records_in(sink.stream, answer)
    return rows if rows or sink.ctx.is_listed("campaigns", params[sink.stream.parent_param]) else None


def every_campaign(ctx: Context) -> Sequence[str]:
    """Every campaign the lake ever knew, deleted ones too: they still answer."""
    return sorted({*ctx.ids("campaigns"), *ctx.ids(COUNTERS)})


def first_day(windows: Windows, last_read: object, *, full: bool) -> date:
    """Where a window begins: the lookback before the last day that was read; the start date where none was."""
    lookback = timedelta(days=windows.lookback_days)
    try:
        known = date.fromisoformat(last_read) if isinstance(last_read, str) and not full else None
    except ValueError:
        known = None
    if known is None:
        return min(windows.first_day, windows.today - lookback)
    return min(known, windows.today) - lookback


def plain_dates(first: date, last: date) -> dict[str, Any]:
    """Plain dates, as /daily takes them; both days are included (reference, section 6)."""
    return {"start_date": first.isoformat(), "end_date": last.isoformat()}


def _first_day(sink: Sink, last_read: object) -> date:
    return first_day(sink.ctx.windows, last_read, full=sink.ctx.request.full)


def _may_move(ctx: Context, stream: Stream, campaign: str, last_read: object) -> bool:
    """Whether a campaign that is not listed has days within the lookback, or its counters moved since it was read."""
    key = orjson.dumps([campaign]).decode()
    counters = ctx.log(COUNTERS).index.lookup([key]).get(key)
    if counters is not None and str(datetime.fromtimestamp(counters.at / 1e6, UTC).date()) >= str(last_read):
        return True
    start = ctx.windows.today - timedelta(days=ctx.windows.lookback_days)
    bounds = days_of((campaign,), start.isoformat(), ctx.windows.today.isoformat())
    return bool(ctx.log(stream.name).index.alive(*bounds))


def _counters(ctx: Context) -> dict[str, str]:
    """The hash of each campaign's counters."""
    return {orjson.loads(key)[0]: digest for key, digest in ctx.hashes(COUNTERS).items()}


def _whole(sink: Sink, campaign: str) -> Range:
    """The range of keys one campaign's answer decides."""
    if sink.stream.key == ("campaign_id",):
        key = orjson.dumps([campaign]).decode()
        return key[:-1], key
    return below(campaign)
