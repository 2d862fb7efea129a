"""What a sync is about to ask for, stream by stream, before it asks.

Each cost comes from the function that chooses what the stream's reader reads, so the two cannot drift apart. A plan
itself asks for Instantly's counters and the list of campaigns only; a sync hands both on to the readers, so that its
plan costs nothing. What was never read can only be estimated: such a cost is a range.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date

import orjson

from instantly_pipeline.api.client import counted
from instantly_pipeline.api.paging import PAGE_SIZE
from instantly_pipeline.errors import PipelineError, StreamError
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Read, Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import COUNTERS, Counters, counters_now
from instantly_pipeline.sync.held_deletions import held_keys
from instantly_pipeline.sync.leads.deletions import ASKED_AT_ONCE
from instantly_pipeline.sync.leads.selector import Gate
from instantly_pipeline.sync.readers.accounts import (
    ACCOUNTS_AT_ONCE,
    choose_account_batches,
    choose_account_windows,
    questions_about,
)
from instantly_pipeline.sync.readers.accounts import DAYS_AT_ONCE as ACCOUNT_DAYS
from instantly_pipeline.sync.readers.campaigns import choose_lifetimes, every_campaign
from instantly_pipeline.sync.readers.lists import read_ahead
from instantly_pipeline.sync.readers.steps import choose_days
from instantly_pipeline.sync.readers.windows import THE_WORKSPACE, choose_windows, readings_of
from instantly_pipeline.sync.results import Cost, Plan

CAMPAIGNS = "campaigns"
LONG_LIST = 10  # pages: so many, at most, of a list that was never read
WEEKDAYS = 0.7  # of all days: campaigns mostly rest at the weekend
OUTSIDE_CAMPAIGNS = 1.3  # as many leads at most, set against those the campaigns count


async def make_plan(ctx: Context, streams: Mapping[str, Stream], *, identified: int, per_minute: float) -> Plan:
    """The plan of a run that reads `streams`, of whose requests `identified` were spent to find out whose key it is."""
    before = ctx.client.stats.requests
    counters, _ = await asyncio.gather(_ask_counters(ctx, streams), _ask_campaigns(ctx, streams))
    try:
        planner = _Planner(ctx, streams, counters)
        costs = [Cost("(whose key it is)", identified, "asked first by every run", identified, identified)]
        costs += [planner.cost(stream) for stream in streams.values()]
    finally:
        ctx.told.clear()
    return Plan(tuple(costs), identified + ctx.client.stats.requests - before, per_minute)


async def _ask_counters(ctx: Context, streams: Mapping[str, Stream]) -> Counters | None:
    """Instantly's counters, where somebody needs them. An error is the reader's to report."""
    payer = next((s.name for s in streams.values() if s.name == COUNTERS or s.read is Read.SWEEP), None)
    if payer is None:
        return None
    with counted() as stats:
        try:
            counters = await counters_now(ctx)
        except PipelineError:
            counters = None
    ctx.paid[payer] = stats
    with suppress(StreamError):  # a damaged file of the lake is for the reader to report as well
        _tell_counters(ctx, counters)
    return counters


def _tell_counters(ctx: Context, counters: Counters | None) -> None:
    if counters is not None:
        told = {orjson.dumps([campaign]).decode(): digest for campaign, digest in counters.hashes.items()}
        ctx.told[COUNTERS] = {**ctx.hashes(COUNTERS), **told}


async def _ask_campaigns(ctx: Context, streams: Mapping[str, Stream]) -> None:
    if CAMPAIGNS not in streams:
        return
    with counted() as stats:
        listing = await read_ahead(ctx, streams[CAMPAIGNS])
    ctx.paid[CAMPAIGNS] = stats
    with suppress(StreamError):
        if listing.error is None:
            batch = ctx.log(CAMPAIGNS).normalize([record for page in listing.pages for record in page.items])
            ctx.told[CAMPAIGNS] = dict(zip(batch.keys, batch.hashes, strict=True))


class _Planner:
    """Costs from what the lake knows and what the API has just said."""

    def __init__(self, ctx: Context, streams: Mapping[str, Stream], counters: Counters | None) -> None:
        self._ctx = ctx
        self._streams = streams
        self._counters = counters
        self._shared: set[str] = set()
        listing = ctx.listed.get(CAMPAIGNS)
        self._campaigns: list[Record] = [r for page in listing.pages for r in page.items] if listing else []
        self._readers: Mapping[Read, Callable[[Stream], Cost]] = {
            Read.OBJECT: self._object,
            Read.ARRAY: self._object,
            Read.SCAN: self._scan,
            Read.SWEEP: self._leads,
            Read.PER_CAMPAIGN: self._lifetimes,
            Read.CAMPAIGN_WINDOW: self._windows,
            Read.WORKSPACE_WINDOW: self._workspace_window,
            Read.CAMPAIGN_DAYS: self._days,
            Read.ACCOUNT_WINDOW: self._account_windows,
            Read.ACCOUNT_BATCH: self._account_batches,
        }

    def cost(self, stream: Stream) -> Cost:
        """What the reader of `stream` will ask for."""
        if self._ctx.checkpoints.read(f"{stream.name}.refused"):
            is_asked = self._is_asked(stream)
            return _exactly(stream, self._paid(stream) + (not is_asked), "refused the last time: asked once more")
        try:
            cost = self._readers[stream.read](stream)
        except StreamError as error:
            cost = Cost(stream.name, 0, f"unknown: {error}", 0, 1)
        ahead = self._paid(stream)
        if ahead and not self._is_asked(stream):
            return replace(cost, requests=cost.requests + ahead, low=cost.low + ahead, high=cost.high + ahead)
        return cost

    def _is_asked(self, stream: Stream) -> bool:
        """Whether everything the stream asks for was asked ahead; of the leads it is the counters alone."""
        return self._paid(stream) > 0 and stream.name in (CAMPAIGNS, COUNTERS)

    def _paid(self, stream: Stream) -> int:
        stats = self._ctx.paid.get(stream.name)
        return stats.requests - stats.retries if stats else 0

    def _object(self, stream: Stream) -> Cost:
        if self._ctx.knows(stream.path):
            return _exactly(stream, self._paid(stream), "answered with what was asked first")
        return _exactly(stream, 1, "one request")

    def _scan(self, stream: Stream) -> Cost:
        if stream.name in self._ctx.listed:
            return _exactly(stream, self._paid(stream), f"every page of the list ({len(self._campaigns):,} records)")
        last = self._ctx.checkpoints.read(f"{stream.name}.read").get("requests")
        if isinstance(last, int):
            return _exactly(stream, last, "every page of the list, as many as the last time")
        if stream.name == "accounts":
            senders = len(self._senders())
            low = _pages(senders)
            return Cost(stream.name, low, f"never read; the campaigns name {senders:,}", low, 2 * low + 1)
        return Cost(stream.name, 1, "never read: a page, or some", 1, LONG_LIST)

    def _leads(self, stream: Stream) -> Cost:
        gate = Gate.made(self._ctx, stream.name, self._counters)
        choice = gate.choose(full=self._ctx.request.full)
        held = len(held_keys(self._ctx, stream.name))
        requests = choice.pages + (-(-held // ASKED_AT_ONCE) + 1 if held else 0)
        if not choice.sweep:
            return _exactly(stream, requests, f"{choice.why}; new ones at the tail")
        why = f"all are read, {gate.leads():,} or so: {choice.why}"
        if not gate.was_swept():
            return Cost(stream.name, requests, why, requests, round(OUTSIDE_CAMPAIGNS * requests) + 1)
        return _exactly(stream, requests, why)

    def _lifetimes(self, stream: Stream) -> Cost:
        chosen, known = len(choose_lifetimes(self._ctx, stream)), len(every_campaign(self._ctx))
        why = "read again" if self._ctx.request.full else "moved"
        return _exactly(stream, chosen, f"{chosen:,} of {known:,} campaigns {why}, {known - chosen:,} are skipped")

    def _workspace_window(self, stream: Stream) -> Cost:
        requests = self._questions(stream, [THE_WORKSPACE])
        return _exactly(stream, requests, "one request" if requests == 1 else f"days in {requests:,} parts")

    def _questions(self, stream: Stream, names: Sequence[str]) -> int:
        """Requests for the days due of each of `names`, in parts as long as the API is known to take."""
        limits, done = self._ctx.limits_of_days(stream), readings_of(self._ctx, stream)
        return sum(limits.questions(len(span.days())) for name in names for span in done.due(name))

    def _windows(self, stream: Stream) -> Cost:
        chosen, known = choose_windows(self._ctx, stream), len(every_campaign(self._ctx))
        done = self._ctx.checkpoints.read(stream.name)
        new = sum(campaign not in done for campaign in chosen)
        parts = [f"all days of {new:,} new ones"] if new else []
        if len(chosen) > new or not new:
            parts.insert(0, f"the last {self._ctx.windows.lookback_days} days of {len(chosen) - new:,}")
        return _exactly(stream, self._questions(stream, chosen), f"of {known:,} campaigns: {', '.join(parts)}")

    def _days(self, stream: Stream) -> Cost:
        due = choose_days(self._ctx, stream)
        known = len(due.days) + due.left
        low, likely, high = self._days_to_come()
        most = known + high if self._ctx.request.full else self._ctx.step_requests
        why = f"{known:,} campaign-days are due"
        if high:
            why += f"; with the daily figures of this run {low:,} to {high:,} more"
        if known + high > most:
            why += f"; at most {most:,} a run"
        low, likely, high = (min(known + more, most) for more in (low, likely, high))
        return Cost(stream.name, likely, why, low, high)

    def _days_to_come(self) -> tuple[int, int, int]:
        """Campaign-days that this run's daily figures may make due, those known apart: at least, likely, at most."""
        daily = self._streams.get("daily_analytics")
        if daily is None:
            return 0, 0, 0
        done, today = readings_of(self._ctx, daily), self._ctx.windows.today
        moved, begun = self._moved(), self._begun()
        low = likely = high = 0
        for campaign in choose_windows(self._ctx, daily):
            sent = self._counters.sent.get(campaign) if self._counters else None
            if campaign not in done:
                first = self._ctx.windows.begin
                days = (today - max(first, begun.get(campaign, first))).days + 1
                most = max(min(days, days if sent is None else sent), 0)
                low, likely, high = low + (1 if sent and most else 0), likely + round(WEEKDAYS * most), high + most
            elif campaign in moved:
                passed = (today - (done.last(campaign) or today)).days
                likely, high = likely + passed + 1, high + passed + 2
        return low, likely, high

    def _moved(self) -> set[str]:
        """The campaigns whose counters are other ones than in the lake."""
        if self._counters is None:
            return set()
        known = self._ctx.log(COUNTERS).index.alive()
        before = {orjson.loads(key)[0]: entry.hash for key, entry in known.items()}
        return {campaign for campaign, digest in self._counters.hashes.items() if before.get(campaign) != digest}

    def _begun(self) -> dict[str, date]:
        """When each campaign just listed was made."""
        return {str(r.get("id")): _date(str(r.get("timestamp_created"))[:10], date.min) for r in self._campaigns}

    def _account_windows(self, stream: Stream) -> Cost:
        if self._accounts_are_new():
            windows, limits = self._ctx.windows, self._ctx.limits_of_days(stream, ACCOUNT_DAYS)
            pieces = limits.questions((windows.today - windows.begin).days + 1)
            return self._of_unknown_accounts(stream, pieces, f"{pieces} pieces of days for each")
        chosen = choose_account_windows(self._ctx, stream, readings_of(self._ctx, stream))
        requests = questions_about(self._ctx, stream, chosen)
        return _exactly(stream, requests, f"{len(chosen):,} batches of accounts, each in pieces of {ACCOUNT_DAYS} days")

    def _account_batches(self, stream: Stream) -> Cost:
        if stream.path in self._shared:
            return _exactly(stream, 0, "the same answers serve it")
        self._shared.add(stream.path)
        if self._accounts_are_new():
            return self._of_unknown_accounts(stream, 1, "one request for each")
        batches = len(choose_account_batches(self._ctx, stream))
        return _exactly(stream, batches, f"batches of {ACCOUNTS_AT_ONCE} accounts at most")

    def _accounts_are_new(self) -> bool:
        return not self._ctx.checkpoints.read("accounts.read")

    def _of_unknown_accounts(self, stream: Stream, each: int, why: str) -> Cost:
        accounts = self._scan(self._ctx.streams["accounts"])
        why = f"the accounts were never read; {why} {ACCOUNTS_AT_ONCE}"
        return Cost(stream.name, accounts.low * each, why, accounts.low * each, accounts.high * each)

    def _senders(self) -> set[str]:
        listed = [record.get("email_list") for record in self._campaigns]
        return {str(email).lower() for emails in listed if isinstance(emails, list) for email in emails}


def _exactly(stream: Stream, requests: int, why: str) -> Cost:
    return Cost(stream.name, requests, why, requests, requests)


def _pages(records: int) -> int:
    return max(-(-records // PAGE_SIZE), 1)


def _date(text: object, otherwise: date) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return otherwise
