"""Parses and writes JSON without losing digits of numbers.

A whole number is an `int` of any length; a number with a fraction is a `float` if a double is exactly that number, else
a `Decimal`. A value is kept, its notation is not: 1E5 comes back as 100000.0, 12345678901234567890.0 as a whole
number. A fraction closer to 0 than any double (1e-400) is 0.
"""

from __future__ import annotations

import json
import math
import re
import sys
from contextlib import suppress
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DecimalException
from typing import Any

import orjson

# The shortest number that orjson may round has 17 characters: 16 digits and a point (15 digits always fit a double).
_LONG = b"." * 17
_DIGITS = bytes.maketrans(b"0123456789", b"." * 10)
_BEFORE_DIGITS = frozenset(b":,[ \t\r\n-+eE")  # of a number; in a text they mostly follow its quote or a letter
# Digits that `int` converts whatever the process's limit is (PYTHONINTMAXSTRDIGITS).
_LONGEST_INT = sys.int_info.str_digits_check_threshold
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
MAX_DEPTH = 250  # levels; deeper nesting is refused, since few JSON readers accept it


def loads(body: bytes) -> Any:
    """Parse JSON text. ValueError or RecursionError if it is not JSON, is nested too deeply, or has NaN or Infinity.

    Half a surrogate pair, which JSON can spell and some senders do, becomes U+FFFD. For a page of a hundred leads
    (114 kB) orjson takes 0.37 ms and the search for long numbers 0.13 ms; a body with long numbers is parsed by the
    standard library, in two to three times the time.
    """
    if not _may_have_long_numbers(body):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(body)
    text = body.decode("utf-8-sig", errors="replace")
    found = json.loads(text, parse_constant=_refuse, parse_float=_number, parse_int=_whole)
    return _with_valid_text(found) if "\\u" in text else found


def dumps(value: Any, *, sort_keys: bool = False) -> bytes:
    """Compact JSON text, keys in their order or sorted. RecursionError if it is nested too deeply."""
    option = orjson.OPT_SORT_KEYS if sort_keys else 0
    try:
        return orjson.dumps(value, option=option)
    except TypeError:  # a number beyond 64 bits or a double, or nested too deeply
        check_depth(value)
        return orjson.dumps(_with_numbers_as_text(value), option=option)


def check_depth(value: Any, levels: int = MAX_DEPTH) -> None:
    """RecursionError if a value has more than `levels` levels, however deep the caller's own stack is."""
    if isinstance(value, (dict, list)):
        if levels == 0:
            raise RecursionError("nested too deeply")
        for inner in value.values() if isinstance(value, dict) else value:
            check_depth(inner, levels - 1)


def _may_have_long_numbers(body: bytes) -> bool:
    """Whether there is a number that orjson may round; long digits within a text, such as an id, are none."""
    digits = body.translate(_DIGITS)
    at = digits.find(_LONG)
    while at > 0 and body[at - 1] not in _BEFORE_DIGITS:
        at = digits.find(_LONG, at + len(_LONG))
    return at >= 0


def _number(digits: str) -> int | float | Decimal:
    """A number with a fraction or an exponent."""
    near = float(digits)
    try:
        exact = Decimal(digits)
    except DecimalException:  # an exponent of 19 digits
        raise ValueError(digits) from None
    if near == 0 or (math.isfinite(near) and Decimal(repr(near)) == exact):
        return near
    exact = _shortest(exact, len(digits))
    is_whole = exact == exact.to_integral_value()
    return int(exact) if is_whole and exact.adjusted() < _LONGEST_INT else exact


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _LONGEST_INT else _shortest(Decimal(digits), len(digits))


def _shortest(exact: Decimal, digits: int) -> Decimal:
    """The same number without trailing zeros, so that equal numbers are written alike."""
    return exact.normalize(Context(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN))


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _with_valid_text(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_with_valid_text(entry) for entry in value]
    if isinstance(value, dict):
        return {_with_valid_text(name): _with_valid_text(entry) for name, entry in value.items()}
    return value


def _with_numbers_as_text(value: Any) -> Any:
    """The value with each number as Python writes it: stored hashes depend on that notation."""
    if isinstance(value, dict):
        return {name: _with_numbers_as_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_numbers_as_text(inner) for inner in value]
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return orjson.Fragment(str(value))
    return value
