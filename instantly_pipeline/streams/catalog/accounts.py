"""Sending accounts (mailboxes). They have no id: the e-mail address is the key."""

from __future__ import annotations

from instantly_pipeline.streams.enums import ACCOUNT_STATUS, PROVIDER_CODE, WARMUP_STATUS
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type

# Live responses do not have these fields; older descriptions of the API show them.
_SECRETS = tuple(
    f"{protocol}_{field}" for protocol in ("imap", "smtp") for field in ("username", "password", "host", "port")
)

STREAM = Stream(
    name="accounts",
    about="Sending accounts (mailboxes) with their status and limits; passwords are never stored",
    path="/api/v2/accounts",
    read=Read.SCAN,
    cursor=("timestamp_created", "email"),
    key=("email",),
    absent=Absent.DELETED,
    scope=("email",),  # the address as the server spells it, for requests; keys are in lower case
    params={"include_tags": "true"},
    secrets=_SECRETS,
    api_scope="accounts:read",
    columns=(
        Column("email", Type.TEXT, "E-mail address of the account", always=True),
        Column("organization", Type.TEXT, "Workspace id", aliases=("organization_id",), always=True),
        Column("added_by", Type.TEXT, "Id of the user who added the account"),
        Column("modified_by", Type.TEXT, "Id of the user who last changed the account"),
        Column("first_name", Type.TEXT, "First name of the sender", always=True),
        Column("last_name", Type.TEXT, "Last name of the sender", always=True),
        Column("status", Type.INT, "Status code of the account", labels=ACCOUNT_STATUS),
        Column("status_message", Type.JSON, "Error of the mail server as received"),
        Column("warmup_status", Type.INT, "Status code of the warmup", always=True, labels=WARMUP_STATUS),
        Column("provider_code", Type.INT, "Code of the mail provider", always=True, labels=PROVIDER_CODE),
        Column("setup_pending", Type.BOOL, "Whether the account is still being set up"),
        Column("is_managed_account", Type.BOOL, "Whether Instantly manages the account"),
        Column("is_ready_made_account", Type.BOOL, "Whether the account was bought ready-made; not sent since 2026-07"),
        Column(
            "dfy_password_changed",
            Type.BOOL,
            "Whether the password of a bought account was changed; not sent since 2026-07",
        ),
        Column("enable_slow_ramp", Type.BOOL, "Whether the sending volume is raised slowly"),
        Column("autofix_failed", Type.BOOL, "Automatic repair: true failed, false succeeded, null still running"),
        Column("tracking_domain_name", Type.TEXT, "Custom tracking domain"),
        Column("tracking_domain_status", Type.TEXT, "Status of the custom tracking domain"),
        Column("reply_to", Type.TEXT, "Reply-to address"),
        Column("signature", Type.TEXT, "Signature as HTML"),
        Column("warmup_pool_id", Type.TEXT, "Id of the warmup pool; not sent since 2026-07"),
        Column("warmup", Type.JSON, "Warmup settings; the API's list sends only the limit"),
        Column("tags", Type.JSON, "Tags of the account: id, label and description"),
        Column("stat_warmup_score", Type.FLOAT, "Warmup score from 0 to 100"),
        Column("daily_limit", Type.INT, "Maximum campaign e-mails per day"),
        Column("daily_limit_max", Type.INT, "Highest allowed daily limit; AirMail only"),
        Column("warmup_limit_max", Type.INT, "Highest allowed warmup limit; AirMail only"),
        Column("inbox_placement_test_limit", Type.INT, "Maximum inbox placement tests per day"),
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
            "When the account was last used; not sent since 2026-07",
            aliases=("last_used_timestamp",),
        ),
    ),
)
