"""What the readers of batches of sender accounts share."""

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
ACCOUNTS_AT_ONCE = 100  # 200 are allowed since 2026-07; before, a few hundred returned 413 (reference, section 4.1)


def are_new(ctx: Context) -> bool:
    """Whether the accounts were never read, so that their number is unknown."""
    return last_reading(ctx.checkpoints, ACCOUNTS) is None


def cost_of_unknown(ctx: Context, stream: Stream, known: Known, *, each: int, why: str) -> Cost:
    """The cost of `each` requests per batch before the accounts were ever read: about as many batches as pages."""
    accounts = ScanReader().estimate(ctx, ctx.streams[ACCOUNTS], known)
    why = f"the accounts were never read; {why} per {ACCOUNTS_AT_ONCE} accounts"
    return Cost(stream.name, accounts.low * each, why, accounts.low * each, accounts.high * each)


def report_refused(sink: Sink) -> None:
    """End the stream as partial if the endpoint refuses some of the accounts."""
    accounts = sink.ctx.addresses()
    if count := sink.ctx.refused_accounts(sink.stream).count(accounts):
        end_partial(sink, f"{count:,} of {len(accounts):,} accounts")
