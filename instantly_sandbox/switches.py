"""Switches that change the sandbox's behaviour while it runs: strictness, deviations, latency, limits.

`GET /_sandbox/switches` shows them, `POST` patches them, `DELETE` restores the defaults. A switch for single lists
accepts `true`, `false` or names of collections, for example `["leads"]`.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

Where = bool | list[str]


@dataclass
class RateLimits:
    """Per workspace. `window`: `sliding`, `fixed` (full seconds and minutes) or `bucket`. `headers` adds X-RateLimit-*
    to every answer. `others_per_second`: requests per second of another client of the same workspace. `further`: more
    limits, each `[requests, seconds]`."""

    enabled: bool = True
    per_second: int = 100
    per_minute: int = 6000
    emails_per_minute: int = 20
    others_per_second: float = 0.0
    further: list[tuple[int, float]] = field(default_factory=list)
    window: str = "sliding"
    retry_after: bool = False
    headers: bool = False
    sustained_until: float = 0.0  # monotonic seconds; set through `sustained_seconds`


@dataclass
class Switches:
    """One field per switch; the value here is the default of the live profile.

    Shape: omit_nulls, last_step_in_summary (a lead's last step is only in `status_summary`, as in recorded live
    answers), omit_false (false flags are omitted), unknown_field (a new field on every record), unknown_enum (an
    unknown status number), step_text_null and step_numbers (`"null"`, and numbers, in steps), null_steps.
    Paging: trailing_cursor (`full`: only after a full page, `always`, `never`), limit_above_100 (`400` or `empty`),
    short_pages, duplicate_rows, repeat_cursor, cursor_loop, insert_during_crawl, delete_during_crawl,
    lost_cursor (collection -> how its cursor is lost: `absent`, `renamed`: under `pagination`, `empty`: an empty page
    with a cursor precedes each page but the first, `ends`: an empty page without a cursor replaces it),
    any_lead_cursor (off: a cursor that is not a lead's id is a 400), account_order (`desc` or `asc`),
    shuffled_events (/webhook-events in no order),
    leads_need_parent (400 for /leads/list without `campaign`, `list_id`, `ids` or `contacts`),
    lead_queries (how `queries` of /leads/list is applied: `exact`, `ignored`, `refused`: a 400, `partial`: a third of
    the leads is missing, `calendar`: days are days of the UTC calendar, `hours`: days are read as hours).
    E-mails: email_bounds (of min_ and max_timestamp_created: `inclusive` or `exclusive`), late_emails (one in ten is
    visible so many seconds after its `timestamp_created`), email_types and email_previews (off: `email_type`,
    `preview_only` is ignored), email_booleans (flags are true and false, not 1 and 0), max_email_depth (a cursor behind
    so many e-mails is a 500).
    Analytics: end_date_inclusive (date-only ends of /analytics, /overview and /steps), full_timestamps (off: a 400),
    sparse_days, book_on (`event`, or `send`: late answers restate the day of the e-mail), list_deleted_campaigns,
    deleted_daily (a deleted campaign still answers), reply_count_includes_automatic, max_account_days,
    max_account_emails, max_warmup_emails, max_campaign_days (path of a route below /campaigns/analytics -> days: a
    longer range is a 400), refused_days (any range of /daily with one of these dates is a 400), refused_emails
    (address -> 400, 404, 413 or 422: any request for account figures with it).
    Access: library_agents (403 `error code: 1010` for library User-Agents), as_workspace (`x-as-workspace` with the
    first workspace's keys), key_scopes (key -> scopes), key_status (key -> 401, 402 or 403), stream_status
    (path -> 401, 402, 403 or 404), ignore_unknown (off: an unknown key in the body
    of /leads/list is a 400).
    Webhooks: deliver_webhooks (what happens while the clock moves is posted to webhooks whose target is on loopback),
    webhook_retry_seconds (between two attempts).
    Time: latency (seconds per answer), latency_by_path (path -> seconds), date_header (off: no `Date` header).
    """

    omit_nulls: bool = True
    last_step_in_summary: bool = True
    omit_false: Where = False
    unknown_field: Where = False
    unknown_enum: Where = False
    step_text_null: bool = False
    step_numbers: bool = False
    null_steps: bool = True
    trailing_cursor: str = "full"
    limit_above_100: str = "400"
    short_pages: Where = False
    duplicate_rows: Where = False
    repeat_cursor: Where = False
    cursor_loop: Where = False
    insert_during_crawl: Where = False
    delete_during_crawl: Where = False
    lost_cursor: dict[str, str] = field(default_factory=dict)
    any_lead_cursor: bool = True
    shuffled_events: bool = False
    leads_need_parent: bool = False
    account_order: str = "desc"
    lead_queries: str = "exact"
    email_bounds: str = "inclusive"
    late_emails: float = 0.0
    email_types: bool = True
    email_previews: bool = True
    email_booleans: bool = False
    max_email_depth: int = 0
    end_date_inclusive: bool = True
    full_timestamps: bool = True
    sparse_days: bool = True
    book_on: str = "event"
    list_deleted_campaigns: bool = False
    deleted_daily: bool = True
    reply_count_includes_automatic: bool = False
    max_account_days: int = 31
    max_account_emails: int = 200
    max_warmup_emails: int = 100
    max_campaign_days: dict[str, int] = field(default_factory=dict)
    refused_days: list[str] = field(default_factory=list)
    refused_emails: dict[str, int] = field(default_factory=dict)
    library_agents: bool = True
    as_workspace: bool = True
    key_scopes: dict[str, list[str]] = field(default_factory=dict)
    key_status: dict[str, int] = field(default_factory=dict)
    stream_status: dict[str, int] = field(default_factory=dict)
    ignore_unknown: bool = True
    date_header: bool = True
    deliver_webhooks: bool = False
    webhook_retry_seconds: float = 10.0
    latency: float = 0.0
    latency_by_path: dict[str, float] = field(default_factory=dict)
    rate_limits: RateLimits = field(default_factory=RateLimits)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def patch(self, values: dict[str, Any], monotonic: float) -> None:
        """Set new values. An unknown name is a ValueError that lists the known ones; then nothing changes."""
        limits = values.get("rate_limits", {})
        if isinstance(limits, bool):
            limits = {"enabled": limits}
        extra = {"sustained_seconds"}
        _check(values.keys(), {f.name for f in fields(self)})
        _check(limits.keys(), {f.name for f in fields(RateLimits)} | extra)
        for name, value in values.items():
            if name != "rate_limits":
                setattr(self, name, _checked_value(name, getattr(self, name), value))
        for name, value in limits.items():
            if name in extra:
                self.rate_limits.sustained_until = monotonic + float(value)
            else:
                setattr(self.rate_limits, name, value)


def _check(given: Any, known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise ValueError(f"unknown switches {unknown}; known: {sorted(known)}")


def _checked_value(name: str, old: Any, value: Any) -> Any:
    """The value; ValueError if it has another type than the switch, which would silently have no effect."""
    if isinstance(old, bool | list) and isinstance(value, bool | list):
        return value
    if isinstance(old, int | float) and isinstance(value, int | float) and not isinstance(old, bool):
        return value
    if type(old) is type(value):
        return value
    raise ValueError(f"switch {name} must be {type(old).__name__}, not {value!r}")


def applies(switch: Where, collection: str) -> bool:
    """Whether a switch is on for a collection."""
    return switch if isinstance(switch, bool) else collection in switch


def default_switches(profile: str, *, rate_limited: bool) -> Switches:
    """The defaults of a profile: the seed has about 100 requests a minute and rate limit headers, live neither."""
    switches = Switches()
    switches.rate_limits.enabled = rate_limited
    if profile == "seed":
        switches.rate_limits = RateLimits(rate_limited, per_second=100, per_minute=100, headers=True)
        switches.omit_nulls = False
        switches.email_booleans = True
    return switches
