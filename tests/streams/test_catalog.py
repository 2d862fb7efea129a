"""The declarations agree with the vendor's schema of each endpoint."""

from __future__ import annotations

from collections import Counter

import pytest

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type
from instantly_pipeline.streams.registry import all_streams
from tests.streams.vendor import Fields, fields_of

STREAMS = all_streams()
PARTS = {"warmup_analytics": "email_date_data", "warmup_summary": "aggregate_data"}

# Required by the vendor's schema of a path, not by the observed API.
SOMETIMES_MISSING = {
    "/api/v2/campaigns/analytics": {"leads_count"},  # 0 or missing with exclude_total_leads_count
    "/api/v2/leads/list": {"status_summary"},  # an empty object is as common
    "/api/v2/campaigns/analytics/steps": {"step", "variant", "replies_automatic", "unique_replies_automatic"},
    "/api/v2/subsequences/{id}/analytics/steps": {"step", "variant", "replies_automatic", "unique_replies_automatic"},
    "/api/v2/emails": {"body"},  # null unless INSTANTLY_EMAIL_BODIES asks for it
}

# Not required by the vendor's schema, never absent all the same: the reader takes them from the map's keys.
KEYS_OF_MAPS = {"warmup_analytics": {"email", "date"}, "warmup_summary": {"email"}}
# the vendor calls every field of a day optional; without its date a row belongs nowhere
KEYS_OF_DAYS = {"daily_analytics": {"date"}, "workspace_daily_analytics": {"date"}}

# an answer is split: the event is one record, the attempt to deliver it another, and our digest links them
ELSEWHERE = {
    "webhook_events": set(STREAMS["webhook_deliveries"].names) - {"lead_email"},
    "webhook_deliveries": {"payload"},
}
DIGESTS = {"webhook_events": {"event_id"}, "webhook_deliveries": {"event_id"}}

# the vendor's schema leaves out that its numbers are those of another field
SAME_NUMBERS = {("campaign_analytics", "campaign_status"): ("campaigns", "status")}

TYPES = {
    "string": {Type.TEXT, Type.DATE, Type.INSTANT},
    "date-time": {Type.INSTANT},
    "number": {Type.INT, Type.FLOAT},
    "integer": {Type.INT},
    "boolean": {Type.BOOL},
    "object": {Type.JSON},
    "array": {Type.JSON},
}

# flags that are numbers, 0 or 1
NUMBERED_FLAGS = {"emails": {"is_unread", "is_auto_reply", "is_focused", "ai_assisted"}}

every_stream = pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda s: s.name)


def vendor(stream: Stream) -> Fields:
    fields, elsewhere = fields_of(f"{stream.method} {stream.path}", PARTS.get(stream.name)), ELSEWHERE.get(stream.name)
    if elsewhere is None:
        return fields
    by_name = {name: field for name, field in fields.by_name.items() if name not in elsewhere}
    return Fields(by_name, fields.required - elsewhere)


def by_any_name(stream: Stream) -> dict[str, Column]:
    return {name: column for column in stream.columns for name in (column.name, *column.aliases)}


@every_stream
def test_every_field_of_the_vendors_schema_has_a_column_or_is_a_secret(stream: Stream) -> None:
    fields = set(vendor(stream).by_name)
    assert fields - set(by_any_name(stream)) - set(stream.secrets) == set()


@every_stream
def test_the_type_of_a_column_can_hold_the_vendors_type(stream: Stream) -> None:
    columns = by_any_name(stream)
    for name, field in vendor(stream).by_name.items():
        if name not in stream.secrets:
            flag = {Type.BOOL} if name in NUMBERED_FLAGS.get(stream.name, ()) else set()
            assert columns[name].type in TYPES[field.kind] | flag, name


@every_stream
def test_labels_cover_the_vendors_enum_numbers(stream: Stream) -> None:
    columns = by_any_name(stream)
    for name, field in vendor(stream).by_name.items():
        other, same = SAME_NUMBERS.get((stream.name, name), (stream.name, name))
        enum = field.enum | vendor(STREAMS[other]).by_name[same].enum
        numbers = {number for number in enum if isinstance(number, int)}
        if numbers:
            assert numbers <= set(columns[name].labels or {}), name


@every_stream
def test_always_is_what_the_vendor_requires_but_for_named_exceptions(stream: Stream) -> None:
    columns = by_any_name(stream)
    required = {columns[name].name for name in vendor(stream).required if name not in stream.secrets}
    expected = required - SOMETIMES_MISSING.get(stream.path, set()) | KEYS_OF_MAPS.get(stream.name, set())
    expected |= KEYS_OF_DAYS.get(stream.name, set()) | DIGESTS.get(stream.name, set())
    # some live answers leave flags out that are false
    expected = {name for name in expected if columns[name].type is not Type.BOOL}
    assert {column.name for column in stream.columns if column.always} == expected


