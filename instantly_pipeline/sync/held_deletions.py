"""Suspicious deletions are held: logged with their keys, reported, and not carried out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.results import Outcome
from instantly_pipeline.sync.sink import Sink


async def hold(sink: Sink, keys: Collection[str], why: str) -> None:
    """Keep the rows of `keys`, log them as held, and set the outcome to HELD. All other held keys are released.

    If the stream has failed too, it stays FAILED and its reason names both.
    """
    ctx, stream = sink.ctx, sink.stream.name
    for key in sorted(keys):
        ctx.logs.add("held_deletes", stream=stream, key=key, state="held", reason=why, noted_at=ctx.now())
    await release(sink, but=keys)
    sink.result.held_deletes = len(keys)
    reason = (
        f"{len(keys)} deletions are held: {why}. The rows are kept. If they really were deleted, run: "
        f"instantly-pipeline sync --streams {stream} --accept-deletes"
    )
    if sink.result.outcome is Outcome.FAILED:
        sink.fail(f"{sink.result.reason} {reason}")
    else:
        sink.result.outcome, sink.result.reason = Outcome.HELD, reason


async def release(sink: Sink, *, but: Collection[str] = ()) -> None:
    """Log held deletions as decided, except those in `but`. The log rows land before the checkpoint."""
    ctx, stream = sink.ctx, sink.stream.name
    for key in sorted(held_keys(ctx, stream) - set(but)):
        ctx.logs.add("held_deletes", stream=stream, key=key, state="released", noted_at=ctx.now())
    await sink.flush(checkpoint=partial(_write, ctx, stream, sorted(but)))


def held_keys(ctx: Context, stream: str) -> set[str]:
    """The keys of a stream whose deletion an earlier run held."""
    keys = ctx.checkpoints.read(f"{stream}.held").get("keys")
    return {key for key in keys if isinstance(key, str)} if isinstance(keys, list) else set()


def accepted_keys(sink: Sink) -> set[str]:
    """The keys whose deletion the user accepts with --accept-deletes: those held before this run, no others."""
    return held_keys(sink.ctx, sink.stream.name) if sink.ctx.request.accept_deletes else set()


def _write(ctx: Context, stream: str, keys: Sequence[str]) -> None:
    if keys:
        ctx.checkpoints.write(f"{stream}.held", {"keys": list(keys)})
    else:
        ctx.checkpoints.forget(f"{stream}.held")
