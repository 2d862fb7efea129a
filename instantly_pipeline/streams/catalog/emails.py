"""E-mails of the Unibox: what campaigns sent, what came back, and what was answered by hand.

`timestamp_created` is when Instantly stored an e-mail: the only time that only grows, and the cursor of increments.
`timestamp_email` is the mail server's and can be wrong, even in the future. `i_status`, `ai_interest_value`,
`is_unread` and `reminder_ts` change later, and no filter of the API finds the change. What an e-mail says (`body`,
`content_preview`) is kept only with INSTANTLY_EMAIL_BODIES. Within a thread the order is `timestamp_created`, `id`.
"""

from __future__ import annotations

from instantly_pipeline.streams.enums import EMAIL_TYPE, INTEREST_STATUS
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

_KEYS = (
    Column("id", Type.TEXT, "E-mail id", always=True),
    Column("organization_id", Type.TEXT, "Workspace id", always=True),
    Column("thread_id", Type.TEXT, "Thread; its e-mails in the order of timestamp_created, then id"),
    Column("message_id", Type.TEXT, "Message-ID of the mail's header", always=True),
    Column("campaign_id", Type.TEXT, "Id of the campaign"),
    Column("subsequence_id", Type.TEXT, "Id of the subsequence"),
    Column("list_id", Type.TEXT, "Id of the lead list"),
    Column("lead_id", Type.TEXT, "Id of the lead"),
    Column("ai_agent_id", Type.TEXT, "Id of the AI agent"),
)

_ADDRESSES = (
    Column("lead", Type.TEXT, "E-mail address of the lead", personal=True),
    Column("eaccount", Type.TEXT, "Own mailbox that sent or received it", always=True),
    Column("from_address_email", Type.TEXT, "Sender", personal=True),
    Column("to_address_email_list", Type.TEXT, "Recipients, separated by commas", always=True, personal=True),
    Column("cc_address_email_list", Type.TEXT, "Copies to, separated by commas", personal=True),
    Column("bcc_address_email_list", Type.TEXT, "Blind copies to, separated by commas", personal=True),
    Column("reply_to", Type.TEXT, "Address for replies", personal=True),
    Column("from_address_json", Type.JSON, "Sender, with name", personal=True),
    Column("to_address_json", Type.JSON, "Recipients, with names", personal=True),
    Column("cc_address_json", Type.JSON, "Copies to, with names", personal=True),
)

_CONTENT = (
    Column("subject", Type.TEXT, "Subject", always=True, personal=True),
    Column("content_preview", Type.TEXT, "First words; null without INSTANTLY_EMAIL_BODIES", personal=True),
    Column("body", Type.JSON, "Text and HTML; null without INSTANTLY_EMAIL_BODIES", personal=True),
    Column("attachment_json", Type.JSON, "Attached files: name, size, type, address", personal=True),
)

_STATE = (
    Column("ue_type", Type.INT, "How the e-mail came about", labels=EMAIL_TYPE),
    Column("step", Type.TEXT, "Sequence, step and variant, each counted from 0, as in 0_1_0"),
    Column(
        "i_status",
        Type.INT,
        "Interest status code; other numbers are custom labels, see lead_labels",
        custom=True,
        labels=INTEREST_STATUS,
    ),
    Column("ai_interest_value", Type.FLOAT, "Interest as Instantly's AI sees it, 0 to 1"),
    Column("is_unread", Type.BOOL, "Whether it is unread in the Unibox"),
    Column("is_auto_reply", Type.BOOL, "Whether it is an automatic reply"),
    Column("is_focused", Type.BOOL, "Whether it is in the focused part of the Unibox"),
    Column("ai_assisted", Type.BOOL, "Whether AI helped to write it"),
)

_TIMES = (
    Column("timestamp_created", Type.INSTANT, "When Instantly stored it", always=True),
    Column("timestamp_email", Type.INSTANT, "Date of the mail's header; can be wrong, even in the future", always=True),
    Column("reminder_ts", Type.INSTANT, "When to be reminded of it"),
)

STREAM = Stream(
    name="emails",
    about="E-mails of the Unibox: sent by campaigns, received, and answered by hand",
    path="/api/v2/emails",
    read=Read.BY_CREATION,
    cursor=("id",),
    key=("id",),
    absent=Absent.KEEP,
    api_scope="emails:read",
    group="emails",
    own_rate=20.0,
    texts=("body", "content_preview"),
    columns=_KEYS + _ADDRESSES + _CONTENT + _STATE + _TIMES,
)
