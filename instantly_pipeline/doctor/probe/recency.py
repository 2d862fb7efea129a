"""Whether the filter `queries` of /leads/list finds exactly the leads that were contacted in the last n days.

A few leads are asked for by id, with and without the filter, so that what it should find is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from instantly_pipeline.doctor.probe.question import Found, times
from instantly_pipeline.doctor.probe.replies import NotAnswered, Reply, Row
from instantly_pipeline.doctor.probe.values import instant

_MOST_DAYS = 400  # old leads tell the readings apart as well
_LEAST = 5  # leads that the filter should find, and that it should not: fewer show too little
_MARGIN = timedelta(minutes=10)  # a lead this close to an edge may be on either side of it
_CONTACTED = ("timestamp_last_contact", "last_contacted_timestamp")  # the live name and an older description's


@dataclass(frozen=True, slots=True)
class Recency:
    """One request with the filter, and which of its leads each reading of `occurrence-days` would find."""

    days: int
    asked: frozenset[str]
    last: frozenset[str]  # within the last n times 24 hours
    calendar: frozenset[str]  # on today or one of the n - 1 days before, in UTC
    hours: frozenset[str]  # within the last n hours
    unsure: frozenset[str]  # too close to an edge

    @property
    def body(self) -> dict[str, Any]:
        """The body of the request."""
        query = {"actionType": "last-contacted", "values": {"occurrence-days": self.days}}
        return {"ids": sorted(self.asked), "queries": [query], "limit": 100}


def choose_recency(leads: Iterable[Row], now: datetime) -> Recency:
    """The number of days that tells most readings apart; NotAnswered if none does."""
    at = {str(lead.get("id")): contacted for lead in leads if (contacted := _contacted(lead)) is not None}
    found = [_recency(days, at, now) for days in range(2, _MOST_DAYS)]
    useful = [one for one in found if min(len(one.last), len(one.asked - one.last)) >= _LEAST]
    if not useful:
        raise NotAnswered("the leads that were read were contacted at too similar times")
    return max(useful, key=lambda one: (_distinct(one), len(one.last ^ one.calendar), -one.days))


def _recency(days: int, at: dict[str, datetime], now: datetime) -> Recency:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    edges = (now - timedelta(days=days), midnight - timedelta(days=days - 1), now - timedelta(hours=days))
    last, calendar, hours = (frozenset(lead for lead, then in at.items() if then >= edge) for edge in edges)
    unsure = frozenset(lead for lead, then in at.items() if any(abs(then - edge) < _MARGIN for edge in edges))
    return Recency(days, frozenset(at) - unsure, last - unsure, calendar - unsure, hours - unsure, unsure)


def _distinct(one: Recency) -> int:
    return len({found for found in (one.last, one.calendar, one.hours, one.asked) if found})


def judge_recency(recency: Recency | None, reply: Reply) -> Found:
    """Which reading the reply fits."""
    if reply.refused:
        return Found("refused", reply.refusal)
    found = frozenset(str(row.get("id")) for row in reply.rows())
    if recency is None:
        raise NotAnswered("no request was made")
    counts = (
        f"{len(found)} of {times(len(recency.asked), 'lead')} for {recency.days} days, {len(recency.last)} expected"
    )
    found -= recency.unsure
    if not found <= recency.asked:
        return Found("not with ids", f"leads that were not asked for came back: {counts}")
    if found == recency.last:
        return Found("complete", counts + _undecided(recency))
    if not found:
        return Found("nothing is found", counts)
    if found == recency.asked:
        return Found("ignored", counts)
    if found == recency.calendar:
        return Found("complete, by calendar days in UTC", counts)
    if found == recency.hours:
        return Found("days are read as hours", counts)
    if found < recency.last:
        return Found("incomplete", counts)
    return Found("other leads", f"{counts}, of which {len(found & recency.last)} came")


def _undecided(recency: Recency) -> str:
    return "" if recency.calendar != recency.last else "; by calendar days they would be the same"


def _contacted(lead: Row) -> datetime | None:
    return next((found for name in _CONTACTED if (found := instant(lead.get(name))) is not None), None)
