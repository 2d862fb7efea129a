"""From bytes to JSON to pages.

A list is `{"items": [...], "next_starting_after": "..."}`, its end an absent, null or empty cursor; the last page with
data may still carry one. A body without `items` is an error, never the end of a list.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

import orjson

from instantly_pipeline.api.depth import without_depths
from instantly_pipeline.errors import BadBody

_ENVELOPE = {"items", "next_starting_after", "has_more"}  # of the API and of the older description
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


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
    """The JSON in a body; BadBody if there is none.

    Text that is no valid Unicode (half a surrogate pair, which JSON can spell and some senders do) becomes U+FFFD
    rather than blocking its page for ever. NaN, Infinity and numbers too large for a double are refused. Whole
    numbers beyond 64 bits lose digits; the API has none. What is nested too deeply for any decoder becomes `"..."`.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        answer, found = _decode_leniently(without_depths(body))
    if not found:
        raise BadBody(f"{where}: {_what_came(body)} came where JSON was expected")
    return answer


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
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadBody(f"{where}: the cursor of a page is neither text nor a number")
    return str(value)


def _decode_leniently(body: bytes) -> tuple[object, bool]:
    """The standard library's reading and whether there was one."""
    try:
        text = body.decode("utf-8-sig", errors="replace")
        return _mended(json.loads(text, parse_constant=_refuse, parse_float=_finite)), True
    except (ValueError, RecursionError):
        return None, False


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


def _mended(value: object) -> object:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(entry) for entry in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(entry) for name, entry in value.items()}
    return value


def _what_came(body: bytes) -> str:
    start = body.lstrip()[:1]
    if not start:
        return "nothing"
    return "HTML" if start == b"<" else "something else"
