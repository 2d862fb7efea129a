"""Where the sandbox leaves the vendor's schemas on purpose, because the live API is reported to do so.

Each entry says which error it excuses; `excused` is given one error of jsonschema's and answers by name, or None.
"""

from collections.abc import Callable
from typing import Any

Check = Callable[[str, list[Any], Any], bool]


def _at(path: list[Any], *tail: str) -> bool:
    return [p for p in path if isinstance(p, str)][-len(tail) :] == list(tail)


DEVIATIONS: dict[str, tuple[str, Check]] = {
    "empty schedule dates": (
        "campaign_schedule.start_date and end_date may be an empty text (seen live in two repositories)",
        lambda route, path, value: (
            value == "" and (_at(path, "campaign_schedule", "start_date") or _at(path, "campaign_schedule", "end_date"))
        ),
    ),
    "custom interest values": (
        "lt_interest_status holds the value of any custom label, which the schema's enum does not list",
        lambda route, path, value: _at(path, "lt_interest_status") and abs(value) > 10_000,
    ),
    "empty placement status": (
        "not_sending_status of a placement test is an empty text when it sends (reference, section 15)",
        lambda route, path, value: (
            route == "GET /api/v2/inbox-placement-tests" and _at(path, "not_sending_status") and value == ""
        ),
    ),
}


def excused(route: str, path: list[Any], value: Any) -> str | None:
    for name, (_, check) in DEVIATIONS.items():
        if check(route, path, value):
            return name
    return None
