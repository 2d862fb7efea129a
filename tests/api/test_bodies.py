"""What counts as JSON and what does not."""

from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.api.bodies import decode, parse_page
from instantly_pipeline.api.depth import truncate_nesting
from instantly_pipeline.errors import BadBody

TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.medium
@given(JSON, st.booleans())
def test_json_comes_back_as_it_was_sent(value: Any, escaped: bool) -> None:
    assert decode(json.dumps(value, ensure_ascii=escaped).encode(), "here") == value


def test_half_a_surrogate_pair_is_replaced_and_the_rest_of_the_page_is_kept() -> None:
    body = rb'{"items": [{"a": "x\ud83dy", "\udc00": ["\ude00"], "b": "\ud83d\ude00", "n": 1.5, "o": null}]}'
    assert decode(body, "here") == {
        "items": [{"a": "x\ufffdy", "\ufffd": ["\ufffd"], "b": "\U0001f600", "n": 1.5, "o": None}]
    }


def test_bytes_that_are_no_utf8_are_replaced_and_a_byte_order_mark_is_skipped() -> None:
    assert decode(b'{"a": "x\xffy"}', "here") == {"a": "x\ufffdy"}
    assert decode(b'\xef\xbb\xbf{"a": 1}', "here") == {"a": 1}


@pytest.mark.parametrize("levels", [1_100, 100_000])
@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"]}": ', b"}")])
def test_a_record_too_deep_for_any_decoder_leaves_its_page_readable(levels: int, opens: bytes, closes: bytes) -> None:
    deep = opens * levels + b'"leaf \\" ]]]}}}"' + closes * levels
    found = decode(b'{"items": [{"id": 1, "a": %b, "z": [2]}, {"id": 3}]}' % deep, "here")
    assert isinstance(found, dict)
    [first, second] = found["items"]
    assert (first["id"], first["z"], second) == (1, [2], {"id": 3})


@given(st.integers())
def test_whole_numbers_are_exact_however_long_they_are(number: int) -> None:
    found = decode(b'{"items": [{"n": %d}]}' % number, "here")
    assert found == {"items": [{"n": number}]}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775809", -(2**63) - 1),
        ("12345678901234567890.0", 12345678901234567890),
        ("1.2345678901234567890123e25", 12345678901234567890123000),
        ("0.1234567890123456789", Decimal("0.1234567890123456789")),
        ("1234567890.12345678901", Decimal("1234567890.12345678901")),
        ("1e400", 10**400),
        ("-1.5e-5", -1.5e-5),
        ("0.30000000000000004", 0.30000000000000004),
        ("1E5", 100000.0),
        ("9" * 5000, Decimal("9" * 5000)),
        ("1e999999999999", Decimal("1e999999999999")),
    ],
)
def test_a_number_keeps_its_value_where_a_double_would_not(text: str, number: object) -> None:
    found = decode(text.encode(), "here")
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize("text", ["12345678901234567890123", "-12345678901234567890123", "12345678901234567890123.0"])
@pytest.mark.parametrize("before", ["", " ", "\n", "\t", "\r"])
def test_long_numbers_are_exact_beside_long_digits_in_texts(before: str, text: str) -> None:
    number = int(text.removesuffix(".0"))
    sent = f'{{"id": "12345678901234567890", "n":{before}{text}}}'
    assert decode(sent.encode(), "here") == {"id": "12345678901234567890", "n": number}
    for shape in ("[%s%s]", "[1,%s%s]", "%s%s"):
        assert decode((shape % (before, text)).encode(), "here") in ([number], [1, number], number)
    assert decode(f"[1.5e-{'0' * 20}5, 1.5E+{'0' * 20}5, 1e{'0' * 20}]".encode(), "here") == [1.5e-5, 1.5e5, 1]


def test_a_page_with_a_long_number_is_mended_like_others() -> None:
    body = b'{"n": 12345678901234567890123, "a": "x\\ud83dy", "b": "\xff"}'
    assert decode(body, "here") == {"n": 12345678901234567890123, "a": "x\ufffdy", "b": "\ufffd"}


def test_a_cursor_that_is_a_long_number_is_handed_back_digit_by_digit() -> None:
    answer = decode(b'{"items": [{}], "next_starting_after": 123456789012345678901234567890}', "here")
    assert parse_page(answer, None, "here").next_cursor == "123456789012345678901234567890"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "nothing"),
        (b"  ", "nothing"),
        (b"<!doctype html><html></html>", "HTML"),
        (b"upstream error", "something else"),
        (b'{"items": [', "something else"),
        (b'{"rate": NaN}', "something else"),
        (b"[Infinity]", "something else"),
        (b"[-Infinity]", "something else"),
        (b"[1e99999999999999999999]", "something else"),
        (b"[" * 100_000, "something else"),
        (b"[" * 100_000 + b"]" * 99_999, "something else"),
        (b'["' * 1_000 + b'\\"' * 100_000 + b"\\", "something else"),
    ],
)
def test_anything_else_is_a_bad_body(body: bytes, what: str) -> None:
    with pytest.raises(BadBody, match=f"here: expected JSON, got {what}"):
        decode(body, "here")


def test_a_long_text_beside_what_is_nested_too_deeply_takes_no_more_memory_than_itself() -> None:
    deep = b'[{"a":' * 1000 + b"[]" + b"}]" * 1000
    body = b'{"items": [{"a": ' + deep + b', "b": [[1]]}, {"c": "' + b"x" * 2**20 + b'\\"[["}]}'
    tracemalloc.start()
    try:
        found = decode(body, "GET /x")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(found, dict)
    assert found["items"][0]["b"] == [[1]]
    assert found["items"][1]["c"] == "x" * 2**20 + '"[['
    assert peak < 20 * 2**20


@pytest.mark.parametrize("levels", [399, 400, 401, 402, 2000])
def test_only_what_lies_too_deep_is_left_out(levels: int) -> None:
    inner = b"[" * levels + b"1" + b"]" * levels
    kept = inner if levels <= 400 else b"[" * 400 + b'"..."' + b"]" * 400
    assert (
        truncate_nesting(b'{"a]":' + inner[1:-1] + b',"b":[2]}')
        == b'{"a]":' + (inner[1:-1] if levels <= 400 else kept[1:-1]) + b',"b":[2]}'
    )
