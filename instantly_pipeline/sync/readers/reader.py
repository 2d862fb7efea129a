"""What a way of reading is: one object that reads a stream, estimates what that costs, and probes whether a key may.

`registry` maps each `streams.model.Read` to its reader. The sync calls `read`, the plan `estimate`, the doctor `probe`.
A reader keeps nothing between calls: what was read lies in checkpoints, what a plan has asked in `Known`.
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
    """What a plan knows before a run reads: its streams, Instantly's counters, and the campaigns as just listed."""

    streams: Mapping[str, Stream]
    counters: Counters | None = None
    campaigns: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a probe may ask with: the date, and the first record of each list that was answered, by stream."""

    today: date
    records: Mapping[str, Record] = field(default_factory=dict)

    @property
    def dates(self) -> dict[str, str]:
        """The parameters of an endpoint of figures: today alone."""
        return {"start_date": self.today.isoformat(), "end_date": self.today.isoformat()}

    def field_of(self, stream: str, name: str) -> str | None:
        """A text field of the first record of a stream; None where none was seen."""
        value = self.records.get(stream, {}).get(name)
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class Probe:
    """One request to a stream's path, by its method: `params` of a GET, the `body` of a POST.

    `otherwise` is what to ask where the API refuses this one as a bad request.
    """

    params: Params | None = None
    body: Mapping[str, object] | None = None
    otherwise: Probe | None = None


class Reader(Protocol):
    """One way of reading."""

    async def read(self, sink: Sink) -> None:
        """Read the sink's stream into it.

        A PipelineError ends the stream, and its outcome says so; what was flushed before is kept.
        """

    def estimate(self, ctx: Context, stream: Stream, known: Known) -> Cost:
        """The requests that `read` is about to make, without those that were made ahead; it asks nothing itself.

        A range where that cannot be known yet. StreamError where the lake cannot be read.
        """

    def probe(self, stream: Stream, seen: Seen) -> Probe | None:
        """The smallest request that shows whether a key may read the stream; None where there is nothing to ask for."""


def exactly(stream: Stream, requests: int, why: str) -> Cost:
    """A cost that is known."""
    return Cost(stream.name, requests, why, requests, requests)
