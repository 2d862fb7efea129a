"""Which records of a parent stream are due to be asked for: a checkpoint of what was asked for, when, and as what.

A record is due if it was never asked for, if what is watched of it has changed, or if its time has come. With `every`
each has its own time within that period, so that the requests are spread and a record costs one in each period.
Without, a record that changed is asked for once more a day later, since what belongs to it may arrive late.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from instantly_pipeline.streams.model import Parent, Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.instants import instant

SETTLED = timedelta(days=1)  # results of an inbox placement test trickle in for hours (reference, section 15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """When a record was asked for, the mark of what is watched, since when it has that, and the requests it took."""

    at: datetime
    mark: str
    changed_at: datetime
    requests: int = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record as it is now: the mark of what is watched of it, and how often it is asked for."""

    mark: str
    every: timedelta | None


class AskedParents:
    """The records of one stream's parent, as the lake has them, and the checkpoint of one run."""

    def __init__(
        self, ctx: Context, stream: Stream, *, marks: Mapping[str, str] | None = None, again: Collection[str] = ()
    ) -> None:
        """`marks` are watched too, by value; the values `again` are due in any case."""
        self._ctx, self._name, self._now, self._again = ctx, stream.name, ctx.now(), again
        self.wanted = _wanted(ctx, _parent_of(stream), marks or {})
        self.asked = {value: one for value, one in self._read() if value in self.wanted}

    def due(self) -> list[str]:
        """The values to ask for, those that were never asked for first; all with `--full`."""
        every = self._ctx.request.full
        found = [v for v, wanted in self.wanted.items() if every or v in self._again or self._is_due(v, wanted)]
        return sorted(found, key=lambda value: (value in self.asked, value))

    def is_known(self, value: str) -> bool:
        """Whether a value was asked for before."""
        return value in self.asked

    def asked_at(self, value: str) -> datetime | None:
        """When a value was last asked for."""
        return self.asked[value].at if value in self.asked else None

    def note(self, value: str, at: datetime, requests: int | None) -> None:
        """Record that a value was asked for, as it then was; `requests` are those of all it has. `save` writes it."""
        before, mark = self.asked.get(value), self.wanted[value].mark
        changed_at = before.changed_at if before and before.mark == mark else at
        known = before.requests if before else 1
        self.asked[value] = Asked(at, mark, changed_at, known if requests is None else requests)

    def save(self) -> None:
        """Write the checkpoint."""
        rows = {
            value: [one.at.isoformat(), one.mark, one.changed_at.isoformat(), one.requests]
            for value, one in self.asked.items()
        }
        self._ctx.checkpoints.write(self._name, rows)

    def _read(self) -> list[tuple[str, Asked]]:
        rows = self._ctx.checkpoints.read(self._name).items()
        return [(value, one) for value, row in rows if (one := _asked(row, self._now)) is not None]

    def _is_due(self, value: str, wanted: Wanted) -> bool:
        asked = self.asked.get(value)
        if asked is None or asked.mark != wanted.mark:
            return True
        if wanted.every is None:
            return asked.at < asked.changed_at + SETTLED <= self._now
        return asked.at < self._now - (self._now - _phase(value, wanted.every)) % wanted.every


def _parent_of(stream: Stream) -> Parent:
    if stream.parent is None:
        raise ValueError(f"the stream {stream.name} declares no parent")
    return stream.parent


def _wanted(ctx: Context, parent: Parent, marks: Mapping[str, str]) -> dict[str, Wanted]:
    """The values of the parent's records; of several records with one value, all are watched."""
    changes = ctx.hashes(parent.changes) if parent.changes else {}
    found: dict[str, Wanted] = {}
    rows = ctx.rows(parent.stream, {parent.column, *parent.watch})
    for key in sorted(rows):
        value = rows[key].get(parent.column)
        if not isinstance(value, str) or not value:
            continue
        watched = [rows[key].get(name) for name in parent.watch]
        known = found.get(value, Wanted("", None))
        mark = _digest([known.mark, watched, changes.get(orjson.dumps([value]).decode(), ""), marks.get(value, "")])
        found[value] = replace(known, mark=mark, every=parent.every(rows[key]))
    return found


def _digest(watched: object) -> str:
    return blake2b(orjson.dumps(watched, default=str), digest_size=8).hexdigest()


def _phase(value: str, every: timedelta) -> datetime:
    """A moment that is the value's own within the period."""
    share = int.from_bytes(blake2b(value.encode(), digest_size=4).digest()) / 2**32
    return _EPOCH + share * every


def _asked(row: Any, now: datetime) -> Asked | None:
    """From the checkpoint; None if it is invalid: the record is then asked for again."""
    try:
        at, mark, changed_at, requests = row
        read_at, since = instant(at, now), instant(changed_at, now)
    except (TypeError, ValueError):
        return None
    if read_at is None or since is None or not isinstance(mark, str) or not isinstance(requests, int):
        return None
    return Asked(read_at, mark, since, requests)
