"""Daily figures that disappear or drop to zero: stored as the API reports them, and flagged.

Whole days have disappeared from the API, one of them with 25,197 sends (reference, section 6.3). The new state becomes
a version like any other, and the log `collapsed_days` counts the syncs that saw it. The marts show the last good
figures until three syncs have seen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import orjson

from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.sink import Range, Sink

VANISHED, ZERO = "vanished", "zero"
BELIEVED_AFTER = 3  # syncs; the models in sql/intermediate say the same


def day_of(key: str) -> date | None:
    """The date at the end of a key; None if it has none."""
    try:
        return date.fromisoformat(orjson.loads(key)[-1])
    except (TypeError, ValueError):
        return None


class Collapses:
    """The collapsed days of one stream."""

    def __init__(self, ctx: Context, stream: Stream) -> None:
        self._ctx, self._stream, self._name = ctx, stream, f"{stream.name}.collapsed"
        known = ctx.checkpoints.read(self._name)
        self._times = {key: times for key, times in known.items() if isinstance(times, int)}

    def take(self, sink: Sink, rows: Sequence[Record], bounds: Range) -> None:
        """Take the rows of a window, delete the days that are not in it, log the days that collapsed."""
        log = self._ctx.log(self._stream.name)
        batch = log.normalize(rows)
        now = dict(zip(batch.keys, batch.scopes, strict=True))
        known = log.index.entries(*bounds)
        for key, entry in known.items():
            had = entry.alive and entry.scope == "figures"
            self._record(key, had, now.get(key))
        sink.delete([key for key, entry in known.items() if entry.alive and key not in now])
        sink.put(rows, bounds)

    def parents(self) -> set[str]:
        """The first part of the keys of collapsed days that fewer than three syncs have seen: campaigns, if any."""
        keys = [key for key, times in self._times.items() if times < BELIEVED_AFTER and day_of(key) is not None]
        return {orjson.loads(key)[0] for key in keys}

    def first_day(self, first: date, *parent: str) -> date:
        """The first day to request: `first`, or the oldest collapsed day that fewer than three syncs have seen."""
        prefix = orjson.dumps(list(parent)).decode()[:-1]
        keys = [key for key, times in self._times.items() if key.startswith(prefix) and times < BELIEVED_AFTER]
        return min([first, *(day for key in keys if (day := day_of(key)) is not None)])

    def save(self) -> None:
        """Write the checkpoint, before the batch: a kill in between then repeats a log row instead of losing it."""
        self._ctx.checkpoints.write(self._name, self._times)

    def _record(self, key: str, had: bool, now: str | None) -> None:
        if now == "figures":
            self._times.pop(key, None)
        elif had:
            self._times[key] = 1
        elif key in self._times:
            self._times[key] += 1
        if key in self._times:
            ctx, stream = self._ctx, self._stream
            ctx.logs.add(
                "collapsed_days", stream=stream.name, key=key, date=orjson.loads(key)[stream.key.index("date")],
                kind=VANISHED if now is None else ZERO, syncs=self._times[key], seen_at=ctx.now(),
            )  # fmt: skip
