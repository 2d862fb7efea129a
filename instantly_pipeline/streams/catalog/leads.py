"""Leads: one row per contact and campaign, or contact and list.

The same e-mail address in two campaigns is two leads. `timestamp_updated` does not move with sends, opens, replies or
status changes, so it is no change cursor.
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
    """Where a lead's summary has a field of its last step: under `lastStep`, before 2025-10-14 at its top.

    In recorded live answers (2025-09, 2025-11, 2026-08) it stands there alone.
    """
    return f"status_summary.lastStep.{field}", f"status_summary.{field}"


_KEYS = (
    Column("id", Type.TEXT, "Lead id", always=True),
    Column("organization", Type.TEXT, "Workspace id", always=True),
    Column("campaign", Type.TEXT, "Campaign the lead is in"),
    Column("list_id", Type.TEXT, "Lead list the lead is in or came from"),
    Column("subsequence_id", Type.TEXT, "Subsequence the lead is in"),
    Column("assigned_to", Type.TEXT, "User id the lead is assigned to"),
    Column("uploaded_by_user", Type.TEXT, "User id of the uploader", aliases=("uploaded_by",)),
)

_CONTACT = (
    Column("email", Type.TEXT, "E-mail address of the contact; leads of a list may have none", personal=True),
    Column("first_name", Type.TEXT, "First name", personal=True),
    Column("last_name", Type.TEXT, "Last name", personal=True),
    Column("job_title", Type.TEXT, "Job title", personal=True),
    Column("phone", Type.TEXT, "Phone number", personal=True),
    Column("personalization", Type.TEXT, "Opening line written for the contact", personal=True),
    Column("payload", Type.JSON, "Custom variables of the lead", aliases=("custom_variables",), personal=True),
    Column("company_name", Type.TEXT, "Company"),
    Column("company_domain", Type.TEXT, "Domain of the company; may be empty", always=True),
    Column("website", Type.TEXT, "Website"),
)

_STATE = (
    Column("status", Type.INT, "State of the lead", always=True, labels=LEAD_STATUS),
    Column(
        "lt_interest_status",
        Type.INT,
        "Interest of the lead; other numbers are the workspace's own labels, see lead_labels",
        aliases=("interest_status",),
        custom=True,
        labels=INTEREST_STATUS,
    ),
    Column("verification_status", Type.INT, "Is the address valid", labels=VERIFICATION_STATUS),
    Column("enrichment_status", Type.INT, "State of the enrichment", labels=ENRICHMENT_STATUS),
    Column("esp_code", Type.INT, "Mail provider of the contact", labels=ESP_CODE),
    Column("esg_code", Type.INT, "Mail security gateway of the contact", labels=ESG_CODE),
    Column("upload_method", Type.TEXT, "How it was added: manual, api or website-visitor"),
    Column("is_website_visitor", Type.BOOL, "Found as a visitor of the website"),
    Column("pl_value_lead", Type.TEXT, "Value of the lead as entered; text, no currency"),
    Column("status_summary", Type.JSON, "Last step executed, in the shape of its time"),
    Column("status_summary_subseq", Type.JSON, "Last step executed in the subsequence"),
    Column(
        "last_contacted_from",
        Type.TEXT,
        "Own mailbox that last wrote to the lead",
        # a subsequence writes after the campaign
        also_in=("status_summary_subseq.from", "last_step_from", *_last_step("from")),
    ),
    Column("last_step_from", Type.TEXT, "Own mailbox that sent the last step", also_in=_last_step("from")),
    Column(
        "last_step_id",
        Type.TEXT,
        "Last step as sequence_step_variant, counted from 0",
        also_in=_last_step("stepID"),
    ),
)

_NUMBERS = (
    Column("email_open_count", Type.INT, "Opens in its lifetime", always=True),
    Column("email_reply_count", Type.INT, "Replies in its lifetime", always=True),
    Column("email_click_count", Type.INT, "Clicks in its lifetime", always=True),
    Column("email_opened_step", Type.INT, "Step last opened, counted from 0"),
    Column("email_opened_variant", Type.INT, "Variant last opened, counted from 0"),
    Column("email_replied_step", Type.INT, "Step last replied to, counted from 0"),
    Column("email_replied_variant", Type.INT, "Variant last replied to, counted from 0"),
    Column("email_clicked_step", Type.INT, "Step last clicked, counted from 0"),
    Column("email_clicked_variant", Type.INT, "Variant last clicked, counted from 0"),
)

_TIMES = (
    Column("timestamp_created", Type.INSTANT, "When the lead was added", always=True),
    Column("timestamp_updated", Type.INSTANT, "When the lead was edited; does not move on activity", always=True),
    Column(
        "timestamp_added_subsequence",
        Type.INSTANT,
        "When it entered the subsequence",
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
        "Last e-mail sent",
        aliases=("last_contacted_timestamp",),
        also_in=(
            "status_summary_subseq.timestampExecuted",
            "last_step_timestamp_executed",
            *_last_step("timestamp_executed"),
        ),
    ),
    Column("timestamp_last_open", Type.INSTANT, "Last open", aliases=("last_opened_timestamp",)),
    Column("timestamp_last_reply", Type.INSTANT, "Last reply", aliases=("last_replied_timestamp",)),
    Column("timestamp_last_click", Type.INSTANT, "Last click", aliases=("last_clicked_timestamp",)),
    Column(
        "timestamp_last_interest_change",
        Type.INSTANT,
        "Last change of interest",
        aliases=("last_interest_status_change_timestamp",),
    ),
    Column("timestamp_last_touch", Type.INSTANT, "Last activity of any kind", aliases=("last_touch_timestamp",)),
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
    needs=("campaigns", "lead_lists"),
    api_scope="leads:read",
    columns=_KEYS + _CONTACT + _STATE + _NUMBERS + _TIMES,
)
