"""From decoded records to typed rows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from instantly_pipeline.jsontext import loads
from instantly_pipeline.lake.records.normalize import NO_KEY, Drift, Normalizer, Rejected
from instantly_pipeline.streams.registry import all_streams
from tests.lake.helpers import THINGS


def row(record: dict[str, Any]) -> dict[str, Any]:
    return Normalizer(THINGS).batch([{"id": "1", **record}]).table.to_pylist()[0]


@pytest.mark.parametrize(
    ("column", "sent", "stored"),
    [
        ("name", "x", "x"),
        ("name", "", ""),
        ("name", "\\N", "\\N"),
        ("name", 4670123, "4670123"),
        ("name", True, "true"),
        ("count", 3, 3),
        ("count", 3.0, 3),
        ("count", "3", 3),
        ("count", -(2**63), -(2**63)),
        ("score", 3, 3.0),
        ("score", "2.5", 2.5),
        ("name", 2**70 + 1, "1180591620717411303425"),
        ("live", 1, True),
        ("live", False, False),
        ("made_at", "2026-03-05T23:10:00.557Z", datetime(2026, 3, 5, 23, 10, 0, 557000, UTC)),
        ("made_at", "2026-03-05T23:10:00+02:00", datetime(2026, 3, 5, 21, 10, tzinfo=UTC)),
        ("made_at", "2026-03-05T23:10:00", datetime(2026, 3, 5, 23, 10, tzinfo=UTC)),
        ("made_at", "2026-03-05T23:10:00.123456789Z", datetime(2026, 3, 5, 23, 10, 0, 123456, UTC)),
        ("day", "2026-08-14", date(2026, 8, 14)),
        ("day", "2026-08-14T00:00:00.000Z", date(2026, 8, 14)),
    ],
)
def test_a_value_that_fits_is_stored_as_the_columns_type(column: str, sent: Any, stored: Any) -> None:
    found = row({column: sent})
    assert found[column] == stored
    assert found["extra"] is None


@pytest.mark.parametrize(
    ("column", "sent"),
    [
        ("name", {"a": 1}),
        ("name", ["a"]),
        ("count", 1.5),
        ("count", "12abc"),
        ("count", ""),
        ("count", "\\N"),
        ("count", True),
        ("count", 2**63),
        ("score", "x"),
        ("score", True),
        ("live", 2),
        ("live", "true"),
        ("made_at", ""),
        ("made_at", "yesterday"),
        ("made_at", 1788220800),
        ("made_at", "0001-01-01T00:00:00+14:00"),
        ("day", "2026-08-14T10:00:00Z"),
        ("day", 20260814),
    ],
)
def test_a_value_that_does_not_fit_is_null_there_kept_in_extra_and_noted(column: str, sent: Any) -> None:
    batch = Normalizer(THINGS).batch([{"id": "1", column: sent}, {"id": "2", "count": 7, "name": "fine"}])
    odd, fine = batch.table.to_pylist()
    assert odd[column] is None
    assert json.loads(odd["extra"]) == {column: sent}
    assert [(o.key, o.column) for o in batch.anomalies] == [('["1"]', column)]
    assert (fine["count"], fine["name"], fine["extra"]) == (7, "fine", None)


def test_a_note_never_holds_the_value() -> None:
    batch = Normalizer(THINGS).batch([{"id": "1", "count": "jane@example.com", "made_at": "jane@example.com"}])
    assert "jane" not in repr(batch.anomalies)


def test_a_converted_value_is_noted_but_not_doubled_into_extra() -> None:
    batch = Normalizer(THINGS).batch([{"id": "1", "count": "12"}])
    assert [o.reason for o in batch.anomalies] == ["converted"]
    assert batch.table["extra"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("column", "number", "found"),
    [
        ("count", "1e30", "integer beyond 64 bits"),
        ("count", "123456789012345678901234567890", "integer beyond 64 bits"),
        ("count", "0.1234567890123456789", "number beyond a double"),
        ("score", "1e400", "integer beyond 64 bits"),
        ("live", "123456789012345678901234567890", "integer beyond 64 bits"),
        ("day", "123456789012345678901234567890", "integer beyond 64 bits"),
    ],
)
def test_a_number_too_large_for_its_column_is_null_there_and_kept_in_extra(
    column: str, number: str, found: str
) -> None:
    batch = Normalizer(THINGS).batch([loads(f'{{"id": "1", "{column}": {number}}}'.encode())])
    [stored] = batch.table.to_pylist()
    assert stored[column] is None
    assert loads(stored["extra"].encode()) == loads(f'{{"{column}": {number}}}'.encode())
    assert [(o.column, o.found, o.reason) for o in batch.anomalies] == [(column, found, "does not fit; kept in extra")]


@pytest.mark.parametrize("number", ["0.1234567890123456789", str(2**60 + 1)])
def test_a_number_with_more_digits_than_a_double_is_rounded_in_its_column_and_whole_in_extra(number: str) -> None:
    batch = Normalizer(THINGS).batch([loads(f'{{"id": "1", "score": {number}}}'.encode())])
    [stored] = batch.table.to_pylist()
    assert (stored["score"], stored["extra"]) == (float(number), f'{{"score":{number}}}')
    assert [o.reason for o in batch.anomalies] == ["rounded; all digits kept in extra"]


def test_numbers_in_json_columns_unknown_fields_and_records_without_a_key_keep_their_digits() -> None:
    text = '{"n":[123456789012345678901234567890,0.1234567890123456789,-9223372036854775809]}'
    batch = Normalizer(THINGS).batch([{"id": "1", "more": loads(text.encode()), "new": loads(text.encode())}])
    [stored] = batch.table.to_pylist()
    assert (stored["more"], stored["extra"]) == (text, f'{{"new":{text}}}')
    batch = Normalizer(THINGS).batch([{"new": loads(text.encode())}])
    assert [(one.text, one.reason) for one in batch.rejected] == [(f'{{"new":{text}}}', NO_KEY)]


def test_unknown_fields_are_kept_whole_and_counted_as_drift() -> None:
    batch = Normalizer(THINGS).batch([{"id": "1", "mood": {"a": [1, None]}}, {"id": "2", "mood": 3}])
    assert [json.loads(x) for x in batch.table["extra"].to_pylist()] == [{"mood": {"a": [1, None]}}, {"mood": 3}]
    assert batch.drift[Drift("mood", "new field")] == 2


@pytest.mark.parametrize("lead", [{"id": "1", "email": "a@b.example", "status": "odd"}, {"id": "1"}, {"email": "x"}])
def test_a_record_of_known_fields_is_the_same_row_beside_one_with_unknown_fields(lead: dict[str, Any]) -> None:
    leads = Normalizer(all_streams()["leads"])
    alone, beside = leads.batch([lead]), leads.batch([lead, {"id": "2", "mood": 1}])
    assert alone.table.to_pylist() == beside.table.to_pylist()[:-1]
    assert (alone.keys, alone.scopes) == (beside.keys[:-1], beside.scopes[:-1])
    assert (alone.anomalies, alone.rejected) == (beside.anomalies, beside.rejected)
    assert alone.drift.keys() <= beside.drift.keys()
    assert leads.keys([lead, {"id": "2", "mood": 1}])[0] == leads.keys([lead])[0]


def test_new_enum_numbers_and_missing_fields_are_drift() -> None:
    batch = Normalizer(THINGS).batch([{"id": "1", "status": 9}, {"id": "2", "status": 1}, {"name": "no id"}])
    assert batch.drift[Drift("status", "new value 9")] == 1
    assert batch.drift[Drift("id", "missing field")] == 1


def test_a_record_without_a_key_is_returned_whole() -> None:
    batch = Normalizer(THINGS).batch([{"name": "x", "id": None}])
    assert batch.rejected == [Rejected('{"name":"x","id":null}', "no key")]
    assert batch.table.num_rows == 0


def test_the_last_of_several_records_with_one_key_counts() -> None:
    batch = Normalizer(THINGS).batch([{"id": "1", "name": "a"}, {"id": "2"}, {"id": "1", "name": "b"}])
    assert {r["id"]: r["name"] for r in batch.table.to_pylist()} == {"1": "b", "2": None}


def test_an_alias_fills_its_column_unless_the_name_itself_has_a_value() -> None:
    assert row({"title": "seed"})["name"] == "seed"
    both = row({"title": "seed", "name": "live"})
    assert (both["name"], json.loads(both["extra"])) == ("live", {"title": "seed"})


def test_an_alias_and_the_name_hash_alike() -> None:
    batches = [Normalizer(THINGS).batch([{"id": "1", field: "x"}]) for field in ("name", "title")]
    assert batches[0].hashes == batches[1].hashes


def test_secrets_of_accounts_and_api_keys_are_dropped_at_any_depth_and_under_unknown_names() -> None:
    streams = all_streams()
    account = {"email": "a@x", "imap_password": "SECRET", "smtp_host": "SECRET", "oauth": {"refresh_token": "SECRET"}}
    key = {"id": "1", "name": "n", "key": "SECRET", "api_secret": "SECRET"}
    lead = {"id": "1", "x_api_token": "SECRET"}
    for stream, record in (("accounts", account), ("api_keys", key), ("leads", lead)):
        batch = Normalizer(streams[stream]).batch([record])
        assert "SECRET" not in json.dumps(batch.table.to_pylist(), default=str)
        assert batch.table.num_rows == 1


def test_custom_variables_are_kept_whatever_they_are_called() -> None:
    payload = {"password": "kept", "Token count": 3}
    batch = Normalizer(all_streams()["leads"]).batch([{"id": "1", "payload": payload}])
    assert json.loads(batch.table["payload"].to_pylist()[0]) == payload


@pytest.mark.parametrize(
    "name",
    ["password", "pwd", "pass", "clientSecret", "refresh_token", "apiKey", "X-Api-Key", "private_key", "credentials",
     "Authorization", "auth", "imapHost", "smtp_port", "accesstoken", "password2"],
)  # fmt: skip
def test_a_field_called_like_a_secret_is_dropped_from_any_unknown_field_and_noted(name: str) -> None:
    sent = {"id": "1", "hooks": [{"headers": {name: "SECRET", "kept": 1}}], name: {"x": "SECRET"}}
    batch = Normalizer(THINGS).batch([sent])
    assert json.loads(batch.table["extra"].to_pylist()[0]) == {"hooks": [{"headers": {"kept": 1}}]}
    assert batch.drift[Drift(name, "dropped secret")] == 2
    assert "SECRET" not in repr(batch)


@pytest.mark.parametrize(
    "name",
    ["secretary", "tokens_used", "password_hint", "custom_tracking_domain", "author", "compass", "key", "smtp",
     "passed"],
)  # fmt: skip
def test_a_field_that_only_sounds_like_a_secret_is_kept(name: str) -> None:
    assert json.loads(row({name: "x", "deep": {name: "y"}})["extra"]) == {name: "x", "deep": {name: "y"}}


def test_a_secret_in_a_value_that_does_not_fit_its_column_is_dropped() -> None:
    assert json.loads(row({"name": {"api_key": "SECRET", "b": 1}})["extra"]) == {"name": {"b": 1}}


def test_json_columns_lose_secrets_only_where_the_stream_declares_some() -> None:
    account = Normalizer(all_streams()["accounts"]).batch([{"email": "a@x", "warmup": {"pass": "SECRET", "limit": 1}}])
    assert account.table["warmup"].to_pylist() == ['{"limit":1}']
    both = {"id": "1", "payload": {"pass": "kept"}, "custom_variables": {"token": "kept too"}}
    lead = Normalizer(all_streams()["leads"]).batch([both]).table.to_pylist()[0]
    assert json.loads(lead["payload"]) == {"pass": "kept"}
    assert json.loads(lead["extra"]) == {"custom_variables": {"token": "kept too"}}


def nested(levels: int) -> Any:
    value: Any = "leaf"
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("levels", [260, 500, 5000])
@pytest.mark.parametrize("column", ["more", "unknown"])
def test_a_record_nested_too_deeply_is_rejected_alone(levels: int, column: str) -> None:
    deep = {"id": "1", "password": "SECRET", column: nested(levels)}
    normalizer = Normalizer(THINGS)
    batch = normalizer.batch([{"id": "0"}, deep, {"id": "2"}])
    assert batch.keys == ['["0"]', '["2"]']
    assert [one.reason for one in batch.rejected] == ["nested too deeply"]
    assert json.loads(batch.rejected[0].text)["id"] == "1"
    assert "SECRET" not in batch.rejected[0].text
    assert normalizer.keys([deep]) == ['["1"]']


def test_a_record_of_many_levels_is_stored() -> None:
    assert json.loads(row({"more": nested(240)})["more"]) == nested(240)


def test_a_record_without_a_key_that_is_nested_too_deeply_is_rejected_as_well() -> None:
    batch = Normalizer(THINGS).batch([{"unknown": nested(600)}])
    assert [one.reason for one in batch.rejected] == ["nested too deeply"]


def test_two_different_records_with_one_key_are_noted_and_equal_ones_are_not() -> None:
    batch = Normalizer(THINGS).batch([{"id": "1"}, {"id": "1", "name": None}, {"id": "2"}, {"id": "2", "name": "b"}])
    assert [(o.key, o.column, o.reason) for o in batch.anomalies] == [
        ('["2"]', "id", "two records with one key; the later one is kept")
    ]
