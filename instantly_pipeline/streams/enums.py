"""Labels of the API's enum numbers, in lower case, as reports show them.

The API sends numbers only; the labels are from a vendor extension of its OpenAPI schema. The enums are open: a number
that is not here is kept as it is and recorded as drift. Other interest values are custom labels, in `lead_labels`.
"""

from __future__ import annotations

CAMPAIGN_STATUS = {
    0: "draft",
    1: "active",
    2: "paused",
    3: "completed",
    4: "running subsequences",
    -1: "accounts unhealthy",
    -2: "bounce protect",
    -99: "account suspended",
}

NOT_SENDING_STATUS = {
    1: "outside schedule",
    2: "waiting for a lead",
    3: "campaign daily limit reached",
    4: "all accounts at their daily limit",
    99: "error",
}

ACCOUNT_STATUS = {
    1: "active",
    2: "paused",
    3: "paused for maintenance",
    -1: "connection error",
    -2: "soft bounce error",
    -3: "sending error",
}

WARMUP_STATUS = {
    0: "paused",
    1: "active",
    -1: "banned",
    -2: "spam folder unknown",
    -3: "permanent suspension",
}

PROVIDER_CODE = {
    1: "imap/smtp",
    2: "google",
    3: "microsoft",
    4: "aws",
    8: "airmail",
    11: "airmail instant",
}

LEAD_STATUS = {
    1: "active",
    2: "paused",
    3: "completed",
    -1: "bounced",
    -2: "unsubscribed",
    -3: "skipped",
}

INTEREST_STATUS = {
    0: "out of office",
    1: "interested",
    2: "meeting booked",
    3: "meeting completed",
    4: "won",
    -1: "not interested",
    -2: "wrong person",
    -3: "lost",
    -4: "no show",
}

VERIFICATION_STATUS = {
    0: "not verified",
    1: "verified",
    11: "pending",
    12: "pending verification job",
    -1: "invalid",
    -2: "risky",
    -3: "catch-all",
    -4: "job change",
}

ENRICHMENT_STATUS = {
    1: "enriched",
    11: "pending",
    -1: "no data",
    -2: "error",
}

ESP_CODE = {
    0: "queued",
    1: "google",
    2: "microsoft",
    3: "zoho",
    8: "airmail",
    9: "yahoo",
    10: "yandex",
    12: "web.de",
    13: "libero",
    999: "other",
    1000: "not found",
}

ESG_CODE = {
    0: "queued",
    1: "barracuda",
    2: "mimecast",
    3: "proofpoint",
    4: "cisco",
}

TAGGED_RESOURCE = {1: "account", 2: "campaign"}

WEBHOOK_STATUS = {1: "active", -1: "disabled by errors"}

AUDIT_ACTIVITY = {
    1: "user login",
    2: "lead deletion",
    3: "campaign deletion",
    4: "campaign launch",
    5: "campaign pause",
    6: "account addition",
    7: "account deletion",
    8: "lead moved",
    9: "lead added",
    10: "lead merged",
    11: "campaign update",
    12: "subsequence update",
    18: "webhook created",
    19: "webhook updated",
    20: "webhook marked as error",
    21: "webhook resumed",
    22: "totp enrollment started",
    23: "totp enabled",
    24: "totp replacement started",
    25: "totp replaced",
    26: "totp disabled",
    27: "mfa recovery codes generated",
    28: "mfa recovery code used",
    29: "mfa login challenge failed",
    30: "mfa login challenge failed too many times",
    31: "mfa login succeeded",
    32: "subscriber import started",
    33: "subscriber import cancelled",
    34: "lead exported",
    35: "enrichment created",
    36: "account update",
    37: "api key created",
    38: "api key deleted",
    40: "domain forwarding updated",
}

PLACEMENT_TEST_TYPE = {1: "one-time", 2: "automated"}

PLACEMENT_TEST_STATUS = {1: "active", 2: "paused", 3: "completed"}

PLACEMENT_SENDING_METHOD = {1: "from instantly", 2: "from outside instantly"}

PLACEMENT_DELIVERY_MODE = {1: "one by one", 2: "all together"}

PLACEMENT_ESP = {1: "google", 2: "microsoft", 8: "airmail", 12: "web.de", 13: "libero.it"}

PLACEMENT_GEO = {1: "united states", 2: "italy", 3: "germany", 4: "france"}

PLACEMENT_RECIPIENT = {1: "professional", 2: "personal"}

PLACEMENT_RECORD = {1: "sent", 2: "received"}
EMAIL_TYPE = {
    1: "sent by campaign",
    2: "received",
    3: "sent by hand",
    4: "scheduled",
}
