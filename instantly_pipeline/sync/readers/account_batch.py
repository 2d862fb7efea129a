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
    note_refused,
    say_who_is_left_out,
)
from instantly_pipeline.sync.readers.fetch import Answer, Refused, attempt, fetch_all
from instantly_pipeline.sync.readers.parts import OF_ACCOUNTS, Question, groups
from instantly_pipeline.sync.readers.reader import Known, Probe, Seen, exactly
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Range, Sink

Batch = tuple[int, Sequence[str]]


class AccountBatchReader:
    """One request a batch of accounts. One answer may serve several streams."""

    async def read(self, sink: Sink) -> None:
        """Ask for every batch."""
        await _read(sink)

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


async def _read(sink: Sink) -> None:
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
            note_refused(sink, email.lower())
        left_out.add(email.lower() for email in emails)

    await fetch_all(sink, batches, ask, take, refuse=refuse, checkpoint=left_out.save)
    say_who_is_left_out(sink)


async def _of_batch(sink: Sink, emails: Sequence[str]) -> list[Answer[Sequence[str], object]]:
    limits = sink.ctx.limits_of_accounts(sink.stream, ACCOUNTS_AT_ONCE)

    async def ask(some: Sequence[str]) -> object:
        return await sink.client.post(sink.stream.path, {"emails": list(some)})

    question = Question(limits, ask, OF_ACCOUNTS, sink.ctx.now, is_known=lambda: limits.was_answered)
    return [answer async for answer in question.about(emails)]


async def _records(stream: Stream, answer: object) -> list[Record]:
    return records_in(stream, answer, or_object=True)


def _decided(sink: Sink, rows: Sequence[Record]) -> list[Range]:
    """Of each account the keys from its first to its last row: what lies before them has rolled out of the window."""
    by_account: dict[str, list[str]] = defaultdict(list)
    for key in sink.ctx.log(sink.stream.name).keys(rows):
        if key is not None:
            by_account[orjson.loads(key)[0]].append(key)
    return [(min(keys)[:-1], max(keys)) for keys in by_account.values()]
