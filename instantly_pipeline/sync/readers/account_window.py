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
    report_refused,
)
from instantly_pipeline.sync.readers.campaigns import dates_between
from instantly_pipeline.sync.readers.fetch import Answer, Refused, fetch_all
from instantly_pipeline.sync.readers.parts import OF_ACCOUNTS, SplitRequest, groups
from instantly_pipeline.sync.readers.range_end import Doubtful, rows_of_days
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.readers.refusals import end_partial, note_refusal
from instantly_pipeline.sync.readings import Readings, Span
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink, days_of

DAYS_AT_ONCE = 31


@dataclass(frozen=True, slots=True)
class Window:
    """Some accounts (addresses in lower case) over some days. `refused`: the days are refused, not the accounts."""

    emails: tuple[str, ...]
    span: Span
    refused: bool = False


def choose_account_windows(ctx: Context, stream: Stream, done: Readings) -> list[list[Window]]:
    """Batches of accounts with the same due days, newest days first. The largest batch with the longest span comes
    first, since that finds the limits of the API."""
    refused = ctx.refused_accounts(stream)
    alike: dict[tuple[str, tuple[Span, ...]], list[str]] = defaultdict(list)
    for email in ctx.addresses():
        if email not in refused.skipped:
            alone = email if email in refused.known else ""
            alike[alone, tuple(done.due(email))].append(email)
    most = ctx.limits_of_accounts(stream, ACCOUNTS_AT_ONCE).at_most(ACCOUNTS_AT_ONCE)
    batches = [
        [Window(tuple(some), span) for span in due]
        for (_, due), emails in alike.items()
        for some in groups(emails, most)
    ]
    return sorted(batches, key=_size, reverse=True)


def requests_for(ctx: Context, stream: Stream, batches: Sequence[Sequence[Window]]) -> int:
    """How many requests these batches take, with as many days in each as the API accepts."""
    limits = ctx.limits_of_days(stream, DAYS_AT_ONCE)
    return sum(limits.requests_for(len(window.span.days())) for windows in batches for window in windows)


def _size(batch: Sequence[Window]) -> tuple[int, int]:
    """The number of accounts, and the days of the longest span."""
    return max(((len(window.emails), len(window.span.days())) for window in batch), default=(0, 0))


class AccountWindowReader:
    """Daily figures of every account over the lookback; the first time from the start date."""

    async def read(self, sink: Sink) -> None:
        """Request the due days, batch by batch."""
        await _Windows(sink).read()

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """The requests that the due days of all batches take."""
        if are_new(ctx):
            each = ctx.limits_of_days(stream, DAYS_AT_ONCE).requests_for(
                (ctx.windows.today - ctx.windows.begin).days + 1
            )
            return cost_of_unknown(ctx, stream, known, each=each, why=f"{each} requests")
        batches = choose_account_windows(ctx, stream, Readings.of(ctx, stream))
        requests = requests_for(ctx, stream, batches)
        return exactly(
            stream, requests, f"{len(batches):,} batches of accounts, at most {DAYS_AT_ONCE} days per request"
        )

    def probe(self, stream: Stream, seen: Seen) -> Probe | None:
        """The figures of one account, of today."""
        email = seen.field_of(ACCOUNTS, "email")
        return Probe({"emails": [email], **seen.dates}) if email else None


class _Windows:
    """The windows of one run."""

    def __init__(self, sink: Sink) -> None:
        ctx, stream = sink.ctx, sink.stream
        self._sink, self._ctx, self._spelled = sink, ctx, ctx.addresses()
        self._done, self._refused = Readings.of(ctx, stream), ctx.refused_accounts(stream)
        self._of_days = ctx.limits_of_days(stream, DAYS_AT_ONCE)
        self._of_accounts = ctx.limits_of_accounts(stream, ACCOUNTS_AT_ONCE)
        self._doubtful = Doubtful(self._of_days)
        self._answered: set[date] = set()  # days answered in this run, for any account

    async def read(self) -> None:
        """Request what is due."""
        batches = choose_account_windows(self._ctx, self._sink.stream, self._done)
        self._sink.total = requests_for(self._ctx, self._sink.stream, batches)
        await fetch_all(self._sink, batches, self._ask, self._take, refuse=self._refuse, checkpoint=self._checkpoint)
        self._doubtful.settle(self._done)
        report_refused(self._sink)
        if days := sum(self._done.refused_days(email) for email in self._spelled):
            end_partial(self._sink, f"{days:,} days of accounts")

    async def _ask(self, batch: list[Window]) -> AsyncGenerator[Answer[Window, list[Record]]]:
        """Request one window after the other, without refused accounts, as long as any account is answered."""
        emails = [email for window in batch[:1] for email in window.emails]
        request = SplitRequest(self._of_days, partial(self._over, emails), OF_ACCOUNTS, self._ctx.now)
        for window in batch:
            async with aclosing(request.answers(window.span.days())) as answers:
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
        """The answers for accounts over some days; refused accounts are removed from `emails`.

        If no account is answered, the error is raised: it may be about the days.
        """
        rows = partial(self._rows, days)
        request = SplitRequest(
            self._of_accounts, rows, OF_ACCOUNTS, self._ctx.now,
            is_known=lambda: self._answered.issuperset(days) or self._refused.known.issuperset(emails),
        )  # fmt: skip
        answers = [answer async for answer in request.answers(list(emails))]
        errors = [answer.got for answer in answers if isinstance(answer.got, PipelineError)]
        if errors and len(errors) == len(answers):
            raise errors[0]
        refused = {email for answer in answers if isinstance(answer.got, Refused) for email in answer.item}
        emails[:] = [email for email in emails if email not in refused]
        if emails:
            self._answered.update(days)
        return answers

    async def _rows(self, days: Sequence[date], emails: Sequence[str]) -> list[Record]:
        stream, spelled = self._sink.stream, [self._spelled[email] for email in emails]

        async def between(first: date, last: date) -> list[Record]:
            params = {"emails": spelled, **dates_between(first, last)}
            return records_in(stream, await self._sink.client.get(stream.path, params))

        return await rows_of_days(self._ctx, stream, self._of_days, between, days)

    def _take(self, window: Window, rows: list[Record]) -> None:
        self._doubtful.note(window.emails, window.span, rows)
        self._sink.put(rows, *(days_of((email,), *window.span.as_texts()) for email in window.emails))
        for email in window.emails:
            self._done.note_read(email, window.span)
            self._refused.forget(email)

    def _refuse(self, window: Window) -> None:
        for email in window.emails:
            if window.refused:
                note_refusal(self._sink, f"{window.span} of account {email}")
                self._done.note_refused(email, window.span)
            else:
                note_refusal(self._sink, f"account {email}")
                self._refused.add([email])

    def _checkpoint(self) -> None:
        self._done.save()
        self._refused.save()
