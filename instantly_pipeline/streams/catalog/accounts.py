"""Sending accounts (mailboxes). They have no id: the e-mail address is the key."""

from __future__ import annotations

from instantly_pipeline.streams.enums import ACCOUNT_STATUS, PROVIDER_CODE, WARMUP_STATUS
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

# No live answer has them; older descriptions of the API show them in answers.
_SECRETS = tuple(
    f"{protocol}_{field}" for protocol in ("imap", "smtp") for field in ("username", "password", "host", "port")
)

STREAM = Stream(
    name="accounts",
    about="Sending accounts (mailboxes) with their state and limits; never their passwords",
    path="/api/v2/accounts",
    read=Read.SCAN,
    cursor=("timestamp_created", "email"),
    key=("email",),
    absent=Absent.DELETED,
    scope=("email",),  # keys are in lower case; the server is asked for an address as it spells it
    params={"include_tags": "true"},
    secrets=_SECRETS,
    api_scope="accounts:read",
    columns=(
        Column("email", Type.TEXT, "E-mail address of the account", always=True),
        Column("organization", Type.TEXT, "Workspace id", aliases=("organization_id",), always=True),
        Column("added_by", Type.TEXT, "User id who added the account"),
        Column("modified_by", Type.TEXT, "User id who last changed the account"),
        Column("first_name", Type.TEXT, "First name of the sender", always=True),
        Column("last_name", Type.TEXT, "Last name of the sender", always=True),
        Column("status", Type.INT, "State of the account", labels=ACCOUNT_STATUS),
        Column("status_message", Type.JSON, "Mail server's error as received"),
        Column("warmup_status", Type.INT, "State of the warmup", always=True, labels=WARMUP_STATUS),
        Column("provider_code", Type.INT, "Mail provider", always=True, labels=PROVIDER_CODE),
        Column("setup_pending", Type.BOOL, "Still being set up"),
        Column("is_managed_account", Type.BOOL, "Managed by Instantly"),
        Column("is_ready_made_account", Type.BOOL, "Bought ready-made; not sent since 2026-07"),
        Column("dfy_password_changed", Type.BOOL, "Password of a bought account changed; not sent since 2026-07"),
        Column("enable_slow_ramp", Type.BOOL, "Sending volume is raised slowly"),
        Column("autofix_failed", Type.BOOL, "Automatic repair: true failed, false succeeded, null running"),
        Column("tracking_domain_name", Type.TEXT, "Own tracking domain"),
        Column("tracking_domain_status", Type.TEXT, "State of the tracking domain"),
        Column("reply_to", Type.TEXT, "Reply-to address"),
        Column("signature", Type.TEXT, "Signature as HTML"),
        Column("warmup_pool_id", Type.TEXT, "Warmup pool; not sent since 2026-07"),
        Column("warmup", Type.JSON, "Warmup settings; the list sends only the limit"),
        Column("tags", Type.JSON, "Tags of the account: id, label and description"),
        Column("stat_warmup_score", Type.FLOAT, "Warmup score from 0 to 100"),
        Column("daily_limit", Type.INT, "Campaign e-mails per day at most"),
        Column("daily_limit_max", Type.INT, "Highest daily limit allowed; AirMail only"),
        Column("warmup_limit_max", Type.INT, "Highest warmup limit allowed; AirMail only"),
        Column("inbox_placement_test_limit", Type.INT, "Inbox placement tests per day at most"),
        Column("sending_gap", Type.INT, "Minutes between two e-mails, 0 to 1440", aliases=("email_gap",)),
        Column("timestamp_created", Type.INSTANT, "When the account was added", always=True),
        Column("timestamp_updated", Type.INSTANT, "When the account last changed", always=True),
        Column(
            "timestamp_warmup_start",
            Type.INSTANT,
            "When the warmup started",
            aliases=("warmup_started_timestamp",),
        ),
        Column(
            "timestamp_last_used",
            Type.INSTANT,
            "Last use; not sent since 2026-07",
            aliases=("last_used_timestamp",),
        ),
    ),
)
