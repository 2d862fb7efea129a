"""Streams asked for batches of sender accounts: daily figures and warm-up figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import orjson

from instantly_pipeline.errors import TooLarge
from instantly_pipeline.lake.record import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context, records_in
from instantly_pipeline.sync.readers.asking import each, groups
from instantly_pipeline.sync.readers.campaigns import first_day, plain_dates
from instantly_pipeline.sync.sink import Range, Sink, days_of

ACCOUNTS_AT_ONCE = 100  # 200 are allowed since 2026-07, 413 came at a few hundred before (reference, section 4.1)
DAYS_AT_ONCE = 31


@dataclass(frozen=True, slots=True)
class Window:
    """One request: some accounts, by their addresses in lower case, over some days, both ends included."""

    emails: tuple[str, ...]
    first: date
    last: date


def choose_account_windows(ctx: Context, stream: Stream) -> list[Window]:
    """Batches of accounts, each over its whole time in pieces the API takes, oldest first."""
    done = ctx.states.read(stream.name)
    by_start: dict[date, list[str]] = defaultdict(list)
    for email in ctx.addresses():
        by_start[first_day(ctx.windows, done.get(email), full=ctx.request.full)].append(email)
    most = _most(ctx, stream)
    batches = [(tuple(part), first) for first, emails in sorted(by_start.items()) for part in groups(emails, most)]
    return [Window(emails, *days) for emails, first in batches for days in _pieces(first, ctx.windows.today)]


async def read_account_window(sink: Sink) -> None:
    """Daily figures of every account over the lookback; the first time from the start date.

    An account is done when all pieces of its time are. How many accounts the server takes at once is remembered.
    """
    states, name, today = sink.ctx.states, sink.stream.name, sink.ctx.windows.today
    windows = choose_account_windows(sink.ctx, sink.stream)
    done, left = states.read(name), Counter(window.emails for window in windows)
    sink.total = len(windows)
    least, spelled = _most(sink.ctx, sink.stream), sink.ctx.addresses()

    async def ask(window: Window) -> list[Record]:
        nonlocal least
        rows, accepted = await _rows(sink, [spelled[email] for email in window.emails], window)
        least = min(least, accepted) if accepted < len(window.emails) else least
        return rows

    def take(window: Window, rows: list[Record]) -> None:
        sink.put(rows, *(days_of((e,), window.first.isoformat(), window.last.isoformat()) for e in window.emails))
        left[window.emails] -= 1
        if not left[window.emails]:
            done.update(dict.fromkeys(window.emails, today.isoformat()))

    await each(sink, windows, ask, take, checkpoint=lambda: states.write(name, done))
    if least < _most(sink.ctx, sink.stream):
        states.write(f"{name}.most", {"accounts": least})


def _most(ctx: Context, stream: Stream) -> int:
    """How many accounts the server takes at once, as far as we know."""
    known = ctx.states.read(f"{stream.name}.most").get("accounts")
    return known if isinstance(known, int) and 0 < known < ACCOUNTS_AT_ONCE else ACCOUNTS_AT_ONCE


def _pieces(first: date, today: date) -> Iterator[tuple[date, date]]:
    while first <= today:
        last = min(first + timedelta(days=DAYS_AT_ONCE - 1), today)
        yield first, last
        first = last + timedelta(days=1)


async def _rows(sink: Sink, emails: Sequence[str], window: Window) -> tuple[list[Record], int]:
    """The rows of some accounts, where they are too many for the server of each half; and how many it took at once."""
    params = {"emails": list(emails), **plain_dates(window.first, window.last)}
    try:
        return records_in(sink.stream, await sink.client.get(sink.stream.path, params)), len(emails)
    except TooLarge:
        if len(emails) == 1:
            raise
    half = len(emails) // 2
    (rows, one), (more, other) = [await _rows(sink, part, window) for part in (emails[:half], emails[half:])]
    return rows + more, min(one, other)


def choose_account_batches(ctx: Context) -> list[tuple[int, Sequence[str]]]:
    """The accounts in numbered batches."""
    return list(enumerate(groups(list(ctx.addresses().values()), ACCOUNTS_AT_ONCE)))


async def read_account_batch(sink: Sink) -> None:
    """Figures of batches of accounts over a time the server chooses. One answer may serve several streams."""
    batches = choose_account_batches(sink.ctx)
    sink.total = len(batches)

    async def ask(batch: tuple[int, Sequence[str]]) -> list[Record]:
        number, emails = batch
        answer = await sink.ctx.shared(f"{sink.stream.path} {number}", lambda: _warmup(sink, emails))
        return records_in(sink.stream, answer)

    await each(sink, batches, ask, lambda _, rows: sink.put(rows, *_decided(sink, rows)))


def _decided(sink: Sink, rows: Sequence[Record]) -> list[Range]:
    """Of each account the keys from its first to its last row: what lies before them has rolled out of the window."""
    by_account: dict[str, list[str]] = defaultdict(list)
    for key in sink.ctx.log(sink.stream.name).keys(rows):
        if key is not None:
            by_account[orjson.loads(key)[0]].append(key)
    return [(min(keys)[:-1], max(keys)) for keys in by_account.values()]


async def _warmup(sink: Sink, emails: Sequence[str]) -> object:
    return await sink.client.post(sink.stream.path, {"emails": list(emails)})
