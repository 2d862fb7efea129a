"""What `doctor --probe` found out about the API and a sync can use: from the file that INSTANTLY_PROBE_FILE names.

A sync finds these out by itself, by requests that are refused or by days that are missing from answers, and remembers
them for a week. The file spares it that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from instantly_pipeline.errors import UsageError
from instantly_pipeline.sync.limits import Dates

FORMAT = 1  # of the file
DAILY_PATH, STEPS_PATH = "/api/v2/campaigns/analytics/daily", "/api/v2/campaigns/analytics/steps"


@dataclass(frozen=True, slots=True)
class ApiFacts:
    """None: not known.

    `daily_days`: the most days that /campaigns/analytics/daily takes at once; `step_dates`: the date format that
    /campaigns/analytics/steps takes; `step_end_included`: whether a plain end date is part of its range.
    """

    daily_days: int | None = None
    step_dates: Dates | None = None
    step_end_included: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """As the file has it."""
        return asdict(self)

    @classmethod
    def read(cls, path: Path | None) -> Self:
        """The facts in a file, nothing without one; UsageError if it cannot be read or is not a probe's."""
        if path is None:
            return cls()
        try:
            found = orjson.loads(path.read_bytes())
            if found["format"] != FORMAT:
                raise ValueError
            return cls._checked(**found["for_sync"])
        except OSError as error:
            raise UsageError(f"INSTANTLY_PROBE_FILE: {path} cannot be read: {error.strerror}. {_NEXT}") from None
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"INSTANTLY_PROBE_FILE: {path} is not a file of this version's probe. {_NEXT}") from None

    @classmethod
    def _checked(cls, daily_days: int | None, step_dates: str | None, step_end_included: bool | None) -> Self:
        """ValueError or TypeError for other types."""
        if daily_days is not None and (isinstance(daily_days, bool) or daily_days < 1):  # TypeError for a text
            raise ValueError
        if not (step_end_included is None or isinstance(step_end_included, bool)):
            raise TypeError
        return cls(daily_days, Dates(step_dates) if step_dates else None, step_end_included)


_NEXT = "Write it with `instantly-pipeline doctor --probe`, or remove the setting."
