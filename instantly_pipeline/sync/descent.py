"""How far a list that comes newest first was read: down from its newest record, until all that follows is known.

Lists shift while they are read, clocks differ, and no order is documented (reference, sections 1.3 and 20). So the end
is reached only below what is known, less an overlap, and only of a list that was in order so far; a record from the
future, written with a wrong clock, shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from instantly_pipeline.api.clock import MAX_SKEW
from instantly_pipeline.lake.records.coerce import TypeMismatch, coerce
from instantly_pipeline.streams.model import Type


class Descent:
    """The pages of one list so far: `newest` and last (`oldest`) of the instants in `column`, and whether in order.

    `now` is when the reading began, by this machine: what is later than clocks may differ is left out everywhere.
    """

    def __init__(self, column: str, *, now: datetime) -> None:
        self.newest: datetime | None = None
        self.oldest: datetime | None = None
        self.is_sorted = True
        self.has_undated = False
        self._column, self._latest = column, now + MAX_SKEW

    def take(self, records: Sequence[Mapping[str, object]]) -> list[datetime]:
        """Take the records of the next page. Returns their instants, in the page's order."""
        found = [instant_in(record, self._column) for record in records]
        self.has_undated = self.has_undated or None in found
        instants = [at for at in found if at is not None and at <= self._latest]
        for at in instants:
            self.is_sorted = self.is_sorted and (self.oldest is None or at <= self.oldest)
            self.oldest = at
            self.newest = at if self.newest is None else max(at, self.newest)
        return instants

    def is_below(self, known: datetime | None) -> bool:
        """Whether all that follows is older than `known`; one of the same instant may follow."""
        is_in_order = self.is_sorted and not self.has_undated
        return is_in_order and known is not None and self.oldest is not None and self.oldest < known


def instant_in(record: Mapping[str, object], column: str) -> datetime | None:
    """The instant in a column of a record; None if there is none."""
    try:
        found = coerce(record.get(column), Type.INSTANT)
    except TypeMismatch:
        return None
    return found if isinstance(found, datetime) else None
