"""Figures of batches of sender accounts over a time the server chooses."""

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
    report_left_out,
)
from instantly_pipeline.sync.readers.fetch import Answer, Refused, attempt, fetch_all
from instantly_pipeline.sync.readers.parts import OF_ACCOUNTS, Question, groups
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.readers.refusals import note_refusal
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Range, Sink

Batch = tuple[int, Sequence[str]]


class AccountBatchReader:
    """One request a batch of accounts. One answer may serve several streams."""

    async def read(self, sink: Sink) -> None:
        """Ask for every batch."""
        await _Batches(sink).read()

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """As many as there are batches, for the first of the streams that they serve."""
        if next(s.name for s in known.streams.values() if s.path == stream.path) != stream.name:
            return exactly(stream, 0, "the same answers serve it")
        if are_new(ctx):
            return cost_of_unknown(ctx, stream, known, each=1, why="one request for each")
        batches = len(choose_account_batches(ctx, stream))
        return exactly(stream, batches, f"batches of {ACCOUNTS_AT_ONCE} accounts at most")

    def probe(self, stream: Stream, seen: Seen) -> Probe | None:
        """The figures of one account."""
        email = seen.field_of("accounts", "email")
        return Probe(body={"emails": [email]}) if email else None


def choose_account_batches(ctx: Context, stream: Stream) -> list[Batch]:
    """The accounts in numbered batches, as their addresses are spelled."""
    left_out, spelled = ctx.left_out(stream), ctx.addresses()
    most = ctx.limits_of_accounts(stream, ACCOUNTS_AT_ONCE).at_most(ACCOUNTS_AT_ONCE)
    batches = groups([spelled[email] for email in spelled if email not in left_out.known], most)
    again = [[spelled[email]] for email in spelled if email in left_out.known - left_out.resting]
    return list(enumerate([*batches, *again]))


class _Batches:
    """The batches of one run."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._left_out = sink, sink.ctx.left_out(sink.stream)
        self._limits = sink.ctx.limits_of_accounts(sink.stream, ACCOUNTS_AT_ONCE)

    async def read(self) -> None:
        """Ask for every batch."""
        batches = choose_account_batches(self._sink.ctx, self._sink.stream)
        self._sink.total = len(batches)
        await fetch_all(self._sink, batches, self._ask, self._take, refuse=self._refuse, checkpoint=self._left_out.save)
        report_left_out(self._sink)

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
        question = Question(limits, self._post, OF_ACCOUNTS, now, is_known=lambda: limits.was_answered)
        return [answer async for answer in question.about(emails)]

    async def _post(self, emails: Sequence[str]) -> object:
        return await self._sink.client.post(self._sink.stream.path, {"emails": list(emails)})

    async def _records(self, answer: object) -> list[Record]:
        return records_in(self._sink.stream, answer, or_object=True)

    def _take(self, emails: Sequence[str], rows: list[Record]) -> None:
        self._sink.put(rows, *_decided(self._sink, rows))
        for email in emails:
            self._left_out.forget(email.lower())

    def _refuse(self, emails: Sequence[str]) -> None:
        for email in emails:
            note_refusal(self._sink, f"account {email.lower()}")
        self._left_out.add(email.lower() for email in emails)


def _decided(sink: Sink, rows: Sequence[Record]) -> list[Range]:
    """Of each account the keys from its first to its last row: what lies before them has rolled out of the window."""
    by_account: dict[str, list[str]] = defaultdict(list)
    for key in sink.ctx.log(sink.stream.name).keys(rows):
        if key is not None:
            by_account[orjson.loads(key)[0]].append(key)
    return [(min(keys)[:-1], max(keys)) for keys in by_account.values()]
