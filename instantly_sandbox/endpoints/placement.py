"""Inbox placement tests, their results and reports."""

from typing import Any

from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.http import ApiError, Response, ok
from instantly_sandbox.paging import Order, by_id
from instantly_sandbox.world import word_lists
from instantly_sandbox.world.plan import AccountPlan
from instantly_sandbox.world.seeded import DAY, iso, stable, uuid_at

Record = dict[str, Any]
SEEDS = ("seed1@seeds.example", "seed2@seeds.example", "seed3@seeds.example")


def _senders(call: Call) -> list[AccountPlan]:
    """The same at any time: a result stays when its account is deleted."""
    return [a for a in call.world.plan.accounts if a.created <= call.world.plan.window][:6]


def _tests(call: Call) -> list[Record]:
    rows = []
    for i, (name, kind, status) in enumerate((("Weekly", 2, 1), ("Before launch", 1, 3))):
        created = call.world.plan.window + (i + 1) * DAY // 2
        record = {
            "id": uuid_at(created, call.world.id, "placement", i),
            "organization_id": call.world.id,
            "name": name,
            "type": kind,
            "sending_method": 1,
            "email_subject": "Hello",
            "email_body": "<div>Placement</div>",
            "emails": [a.email for a in _senders(call)],
            "recipients": list(SEEDS),
            "timestamp_created": iso(created),
            "status": status,
            "not_sending_status": "",
            "test_code": f"ptid_{stable(call.world.id, i) % 10**8:08d}",
        }
        rows.append(record)
    return rows


def tests(call: Call) -> Response:
    if call.request.param("with_metadata") is not None:
        raise ApiError(400, "querystring must NOT have additional properties")
    status = call.request.param("status")
    rows = [r for r in call.search(_tests(call), "name") if status is None or str(r["status"]) == status]
    order = by_id()
    if call.request.param("sort_order") == "asc":
        order = Order(order.sort, order.cursor, lambda c: lambda r: str(r["id"]) > c, descending=False)
    return call.listed("inbox_placement_tests", rows, order)


def test(call: Call) -> Response:
    record = next((r for r in _tests(call) if r["id"] == call.uuid()), None)
    if record is None:
        raise ApiError(404, "Resource not found")
    if call.request.flag("with_metadata"):
        record["metadata"] = {"campaign": None, "tags": []}
    return ok(record)


def _asked(call: Call) -> tuple[Record | None, range]:
    """The test of `test_id` and the weeks in which it ran."""
    key = call.request.param("test_id")
    if key is None:
        raise ApiError(400, "querystring must have required property 'test_id'")
    found = next((r for r in _tests(call) if r["id"] == key), None)
    if found is None:
        return None, range(0)
    plan = call.world.plan
    last = call.world.now if found["type"] == 2 else min(call.world.now, plan.window + 7 * DAY)
    return found, range(plan.window // DAY + 1, last // DAY + 1, 7)


def _within(call: Call, rows: list[Record]) -> list[Record]:
    first, last = call.request.param("date_from") or "0", call.request.param("date_to") or "9"
    return [r for r in rows if first[:10] <= r["timestamp_created_date"] <= last[:10]]


def analytics(call: Call) -> Response:
    found, weeks = _asked(call)
    rows = []
    for day in weeks if found else ():
        for account in _senders(call):
            for k, seed in enumerate(SEEDS):
                rows.append(_result(call, str(found and found["id"]), account, seed, k, day * DAY + 10 * 3_600_000))
    return call.listed("inbox_placement_analytics", _chosen(call, _within(call, rows)), by_id())


def _chosen(call: Call, rows: list[Record]) -> list[Record]:
    """The results that the filters leave; those by number take several, joined by commas."""
    for name in ("recipient_geo", "recipient_type", "recipient_esp"):
        wanted = set(call.request.many(name))
        rows = [r for r in rows if not wanted or str(r[name]) in wanted]
    sender = call.request.param("sender_email")
    return [r for r in rows if sender is None or r["sender_email"] == sender]


def _result(call: Call, test_id: str, account: AccountPlan, seed: str, k: int, at: int) -> Record:
    h = stable(test_id, account.email, k, at)
    bad = word_lists.BAD_DOMAIN in account.domain
    return {
        "id": uuid_at(at, test_id, account.email, k),
        "timestamp_created": iso(at),
        "timestamp_created_date": iso(at)[:10],
        "organization_id": call.world.id,
        "test_id": test_id,
        "is_spam": h % 100 < (55 if bad else 4),
        "sender_email": account.email,
        "sender_esp": 1 if account.provider == 2 else 2,
        "recipient_email": seed,
        "recipient_esp": 1 + k % 2,
        "recipient_geo": 1 + k,
        "recipient_type": 1 + k % 2,
        "spf_pass": True,
        "dkim_pass": not bad,
        "dmarc_pass": not bad,
        "record_type": 2,
    }


def reports(call: Call) -> Response:
    found, weeks = _asked(call)
    test_id, rows = str(found and found["id"]), []
    for day in weeks if found else ():
        for domain in sorted({a.domain for a in _senders(call)}):
            at, bad = day * DAY, word_lists.BAD_DOMAIN in domain
            record: Record = {
                "id": uuid_at(at, test_id, "report", domain, day),
                "timestamp_created": iso(at),
                "timestamp_created_date": iso(at)[:10],
                "organization_id": call.world.id,
                "test_id": test_id,
                "domain": domain,
                "domain_ip": f"203.0.113.{stable(domain) % 200}",
                "domain_blacklist_count": 2 if bad else 0,
                "domain_ip_blacklist_count": 1 if bad else 0,
                "spam_assassin_score": 6.2 if bad else 1.1,
            }
            if not call.request.flag("skip_spam_assassin_report"):
                record["spam_assassin_report"] = {"is_spam": bad, "spam_score": 6 if bad else 1, "report": []}
            if not call.request.flag("skip_blacklist_report"):
                record["blacklist_report"] = {"address": domain, "is_blacklisted": bad, "is_domain": True}
            rows.append(record)
    return call.listed("inbox_placement_reports", _within(call, rows), by_id())
