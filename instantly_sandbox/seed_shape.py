"""Records in the shape of the older description (the seed): other names, flat steps, explicit nulls.

Each function takes a live record and returns the seed's; fields that only the live API has are left out.
"""

from collections.abc import Callable
from typing import Any

Record = dict[str, Any]
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
SECRETS = ("imap_password", "smtp_password")


def shape(collection: str, record: Record) -> Record:
    """A record in the seed's shape; records of unknown collections are unchanged."""
    shaper = SHAPERS.get(collection)
    return shaper(record) if shaper else record


def _campaign(r: Record) -> Record:
    schedule = r.get("campaign_schedule") or {}
    schedules = [
        {**s, "days": {DAYS[int(d)]: on for d, on in s["days"].items()}, "timezone": "America/New_York"}
        for s in schedule.get("schedules", [])
    ]
    steps = [
        {"subject": s["variants"][0]["subject"], "body": s["variants"][0]["body"], "delay_days": s["delay"]}
        for sequence in r.get("sequences") or []
        for s in sequence["steps"]
    ]
    kept = ("id", "name", "timestamp_created", "timestamp_updated", "organization")
    return {
        **{k: r[k] for k in kept},
        "status": r["status"] if r["status"] in (1, 2, 3) else 2,
        "campaign_schedule": {
            "start_date": schedule.get("start_date"),
            "end_date": schedule.get("end_date"),
            "schedules": schedules,
        },
        "sequences": [{"steps": steps}],
        **{k: r.get(k) for k in CAMPAIGN_NULLABLE},
    }


CAMPAIGN_NULLABLE = (
    "is_evergreen",
    "pl_value",
    "email_gap",
    "random_wait_max",
    "text_only",
    "email_list",
    "daily_limit",
    "stop_on_reply",
    "email_tag_list",
    "link_tracking",
    "open_tracking",
    "stop_on_auto_reply",
    "daily_max_leads",
    "prioritize_new_leads",
    "auto_variant_select",
    "match_lead_esp",
    "stop_for_company",
    "insert_unsubscribe_header",
    "allow_risky_contacts",
    "disable_bounce_protect",
    "cc_list",
    "bcc_list",
)


LEAD_NAMES = {
    "last_step_id": "last_step_id",
    "last_step_timestamp": "last_step_timestamp_executed",
    "subsequence_added_timestamp": "timestamp_added_subsequence",
    "last_contacted_timestamp": "timestamp_last_contact",
    "last_opened_timestamp": "timestamp_last_open",
    "last_replied_timestamp": "timestamp_last_reply",
    "last_interest_status_change_timestamp": "timestamp_last_interest_change",
    "last_clicked_timestamp": "timestamp_last_click",
    "last_touch_timestamp": "timestamp_last_touch",
    "uploaded_by": "uploaded_by_user",
    "interest_status": "lt_interest_status",
}
LEAD_KEPT = (
    "id",
    "timestamp_created",
    "timestamp_updated",
    "organization",
    "campaign",
    "status",
    "email",
    "first_name",
    "last_name",
    "company_name",
    "website",
    "phone",
    "personalization",
    "verification_status",
    "enrichment_status",
    "upload_method",
    "assigned_to",
    "email_open_count",
    "email_reply_count",
    "email_click_count",
    "company_domain",
)
CAMEL = ("firstName", "lastName", "companyName", "jobTitle", "website", "phone", "personalization", "email")


def lead(r: Record) -> Record:
    """A lead in the seed's shape: custom variables are scalars only, its summary is text."""
    summary: Record = r.get("status_summary") or {}
    step = summary.get("lastStep", summary).get("stepID")
    custom = {k: v for k, v in (r.get("payload") or {}).items() if k not in CAMEL and not isinstance(v, dict)}
    return {
        **{k: r.get(k) for k in LEAD_KEPT},
        **{new: r.get(old) for new, old in LEAD_NAMES.items()},
        "status_summary": f"step {step}" if step else None,
        "custom_variables": custom,
    }


def _account(r: Record) -> Record:
    secret = f"pw-sandbox-SECRET-{r['email']}"
    domain = str(r["email"]).partition("@")[2]
    kept = ("email", "timestamp_created", "timestamp_updated", "first_name", "last_name", "warmup_status")
    warmup = r.get("warmup") or {}
    return {
        **{k: r.get(k) for k in kept},
        "organization_id": r.get("organization"),
        "provider_code": r["provider_code"] if r["provider_code"] in (1, 2, 3, 4) else 1,
        "added_by": r.get("added_by"),
        "modified_by": None,
        "status": r["status"] if r["status"] != 3 else 2,
        "last_used_timestamp": r.get("timestamp_updated"),
        "warmup_started_timestamp": r.get("timestamp_warmup_start"),
        "warmup_pool_id": None,
        "warmup": {"limit": warmup.get("limit", 0), "advanced": warmup.get("advanced", {})},
        **{f"{kind}_username": r["email"] for kind in ("imap", "smtp")},
        **dict.fromkeys(SECRETS, secret),
        **{f"{kind}_host": f"{kind}.{domain}" for kind in ("imap", "smtp")},
        "imap_port": 993,
        "smtp_port": 587,
        "email_gap": r.get("sending_gap"),
    }


def _only(*names: str) -> Callable[[Record], Record]:
    return lambda r: {k: r.get(k) for k in names}


ANALYTICS = (
    "campaign_name",
    "campaign_id",
    "campaign_status",
    "campaign_is_evergreen",
    "leads_count",
    "contacted_count",
    "open_count",
    "reply_count",
    "link_click_count",
    "bounced_count",
    "unsubscribed_count",
    "completed_count",
    "emails_sent_count",
    "new_leads_contacted_count",
    "total_opportunities",
    "total_opportunity_value",
)
OVERVIEW = (
    *[f"{n}{s}" for n in ("open_count", "link_click_count", "reply_count") for s in ("", "_unique", "_unique_by_step")],
    "bounced_count",
    "unsubscribed_count",
    "completed_count",
    "emails_sent_count",
    "new_leads_contacted_count",
    "total_opportunities",
    "total_opportunity_value",
    "total_interested",
    "total_meeting_booked",
    "total_meeting_completed",
    "total_closed",
)
COUNTED = ("sent", "opened", "unique_opened", "replies", "unique_replies", "clicks", "unique_clicks")
COLOURS = ("#3366ff", "#22aa55", "#ee9911", "#aa3377")


def _tag(r: Record) -> Record:
    kept = ("id", "organization_id", "timestamp_created", "timestamp_updated")
    return {"name": r["label"], "color": COLOURS[len(r["label"]) % 4], **{k: r[k] for k in kept}}


SHAPERS: dict[str, Callable[[Record], Record]] = {
    "campaigns": _campaign,
    "leads": lead,
    "accounts": _account,
    "campaign_analytics": _only(*ANALYTICS),
    "overview": _only(*OVERVIEW),
    "daily": _only("date", *COUNTED),
    "steps": _only("step", "variant", *COUNTED),
    "lead_lists": _only("id", "organization_id", "has_enrichment_task", "owned_by", "name", "timestamp_created"),
    "custom_tags": _tag,
    "workspaces": lambda r: {"id": r["id"], "name": r["name"], "organization_id": r["id"]},
}