@every_stream
def test_one_field_never_feeds_two_columns(stream: Stream) -> None:
    names = Counter(name for column in stream.columns for name in (column.name, *column.aliases))
    assert [name for name, times in names.items() if times > 1] == []


@every_stream
def test_a_secret_is_no_column(stream: Stream) -> None:
    assert set(stream.secrets) & set(by_any_name(stream)) == set()


@every_stream
def test_each_column_says_in_a_short_line_what_it_is(stream: Stream) -> None:
    for column in stream.columns:
        assert 0 < len(column.about) <= 90, column.name
        assert not column.about.endswith("."), column.name


@every_stream
def test_labels_are_lower_case_and_on_integers_only(stream: Stream) -> None:
    for column in stream.columns:
        if column.labels is not None:
            assert column.type is Type.INT
            assert all(label == label.lower() for label in column.labels.values())
            assert len(set(column.labels.values())) == len(column.labels)


@every_stream
def test_given_columns_are_the_key_columns_that_no_answer_carries(stream: Stream) -> None:
    in_answer = set(vendor(stream).by_name)
    named_by_answer = {c.name for c in stream.columns if {c.name, *c.aliases} & in_answer}
    missing = set(stream.key) - named_by_answer - KEYS_OF_MAPS.get(stream.name, set())
    missing -= DIGESTS.get(stream.name, set())
    assert set(stream.given) == missing


@every_stream
def test_only_what_is_read_to_its_end_can_be_taken_for_deleted(stream: Stream) -> None:
    if stream.absent in (Absent.DELETED, Absent.CONFIRM):
        assert stream.read in (Read.SCAN, Read.SWEEP, Read.INCREMENT, Read.ACCOUNT_MAPPINGS)
    else:
        assert stream.read not in (Read.SCAN, Read.SWEEP, Read.ACCOUNT_MAPPINGS)


@pytest.mark.parametrize(
    ("stream", "seed", "live"),
    [
        ("leads", "interest_status", "lt_interest_status"),
        ("leads", "custom_variables", "payload"),
        ("leads", "uploaded_by", "uploaded_by_user"),
        ("leads", "last_contacted_timestamp", "timestamp_last_contact"),
        ("leads", "last_opened_timestamp", "timestamp_last_open"),
        ("leads", "last_replied_timestamp", "timestamp_last_reply"),
        ("leads", "last_clicked_timestamp", "timestamp_last_click"),
        ("leads", "last_interest_status_change_timestamp", "timestamp_last_interest_change"),
        ("leads", "last_touch_timestamp", "timestamp_last_touch"),
        ("leads", "subsequence_added_timestamp", "timestamp_added_subsequence"),
        ("leads", "last_step_timestamp", "last_step_timestamp_executed"),
        ("accounts", "organization_id", "organization"),
        ("accounts", "last_used_timestamp", "timestamp_last_used"),
        ("accounts", "warmup_started_timestamp", "timestamp_warmup_start"),
        ("accounts", "email_gap", "sending_gap"),
        ("custom_tags", "name", "label"),
        ("account_daily_analytics", "email_account", "email"),
    ],
)
def test_the_older_name_of_a_field_lands_in_the_live_column(stream: str, seed: str, live: str) -> None:
    assert by_any_name(STREAMS[stream])[seed].name == live


def test_personal_data_of_contacts_is_marked() -> None:
    personal = {s.name: [c.name for c in s.columns if c.personal] for s in STREAMS.values()}
    assert {name: columns for name, columns in personal.items() if columns} == {
        "leads": ["email", "first_name", "last_name", "job_title", "phone", "personalization", "payload"],
        "block_list_entries": ["bl_value"],
        "audit_logs": ["user_name", "ip_address", "user_agent"],
        "workspace_members": ["email", "user_email", "nickname", "name"],
        "emails": [
            "lead",
            "from_address_email",
            "to_address_email_list",
            "cc_address_email_list",
            "bcc_address_email_list",
            "reply_to",
            "from_address_json",
            "to_address_json",
            "cc_address_json",
            "subject",
            "content_preview",
            "body",
            "attachment_json",
        ],
        "webhook_events": ["lead_email", "payload"],
        "webhook_deliveries": ["lead_email"],
    }


def test_passwords_and_keys_are_secrets() -> None:
    assert {"imap_password", "smtp_password"} <= set(STREAMS["accounts"].secrets)
    assert STREAMS["api_keys"].secrets == ("key",)
    assert STREAMS["webhooks"].secrets == ("headers",)
