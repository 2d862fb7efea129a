"""Streams asked for batches of sender accounts: daily figures and warm-up figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import cast

import orjson

from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context, records_in
from instantly_pipeline.sync.readers.asking import Answer, Refused, attempt, each
from instantly_pipeline.sync.readers.campaigns import dates_between
from instantly_pipeline.sync.readers.parts import OF_ACCOUNTS, Question, groups
from instantly_pipeline.sync.readers.windows import AGAIN, REFUSED, readings_of
from instantly_pipeline.sync.readings import Readings, Span
from instantly_pipeline.sync.sink import Range, Sink, days_of

ACCOUNTS_AT_ONCE = 100  # 200 are allowed since 2026-07, 413 came at a few hundred before (reference, section 4.1)
DAYS_AT_ONCE = 31

Batch = tuple[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Window:
    """Some accounts, by their addresses in lower case, over some days; `refused` where it is the days that are."""

    emails: tuple[str, ...]
    span: Span
    refused: bool = False


def choose_account_windows(ctx: Context, stream: Stream, done: Readings) -> list[list[Window]]:
    """Batches of accounts, each over what is due of its days, the newest first; the longest of the largest batches
    first, which shows how much is too much."""
    left_out = ctx.left_out(stream)
    alike: dict[tuple[str, tuple[Span, ...]], list[str]] = defaultdict(list)
    for email in ctx.addresses():
        if email not in left_out.resting:
            alone = email if email in left_out.known else ""
            alike[alone, tuple(done.due(email))].append(email)
    most = ctx.limits_of_accounts(stream, ACCOUNTS_AT_ONCE).at_most(ACCOUNTS_AT_ONCE)
    batches = [
        [Window(tuple(some), span) for span in due]
        for (_, due), emails in alike.items()
        for some in groups(emails, most)
    ]
    return sorted(batches, key=_size, reverse=True)


def questions_about(ctx: Context, stream: Stream, batches: Sequence[Sequence[Window]]) -> int:
    """How many requests these take, in pieces of days that the API takes."""
    limits = ctx.limits_of_days(stream, DAYS_AT_ONCE)
    return sum(limits.questions(len(window.span.days())) for windows in batches for window in windows)


def _size(batch: Sequence[Window]) -> tuple[int, int]:
    """Of a batch: its accounts, and the longest of its spans."""
    return max(((len(window.emails), len(window.span.days())) for window in batch), default=(0, 0))


async def read_account_window(sink: Sink) -> None:
    """Daily figures of every account over the lookback; the first time from the start date."""
    await _Windows(sink).read()


class _Windows:
    """The windows of one run, batch by batch of accounts."""

    def __init__(self, sink: Sink) -> None:
        ctx, stream = sink.ctx, sink.stream
        self._sink, self._ctx, self._spelled = sink, ctx, ctx.addresses()
        self._done, self._left_out = readings_of(ctx, stream), ctx.left_out(stream)
        self._of_days = ctx.limits_of_days(stream, DAYS_AT_ONCE)
        self._of_accounts = ctx.limits_of_accounts(stream, ACCOUNTS_AT_ONCE)
        self._answered: set[date] = set()  # about some accounts, in this run

    async def read(self) -> None:
        """Ask for what is due."""
        batches = choose_account_windows(self._ctx, self._sink.stream, self._done)
        self._sink.total = questions_about(self._ctx, self._sink.stream, batches)
        await each(self._sink, batches, self._ask, self._take, refuse=self._refuse, checkpoint=self._checkpoint)
        _say_who_is_left_out(self._sink)
        if days := sum(self._done.refused(email) for email in self._spelled):
            self._sink.result.is_partial(f"the API refuses {days:,} days of accounts and answers the others {AGAIN}")

    async def _ask(self, batch: list[Window]) -> AsyncGenerator[Answer[Window, list[Record]]]:
        """One window after the other, without the accounts that were refused, as long as any is answered."""
        emails = [email for window in batch[:1] for email in window.emails]
        question = Question(self._of_days, partial(self._over, emails), OF_ACCOUNTS, self._ctx.now)
        for window in batch:
            async with aclosing(question.about(window.span.days())) as answers:
                async for answer in answers:
                    span = Span.of(answer.item)
                    if isinstance(answer.got, PipelineError | Refused):
                        yield Answer(Window(tuple(emails), span, refused=True), answer.asked_at, answer.got)
                    else:
                        for one in answer.got:
                            yield Answer(Window(tuple(one.item), span), one.asked_at, one.got)
                    if not emails or isinstance(answer.got, OF_ACCOUNTS):
                        return

    async def _over(self, emails: list[str], days: Sequence[date]) -> list[Answer[Sequence[str], list[Record]]]:
        """The answers about accounts over some days; those that are refused are taken from `emails`.

        Where no account is answered the error is raised: it may be for the days.
        """
        rows = partial(self._rows, dates_between(days[-1], days[0]))
        question = Question(
            self._of_accounts, rows, OF_ACCOUNTS, self._ctx.now,
            is_known=lambda: self._answered.issuperset(days) or self._left_out.known.issuperset(emails),
        )  # fmt: skip
        answers = [answer async for answer in question.about(list(emails))]
        errors = [answer.got for answer in answers if isinstance(answer.got, PipelineError)]
        if errors and len(errors) == len(answers):
            raise errors[0]
        refused = {email for answer in answers if isinstance(answer.got, Refused) for email in answer.item}
        emails[:] = [email for email in emails if email not in refused]
        if emails:
            self._answered.update(days)
        return answers

    async def _rows(self, days: dict[str, str], emails: Sequence[str]) -> list[Record]:
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
            else:
                self._left_out.add([email])

    def _checkpoint(self) -> None:
        self._done.save()
        self._left_out.save()


def choose_account_batches(ctx: Context, stream: Stream) -> list[Batch]:
    """The accounts in numbered batches, as their addresses are spelled."""
    left_out, spelled = ctx.left_out(stream), ctx.addresses()
    most = ctx.limits_of_accounts(stream, ACCOUNTS_AT_ONCE).at_most(ACCOUNTS_AT_ONCE)
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
        left_out.add(email.lower() for email in emails)

    await each(sink, batches, ask, take, refuse=refuse, checkpoint=left_out.save)
    _say_who_is_left_out(sink)


async def _of_batch(sink: Sink, emails: Sequence[str]) -> list[Answer[Sequence[str], object]]:
    limits = sink.ctx.limits_of_accounts(sink.stream, ACCOUNTS_AT_ONCE)

    async def ask(some: Sequence[str]) -> object:
        return await sink.client.post(sink.stream.path, {"emails": list(some)})

    question = Question(limits, ask, OF_ACCOUNTS, sink.ctx.now, is_known=lambda: limits.was_answered)
    return [answer async for answer in question.about(emails)]


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
