"""What all questions about batches of sender accounts have in common."""

from __future__ import annotations

from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.last_reading import last_reading
from instantly_pipeline.sync.readers.reader import Known
from instantly_pipeline.sync.readers.refusals import end_partial
from instantly_pipeline.sync.readers.scan import ScanReader
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink

ACCOUNTS = "accounts"
ACCOUNTS_AT_ONCE = 100  # 200 are allowed since 2026-07, 413 came at a few hundred before (reference, section 4.1)


def are_new(ctx: Context) -> bool:
    """Whether the accounts were never listed, so that nobody knows how many there are."""
    return last_reading(ctx.checkpoints, ACCOUNTS) is None


def cost_of_unknown(ctx: Context, stream: Stream, known: Known, *, each: int, why: str) -> Cost:
    """The cost of `each` requests a batch of accounts that were never listed: about as many batches as pages."""
    accounts = ScanReader().estimate(ctx, ctx.streams[ACCOUNTS], known)
    why = f"the accounts were never read; {why} {ACCOUNTS_AT_ONCE}"
    return Cost(stream.name, accounts.low * each, why, accounts.low * each, accounts.high * each)


def report_left_out(sink: Sink) -> None:
    accounts = sink.ctx.addresses()
    if count := sink.ctx.left_out(sink.stream).among(accounts):
        end_partial(sink, f"{count:,} of {len(accounts):,} accounts")
