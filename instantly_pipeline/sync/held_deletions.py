"""Deletions that look suspicious are held: noted with their keys, reported, and not carried out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.results import Outcome
from instantly_pipeline.sync.sink import Sink


async def hold(sink: Sink, keys: Collection[str], why: str) -> None:
    """Keep the rows of `keys`, note them as held, and end the stream as such. What else was held is released.

    A stream that has failed as well stays so, and says both.
    """
    ctx, stream = sink.ctx, sink.stream.name
    for key in sorted(keys):
        ctx.logs.add("held_deletes", stream=stream, key=key, state="held", reason=why, noted_at=ctx.now())
    await release(sink, but=keys)
    sink.result.held_deletes = len(keys)
    reason = (
        f"{len(keys)} deletions are held: {why}. The rows are kept. If they really were deleted: "
        f"instantly-pipeline sync --streams {stream} --accept-deletes"
    )
    if sink.result.outcome is Outcome.FAILED:
        sink.fail(f"{sink.result.reason} {reason}")
    else:
        sink.result.outcome, sink.result.reason = Outcome.HELD, reason


async def release(sink: Sink, *, but: Collection[str] = ()) -> None:
    """What was held is decided now, one way or the other. The notes land before the checkpoint moves."""
    ctx, stream = sink.ctx, sink.stream.name
    for key in sorted(held_keys(ctx, stream) - set(but)):
        ctx.logs.add("held_deletes", stream=stream, key=key, state="released", noted_at=ctx.now())
    await sink.flush(checkpoint=partial(_write, ctx, stream, sorted(but)))


def held_keys(ctx: Context, stream: str) -> set[str]:
    """The keys of a stream whose deletion an earlier run has held."""
    keys = ctx.checkpoints.read(f"{stream}.held").get("keys")
    return {key for key in keys if isinstance(key, str)} if isinstance(keys, list) else set()


def accepted_keys(sink: Sink) -> set[str]:
    """The keys whose deletion the user has decided to accept: those that were held when it was typed, no others."""
    return held_keys(sink.ctx, sink.stream.name) if sink.ctx.request.accept_deletes else set()


def _write(ctx: Context, stream: str, keys: Sequence[str]) -> None:
    if keys:
        ctx.checkpoints.write(f"{stream}.held", {"keys": list(keys)})
    else:
        ctx.checkpoints.forget(f"{stream}.held")
