"""Fields that an answer may omit: nullable fields, a lead's last step, false flags.

Live leaves null fields out; with `omit_nulls` off they are there, as null.
"""

from typing import Any

NULLABLE: dict[str, tuple[str, ...]] = {
    "leads": (
        "campaign",
        "email",
        "personalization",
        "website",
        "last_name",
        "first_name",
        "company_name",
        "job_title",
        "phone",
        "last_step_from",
        "last_step_id",
        "last_step_timestamp_executed",
        "email_opened_step",
        "email_opened_variant",
        "email_replied_step",
        "email_replied_variant",
        "email_clicked_step",
        "email_clicked_variant",
        "subsequence_id",
        "pl_value_lead",
        "timestamp_added_subsequence",
        "timestamp_last_contact",
        "timestamp_last_open",
        "timestamp_last_reply",
        "timestamp_last_interest_change",
        "timestamp_last_click",
        "list_id",
        "last_contacted_from",
        "uploaded_by_user",
        "assigned_to",
        "is_website_visitor",
        "timestamp_last_touch",
    ),
    "campaigns": (
        "pl_value",
        "is_evergreen",
        "email_gap",
        "random_wait_max",
        "text_only",
        "first_email_text_only",
        "daily_limit",
        "stop_on_reply",
        "link_tracking",
        "stop_on_auto_reply",
        "daily_max_leads",
        "prioritize_new_leads",
        "auto_variant_select",
        "match_lead_esp",
        "not_sending_status",
        "stop_for_company",
        "core_variables",
        "custom_variables",
        "limit_emails_per_company_override",
        "organization",
        "owned_by",
        "ai_sdr_id",
    ),
    "accounts": (
        "added_by",
        "daily_limit",
        "daily_limit_max",
        "warmup_limit_max",
        "modified_by",
        "tracking_domain_name",
        "tracking_domain_status",
        "enable_slow_ramp",
        "inbox_placement_test_limit",
        "timestamp_warmup_start",
        "stat_warmup_score",
        "signature",
        "reply_to",
        "autofix_failed",
    ),
    "lead_lists": ("has_enrichment_task", "owned_by"),
    "lead_labels": ("description", "use_with_ai"),
    "custom_tags": ("description",),
    "webhooks": ("campaign", "name", "event_type", "custom_interest_value", "headers", "timestamp_error"),
    "workspaces": (
        "plan_id_crm",
        "plan_id_leadfinder",
        "org_logo_url",
        "org_client_domain",
        "scheduled_for_removal_at",
    ),
}


def with_nulls(collection: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record with null for every missing nullable field."""
    return {**dict.fromkeys(NULLABLE.get(collection, ())), **record}


LAST_STEP = ("last_step_from", "last_step_id", "last_step_timestamp_executed", "last_contacted_from")


def without_last_step(lead: dict[str, Any]) -> dict[str, Any]:
    """The lead with its last step only in `status_summary`."""
    return {name: value for name, value in lead.items() if name not in LAST_STEP}


def without_false(record: dict[str, Any]) -> dict[str, Any]:
    """The record without its false flags; nested objects are unchanged."""
    return {name: value for name, value in record.items() if value is not False}
