"""Keys, canonical form and hash."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from instantly_pipeline.jsontext import loads
from instantly_pipeline.lake.records.canonical import KeyMaker, canonical, digest, to_json
from instantly_pipeline.streams.registry import all_streams

SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), VALUES, max_size=6)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


@given(RECORDS)
def test_the_canonical_form_says_what_the_record_says_nulls_in_objects_apart(record: dict[str, Any]) -> None:
    assert json.loads(canonical(record)) == without_nulls(record)


def with_nulls(value: Any) -> Any:
    """The rules of the canonical form, one by one."""
    if isinstance(value, dict):
        return {k: with_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [with_nulls(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@given(
    st.dictionaries(
        st.text("ab", max_size=2),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-9, 9)
            | st.sampled_from([0.0, -0.0, 1.0, 1.5, 1e16])
            | st.text("é", max_size=2),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
        ),
    )
)
def test_the_hash_is_that_of_the_rules_spelled_out(record: dict[str, Any]) -> None:
    text = orjson.dumps(with_nulls(record), option=orjson.OPT_SORT_KEYS)
    assert digest(record) == blake2b(text, digest_size=16).hexdigest()


def as_hashed_so_far(value: Any) -> bytes:
    """The canonical form as it was written when every number was an int or a float."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


@given(RECORDS)
@example({"a": 1e30, "b": 1e-7, "c": -(2**63) - 1, "\u00e9": "\x7f\u2028\x01"})
def test_what_was_hashed_exactly_is_hashed_as_before(record: dict[str, Any]) -> None:
    assert canonical(record) == as_hashed_so_far(with_nulls(record))


LONG = st.decimals(allow_nan=False, allow_infinity=False, places=25).map(str) | st.integers().map(str)


@given(st.dictionaries(st.text("ab", max_size=2), LONG))
def test_stored_text_hashes_as_what_was_sent(numbers: dict[str, str]) -> None:
    sent = loads(json.dumps(numbers).replace(': "', ": ").replace('",', ",").replace('"}', "}").encode())
    assert digest(loads(to_json(sent).encode())) == digest(sent)


@given(RECORDS, st.randoms())
def test_the_order_of_keys_does_not_matter(record: dict[str, Any], random: Any) -> None:
    items = list(record.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(record)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 1.0}),
        (loads(b'{"a": 12345678901234567890.00}'), {"a": 12345678901234567890}),
        (loads(b'{"a": 0.12345678901234567890}'), loads(b'{"a": 0.1234567890123456789}')),
        ({"a": 1, "b": None}, {"a": 1}),
        ({"a": {"b": None, "c": 2}}, {"a": {"c": 2.0}}),
        ({"a": [{"b": None}]}, {"a": [{}]}),
    ],
)
def test_what_means_the_same_hashes_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": [None]}, {"a": []}),
        ({"a": ""}, {}),
        ({"a": 1.5}, {"a": 1}),
        ({"a": {}}, {}),
        ({"a": 2**70}, {"a": 2**70 + 1}),
        (loads(b'{"a": 0.1234567890123456789}'), loads(b'{"a": 0.1234567890123456788}')),
        (loads(b'{"a": 1e400}'), loads(b'{"a": 1e401}')),
    ],
)
def test_what_differs_hashes_differently(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest(one) != digest(other)


@pytest.mark.parametrize(
    ("stream", "record", "key"),
    [
        ("campaigns", {"id": "0199"}, '["0199"]'),
        ("campaigns", {"id": 'a"b'}, '["a\\"b"]'),
        ("campaigns", {"id": 2**70 + 1}, '["1180591620717411303425"]'),
        ("campaigns", {"id": "a\tb\u0000"}, '["a\\tb\\u0000"]'),
        ("accounts", {"email": "Ann@Send.Example"}, '["ann@send.example"]'),
        ("daily_analytics", {"campaign_id": "c", "date": "2026-03-01"}, '["c","2026-03-01"]'),
        ("daily_analytics", {"campaign_id": "c", "date": "2026-03-01T00:00:00.000Z"}, '["c","2026-03-01"]'),
        ("step_analytics_lifetime", {"campaign_id": "c", "step": "0", "variant": 1}, '["c","0","1"]'),
        ("step_analytics_lifetime", {"campaign_id": "c", "step": 0.0, "variant": None}, '["c","0",null]'),
        ("step_analytics_lifetime", {"campaign_id": "c", "step": "null", "variant": "null"}, '["c",null,null]'),
        ("workspace_analytics_overview", {"emails_sent_count": 3}, "[]"),
    ],
)
def test_a_key_is_the_json_array_of_its_parts(stream: str, record: dict[str, Any], key: str) -> None:
    assert KeyMaker(all_streams()[stream]).make(record) == key


@pytest.mark.parametrize("value", [None, "", {"a": 1}, ["x"]])
def test_a_record_without_its_identity_has_no_key(value: Any) -> None:
    assert KeyMaker(all_streams()["campaigns"]).make({"id": value, "name": "x"}) is None
    assert KeyMaker(all_streams()["campaigns"]).make({"name": "x"}) is None
