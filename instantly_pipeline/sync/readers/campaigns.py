"""Streams asked for campaign by campaign: lifetime figures, daily figures and the figures of single days."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from instantly_pipeline.errors import BadRequest, NotFound
from instantly_pipeline.lake.record import Record
from instantly_pipeline.sync.collapses import Collapses
from instantly_pipeline.sync.context import records_in
from instantly_pipeline.sync.report import Outcome
from instantly_pipeline.sync.sink import Range, Sink, below, days_of

AT_ONCE = 8
COUNTERS = "campaign_analytics"
OPEN_FOR = timedelta(hours=48)  # a date is open until 24 h after its UTC end


async def read_per_campaign(sink: Sink) -> None:
    """Lifetime figures of every campaign whose counters moved since they were last read.

    The counters were taken before, so a change in between is read again next time rather than missed.
    """
    counters = _hashes(sink, COUNTERS)
    done = sink.ctx.states.read(sink.stream.name)
    campaigns = [c for c in _campaigns(sink) if sink.ctx.request.full or done.get(c) != counters.get(c, "")]
    sink.total = len(campaigns)

    async def one(campaign: str) -> None:
        rows = await _rows_of(sink, {sink.stream.parent_param: campaign})
        if rows is not None:
            sink.put([row | {"campaign_id": campaign} for row in rows], _whole(sink, campaign))
        done[campaign] = counters.get(campaign, "")

    await _in_batches(sink, campaigns, one, done)


async def read_campaign_window(sink: Sink) -> None:
    """Daily figures of every campaign over the lookback; the first time from the start date.

    A deleted campaign still answers, and is asked while it has days within the lookback.
    """
    windows = sink.ctx.windows
    done = sink.ctx.states.read(sink.stream.name)
    start = windows.today - timedelta(days=windows.lookback_days)
    collapses = Collapses(sink)
    campaigns = [c for c in _campaigns(sink) if c not in done or _may_move(sink, c, start)]
    sink.total = len(campaigns)

    async def one(campaign: str) -> None:
        first = start if campaign in done and not sink.ctx.request.full else min(start, windows.first_day)
        params = {sink.stream.parent_param: campaign, **plain_dates(first, windows.today)}
        rows = await _rows_of(sink, params)
        if rows is not None:
            bounds = days_of((campaign,), first.isoformat(), windows.today.isoformat())
            collapses.take([row | {"campaign_id": campaign} for row in rows], bounds)
        done[campaign] = windows.today.isoformat()

    await _in_batches(sink, campaigns, one, done, collapses)


async def read_workspace_window(sink: Sink) -> None:
    """Daily figures of the whole workspace, deleted campaigns included, in one request."""
    windows, at = sink.ctx.windows, sink.ctx.now()
    start = windows.today - timedelta(days=windows.lookback_days)
    done = sink.ctx.states.read(sink.stream.name)
    first = start if done and not sink.ctx.request.full else min(start, windows.first_day)
    params = {**(sink.stream.params or {}), **plain_dates(first, windows.today)}
    answer = await sink.client.get(sink.stream.path, params)
    bounds = days_of((), first.isoformat(), windows.today.isoformat())
    collapses = Collapses(sink)
    collapses.take(records_in(sink.stream, answer), bounds)
    collapses.save()
    state = {"last": windows.today.isoformat()}
    await sink.land(checkpoint=lambda: sink.ctx.states.write(sink.stream.name, state), at=at)


async def read_campaign_days(sink: Sink) -> None:
    """Figures by step of every campaign-day whose daily row changed since its steps were read, newest first.

    Bounded per run (not under `--full`); a closed day is asked for at most once a day.
    """
    daily = _hashes(sink, "daily_analytics")
    done = sink.ctx.states.read(sink.stream.name)
    days = [key for key in daily if _is_due(sink, key, daily[key], done.get(key))]
    days.sort(key=lambda key: (orjson.loads(key)[1], key), reverse=True)
    bound = len(days) if sink.ctx.request.full else sink.ctx.step_requests
    now_asked, left = days[:bound], len(days) - bound
    sink.total = len(now_asked)
    collapses = Collapses(sink)

    async def one(key: str) -> None:
        campaign, day = orjson.loads(key)
        rows = await _steps_of(sink, campaign, day)
        if rows is not None:
            collapses.take([row | {"campaign_id": campaign, "date": day} for row in rows], below(campaign, day))
        done[key] = [daily[key], sink.ctx.windows.today.isoformat()]

    await _in_batches(sink, now_asked, one, done, collapses)
    if left > 0:
        sink.result.outcome = Outcome.PARTIAL
        sink.result.reason = (
            f"{left} older campaign-days are left for the next runs (sync --full reads all of them now)"
        )


def _is_due(sink: Sink, key: str, digest: str, done: list[str] | None) -> bool:
    """A day changed since its steps were read; a closed day read today waits for tomorrow."""
    if done is None or (sink.ctx.request.full and done[0] != digest):
        return True
    if done[0] == digest:
        return False
    day = date.fromisoformat(orjson.loads(key)[-1])
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return sink.ctx.now() < begins + OPEN_FOR or done[1] != sink.ctx.windows.today.isoformat()


async def _steps_of(sink: Sink, campaign: str, day: str) -> list[Record] | None:
    """The rows of one day; full timestamps first, plain dates once the server has refused those."""
    full = {"start_date": f"{day}T00:00:00.000Z", "end_date": f"{day}T23:59:59.999Z"}
    plain = {"start_date": day, "end_date": day}
    given = {sink.stream.parent_param: campaign}
    if sink.plain_dates:
        return await _rows_of(sink, given | plain)
    try:
        return await _rows_of(sink, given | full)
    except BadRequest:
        rows = await _rows_of(sink, given | plain)
        sink.plain_dates = True
        return rows


async def _rows_of(sink: Sink, params: dict[str, str]) -> list[Record] | None:
    """The rows of one request; None where the campaign is gone (its rows are kept)."""
    try:
        answer = await sink.client.get(sink.stream.path, {**(sink.stream.params or {}), **params})
    except NotFound:
        return None
    return records_in(sink.stream, answer)


async def _in_batches(
    sink: Sink,
    items: Iterable[str],
    one: Callable[[str], Awaitable[None]],
    done: dict[str, Any],
    collapses: Collapses | None = None,
) -> None:
    """Ask for the items some at a time. `done`, which `one` fills in, is the checkpoint: it moves after its batch."""

    async def land(at: datetime) -> None:
        if collapses is not None:
            collapses.save()
        await sink.land(checkpoint=lambda: sink.ctx.states.write(sink.stream.name, done), at=at)

    at = sink.ctx.now()
    for group in groups(list(items), AT_ONCE):
        await asyncio.gather(*(one(item) for item in group))
        if sink.is_full():
            await land(at)
            at = sink.ctx.now()
    await land(at)


def groups(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items in pieces of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _campaigns(sink: Sink) -> list[str]:
    """Every campaign the lake ever knew, deleted ones too: they still answer."""
    return sorted({*sink.ctx.ids("campaigns"), *sink.ctx.ids(COUNTERS)})


def _may_move(sink: Sink, campaign: str, start: date) -> bool:
    """A listed campaign may always move; a deleted one while it has days within the lookback."""
    key = orjson.dumps([campaign]).decode()
    entry = sink.ctx.log("campaigns").index.lookup([key]).get(key)
    if entry is not None and entry.alive:
        return True
    bounds = days_of((campaign,), start.isoformat(), sink.ctx.windows.today.isoformat())
    return bool(sink.ctx.log(sink.stream.name).index.alive(*bounds))


def _hashes(sink: Sink, stream: str) -> dict[str, str]:
    """The hash of the last version of every live record of a stream: by its key, by campaign where that is the key."""
    alive = sink.ctx.log(stream).index.alive()
    if stream == COUNTERS:
        return {orjson.loads(key)[0]: entry.hash or "" for key, entry in alive.items()}
    return {key: entry.hash or "" for key, entry in alive.items()}


def _whole(sink: Sink, campaign: str) -> Range:
    """The range of keys one campaign's answer decides."""
    if sink.stream.key == ("campaign_id",):
        key = orjson.dumps([campaign]).decode()
        return key[:-1], key
    return below(campaign)


def plain_dates(first: date, last: date) -> dict[str, Any]:
    """Plain dates, as /daily takes them; both days are included (reference, section 6)."""
    return {"start_date": first.isoformat(), "end_date": last.isoformat()}
