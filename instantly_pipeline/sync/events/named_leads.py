"""Reads the leads that events name, so that a reply shows in its lead without a scan of the campaign.

Leads are only added and changed here: what an answer lacks is for a sweep to judge. A checkpoint holds the instant up
to which events in the lake were followed, so that a kill costs a repetition at most. Events from before the lookback
are history: their leads were read since.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.api.paging import PAGE_SIZE
from instantly_pipeline.errors import BadRequest, NotFound, StreamError, TooLarge
from instantly_pipeline.lake.lake_files import LakeFile, reading
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.catalog.leads import STREAM as LEADS
from instantly_pipeline.streams.catalog.webhook_events import EVENTS
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.last_reading import last_reading
from instantly_pipeline.sync.readers.fetch import Answer, Refused, attempt, fetch_all
from instantly_pipeline.sync.results import Outcome, StreamResult
from instantly_pipeline.sync.sink import Sink

CHECKPOINT = "webhook_events.leads"
ASKED_AT_ONCE = PAGE_SIZE  # ids or contacts of one request
# Payloads are merged with custom variables, so that either may be anything; one wrong value would refuse a request.
_ADDRESS = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: `by` is the parameter, ids or contacts."""

    by: str
    values: tuple[str, ...]

    def has(self, lead: Record) -> bool:
        """Whether a lead was asked for."""
        value = lead.get("id" if self.by == "ids" else "email")
        return isinstance(value, str) and value.lower() in self.values


@dataclass(slots=True)
class Named:
    """The leads that new events name, and the last instant at which such an event was written."""

    ids: set[str] = field(default_factory=set)
    contacts: set[str] = field(default_factory=set)
    until: datetime | None = None

    def requests(self) -> list[Asked]:
        """The requests for them."""
        return [*_requests("ids", sorted(self.ids)), *_requests("contacts", sorted(self.contacts))]


def _requests(by: str, values: list[str]) -> Iterator[Asked]:
    for start in range(0, len(values), ASKED_AT_ONCE):
        yield Asked(by, tuple(values[start : start + ASKED_AT_ONCE]))


def are_followed(ctx: Context) -> bool:
    """Whether leads are synced, and were read before: else the first read of all of them comes anyway."""
    return LEADS.name in ctx.chosen and last_reading(ctx.checkpoints, LEADS.name) is not None


def named_leads(ctx: Context) -> Named:
    """The leads that events in the lake name which were not followed yet. UnreadableFile for a damaged file."""
    after = _followed(ctx)
    named = Named(until=after)
    for file in ctx.layout.files(ctx.layout.changes, EVENTS.name, ctx.workspace_id):
        if after is None or file.path.parent.name >= f"synced={after.date()}":
            _add(named, file, after, datetime.combine(ctx.windows.lookback, time(), UTC))
    return named


def _add(named: Named, file: LakeFile, after: datetime | None, oldest: datetime) -> None:
    with reading(file.path):
        events = pq.ParquetFile(file.path).read(["_synced_at", "timestamp", "lead_id", "lead_email"])
    if after is not None:
        events = events.filter(pc.greater(events["_synced_at"], pa.scalar(after)))
    if not events.num_rows:
        return
    last = pc.max(events["_synced_at"]).as_py().astimezone(UTC)
    named.until = last if named.until is None else max(named.until, last)
    is_recent = pc.fill_null(pc.greater_equal(events["timestamp"], pa.scalar(oldest)), True)
    for email, lead_id in zip(
        *(events.filter(is_recent)[n].to_pylist() for n in ("lead_email", "lead_id")), strict=True
    ):
        if email and _ADDRESS.fullmatch(email):
            named.contacts.add(email.lower())
        elif lead_id and _UUID.fullmatch(lead_id):
            named.ids.add(lead_id.lower())


async def read_named_leads(ctx: Context, client: ApiClient, result: StreamResult, *, follow: bool) -> None:
    """Read the leads that new events name; how it ended is added to `result`, that of the events.

    Without `follow` these events are only noted as followed: all leads are read for the first time after them.
    """
    named = await asyncio.to_thread(named_leads, ctx)
    if named.until is None:
        return
    asked = named.requests() if follow else []
    found = StreamResult(ctx.workspace_id, ctx.workspace, LEADS.name, ctx.now())
    reader = _Reader(Sink(ctx, LEADS, found, client))
    if asked:
        await fetch_all(reader.sink, asked, reader.ask, reader.take)
        ctx.say(f"{found.rows_read:,} leads that events name were read.", EVENTS.name)
    if reader.refusal is not None:
        result.end_partial(f"the leads that events name were not read: {reader.refusal}")
    elif found.outcome is Outcome.FAILED:
        result.outcome, result.reason = found.outcome, f"the leads that events name: {found.reason}"
    else:
        ctx.checkpoints.write(CHECKPOINT, {"until": named.until.isoformat()})


class _Reader:
    """Asks for leads; once the API refuses or ignores the question, it is not asked again in this run."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.refusal: StreamError | None = None

    async def ask(self, asked: Asked) -> AsyncGenerator[Answer[Asked, list[Record]]]:
        at = self.sink.ctx.now()
        if self.refusal is not None:
            yield Answer(asked, at, Refused(self.refusal))
            return
        got = await attempt(self._leads(asked))
        if isinstance(got, BadRequest | NotFound | _FilterIgnored):
            self.refusal = got
            yield Answer(asked, at, Refused(got))
        else:
            yield Answer(asked, at, got)

    def take(self, _: Asked, leads: list[Record]) -> None:
        """Take an answer: a contact may be a lead of several campaigns, or of none any more."""
        self.sink.put(leads)

    async def _leads(self, asked: Asked) -> list[Record]:
        found: list[Record] = []
        body = {asked.by: list(asked.values)}
        try:
            async for page in self.sink.client.pages(LEADS.method, LEADS.path, body=body):
                if not all(map(asked.has, page.items)):
                    raise _FilterIgnored(f"{LEADS.path} returns other leads than were asked for by {asked.by}.")
                found += page.items
        except TooLarge:
            if len(asked.values) == 1:
                raise
            half = len(asked.values) // 2
            parts = (asked.values[:half], asked.values[half:])
            return [lead for part in parts for lead in await self._leads(Asked(asked.by, part))]
        return found


class _FilterIgnored(StreamError):
    """The API returned other leads than requested."""


def _followed(ctx: Context) -> datetime | None:
    """The instant up to which events were followed; None if they never were."""
    found = ctx.checkpoints.read(CHECKPOINT).get("until")
    try:
        at = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        return None
    return None if at is None else at.replace(tzinfo=at.tzinfo or UTC)
