"""Streams asked for batches of sender accounts: daily figures and warm-up figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import cast

import orjson

from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.record import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context, records_in
from instantly_pipeline.sync.manner import Dates
from instantly_pipeline.sync.readers.asking import each, groups
from instantly_pipeline.sync.readers.campaigns import dates_between
from instantly_pipeline.sync.readers.parts import OF_ACCOUNTS, Answer, Refused, attempt, in_parts
from instantly_pipeline.sync.readers.windows import AGAIN, REFUSED, readings_of
from instantly_pipeline.sync.readings import Span
from instantly_pipeline.sync.sink import Range, Sink, days_of

ACCOUNTS_AT_ONCE = 100  # 200 are allowed since 2026-07, 413 came at a few hundred before (reference, section 4.1)
DAYS_AT_ONCE = 31

Batch = tuple[int, Sequence[str]]
OfAccounts = Answer[Sequence[str], list[Record]]


@dataclass(frozen=True, slots=True)
class Window:
    """Some accounts, by their addresses in lower case, over some days; `refused` where it is the days that are."""

    emails: tuple[str, ...]
    span: Span
    refused: bool = False


def choose_account_windows(ctx: Context, stream: Stream) -> list[Window]:
    """Batches of accounts, each over what is due of its days in pieces the API takes; the largest first, which show how
    much is too much."""
    done, left_out = readings_of(ctx, stream), ctx.left_out(stream)
    most = ctx.manner_of_accounts(stream, ACCOUNTS_AT_ONCE).at_most(ACCOUNTS_AT_ONCE)
    days = ctx.manner_of_days(stream, DAYS_AT_ONCE).at_most(DAYS_AT_ONCE)
    by_days: dict[tuple[Span, ...], list[str]] = defaultdict(list)
    batches: list[tuple[Sequence[str], tuple[Span, ...]]] = []
    for email in ctx.addresses():
        if email in left_out.resting:
            continue
        due = tuple(piece for span in done.due(email) for piece in span.pieces(days))
        if email in left_out.known:
            batches.append(([email], due))
        else:
            by_days[due].append(email)
    batches += [(part, due) for due, emails in by_days.items() for part in groups(emails, most)]
    windows = [Window(tuple(emails), span) for emails, due in batches for span in due]
    return sorted(windows, key=lambda window: (-len(window.emails), -window.span.count))


async def read_account_window(sink: Sink) -> None:
    """Daily figures of every account over the lookback; the first time from the start date."""
    await _Windows(sink).read()


class _Windows:
    """The windows of one run, batch by batch of accounts."""

    def __init__(self, sink: Sink) -> None:
        ctx, stream = sink.ctx, sink.stream
        self._sink, self._ctx, self._spelled = sink, ctx, ctx.addresses()
        self._done, self._left_out = readings_of(ctx, stream), ctx.left_out(stream)
        self._of_days = ctx.manner_of_days(stream, DAYS_AT_ONCE)
        self._of_accounts = ctx.manner_of_accounts(stream, ACCOUNTS_AT_ONCE)

    async def read(self) -> None:
        """Ask for what is due."""
        windows = choose_account_windows(self._ctx, self._sink.stream)
        by_batch: dict[tuple[str, ...], list[Window]] = defaultdict(list)
        for window in windows:
            by_batch[window.emails].append(window)
        for email in {email for emails in by_batch for email in emails}:
            self._done.due(email)
        self._sink.total = len(windows)
        batches = list(by_batch.values())
        await each(self._sink, batches, self._ask, self._take, refuse=self._refuse, checkpoint=self._checkpoint)
        _say_who_is_left_out(self._sink)
        if days := sum(self._done.refused(email) for email in self._spelled):
            self._sink.result.is_partial(f"the API refuses {days:,} days of accounts and answers the others {AGAIN}")

    async def _ask(self, batch: list[Window]) -> AsyncGenerator[Answer[Window, list[Record]]]:
        """One window after the other: whom the first shows to be refused, the others leave out."""
        for window in batch:
            days = window.span.days()
            over = partial(self._over, window)
            asked = in_parts(self._of_days, days, over, refusals=OF_ACCOUNTS, now=self._ctx.now)
            async with aclosing(asked) as answers:
                async for answer in answers:
                    part = replace(window, span=Span(answer.item[-1], answer.item[0]))
                    if isinstance(answer.got, PipelineError | Refused):
                        yield Answer(replace(part, refused=True), answer.asked_at, answer.got)
                        continue
                    for one in answer.got:
                        yield Answer(replace(part, emails=tuple(one.item)), one.asked_at, one.got)

    async def _over(self, window: Window, days: Sequence[date], _: str) -> list[OfAccounts]:
        """The answers about the accounts of a window over some of its days, for fewer of them where it is too much."""
        rows = partial(self._rows, dates_between(days[-1], days[0], Dates.PLAIN))
        emails = [email for email in window.emails if not self._left_out.is_refused_now(email)]
        if self._of_days.gave_up and not self._of_days.proven:  # no account of a batch was answered, nor for one day
            return [Answer(emails, self._ctx.now(), await rows(emails, ""))]
        asked = in_parts(
            self._of_accounts, emails, rows, refusals=OF_ACCOUNTS, now=self._ctx.now,
            is_known=lambda: self._of_days.proven >= len(days),
        )  # fmt: skip
        answers = _unless_all_failed([answer async for answer in asked])
        self._left_out.update(email for one in answers if isinstance(one.got, Refused) for email in one.item)
        return answers

    async def _rows(self, days: dict[str, str], emails: Sequence[str], _: str) -> list[Record]:
        params = {"emails": [self._spelled[email] for email in emails], **days}
        return records_in(self._sink.stream, await self._sink.client.get(self._sink.stream.path, params))

    def _take(self, window: Window, rows: list[Record]) -> None:
        self._sink.put(rows, *(days_of((email,), *window.span.as_texts()) for email in window.emails))
        for email in window.emails:
            self._done.read(email, window.span)
            self._left_out.forget(email)

    def _refuse(self, window: Window) -> None:
        for email in window.emails:
            _name(self._sink, email, " to ".join(window.span.as_texts()) if window.refused else "")
            if window.refused:
                self._done.refuse(email, window.span)

    def _checkpoint(self) -> None:
        self._done.save()
        self._left_out.save()


def _unless_all_failed(answers: list[OfAccounts]) -> list[OfAccounts]:
    """The answers; where none of the accounts was answered or shown to be the matter itself, the error is raised."""
    errors = [answer.got for answer in answers if isinstance(answer.got, PipelineError)]
    if errors and len(errors) == len(answers):
        raise errors[0]
    return answers


def choose_account_batches(ctx: Context, stream: Stream) -> list[Batch]:
    """The accounts in numbered batches, as their addresses are spelled."""
    left_out, spelled = ctx.left_out(stream), ctx.addresses()
    most = ctx.manner_of_accounts(stream, ACCOUNTS_AT_ONCE).at_most(ACCOUNTS_AT_ONCE)
    batches = groups([spelled[email] for email in spelled if email not in left_out.known], most)
    again = [[spelled[email]] for email in spelled if email in left_out.known - left_out.resting]
    return list(enumerate([*batches, *again]))


async def read_account_batch(sink: Sink) -> None:
    """Figures of batches of accounts over a time the server chooses. One answer may serve several streams."""
    ctx, stream = sink.ctx, sink.stream
    batches, left_out = choose_account_batches(ctx, stream), ctx.left_out(stream)
    sink.total = len(batches)

    async def ask(batch: Batch) -> AsyncGenerator[Answer[Sequence[str], list[Record]]]:
        number, emails = batch
        answers = await ctx.shared(f"{stream.path} {number}", lambda: _of_batch(sink, emails))
        for answer in cast("list[Answer[Sequence[str], object]]", answers):
            if isinstance(answer.got, PipelineError | Refused):
                yield Answer(answer.item, answer.asked_at, answer.got)
            else:
                yield Answer(answer.item, answer.asked_at, await attempt(_records(stream, answer.got)))

    def take(emails: Sequence[str], rows: list[Record]) -> None:
        sink.put(rows, *_decided(sink, rows))
        for email in emails:
            left_out.forget(email.lower())

    def refuse(emails: Sequence[str]) -> None:
        for email in emails:
            _name(sink, email.lower())
        left_out.update(email.lower() for email in emails)

    await each(sink, batches, ask, take, refuse=refuse, checkpoint=left_out.save)
    _say_who_is_left_out(sink)


async def _of_batch(sink: Sink, emails: Sequence[str]) -> list[Answer[Sequence[str], object]]:
    manner = sink.ctx.manner_of_accounts(sink.stream, ACCOUNTS_AT_ONCE)

    async def ask(some: Sequence[str], _: str) -> object:
        return await sink.client.post(sink.stream.path, {"emails": list(some)})

    asked = in_parts(
        manner, emails, ask, refusals=OF_ACCOUNTS, now=sink.ctx.now, is_known=lambda: manner.proven > 0
    )  # fmt: skip
    return [answer async for answer in asked]


async def _records(stream: Stream, answer: object) -> list[Record]:
    return records_in(stream, answer)


def _decided(sink: Sink, rows: Sequence[Record]) -> list[Range]:
    """Of each account the keys from its first to its last row: what lies before them has rolled out of the window."""
    by_account: dict[str, list[str]] = defaultdict(list)
    for key in sink.ctx.log(sink.stream.name).keys(rows):
        if key is not None:
            by_account[orjson.loads(key)[0]].append(key)
    return [(min(keys)[:-1], max(keys)) for keys in by_account.values()]


def _name(sink: Sink, email: str, found: str = "") -> None:
    """Note an account that is refused by its key, which no log and no error shows."""
    sink.odd(orjson.dumps([email]).decode(), REFUSED, column=sink.stream.key[0], expected="an answer", found=found)


def _say_who_is_left_out(sink: Sink) -> None:
    accounts = sink.ctx.addresses()
    if count := sink.ctx.left_out(sink.stream).among(accounts):
        sink.result.is_partial(f"the API refuses {count:,} of {len(accounts):,} accounts; the others arrived {AGAIN}")
