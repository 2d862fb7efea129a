"""Records of a small workspace as the API sends them; a test changes what it is about."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]
CREATED = "2026-01-05T08:00:00.000Z"
ORG = "ws-1"


def workspace(**changes: Any) -> Row:
    """A workspace."""
    return {
        "id": ORG, "owner": "user-1", "name": "Acme Öutbound", "plan_id": "pid_hg_v1", "timestamp_created": CREATED,
        "timestamp_updated": CREATED, "default_opportunity_value": 1000,
    } | changes  # fmt: skip


def campaign(id: str, **changes: Any) -> Row:  # noqa: A002 - the API's name
    """A campaign with two steps, opens and clicks tracked."""
    return {
        "id": id, "name": f"Campaign {id}", "status": 1, "open_tracking": True, "link_tracking": True,
        "campaign_schedule": {
            "start_date": "", "end_date": "2026-12-31", "schedules": [{"timezone": "Europe/Belgrade"}]
        },
        "sequences": [{"steps": [{"variants": [{}, {}]}, {"variants": [{}]}]}], "email_list": ["ann@send.example"],
        "timestamp_created": CREATED, "timestamp_updated": CREATED,
    } | changes  # fmt: skip


def counters(id: str, **changes: Any) -> Row:  # noqa: A002
    """A row of /campaigns/analytics: 1,000 reached, 40 replied, 20 bounced of 2,000."""
    return {
        "campaign_id": id, "campaign_name": f"Campaign {id}", "campaign_status": 1, "campaign_is_evergreen": False,
        "leads_count": 1500, "contacted_count": 1000, "new_leads_contacted_count": 1000, "emails_sent_count": 2000,
        "open_count": 700, "open_count_unique": 500, "open_count_unique_by_step": 520, "reply_count": 44,
        "reply_count_unique": 40, "reply_count_unique_by_step": 41, "reply_count_automatic": 11,
        "reply_count_automatic_unique": 10, "reply_count_automatic_unique_by_step": 10, "link_click_count": 33,
        "link_click_count_unique": 30, "link_click_count_unique_by_step": 30, "bounced_count": 20,
        "unsubscribed_count": 5, "completed_count": 400, "total_opportunities": 8, "total_opportunity_value": 4000.5,
    } | changes  # fmt: skip


def day(campaign_id: str | None, date: str, sent: int = 100, **changes: Any) -> Row:
    """A row of /campaigns/analytics/daily, of a campaign or (None) of the workspace."""
    given = {} if campaign_id is None else {"campaign_id": campaign_id}
    return given | {
        "date": date, "sent": sent, "contacted": sent, "new_leads_contacted": sent // 2, "opened": sent // 3,
        "unique_opened": sent // 4, "replies": sent // 20, "unique_replies": sent // 25, "replies_automatic": 1,
        "unique_replies_automatic": 1, "clicks": 2, "unique_clicks": 1, "opportunities": 1, "unique_opportunities": 1,
    } | changes  # fmt: skip


def step(campaign_id: str, date: str, step: str | None, variant: str | None, sent: int = 50, **changes: Any) -> Row:
    """A row of /campaigns/analytics/steps of one day."""
    return {
        "campaign_id": campaign_id, "date": date, "step": step, "variant": variant, "sent": sent, "opened": 5,
        "unique_opened": 4, "replies": 2, "unique_replies": 2, "replies_automatic": 0, "unique_replies_automatic": 0,
        "clicks": 0, "unique_clicks": 0, "opportunities": 1, "unique_opportunities": 1, "meetings_booked": 1, "won": 0,
    } | changes  # fmt: skip


def account(email: str, **changes: Any) -> Row:
    """A sending account."""
    return {
        "email": email, "organization": ORG, "first_name": "Ann", "last_name": "Lee", "status": 1, "warmup_status": 1,
        "provider_code": 2, "setup_pending": False, "is_managed_account": False, "stat_warmup_score": 98,
        "daily_limit": 50, "warmup": {"limit": 10}, "tags": [{"id": "t", "label": "Pool B"}, {"id": "u", "label": "A"}],
        "timestamp_created": CREATED, "timestamp_updated": CREATED,
    } | changes  # fmt: skip


def account_day(email: str, date: str, sent: int = 40, **changes: Any) -> Row:
    """A row of /accounts/analytics/daily."""
    return {
        "email_account": email, "date": date, "sent": sent, "bounced": 1, "contacted": sent, "new_leads_contacted": 20,
        "opened": 9, "unique_opened": 7, "replies": 2, "unique_replies": 1, "replies_automatic": 1,
        "unique_replies_automatic": 1, "clicks": 0, "unique_clicks": 0,
    } | changes  # fmt: skip


def lead(id: str, campaign_id: str | None, **changes: Any) -> Row:  # noqa: A002
    """A lead, contacted and plain."""
    return {
        "id": id, "organization": ORG, "campaign": campaign_id, "email": f"{id}@clinic.example", "first_name": "Bo",
        "company_domain": "clinic.example", "status": 1, "email_open_count": 0, "email_reply_count": 0,
        "email_click_count": 0, "timestamp_created": CREATED, "timestamp_updated": CREATED,
        "timestamp_last_contact": "2026-02-01T09:00:00.000Z",
    } | changes  # fmt: skip


def label(number: int, text: str, kind: str) -> Row:
    """A lead label of the workspace's own."""
    return {
        "id": f"label-{number}", "organization_id": ORG, "created_by": "user-1", "label": text,
        "interest_status_label": kind, "interest_status": number, "timestamp_created": CREATED,
    }  # fmt: skip


def email(id: str, lead_id: str, **changes: Any) -> Row:  # noqa: A002
    """An e-mail that campaign c1 sent."""
    return {
        "id": id, "organization_id": ORG, "lead_id": lead_id, "lead": f"{lead_id}@clinic.example", "campaign_id": "c1",
        "eaccount": "ann@send.example", "ue_type": 1, "step": "0_0_0", "message_id": f"<{id}>", "subject": "Hi",
        "to_address_email_list": f"{lead_id}@clinic.example", "timestamp_created": "2026-02-01T09:00:00.000Z",
        "timestamp_email": "2026-02-01T09:00:00.000Z",
    } | changes  # fmt: skip


def event(kind: str, lead_id: str, day: int, **changes: Any) -> Row:
    """A webhook event of that day in February."""
    return {
        "event_id": f"{kind} {lead_id} {day}", "event_type": kind, "campaign_id": "c1",
        "email_account": "ann@send.example", "lead_email": f"{lead_id}@clinic.example",
        "timestamp": f"2026-02-0{day}T09:00:00.000Z",
    } | changes  # fmt: skip
