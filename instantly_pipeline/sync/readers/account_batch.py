"""Figures of batches of sender accounts, over a period that the API chooses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from typing import cast

import orjson

from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.answers import records_in
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.readers.accounts import (
    ACCOUNTS_AT_ONCE,
    are_new,
    cost_of_unknown,
    report_refused,
)
from instantly_pipeline.sync.readers.fetch import Answer, Refused, attempt, fetch_all
from instantly_pipeline.sync.readers.parts import OF_ACCOUNTS, SplitRequest, groups
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.readers.refusals import note_refusal
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Range, Sink

Batch = tuple[int, Sequence[str]]


class AccountBatchReader:
    """One request per batch of accounts. One response may contain several streams."""

    async def read(self, sink: Sink) -> None:
        """Request every batch."""
        await _Batches(sink).read()

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """The number of batches, counted for the first of the streams that share the responses."""
        first = next(s.name for s in known.streams.values() if s.path == stream.path)
        if first != stream.name:
            return exactly(stream, 0, f"included in the responses of {first}")
        if are_new(ctx):
            return cost_of_unknown(ctx, stream, known, each=1, why="one request")
        batches = len(choose_account_batches(ctx, stream))
        return exactly(stream, batches, f"one request per batch of at most {ACCOUNTS_AT_ONCE} accounts")

    def probe(self, stream: Stream, seen: Seen) -> Probe | None:
        """The figures of one account."""
        email = seen.field_of("accounts", "email")
        return Probe(body={"emails": [email]}) if email else None


def choose_account_batches(ctx: Context, stream: Stream) -> list[Batch]:
    """The accounts in numbered batches, as their addresses are spelled."""
    refused, spelled = ctx.refused_accounts(stream), ctx.addresses()
    most = ctx.limits_of_accounts(stream, ACCOUNTS_AT_ONCE).at_most(ACCOUNTS_AT_ONCE)
    batches = groups([spelled[email] for email in spelled if email not in refused.known], most)
    again = [[spelled[email]] for email in spelled if email in refused.known - refused.skipped]
    return list(enumerate([*batches, *again]))


class _Batches:
    """The batches of one run."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._refused = sink, sink.ctx.refused_accounts(sink.stream)
        self._limits = sink.ctx.limits_of_accounts(sink.stream, ACCOUNTS_AT_ONCE)

    async def read(self) -> None:
        """Request every batch."""
        batches = choose_account_batches(self._sink.ctx, self._sink.stream)
        self._sink.total = len(batches)
        await fetch_all(self._sink, batches, self._ask, self._take, refuse=self._refuse, checkpoint=self._refused.save)
        report_refused(self._sink)

    async def _ask(self, batch: Batch) -> AsyncGenerator[Answer[Sequence[str], list[Record]]]:
        number, emails = batch
        stream = self._sink.stream
        answers = await self._sink.ctx.shared(f"{stream.path} {number}", lambda: self._of_batch(emails))
        for answer in cast("list[Answer[Sequence[str], object]]", answers):
            if isinstance(answer.got, PipelineError | Refused):
                yield Answer(answer.item, answer.asked_at, answer.got)
            else:
                yield Answer(answer.item, answer.asked_at, await attempt(self._records(answer.got)))

    async def _of_batch(self, emails: Sequence[str]) -> list[Answer[Sequence[str], object]]:
        limits, now = self._limits, self._sink.ctx.now
        request = SplitRequest(limits, self._post, OF_ACCOUNTS, now, is_known=lambda: limits.was_answered)
        return [answer async for answer in request.answers(emails)]

    async def _post(self, emails: Sequence[str]) -> object:
        return await self._sink.client.post(self._sink.stream.path, {"emails": list(emails)})

    async def _records(self, answer: object) -> list[Record]:
        return records_in(self._sink.stream, answer, or_object=True)

    def _take(self, emails: Sequence[str], rows: list[Record]) -> None:
        self._sink.put(rows, *_verified(self._sink, rows))
        for email in emails:
            self._refused.forget(email.lower())

    def _refuse(self, emails: Sequence[str]) -> None:
        for email in emails:
            note_refusal(self._sink, f"account {email.lower()}")
        self._refused.add(email.lower() for email in emails)


def _verified(sink: Sink, rows: Sequence[Record]) -> list[Range]:
    """The range from the first to the last row of each account: earlier rows have left the API's period."""
    by_account: dict[str, list[str]] = defaultdict(list)
    for key in sink.ctx.log(sink.stream.name).keys(rows):
        if key is not None:
            by_account[orjson.loads(key)[0]].append(key)
    return [(min(keys)[:-1], max(keys)) for keys in by_account.values()]
