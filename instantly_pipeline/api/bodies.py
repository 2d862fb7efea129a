"""Parses response bodies: bytes to JSON to pages.

A page of a list is `{"items": [...], "next_starting_after": "..."}`. An absent, null or empty cursor ends the list; the
last page with data may still have one. A body without `items` is an error, never the end of a list.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from instantly_pipeline.api.depth import truncate_nesting
from instantly_pipeline.errors import BadBody
from instantly_pipeline.jsontext import loads

_ENVELOPE = {"items", "next_starting_after", "has_more"}  # live names, and `has_more` from the older description


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    `cursor` requested this page (None for the first), `next_cursor` requests the next one (None at the end). `dropped`
    counts entries that are not objects. `has_unknown_fields`: the envelope has fields other than the known ones.
    `seconds` is the duration of the successful try, without rate limit waits and earlier tries.
    """

    items: list[dict[str, object]]
    cursor: str | None
    next_cursor: str | None
    dropped: int = 0
    has_unknown_fields: bool = False
    seconds: float = 0.0


def decode(body: bytes, where: str) -> object:
    """Parse a JSON body without losing digits of numbers. BadBody if it is not JSON or holds NaN or Infinity.

    Values nested too deeply for any decoder become `"..."`.
    """
    with suppress(ValueError, RecursionError):
        try:
            return loads(body)
        except RecursionError:
            return loads(truncate_nesting(body))
    start = body.lstrip()[:1]
    found = "nothing" if not start else "HTML" if start == b"<" else "something else"
    raise BadBody(f"{where}: expected JSON, got {found}")


def parse_page(answer: object, cursor: str | None, where: str) -> Page:
    """Parse one page of a list; BadBody if the answer is not one. A bare array is a single last page."""
    has_unknown_fields = False
    if isinstance(answer, list):
        entries, following = answer, None
    elif isinstance(answer, dict) and isinstance(answer.get("items"), list):
        entries = answer["items"]
        following = _cursor(answer.get("next_starting_after"), where)
        if following is None and answer.get("has_more") is True:
            raise BadBody(f"{where}: a page has has_more true and no cursor")
        if answer.get("has_more") is False:
            following = None
        has_unknown_fields = not answer.keys() <= _ENVELOPE
    else:
        raise BadBody(f"{where}: expected a page of a list, got JSON without a list of items")
    items = [entry for entry in entries if isinstance(entry, dict)]
    return Page(items, cursor, following, len(entries) - len(items), has_unknown_fields)


def _cursor(value: object, where: str) -> str | None:
    """The cursor as text; some are sent as numbers."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise BadBody(f"{where}: the cursor of a page is neither text nor a number")
    return str(value)
