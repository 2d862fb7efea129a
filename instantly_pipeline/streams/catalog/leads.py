"""Leads: one row per contact and campaign, or contact and list.

The same e-mail address in two campaigns is two leads. `timestamp_updated` does not change with sends, opens, replies or
status changes, so it cannot be used as a cursor for changes.
"""

from __future__ import annotations

from instantly_pipeline.streams.enums import (
    ENRICHMENT_STATUS,
    ESG_CODE,
    ESP_CODE,
    INTEREST_STATUS,
    LEAD_STATUS,
    VERIFICATION_STATUS,
)
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type


def _last_step(field: str) -> tuple[str, str]:
    """Where `status_summary` has a field of the last step: under `lastStep`, before 2025-10-14 at the top level.

    Recorded live answers (2025-09, 2025-11, 2026-08) have these fields only there.
    """
    return f"status_summary.lastStep.{field}", f"status_summary.{field}"


_KEYS = (
    Column("id", Type.TEXT, "Lead id", always=True),
    Column("organization", Type.TEXT, "Workspace id", always=True),
    Column("campaign", Type.TEXT, "Id of the lead's campaign"),
    Column("list_id", Type.TEXT, "Id of the lead list that the lead is in or came from"),
    Column("subsequence_id", Type.TEXT, "Id of the lead's subsequence"),
    Column("assigned_to", Type.TEXT, "Id of the user the lead is assigned to"),
    Column("uploaded_by_user", Type.TEXT, "Id of the user who uploaded it", aliases=("uploaded_by",)),
)

_CONTACT = (
    Column("email", Type.TEXT, "E-mail address of the contact; leads of a list may have none", personal=True),
    Column("first_name", Type.TEXT, "First name", personal=True),
    Column("last_name", Type.TEXT, "Last name", personal=True),
    Column("job_title", Type.TEXT, "Job title", personal=True),
    Column("phone", Type.TEXT, "Phone number", personal=True),
    Column("personalization", Type.TEXT, "Personalized text for the contact, such as an opening line", personal=True),
    Column("payload", Type.JSON, "Custom variables of the lead", aliases=("custom_variables",), personal=True),
    Column("company_name", Type.TEXT, "Company name"),
    Column("company_domain", Type.TEXT, "Domain of the company; may be empty", always=True),
    Column("website", Type.TEXT, "Website of the company"),
)

_STATE = (
    Column("status", Type.INT, "Status code of the lead", always=True, labels=LEAD_STATUS),
    Column(
        "lt_interest_status",
        Type.INT,
        "Interest status code; other numbers are custom labels, see lead_labels",
        aliases=("interest_status",),
        custom=True,
        labels=INTEREST_STATUS,
    ),
    Column(
        "verification_status", Type.INT, "Code of the result of the address verification", labels=VERIFICATION_STATUS
    ),
    Column("enrichment_status", Type.INT, "Status code of the enrichment", labels=ENRICHMENT_STATUS),
    Column("esp_code", Type.INT, "Code of the contact's mail provider", labels=ESP_CODE),
    Column("esg_code", Type.INT, "Code of the contact's e-mail security gateway", labels=ESG_CODE),
    Column("upload_method", Type.TEXT, "How the lead was added: manual, api or website-visitor"),
    Column("is_website_visitor", Type.BOOL, "Whether the lead was found as a website visitor"),
    Column("pl_value_lead", Type.TEXT, "Value of the lead as entered; text without a currency"),
    Column("status_summary", Type.JSON, "Last step sent; the shape changed on 2025-10-14"),
    Column("status_summary_subseq", Type.JSON, "Last step sent in the subsequence"),
    Column(
        "last_contacted_from",
        Type.TEXT,
        "Sending account of the last e-mail to the lead",
        # a subsequence writes after the campaign
        also_in=("status_summary_subseq.from", "last_step_from", *_last_step("from")),
    ),
    Column("last_step_from", Type.TEXT, "Sending account of the last step", also_in=_last_step("from")),
    Column(
        "last_step_id",
        Type.TEXT,
        "Last step sent, as sequence_step_variant, each counted from 0",
        also_in=_last_step("stepID"),
    ),
)

_NUMBERS = (
    Column("email_open_count", Type.INT, "Opens over the lead's lifetime", always=True),
    Column("email_reply_count", Type.INT, "Replies over the lead's lifetime", always=True),
    Column("email_click_count", Type.INT, "Clicks over the lead's lifetime", always=True),
    Column("email_opened_step", Type.INT, "Step last opened, counted from 0"),
    Column("email_opened_variant", Type.INT, "Variant last opened, counted from 0"),
    Column("email_replied_step", Type.INT, "Step last replied to, counted from 0"),
    Column("email_replied_variant", Type.INT, "Variant last replied to, counted from 0"),
    Column("email_clicked_step", Type.INT, "Step last clicked, counted from 0"),
    Column("email_clicked_variant", Type.INT, "Variant last clicked, counted from 0"),
)

_TIMES = (
    Column("timestamp_created", Type.INSTANT, "When the lead was added", always=True),
    Column(
        "timestamp_updated",
        Type.INSTANT,
        "When the lead was last edited; not changed by sends, opens or replies",
        always=True,
    ),
    Column(
        "timestamp_added_subsequence",
        Type.INSTANT,
        "When the lead entered the subsequence",
        aliases=("subsequence_added_timestamp",),
    ),
    Column(
        "last_step_timestamp_executed",
        Type.INSTANT,
        "When the last step was sent",
        aliases=("last_step_timestamp",),
        also_in=_last_step("timestamp_executed"),
    ),
    Column(
        "timestamp_last_contact",
        Type.INSTANT,
        "When the last e-mail was sent",
        aliases=("last_contacted_timestamp",),
        also_in=(
            "status_summary_subseq.timestampExecuted",
            "last_step_timestamp_executed",
            *_last_step("timestamp_executed"),
        ),
    ),
    Column("timestamp_last_open", Type.INSTANT, "When the lead last opened", aliases=("last_opened_timestamp",)),
    Column("timestamp_last_reply", Type.INSTANT, "When the lead last replied", aliases=("last_replied_timestamp",)),
    Column("timestamp_last_click", Type.INSTANT, "When the lead last clicked", aliases=("last_clicked_timestamp",)),
    Column(
        "timestamp_last_interest_change",
        Type.INSTANT,
        "When the interest status last changed",
        aliases=("last_interest_status_change_timestamp",),
    ),
    Column(
        "timestamp_last_touch",
        Type.INSTANT,
        "When the last activity of any kind took place",
        aliases=("last_touch_timestamp",),
    ),
)

STREAM = Stream(
    name="leads",
    about="Leads: one row per contact and campaign, or contact and list",
    path="/api/v2/leads/list",
    method="POST",
    read=Read.SWEEP,
    cursor=("id",),
    key=("id",),
    absent=Absent.CONFIRM,
    scope=("campaign", "list_id"),
    after=("audit_logs",),  # which says where leads were deleted or moved
    needs=("campaigns", "lead_lists"),
    api_scope="leads:read",
    columns=_KEYS + _CONTACT + _STATE + _NUMBERS + _TIMES,
)
