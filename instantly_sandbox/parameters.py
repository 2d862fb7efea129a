"""Query parameters that can be wrong: their types and values, by the vendor's document of 2026-08-21.

What is not here is a free text, or unknown and thus ignored. `limit` is checked where pages are made
(`paging.limit_of`), because a switch changes it.
"""

from collections.abc import Mapping

from instantly_sandbox.http import ApiError, Request
from instantly_sandbox.validation import Schema, checked

FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
DATE: Schema = {"type": "string", "format": "date"}


def number(*allowed: int) -> Schema:
    return {"type": "number", "enum": list(allowed)}


def text(*allowed: str) -> Schema:
    return {"type": "string", "enum": list(allowed)}


ORDER = text("asc", "desc")
CAMPAIGN_STATUS = number(-99, -1, -2, 0, 1, 2, 3, 4)
ACCOUNTS: dict[str, Schema] = {
    "status": number(1, 2, 3, -1, -2, -3),
    "provider_code": number(1, 2, 3, 4, 8, 11),
    "include_tags": FLAG,
    "filter": text(
        "ACC_FILTER_PAUSED",
        "ACC_FILTER_ERROR",
        "ACC_FILTER_NO_CTD",
        "ACC_FILTER_PW_ACCOUNTS",
        "ACC_FILTER_DFY",
        "ACC_FILTER_DFY_SETUP_PENDING",
        "ACC_FILTER_W_ACTIVE",
        "ACC_FILTER_W_PAUSED",
        "ACC_FILTER_W_ERROR",
    ),
    "sort_by": text("timestamp_created", "email", "stat_warmup_score", "status"),
    "sort_order": ORDER,
    "skip": {"type": "integer", "minimum": 0},
}
EMAILS: dict[str, Schema] = {
    **dict.fromkeys(("is_unread", "has_reminder", "preview_only", "scheduled_only", "marked_as_done"), FLAG),
    "latest_of_thread": FLAG,
    "i_status": NUMBER,
    "mode": text("emode_focused", "emode_others", "emode_all"),
    "sort_order": ORDER,
    "email_type": text("received", "sent", "manual"),
}
# The filter of webhooks lacks lead_no_show and supersearch_enrichment_completed, which a webhook may have.
SUBSCRIBED = text(
    "all_events",
    "email_sent",
    "email_opened",
    "email_link_clicked",
    "reply_received",
    "email_bounced",
    "lead_unsubscribed",
    "campaign_completed",
    "account_error",
    "lead_neutral",
    "lead_interested",
    "lead_not_interested",
    "lead_meeting_booked",
    "lead_meeting_completed",
    "lead_closed",
    "lead_out_of_office",
    "lead_wrong_person",
)
PARAMETERS: dict[str, Mapping[str, Schema]] = {
    "account-campaign-mappings/{email}": {"limit": NUMBER},
    "accounts": ACCOUNTS,
    "audit-logs": {"activity_type": NUMBER},
    "background-jobs": {"sort_column": text("created_at", "updated_at"), "sort_order": ORDER},
    "block-lists-entries": {"domains_only": FLAG},
    "block-lists-entries/download": {"domains_only": FLAG},
    "campaigns": {"status": CAMPAIGN_STATUS, "exclude_status": CAMPAIGN_STATUS},
    "campaigns/analytics": {"exclude_total_leads_count": FLAG},
    "campaigns/analytics/overview": {"campaign_status": CAMPAIGN_STATUS, "expand_crm_events": FLAG},
    "campaigns/analytics/daily": {"campaign_status": CAMPAIGN_STATUS},
    "campaigns/analytics/steps": {"include_opportunities_count": FLAG},
    "campaigns/{id}/sending-status": {"with_ai_summary": FLAG},
    "dfy-email-account-orders/accounts": {"with_passwords": FLAG},
    "emails": EMAILS,
    "inbox-placement-reports": {"skip_spam_assassin_report": FLAG, "skip_blacklist_report": FLAG},
    "inbox-placement-tests": {"status": number(1, 2, 3), "sort_order": ORDER},
    "inbox-placement-tests/{id}": {"with_metadata": FLAG},
    "lead-labels": {"interest_status": text("positive", "neutral", "negative")},
    "lead-lists": {"has_enrichment_task": FLAG},
    "webhook-events": {"success": FLAG, "from": DATE, "to": DATE},
    "webhook-events/summary": {"from": DATE, "to": DATE},
    "webhook-events/summary-by-date": {"from": DATE, "to": DATE},
    "webhooks": {"event_type": SUBSCRIBED},
    "workspace-members": {"accepted": FLAG},
}


def check_request(template: str, request: Request) -> None:
    """ApiError 400 names the first parameter of the route that is wrong, or that a promised body is missing.

    Fastify refuses an empty body of type JSON; clients report it of the vendor's DELETE and of POSTs without fields.
    """
    if request.method != "GET":
        is_json = request.headers.get(b"content-type", b"").startswith(b"application/json")
        if is_json and not request.body:
            raise ApiError(400, "Body cannot be empty when content-type is set to 'application/json'")
        return
    rules = PARAMETERS.get(template)
    if not rules or not request.query:
        return
    for name, values in request.params.items():
        if name in rules:
            checked(values if len(values) > 1 else values[0], rules[name], f"querystring/{name}")
