"""From bytes to JSON to pages.

A list is `{"items": [...], "next_starting_after": "..."}`, its end an absent, null or empty cursor; the last page with
data may still carry one. A body without `items` is an error, never the end of a list.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from instantly_pipeline.api.depth import without_depths
from instantly_pipeline.errors import BadBody
from instantly_pipeline.jsontext import loads

_ENVELOPE = {"items", "next_starting_after", "has_more"}  # of the API and of the older description


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    `cursor` is the one this page was asked with (None for the first), `next_cursor` the one for the next page (None at
    the end), `dropped` the number of entries that are no objects. `is_odd`: it says more than a page is known to say.
    `seconds` went by between the request that was answered and this page, without waits for its turn and earlier tries.
    """

    items: list[dict[str, object]]
    cursor: str | None
    next_cursor: str | None
    dropped: int = 0
    is_odd: bool = False
    seconds: float = 0.0


def decode(body: bytes, where: str) -> object:
    """The JSON in a body, every number with all its digits; BadBody if there is none, or NaN or Infinity in it.

    What is nested too deeply for any decoder becomes `"..."`.
    """
    with suppress(ValueError, RecursionError):
        try:
            return loads(body)
        except RecursionError:
            return loads(without_depths(body))
    raise BadBody(f"{where}: {_what_came(body)} came where JSON was expected")


def page_of(answer: object, cursor: str | None, where: str) -> Page:
    """The page in an answer; BadBody if it is none. A bare array counts as one last page."""
    is_odd = False
    if isinstance(answer, list):
        entries, following = answer, None
    elif isinstance(answer, dict) and isinstance(answer.get("items"), list):
        entries = answer["items"]
        following = _cursor(answer.get("next_starting_after"), where)
        if following is None and answer.get("has_more") is True:
            raise BadBody(f"{where}: a page says that there are more and not where they are")
        if answer.get("has_more") is False:
            following = None
        is_odd = not answer.keys() <= _ENVELOPE
    else:
        raise BadBody(f"{where}: JSON without a list of items came where a page of a list was expected")
    items = [entry for entry in entries if isinstance(entry, dict)]
    return Page(items, cursor, following, len(entries) - len(items), is_odd)


def _cursor(value: object, where: str) -> str | None:
    """Cursors are opaque text; some are sent as numbers."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise BadBody(f"{where}: the cursor of a page is neither text nor a number")
    return str(value)


def _what_came(body: bytes) -> str:
    start = body.lstrip()[:1]
    if not start:
        return "nothing"
    return "HTML" if start == b"<" else "something else"
