"""Streams asked for campaign by campaign: lifetime figures, daily figures and the figures of single days."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from instantly_pipeline.errors import BadRequest, Fatal, Forbidden, NotFound, PipelineError, WorkspaceError
from instantly_pipeline.lake.record import Record
from instantly_pipeline.sync.collapses import Collapses
from instantly_pipeline.sync.context import Windows, records_in
from instantly_pipeline.sync.report import Outcome
from instantly_pipeline.sync.sink import Range, Sink, below, days_of

AT_ONCE = 8
MOST_FAILURES = 20  # so many items that cannot be read, and the stream is given up for this run
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

    await _in_batches(sink, campaigns, one, lambda: sink.ctx.states.write(sink.stream.name, done))


async def read_campaign_window(sink: Sink) -> None:
    """Daily figures of every campaign over the lookback; the first time from the start date.

    The lookback is counted from the last day that was read, so a pause of any length leaves no hole. A deleted campaign
    still answers, and is asked while it has days within the lookback.
    """
    windows = sink.ctx.windows
    done = sink.ctx.states.read(sink.stream.name)
    start = windows.today - timedelta(days=windows.lookback_days)
    collapses = Collapses(sink)
    campaigns = [c for c in _campaigns(sink) if c not in done or _may_move(sink, c, start)]
    sink.total = len(campaigns)

    async def one(campaign: str) -> None:
        first = collapses.reach(_first_day(sink, done.get(campaign)), campaign)
        params = {sink.stream.parent_param: campaign, **plain_dates(first, windows.today)}
        rows = await _rows_of(sink, params)
        if rows is not None:
            bounds = days_of((campaign,), first.isoformat(), windows.today.isoformat())
            collapses.take([row | {"campaign_id": campaign} for row in rows], bounds)
        if rows is not None or not _is_listed(sink, campaign):
            done[campaign] = windows.today.isoformat()

    await _in_batches(sink, campaigns, one, lambda: sink.ctx.states.write(sink.stream.name, done), collapses)


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


def _first_day(sink: Sink, last_read: object) -> date:
    return first_day(sink.ctx.windows, last_read, full=sink.ctx.request.full)


async def read_campaign_days(sink: Sink) -> None:
    """Figures by step of every campaign-day whose daily row changed since its steps were read, newest first.

    Bounded per run; a closed day is asked for at most once a day. `--full` has no bound, and reads all days within the
    lookback again: meetings and wins are counted by the lead's present status, which moves without the daily row.
    """
    daily = _hashes(sink, "daily_analytics")
    done = StepDays(sink)
    days = [key for key in daily if day_of(key) is not None and _is_due(sink, key, daily[key], done.get(key))]
    days.sort(key=lambda key: (day_of(key) or date.min, key), reverse=True)
    bound = len(days) if sink.ctx.request.full else sink.ctx.step_requests
    now_asked, left = days[:bound], len(days) - bound
    sink.total = len(now_asked)
    collapses = Collapses(sink)

    async def one(key: str) -> None:
        campaign, day = orjson.loads(key)
        rows = await _steps_of(sink, campaign, day)
        if rows is not None:
            collapses.take([row | {"campaign_id": campaign, "date": day} for row in rows], below(campaign, day))
        done.put(key, daily[key], sink.ctx.windows.today.isoformat())

    await _in_batches(sink, now_asked, one, done.save, collapses)
    if left > 0 and sink.result.outcome is Outcome.OK:
        sink.result.outcome = Outcome.PARTIAL
        sink.result.reason = f"{left} older campaign-days are left for the next runs (sync --full reads them all)"


class StepDays:
    """Which campaign-days were read, from which daily row and when; one checkpoint a month, so each stays small."""

    def __init__(self, sink: Sink) -> None:
        self._states = sink.ctx.states
        self._prefix = f"{sink.stream.name}.days."
        self._months = {name: self._states.read(name) for name in self._states.names(self._prefix)}
        self._changed: set[str] = set()

    def get(self, key: str) -> tuple[str, str] | None:
        """The hash of the daily row, and the date of the reading."""
        found = self._months.get(self._month(key), {}).get(key)
        return (str(found[0]), str(found[1])) if isinstance(found, list) and len(found) == 2 else None

    def put(self, key: str, digest: str, today: str) -> None:
        """Note a reading; `save` makes it last."""
        month = self._month(key)
        self._months.setdefault(month, {})[key] = [digest, today]
        self._changed.add(month)

    def save(self) -> None:
        """Write the months that changed."""
        for month in self._changed:
            self._states.write(month, self._months[month])
        self._changed = set()

    def _month(self, key: str) -> str:
        return f"{self._prefix}{orjson.loads(key)[1][:7]}"


def day_of(key: str) -> date | None:
    """The date a key ends with; None where it is none."""
    try:
        return date.fromisoformat(orjson.loads(key)[-1])
    except (TypeError, ValueError):
        return None


def _is_due(sink: Sink, key: str, digest: str, done: tuple[str, str] | None) -> bool:
    """A day changed since its steps were read; a closed day read today waits for tomorrow."""
    windows, day = sink.ctx.windows, day_of(key)
    if done is None or day is None:
        return day is not None
    if sink.ctx.request.full and day >= windows.today - timedelta(days=windows.lookback_days):
        return True
    if done[0] == digest:
        return False
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return sink.ctx.now() < begins + OPEN_FOR or done[1] != windows.today.isoformat()


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
    items: Sequence[str],
    one: Callable[[str], Awaitable[None]],
    checkpoint: Callable[[], None],
    collapses: Collapses | None = None,
) -> None:
    """Ask for the items some at a time. `one` fills in what `checkpoint` writes, which moves after its batch.

    An item that cannot be read does not cost the others: the stream goes on, and ends as failed, naming how many.
    """

    async def land(at: datetime) -> None:
        if collapses is not None:
            collapses.save()
        await sink.land(checkpoint=checkpoint, at=at)

    failed: list[PipelineError] = []
    at = sink.ctx.now()
    for number, group in enumerate(groups(items, AT_ONCE)):
        ends = await asyncio.gather(*(one(item) for item in group), return_exceptions=True)
        failed += [_passable(end) for end in ends if end is not None]
        if len(failed) > MOST_FAILURES or len(failed) == (number + 1) * AT_ONCE:
            break
        if sink.is_full():
            await land(at)
            at = sink.ctx.now()
    await land(at)
    if failed:
        sink.result.outcome = Outcome.FAILED
        sink.result.reason = f"{len(failed)} of {len(items)} could not be read, the first one because: {failed[0]}"


def _passable(end: BaseException) -> PipelineError:
    """An error that concerns one item; any other goes on its way."""
    if isinstance(end, PipelineError) and not isinstance(end, (Fatal, WorkspaceError, Forbidden)):
        return end
    raise end


def groups(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items in pieces of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _campaigns(sink: Sink) -> list[str]:
    """Every campaign the lake ever knew, deleted ones too: they still answer."""
    return sorted({*sink.ctx.ids("campaigns"), *sink.ctx.ids(COUNTERS)})


def _may_move(sink: Sink, campaign: str, start: date) -> bool:
    """A listed campaign may always move; a deleted one while it has days within the lookback."""
    if _is_listed(sink, campaign):
        return True
    bounds = days_of((campaign,), start.isoformat(), sink.ctx.windows.today.isoformat())
    return bool(sink.ctx.log(sink.stream.name).index.alive(*bounds))


def _is_listed(sink: Sink, campaign: str) -> bool:
    key = orjson.dumps([campaign]).decode()
    entry = sink.ctx.log("campaigns").index.lookup([key]).get(key)
    return entry is not None and entry.alive


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
