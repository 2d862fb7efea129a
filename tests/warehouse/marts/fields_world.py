"""A small workspace in which every optional field that a mart reads is there, to take one away at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from instantly_pipeline.streams.registry import all_streams
from tests.warehouse.marts.given import Row

W = {"workspace_id": "w"}
READ = "2026-03-01 18:00:00+00"
HISTORY = ("leads", "campaigns", "accounts", "daily_analytics", "workspace_daily_analytics", "step_analytics")
DAYS = ("2026-02-25", "2026-02-26", "2026-02-27")
FIGURES = {
    "sent": 20, "contacted": 20, "new_leads_contacted": 10, "opened": 9, "unique_opened": 8, "replies": 3,
    "unique_replies": 2, "replies_automatic": 1, "unique_replies_automatic": 1, "clicks": 4, "unique_clicks": 3,
    "opportunities": 1, "unique_opportunities": 1,
}  # fmt: skip
STEP = {
    "sent": 600, "opened": 90, "unique_opened": 80, "replies": 30, "unique_replies": 24, "replies_automatic": 2,
    "unique_replies_automatic": 2, "clicks": 9, "unique_clicks": 8, "opportunities": 3, "unique_opportunities": 3,
    "meetings_booked": 2, "won": 1,
}  # fmt: skip
STEPS = [
    {"delay": 3, "delay_unit": "days", "variants": [{"subject": "Hi", "body": "x"}, {"subject": "Ho", "body": "y"}]},
    {"delay": 2, "variants": [{"subject": "", "body": "z"}]},
]
SUMMARY = {"lastStep": {"from": "ann@s.example", "stepID": "0_0_1", "timestamp_executed": "2026-02-27T09:00:00.000Z"}}
LAST_STEP = {
    "last_contacted_from": "ann@s.example", "last_step_from": "ann@s.example", "last_step_id": "0_0_1",
    "last_step_timestamp_executed": "2026-02-27 09:00:00+00",
}  # fmt: skip


def _lead(key: str, **more: Any) -> Row:
    plain = {
        "id": key, "campaign": "c", "list_id": "l", "status": 1, "email": f"{key}@x.example", "first_name": "Bo",
        "company_domain": "x.example", "email_open_count": 0, "email_reply_count": 0, "email_click_count": 0,
        "timestamp_created": "2026-02-20 09:00:00+00", "timestamp_updated": "2026-02-20 09:00:00+00",
        "verification_status": 1, "esp_code": 1, "status_summary": "{}",
        "payload": '{"city": "Lund"}',
    }  # fmt: skip
    return plain | more


def records() -> dict[str, list[Row]]:
    """Stream -> the records of the API, as `raw` holds them."""
    contacted = {"timestamp_last_contact": "2026-02-27 09:00:00+00", "status_summary": json.dumps(SUMMARY), **LAST_STEP}
    answered = contacted | {
        "status": 3, "email_open_count": 1, "email_reply_count": 1, "email_click_count": 1, "lt_interest_status": 2,
        "email_opened_step": 0, "email_opened_variant": 1, "email_replied_step": 0, "email_replied_variant": 1,
        "email_clicked_step": 0, "email_clicked_variant": 1, "timestamp_last_open": "2026-02-27 10:00:00+00",
        "timestamp_last_click": "2026-02-27 10:10:00+00", "timestamp_last_reply": "2026-02-27 11:00:00+00",
        "timestamp_last_interest_change": "2026-02-27 12:00:00+00",
    }  # fmt: skip
    campaign = {
        "id": "c", "name": "C", "status": 1, "open_tracking": True, "link_tracking": True, "stop_on_reply": True,
        "stop_on_auto_reply": True, "email_list": '["ann@s.example"]', "email_tag_list": '["t"]', "daily_limit": 20,
        "daily_max_leads": 500, "sequences": json.dumps([{"steps": STEPS}]),
        "campaign_schedule": json.dumps({"schedules": [{"days": {str(n): True for n in range(7)}}]}),
        "timestamp_created": "2026-02-20 08:00:00+00", "timestamp_updated": "2026-02-20 08:00:00+00",
        "auto_variant_select": '{"trigger": "reply_rate"}',
    }  # fmt: skip
    counters = {
        "campaign_id": "c", "campaign_name": "C", "campaign_status": 1, "leads_count": 90, "contacted_count": 60,
        "new_leads_contacted_count": 50, "completed_count": 1, "emails_sent_count": 60, "open_count": 20,
        "open_count_unique": 10, "reply_count": 5, "reply_count_unique": 4, "reply_count_automatic_unique": 1,
        "link_click_count": 6, "link_click_count_unique": 5, "bounced_count": 1, "unsubscribed_count": 2,
        "total_opportunities": 3, "total_opportunity_value": 300.0,
    }  # fmt: skip
    accounts = [
        {"email": email, "status": 1, "warmup_status": 1, "provider_code": 2, "daily_limit": 40, "first_name": "Ann",
         "stat_warmup_score": 98.0, "timestamp_warmup_start": "2026-01-01 08:00:00+00",
         "tags": '[{"id": "t", "label": "Pool"}]', "warmup": '{"limit": 10}'}
        for email in ("ann@s.example", "bo@s.example")
    ]  # fmt: skip
    sends = {name: value for name, value in FIGURES.items() if "opportunities" not in name} | {"bounced": 1}
    warmup = {"sent": 10, "received": 9, "landed_inbox": 8, "landed_spam": 2}
    variants = (("0", "0"), ("0", "1"), ("1", "0"))
    return {
        "workspaces": [{"id": "w", "name": "Acme"}],
        "campaigns": [campaign],
        "campaign_analytics": [counters],
        "campaign_analytics_overview": [{"campaign_id": "c", "total_meeting_booked": 2, "total_closed": 1}],
        "leads": [_lead("waiting", **contacted), _lead("new"), _lead("answered", **answered)],
        "lead_lists": [{"id": "l", "name": "List"}],
        "custom_tags": [{"id": "t", "label": "Pool"}],
        "custom_tag_mappings": [
            {"id": one, "tag_id": "t", "resource_id": one} for one in ("c", "ann@s.example", "bo@s.example")
        ],
        "subsequences": [{"id": "s", "parent_campaign": "c", "name": "S", "status": 1}],
        "block_list_entries": [{"id": "b", "bl_value": "no@y.example", "is_domain": False}],
        "accounts": accounts,
        "account_campaign_mappings": [{"email": account["email"], "campaign_id": "c"} for account in accounts],
        "account_daily_analytics": [{"email": "ann@s.example", "date": day, **sends} for day in DAYS],
        "warmup_analytics": [{"email": "ann@s.example", "date": day, **warmup} for day in DAYS],
        "daily_analytics": [{"campaign_id": "c", "date": day, **FIGURES} for day in DAYS],
        "workspace_daily_analytics": [{"date": day, **FIGURES} for day in DAYS],
        "step_analytics": [{"campaign_id": "c", "date": DAYS[0], "step": s, "variant": v, **STEP} for s, v in variants],
        "step_analytics_lifetime": [{"campaign_id": "c", "step": s, "variant": v, **STEP} for s, v in variants],
    }


Given = dict[str, list[Row]]


def world(*without: str, streams: Mapping[str, list[Row]] | None = None, unread: tuple[str, ...] = ()) -> Given:
    """The tables of the world, without the fields named `stream.field` and without the streams that were not read."""
    given: Given = {
        "intermediate.int_workspace_clock": [W | {"as_of": "2026-03-01 18:00:00"}],
        "meta.stream_status": [
            W | {"stream": name, "outcome": "ok", "partial": False, "last_success_at": READ}
            for name in all_streams()
            if name not in unread
        ],
    }
    missing = {tuple(field.split(".")) for field in without}
    for stream, rows in (records() | dict(streams or {})).items():
        if stream in unread:
            continue
        said = [_keyed(stream, row, missing) for row in rows]
        given[f"raw.{stream}"] = [row | {"_first_seen_at": READ, "_verified_at": READ} for row in said]
        if stream in HISTORY:
            given[f"history.{stream}"] = [row | {"_op": "upsert", "_valid_from": READ} for row in said]
    return given


def _keyed(stream: str, row: Row, missing: set[tuple[str, ...]]) -> dict[str, Any]:
    key = json.dumps([row[name] for name in all_streams()[stream].key])
    return W | {"_key": key} | {name: value for name, value in row.items() if (stream, name) not in missing}
