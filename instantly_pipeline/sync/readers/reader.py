"""A way of reading: one object that reads a stream, estimates its requests, and checks whether a key may read it.

`registry` maps each `streams.model.Read` to its reader. The sync calls `read`, the plan `estimate`, the doctor `probe`.
A reader keeps no state between calls: what was read is in checkpoints, what a plan has requested is in `Known`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from instantly_pipeline.api.client import Params
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import Counters
from instantly_pipeline.sync.results import Cost
from instantly_pipeline.sync.sink import Sink


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan knows: the streams of the run, Instantly's counters, and the campaigns just listed."""

    streams: Mapping[str, Stream]
    counters: Counters | None = None
    campaigns: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a probe may use in its request: the date, and the first record of each list, by stream."""

    today: date
    records: Mapping[str, Record] = field(default_factory=dict)

    @property
    def dates(self) -> dict[str, str]:
        """The parameters of an endpoint of figures: only today."""
        return {"start_date": self.today.isoformat(), "end_date": self.today.isoformat()}

    def field_of(self, stream: str, name: str) -> str | None:
        """A text field of the first record of a stream; None if there is none."""
        value = self.records.get(stream, {}).get(name)
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class Probe:
    """One request to a stream's path, or another `path`: `params` of a GET, or the `body` of a POST.

    `otherwise` is the request to try if the API answers 400.
    """

    params: Params | None = None
    body: Mapping[str, object] | None = None
    path: str | None = None
    otherwise: Probe | None = None


class Reader(Protocol):
    """One way of reading."""

    async def read(self, sink: Sink) -> None:
        """Read the sink's stream into it.

        A PipelineError ends the stream and becomes its outcome; what was flushed before is kept.
        """

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """The requests that `read` will make, without those the plan has made. Makes no requests itself.

        A range if the exact number is unknown. StreamError if the lake cannot be read.
        """

    def probe(self, stream: Stream, seen: Seen) -> Probe | None:
        """The smallest request that shows whether a key may read the stream; None if no request is possible."""


def exactly(stream: Stream, requests: int, why: str) -> Cost:
    """A cost that is known."""
    return Cost(stream.name, requests, why, requests, requests)
