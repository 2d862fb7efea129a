"""Daily figures of batches of sender accounts over a window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date
from functools import partial

from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.answers import records_in
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.readers.accounts import (
    ACCOUNTS,
    ACCOUNTS_AT_ONCE,
    are_new,
    cost_of_unknown,
    report_left_out,
)
from instantly_pipeline.sync.readers.campaigns import dates_between
from instantly_pipeline.sync.readers.fetch import Answer, Refused, fetch_all
from instantly_pipeline.sync.readers.parts import OF_ACCOUNTS, Question, groups
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.readers.refusals import end_partial, note_refusal
from instantly_pipeline.sync.readings import Readings, Span
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink, days_of

DAYS_AT_ONCE = 31


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


class AccountWindowReader:
    """Daily figures of every account over the lookback; the first time from the start date."""

    async def read(self, sink: Sink) -> None:
        """Ask for the days due, batch by batch."""
        await _Windows(sink).read()

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """As many requests as the days due of all batches take."""
        if are_new(ctx):
            pieces = ctx.limits_of_days(stream, DAYS_AT_ONCE).questions(
                (ctx.windows.today - ctx.windows.begin).days + 1
            )
            return cost_of_unknown(ctx, stream, known, each=pieces, why=f"{pieces} pieces of days for each")
        batches = choose_account_windows(ctx, stream, Readings.of(ctx, stream))
        requests = questions_about(ctx, stream, batches)
        return exactly(stream, requests, f"{len(batches):,} batches of accounts, each in pieces of {DAYS_AT_ONCE} days")

    def probe(self, stream: Stream, seen: Seen) -> Probe | None:
        """The figures of one account, of today."""
        email = seen.field_of(ACCOUNTS, "email")
        return Probe({"emails": [email], **seen.dates}) if email else None


class _Windows:
    """The windows of one run, batch by batch of accounts."""

    def __init__(self, sink: Sink) -> None:
        ctx, stream = sink.ctx, sink.stream
        self._sink, self._ctx, self._spelled = sink, ctx, ctx.addresses()
        self._done, self._left_out = Readings.of(ctx, stream), ctx.left_out(stream)
        self._of_days = ctx.limits_of_days(stream, DAYS_AT_ONCE)
        self._of_accounts = ctx.limits_of_accounts(stream, ACCOUNTS_AT_ONCE)
        self._answered: set[date] = set()  # about some accounts, in this run

    async def read(self) -> None:
        """Ask for what is due."""
        batches = choose_account_windows(self._ctx, self._sink.stream, self._done)
        self._sink.total = questions_about(self._ctx, self._sink.stream, batches)
        await fetch_all(self._sink, batches, self._ask, self._take, refuse=self._refuse, checkpoint=self._checkpoint)
        report_left_out(self._sink)
        if days := sum(self._done.refused_days(email) for email in self._spelled):
            end_partial(self._sink, f"{days:,} days of accounts")

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
            self._done.note_read(email, window.span)
            self._left_out.forget(email)

    def _refuse(self, window: Window) -> None:
        for email in window.emails:
            if window.refused:
                note_refusal(self._sink, f"{window.span} of account {email}")
                self._done.note_refused(email, window.span)
            else:
                note_refusal(self._sink, f"account {email}")
                self._left_out.add([email])

    def _checkpoint(self) -> None:
        self._done.save()
        self._left_out.save()
