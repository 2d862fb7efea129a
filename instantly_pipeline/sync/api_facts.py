"""What `doctor --probe` found out about the API and a sync can use: from the file that INSTANTLY_PROBE_FILE names.

A sync finds these out by itself, by requests that are refused or by days that are missing from answers, and remembers
them for a week. The file spares it that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import orjson

from instantly_pipeline.errors import UsageError
from instantly_pipeline.lake.format import server_of
from instantly_pipeline.settings import DEFAULT_BASE_URL
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
    def read(cls, path: Path | None, base_url: str = "") -> Self:
        """The facts in a file, nothing without one; UsageError if it cannot be read, is not a probe's, has a value that
        no probe writes, or is about another API than that at `base_url`."""
        if path is None:
            return cls()
        try:
            found = orjson.loads(path.read_bytes())
            if found["format"] != FORMAT or found["for_sync"].keys() != {one.name for one in fields(cls)}:
                raise ValueError
            given, api = found["for_sync"], found.get("api")
        except OSError as error:
            raise UsageError(f"INSTANTLY_PROBE_FILE: {path} cannot be read: {error.strerror}. {_NEXT}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(f"INSTANTLY_PROBE_FILE: {path} is not a file of this version's probe. {_NEXT}") from None
        if base_url and api is not None and api != api_name(base_url):
            raise UsageError(
                f"INSTANTLY_PROBE_FILE: {path} is about {api}, and INSTANTLY_BASE_URL is {base_url}. {_NEXT}"
            )
        return cls._checked(path, **given)

    @classmethod
    def _checked(cls, path: Path, daily_days: object, step_dates: object, step_end_included: object) -> Self:
        """UsageError names a value that no probe writes."""
        is_count = isinstance(daily_days, int) and not isinstance(daily_days, bool) and daily_days >= 1
        forms = [str(form) for form in Dates]
        for name, value, is_right, expected in (
            ("daily_days", daily_days, is_count, "a whole number of days, 1 or more"),
            ("step_dates", step_dates, step_dates in forms, f"one of {', '.join(forms)}"),
            ("step_end_included", step_end_included, isinstance(step_end_included, bool), "true or false"),
        ):
            if value is not None and not is_right:
                raise UsageError(
                    f"INSTANTLY_PROBE_FILE: {path} has {orjson.dumps(value).decode()[:80]} as for_sync.{name}; it has "
                    f"to be {expected}, or null. {_NEXT}"
                )
        return cls(
            daily_days if isinstance(daily_days, int) else None,
            Dates(step_dates) if isinstance(step_dates, str) else None,
            step_end_included if isinstance(step_end_included, bool) else None,
        )


def api_name(base_url: str) -> str:
    """Instantly's own API by its name; another server by a digest, since the file may be posted in public.

    Servers on this machine are one, whatever their port: a local sandbox gets a new one at each start.
    """
    if base_url == DEFAULT_BASE_URL:
        return base_url.removeprefix("https://")
    return f"another server ({blake2b(server_of(base_url).encode(), digest_size=6).hexdigest()})"


_NEXT = "Write it with `instantly-pipeline doctor --probe`, or remove the setting."
