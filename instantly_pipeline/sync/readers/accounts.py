"""Streams asked for batches of sender accounts: daily figures and warm-up figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from instantly_pipeline.errors import TooLarge
from instantly_pipeline.lake.record import Record
from instantly_pipeline.sync.context import records_in
from instantly_pipeline.sync.readers.campaigns import first_day, groups, plain_dates
from instantly_pipeline.sync.sink import Sink, days_of

ACCOUNTS_AT_ONCE = 100  # 200 are allowed since 2026-07, 413 came at a few hundred before (reference, section 4.1)
DAYS_AT_ONCE = 31


async def read_account_window(sink: Sink) -> None:
    """Daily figures of every account over the lookback; the first time from the start date."""
    windows = sink.ctx.windows
    done = sink.ctx.states.read(sink.stream.name)
    by_start: dict[date, list[str]] = defaultdict(list)
    for email in sink.ctx.ids("accounts", alive_only=True):
        by_start[first_day(windows, done.get(email), full=sink.ctx.request.full)].append(email)
    asks = [ask for first, emails in sorted(by_start.items()) for ask in _asks(emails, first, windows.today)]
    sink.total = len(asks)
    for emails, first, last in asks:
        at = sink.ctx.now()
        rows = await _days(sink, emails, first, last)
        sink.put(rows, *(days_of((email,), first.isoformat(), last.isoformat()) for email in emails))
        if last == windows.today:
            done.update(dict.fromkeys(emails, last.isoformat()))
        await sink.land(checkpoint=lambda: sink.ctx.states.write(sink.stream.name, done), at=at)


def _asks(emails: Sequence[str], first: date, last: date) -> Iterator[tuple[Sequence[str], date, date]]:
    """Batches of accounts, each over the whole time in pieces the API takes, oldest first."""
    for batch in groups(emails, ACCOUNTS_AT_ONCE):
        begin = first
        while begin <= last:
            end = min(begin + timedelta(days=DAYS_AT_ONCE - 1), last)
            yield batch, begin, end
            begin = end + timedelta(days=1)


async def _days(sink: Sink, emails: Sequence[str], first: date, last: date) -> list[Record]:
    """The rows of some accounts; where they are too many for the server, of each half."""
    params = {"emails": list(emails), **plain_dates(first, last)}
    try:
        return records_in(sink.stream, await sink.client.get(sink.stream.path, params))
    except TooLarge:
        if len(emails) == 1:
            raise
        half = len(emails) // 2
        return await _days(sink, emails[:half], first, last) + await _days(sink, emails[half:], first, last)


async def read_account_batch(sink: Sink) -> None:
    """Figures of batches of accounts over a time the server chooses. One answer may serve several streams."""
    emails = sink.ctx.ids("accounts", alive_only=True)
    parts = list(groups(emails, ACCOUNTS_AT_ONCE))
    sink.total = len(parts)
    at = sink.ctx.now()
    for number, part in enumerate(parts):
        answer = await sink.ctx.shared(f"{sink.stream.path} {number}", lambda part=part: _warmup(sink, part))  # type: ignore[misc]
        sink.put(records_in(sink.stream, answer))
        if sink.is_full():
            await sink.land(at=at)
    await sink.land(at=at)


async def _warmup(sink: Sink, emails: Sequence[str]) -> object:
    return await sink.client.post(sink.stream.path, {"emails": list(emails)})
