"""Sending accounts as the live API shows them, and their warmup figures."""

from typing import Any

from instantly_sandbox.world.collection import Collection, Item
from instantly_sandbox.world.plan import AccountPlan, Plan
from instantly_sandbox.world.seeded import DAY, day_text, iso, stable

Record = dict[str, Any]
WARMUP_DAYS = 30


def accounts(plan: Plan) -> Collection:
    made = [Item(a.email, a.created, _builder(plan, a), a.deleted) for a in plan.accounts]
    return Collection("accounts", made, key_field="email")


def _builder(plan: Plan, account: AccountPlan) -> Any:
    return lambda now: account_record(plan, account, now)


def status_of(plan: Plan, a: AccountPlan, now: int) -> tuple[int, int]:
    """Returns (status, since). Some accounts are paused, in maintenance or broken for a week."""
    week = (now - a.index * DAY) // (7 * DAY)
    u = stable(plan.seed, plan.workspace, a.email, week) % 1000
    bad = 5 if a.health > 2 else 1
    status = -1 if u < 15 * bad else -3 if u < 20 * bad else 2 if u > 975 else 3 if u > 965 else 1
    return status, max(a.created, week * 7 * DAY + a.index * DAY) if status != 1 else a.created


def score(a: AccountPlan, now: int) -> int:
    wobble = stable(a.email, (now // DAY + a.index) // 3) % 4
    return (62 if a.health > 2 else 96) + wobble


def account_record(plan: Plan, a: AccountPlan, now: int) -> Record:
    """The full record, as in `GET /accounts/{email}`; the list has less of `warmup`."""
    status, since = status_of(plan, a, now)
    h = stable(plan.seed, a.email)
    record: Record = {
        "email": a.email,
        "timestamp_created": iso(a.created),
        "timestamp_updated": iso(max(since, a.created)),
        "first_name": a.first_name,
        "last_name": a.last_name,
        "organization": plan.workspace_id,
        "warmup": _warmup_settings(h),
        "daily_limit": 30,
        "status": status,
        "warmup_status": 1 if h % 9 else 0,
        "provider_code": a.provider,
        "setup_pending": False,
        "is_managed_account": h % 11 == 0,
        "stat_warmup_score": score(a, now),
        "timestamp_warmup_start": iso(a.created + 300_000),
        "sending_gap": 10,
        "enable_slow_ramp": False,
    }
    if h % 4 == 0:
        record["tracking_domain_name"] = f"inst.{a.domain}"
        record["tracking_domain_status"] = "verified"
    if h % 3 == 0:
        record["signature"] = f"<p>{a.first_name} \u2013 Acme</p>"
        record["added_by"] = plan.owner_id
    if status < 0:
        record["status_message"] = {
            "code": "EAUTH",
            "command": "AUTH PLAIN",
            "response": "535 5.7.8 Username and Password not accepted",
            "e_message": "Invalid login",
            "responseCode": 535,
        }
        record["autofix_failed"] = h % 2 == 0
    return record


def _warmup_settings(h: int) -> Record:
    return {
        "limit": 10,
        "increment": ("disabled", "2")[h % 2],
        "reply_rate": 30,
        "warmup_custom_ftag": f"tag{h % 900 + 100}",
        "advanced": {"warm_ctd": False, "open_rate": 80, "important_rate": 30, "read_emulation": h % 2 == 0},
    }


def warmup(plan: Plan, a: AccountPlan, now: int) -> tuple[dict[str, Record], Record] | None:
    """Returns (per day, totals) of the last days; None for an account without warmup. Zero counters are omitted."""
    if stable(plan.seed, a.email) % 9 == 0:
        return None
    days: dict[str, Record] = {}
    total = {"sent": 0, "received": 0, "landed_inbox": 0, "landed_spam": 0}
    today = now // DAY
    for day in range(max(a.created // DAY + 1, today - WARMUP_DAYS + 1), today + 1):
        row = _warmup_day(a, day, (now % DAY) / DAY if day == today else 1.0)
        for name, n in row.items():
            total[name] += n
        if any(row.values()):
            days[day_text(day)] = {k: v for k, v in row.items() if v}
    health = round(100 * total["landed_inbox"] / total["sent"]) if total["sent"] else 100
    return days, {**total, "health_score": health, "health_score_label": f"{health}%"}


def _warmup_day(a: AccountPlan, day: int, done: float) -> Record:
    h = stable(a.email, day, "warmup")
    sent = int((10 if (day + 4) % 7 not in (0, 6) else 6) * done) - h % 3
    sent = max(0, sent)
    share = 0.28 if a.health > 2 else 0.02
    spam = sum(1 for k in range(sent) if (h >> (k * 5)) % 100 < share * 100)
    return {"sent": sent, "landed_inbox": sent - spam, "landed_spam": spam, "received": int((8 + (h >> 40) % 5) * done)}
