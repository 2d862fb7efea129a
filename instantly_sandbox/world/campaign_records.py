"""Campaigns as the live API shows them."""

from typing import Any

from instantly_sandbox.world import word_lists
from instantly_sandbox.world.collection import Collection, Item
from instantly_sandbox.world.plan import CampaignPlan, Plan
from instantly_sandbox.world.seeded import DAY, NEVER, day_text, iso, stable

Record = dict[str, Any]
STATUSES = (-99, -2, -1, 0, 1, 2, 3, 4)


def campaigns(plan: Plan) -> Collection:
    made = [Item(c.id, c.created, _builder(plan, c), c.deleted) for c in plan.campaigns]
    return Collection("campaigns", made)


def _builder(plan: Plan, campaign: CampaignPlan) -> Any:
    return lambda now: campaign_record(plan, campaign, now)


def campaign_record(plan: Plan, c: CampaignPlan, now: int) -> Record:
    status = c.status(now)
    record: Record = {
        "id": c.id,
        "name": c.name(now),
        "status": status,
        "campaign_schedule": _schedule(c, status),
        "timestamp_created": iso(c.created),
        "timestamp_updated": iso(max(c.changed(now), c.created)),
        "organization": plan.workspace_id,
    }
    if status == 0:  # a draft shows little more than its keys
        return record
    h = stable(plan.seed, plan.workspace, c.index, "settings")
    emails = [a.email for a in plan.accounts if a.index in c.accounts and a.created <= now]
    record.update(
        is_evergreen=c.end == NEVER and h % 4 == 0,
        pl_value=c.pl_value,
        sequences=[{"steps": [_step(c, k) for k in range(c.steps)]}],
        email_list=emails,
        email_tag_list=[],
        daily_limit=30 * max(1, len(emails)),
        email_gap=10,
        random_wait_max=h % 10,
        stop_on_reply=True,
        stop_on_auto_reply=False,
        link_tracking=c.link_tracking,
        open_tracking=c.open_tracking,
        text_only=h % 7 == 0,
        insert_unsubscribe_header=h % 2 == 0,
        allow_risky_contacts=False,
        disable_bounce_protect=False,
        prioritize_new_leads=h % 3 == 0,
        core_variables={"firstName": True, "companyName": True},
        custom_variables={"city": True, "Tech Stack (2025)": True},
    )
    if status == 1 and _outside_schedule(c, now):
        record["not_sending_status"] = 1
    if h % 3 == 1:
        record["auto_variant_select"] = {"trigger": "reply_rate"}
        record["daily_max_leads"] = 50 + h % 200
    if h % 5 == 1:
        record["owned_by"] = plan.owner_id
        record["limit_emails_per_company_override"] = {"mode": "custom", "daily_limit": 2, "scope": "per_campaign"}
    return record


def _outside_schedule(c: CampaignPlan, now: int) -> bool:
    local = now - c.utc_offset * 3_600_000
    return (local // DAY + 4) % 7 in (0, 6) or not 9 <= local // 3_600_000 % 24 < 17


def _schedule(c: CampaignPlan, status: int) -> Record:
    schedule: Record = {
        "schedules": [
            {
                "name": "Weekdays",
                "timing": {"from": "09:00", "to": "17:00"},
                "days": {str(d): True for d in range(1, 6)},
                "timezone": c.zone,
            }
        ]
    }
    if status == 0:
        return schedule
    if c.index % 3 == 0:
        return {"start_date": "", "end_date": "", **schedule}
    if c.index % 3 == 1:
        return {"start_date": day_text(c.start // DAY), **schedule}
    return schedule


def _step(c: CampaignPlan, k: int) -> Record:
    step: Record = {
        "type": "email",
        "delay": c.delays[k],
        "variants": [_variant(c, k, v) for v in range(c.variants[k])],
    }
    if c.index % 2 == 0:
        step["delay_unit"] = "days"
    return step


def _variant(c: CampaignPlan, k: int, v: int) -> Record:
    subject = "" if k else word_lists.SUBJECTS[(c.index * 3 + v) % len(word_lists.SUBJECTS)]
    opening = ("I noticed", "Most teams like yours ask", "One idea about")[v % 3]
    body = f"<div>Hi {{{{firstName}}}},</div><div>{opening} {{{{companyName}}}} (step {k + 1}{'ABC'[v]}).</div>"
    variant: Record = {"subject": subject, "body": body}
    if v == 2:
        variant["v_disabled"] = False
    return variant
