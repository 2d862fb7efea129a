"""Values of a record, of the type that is expected or none at all."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal

from instantly_pipeline.doctor.probe.replies import Row

_YEARS = range(2000, 2101)  # others would leave the range of dates in calculations


def count(row: Row, name: str) -> int:
    """A counter; 0 if it is absent or no number."""
    value = row.get(name)
    return int(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else 0


def day(value: object) -> date | None:
    """A date, also that of a timestamp."""
    with suppress(ValueError):
        found = date.fromisoformat(value[:10]) if isinstance(value, str) else None
        return found if found is not None and found.year in _YEARS else None
    return None


def instant(value: object) -> datetime | None:
    """A timestamp, in UTC."""
    with suppress(ValueError):
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        if found is not None and found.year in _YEARS:
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return None
