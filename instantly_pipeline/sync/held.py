"""Deletions that look suspicious are held: noted with their keys, reported, and not carried out."""

from __future__ import annotations

from collections.abc import Collection

from instantly_pipeline.sync.report import Outcome
from instantly_pipeline.sync.sink import Sink


def hold(sink: Sink, keys: Collection[str], why: str) -> None:
    """Keep the rows of `keys`, note them as held, and end the stream as such."""
    ctx, stream = sink.ctx, sink.stream.name
    for key in sorted(keys):
        ctx.notes.add("held_deletes", stream=stream, key=key, state="held", reason=why, noted_at=ctx.now())
    ctx.states.write(f"{stream}.held", {"keys": sorted(keys)})
    sink.result.held_deletes = len(keys)
    sink.result.outcome = Outcome.HELD
    sink.result.reason = (
        f"{len(keys)} deletions are held: {why}. The rows are kept. If they really were deleted: "
        f"instantly-pipeline sync --streams {stream} --accept-deletes"
    )


def release(sink: Sink) -> None:
    """What was held is decided now, one way or the other."""
    ctx, stream = sink.ctx, sink.stream.name
    for key in ctx.states.read(f"{stream}.held").get("keys", []):
        ctx.notes.add("held_deletes", stream=stream, key=key, state="released", noted_at=ctx.now())
    ctx.states.forget(f"{stream}.held")
