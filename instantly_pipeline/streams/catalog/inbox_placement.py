"""Inbox placement tests: where test e-mails land, and what spam filters and block lists say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from instantly_pipeline.streams.enums import (
    PLACEMENT_DELIVERY_MODE,
    PLACEMENT_ESP,
    PLACEMENT_GEO,
    PLACEMENT_RECIPIENT,
    PLACEMENT_RECORD,
    PLACEMENT_SENDING_METHOD,
    PLACEMENT_TEST_STATUS,
    PLACEMENT_TEST_TYPE,
)
from instantly_pipeline.streams.model import Absent, Column, Parent, Read, Stream, Type

COMPLETED = 3
WHILE_OPEN = timedelta(hours=3)  # results trickle in for hours (reference, section 15)


def _every(test: Mapping[str, object]) -> timedelta | None:
    return None if test.get("status") == COMPLETED else WHILE_OPEN


_TEST = Parent(
    "inbox_placement_tests", "id", into="test_id", param="test_id", every=_every,
    watch=("status", "timestamp_next_run"),
)  # fmt: skip
_ID = Column("id", Type.TEXT, "Id", always=True)
_ORGANIZATION = Column("organization_id", Type.TEXT, "Workspace id", always=True)
_CREATED = Column("timestamp_created", Type.INSTANT, "When it was created", always=True)
_CREATED_DATE = Column("timestamp_created_date", Type.DATE, "Day on which it was created", always=True)
_TEST_ID = Column("test_id", Type.TEXT, "Test, in inbox_placement_tests.id", always=True)

STREAMS = (
    Stream(
        name="inbox_placement_tests",
        group="placement",
        about="Inbox placement tests: what is sent from which accounts to which inboxes",
        path="/api/v2/inbox-placement-tests",
        read=Read.SCAN,
        cursor=("id",),
        key=("id",),
        absent=Absent.DELETED,
        secrets=("headers",),  # with secrets, JSON is searched for more of them
        api_scope="inbox_placement_tests:read",
        columns=(
            _ID,
            _ORGANIZATION,
            Column("campaign_id", Type.TEXT, "Campaign that the test is about"),
            Column("name", Type.TEXT, "Display name", always=True),
            Column("description", Type.TEXT, "Description"),
            Column("email_subject", Type.TEXT, "Subject of the test e-mail", always=True),
            Column("email_body", Type.TEXT, "Body of the test e-mail, as HTML", always=True),
            Column("test_code", Type.TEXT, "Code that marks e-mails which are sent from outside"),
            Column("not_sending_status", Type.TEXT, "Why it does not send: daily_limits_hit or other"),
            Column("emails", Type.JSON, "Accounts under test", always=True),
            Column("recipients", Type.JSON, "Inboxes that the test e-mails go to", always=True),
            Column("recipients_labels", Type.JSON, "Region, type and provider of the inboxes"),
            Column("tags", Type.JSON, "Tags whose accounts are tested"),
            Column("schedule", Type.JSON, "When an automated test runs"),
            Column("automations", Type.JSON, "What an automated test does with its results"),
            Column("type", Type.INT, "Kind of test", always=True, labels=PLACEMENT_TEST_TYPE),
            Column("sending_method", Type.INT, "How it is sent", always=True, labels=PLACEMENT_SENDING_METHOD),
            Column("delivery_mode", Type.INT, "Whether e-mails are sent together", labels=PLACEMENT_DELIVERY_MODE),
            Column("status", Type.INT, "Status code", labels=PLACEMENT_TEST_STATUS),
            Column("text_only", Type.BOOL, "Whether the test e-mail is plain text"),
            _CREATED,
            Column("timestamp_next_run", Type.INSTANT, "When an automated test runs next"),
        ),
    ),
    Stream(
        name="inbox_placement_analytics",
        group="placement",
        about="Results of inbox placement tests, one row per test e-mail sent or received",
        path="/api/v2/inbox-placement-analytics",
        read=Read.PER_PARENT,
        cursor=("id",),
        key=("test_id", "id"),
        absent=Absent.KEEP,
        needs=("inbox_placement_tests",),
        parent=_TEST,
        since_param="date_from",
        secrets=("headers",),  # with secrets, JSON is searched for more of them
        api_scope="inbox_placement_analytics:read",
        columns=(
            _ID,
            _ORGANIZATION,
            _TEST_ID,
            Column("sender_email", Type.TEXT, "Account that sent"),
            Column("recipient_email", Type.TEXT, "Inbox that received"),
            Column("sender_esp", Type.INT, "Provider of the account", labels=PLACEMENT_ESP),
            Column("recipient_esp", Type.INT, "Provider of the inbox", labels=PLACEMENT_ESP),
            Column("recipient_geo", Type.INT, "Country of the inbox", labels=PLACEMENT_GEO),
            Column("recipient_type", Type.INT, "Kind of inbox", labels=PLACEMENT_RECIPIENT),
            Column("record_type", Type.INT, "Whether the row is about sending or receiving", labels=PLACEMENT_RECORD),
            Column("is_spam", Type.BOOL, "Whether it landed in spam"),
            Column("has_category", Type.BOOL, "Whether it landed in a category, such as promotions"),
            Column("spf_pass", Type.BOOL, "Whether SPF passed"),
            Column("dkim_pass", Type.BOOL, "Whether DKIM passed"),
            Column("dmarc_pass", Type.BOOL, "Whether DMARC passed"),
            Column("smtp_ip_blacklist_report", Type.JSON, "Block lists that the sending IP address is on"),
            Column("authentication_failure_results", Type.JSON, "Why authentication failed"),
            _CREATED,
            _CREATED_DATE,
        ),
    ),
    Stream(
        name="inbox_placement_reports",
        group="placement",
        about="Spam filter and block lists on the domains of inbox placement tests",
        path="/api/v2/inbox-placement-reports",
        read=Read.PER_PARENT,
        cursor=("id",),
        key=("test_id", "id"),
        absent=Absent.KEEP,
        needs=("inbox_placement_tests",),
        parent=_TEST,
        since_param="date_from",
        secrets=("headers",),  # with secrets, JSON is searched for more of them
        api_scope="inbox_placement_reports:read",
        columns=(
            _ID,
            _ORGANIZATION,
            _TEST_ID,
            Column("domain", Type.TEXT, "Domain of the accounts", always=True),
            Column("domain_ip", Type.TEXT, "IP address of the domain", always=True),
            Column("spam_assassin_score", Type.FLOAT, "Score of SpamAssassin; higher is worse", always=True),
            Column("domain_blacklist_count", Type.INT, "Block lists that the domain is on"),
            Column("domain_ip_blacklist_count", Type.INT, "Block lists that the IP address is on"),
            Column("spam_assassin_report", Type.JSON, "Report of SpamAssassin"),
            Column("blacklist_report", Type.JSON, "Report on block lists"),
            _CREATED,
            _CREATED_DATE,
        ),
    ),
)
