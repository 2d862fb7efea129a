"""The plan of a workspace and what of it is used.

Both are loosely typed (reference, section 10): they are kept as JSON, with the columns that people ask for beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type


def plan_of(answer: object) -> list[dict[str, object]] | None:
    """The answer, with the terms of the outreach plan, or else of the bundle, as fields of their own."""
    if not isinstance(answer, dict) or not isinstance(answer.get("subscriptions"), dict):
        return None
    parts: Mapping[str, object] = answer["subscriptions"]
    outreach, bundle, credit = (_part(parts, name) for name in ("outreach", "bundle", "credits"))
    plan = outreach if outreach.get("plan_name") else bundle
    terms = {name: plan.get(name) for name in _TERMS} | {name: credit.get(name) for name in _CREDITS}
    return [{**answer, **terms, **{name: _instant(plan.get(name)) for name in _INSTANTS}}]


def _part(parts: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = parts.get(name)
    return part if isinstance(part, dict) else {}


_TERMS = ("plan_name", "product_id", "interval", "price_in_dollars", "base_lead_limit", "total_lead_limit",
          "current_lead_count")  # fmt: skip
_CREDITS = ("total_credits", "available_credits")
_INSTANTS = ("current_period_end", "cancel_at_time")


def _instant(seconds: object) -> str | None:
    """Billing has Unix seconds (reference, section 1.2)."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None


STREAM = Stream(
    name="workspace_billing",
    group="admin",
    about="Plan of the workspace and how much of it is used",
    path="/api/v2/workspace-billing/plan-details",
    read=Read.OBJECT,
    key=(),
    absent=Absent.KEEP,
    rows=plan_of,
    secrets=("headers",),  # with secrets, JSON is searched for more of them
    api_scope="workspace_billing:read",
    columns=(
        Column("organization_id", Type.TEXT, "Workspace id"),
        Column("organization_name", Type.TEXT, "Name of the workspace"),
        Column("plan_name", Type.TEXT, "Name of the outreach plan, or else of the bundle"),
        Column("product_id", Type.TEXT, "Id of that plan, for example pid_hg_v1"),
        Column("interval", Type.TEXT, "Period of that plan: day, week, month or year"),
        Column("price_in_dollars", Type.FLOAT, "Price of that plan for a period, in US dollars"),
        Column("base_lead_limit", Type.INT, "Leads that the plan itself allows"),
        Column("total_lead_limit", Type.INT, "Leads that the plan allows with its addons"),
        Column("current_lead_count", Type.INT, "Leads that count towards the limit"),
        Column("total_credits", Type.INT, "Credits of the period"),
        Column("available_credits", Type.INT, "Credits that are left"),
        Column("current_period_end", Type.INSTANT, "When the period ends"),
        Column("cancel_at_time", Type.INSTANT, "When the plan ends because it was cancelled"),
        Column("subscriptions", Type.JSON, "All plans of the workspace"),
        Column("addons", Type.JSON, "Addons that were bought or can be"),
    ),
)
