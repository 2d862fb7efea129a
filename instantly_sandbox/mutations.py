"""Changes through `POST /_sandbox/mutate`: one function per op, which returns the number of changed records."""

from collections.abc import Callable
from typing import Any

import numpy as np

from instantly_sandbox.world.collection import Collection
from instantly_sandbox.world.lead_query import query
from instantly_sandbox.world.mailbox import (
    EMAILS,
    change_email,
    delete_email,
    insert_emails,
    mutate_emails,
    restore_email,
)
from instantly_sandbox.world.seeded import iso, uuid_at
from instantly_sandbox.world.world import World

Op = dict[str, Any]


def apply(world: World, op: Any) -> int:
    """Run one op; ValueError says what is wrong."""
    if not isinstance(op, dict) or op.get("op") not in OPS:
        raise ValueError(f"unknown op {op.get('op') if isinstance(op, dict) else op!r}; known: {sorted(OPS)}")
    try:
        return OPS[op["op"]](world, op)
    except KeyError as missing:
        raise ValueError(f"op {op['op']} needs {missing}") from None


def _lead_row(world: World, op: Op) -> int:
    row = world.leads.row_of(op["id"])
    if row is None:
        raise ValueError(f"no lead {op['id']}")
    return row


def delete_lead(world: World, op: Op) -> int:
    return world.leads.delete(np.array([_lead_row(world, op)]))


def delete_leads(world: World, op: Op) -> int:
    """Select leads by `ids`, or by `campaign`, `list_id` or `where` (a body of /leads/list), at most `count`."""
    filters = {k: op[k] for k in ("campaign", "list_id", "ids") if k in op} | (op.get("where") or {})
    view = query(world.leads, filters, f"mutate {filters!r}")
    return world.leads.delete(view.rows[: op.get("count", len(view.rows))].copy())


def delete_campaign(world: World, op: Op) -> int:
    index = world.campaign_index(op["id"])
    deleted = world.collections["campaigns"].delete(op["id"], world.now)
    if deleted and index is not None:
        world.leads.end_campaign(index, keep_leads=bool(op.get("keep_leads")))
    return deleted


def move_lead(world: World, op: Op) -> int:
    names = world.leads.names
    campaign, lead_list = op.get("campaign"), op.get("list_id")
    if (campaign is None) == (lead_list is None):
        raise ValueError("move_lead needs either campaign or list_id")
    if campaign is not None and campaign not in names.campaign_ids:
        raise ValueError(f"no campaign {campaign}")
    if lead_list is not None and lead_list not in names.list_ids:
        raise ValueError(f"no lead list {lead_list}")
    ids = op["ids"] if "ids" in op else [op["id"]]
    rows = [_lead_row(world, {"id": i}) for i in ids]
    return sum(world.leads.move(row, campaign=campaign, lead_list=lead_list) for row in rows)


def update(world: World, op: Op) -> int:
    values, unset, touch = op.get("set") or {}, op.get("unset") or [], bool(op.get("touch"))
    if op["collection"] == "leads":
        return world.leads.update(_lead_row(world, op), values, unset, touch=touch)
    if op["collection"] == EMAILS:
        return change_email(world, op["id"], values, unset)
    return _collection(world, op).update(op["id"], values, unset, touch=touch, now=world.now)


def insert(world: World, op: Op) -> int:
    records = op["records"] if "records" in op else [op["record"]]
    if op["collection"] == "leads":
        return world.leads.insert(records)
    if op["collection"] == EMAILS:
        return insert_emails(world, records)
    collection = _collection(world, op)
    for record in records:
        if collection.key_field not in record:
            raise ValueError(f"a record of {collection.name} needs {collection.key_field}")
        if collection.name == "campaigns" and record["id"] not in world.leads.names.campaign_ids:
            world.leads.add_campaign(record["id"])
        if collection.name == "lead_lists" and record["id"] not in world.leads.names.list_ids:
            world.leads.names.list_ids.append(record["id"])
    return sum(collection.insert(r) for r in records)


def restore(world: World, op: Op) -> int:
    if op["collection"] == "leads":
        return world.leads.restore(_lead_row(world, op))
    if op["collection"] == EMAILS:
        return restore_email(world, op["id"])
    return _collection(world, op).restore(op["id"])


def delete(world: World, op: Op) -> int:
    if op["collection"] == "leads":
        return delete_lead(world, op)
    if op["collection"] == "campaigns":
        return delete_campaign(world, op)
    if op["collection"] == EMAILS:
        return delete_email(world, op["id"])
    return _collection(world, op).delete(op["id"], world.now)


def rename_campaign(world: World, op: Op) -> int:
    values = {"name": op["name"]}
    return world.collections["campaigns"].update(op["id"], values, [], touch=True, now=world.now)


def restate_daily(world: World, op: Op) -> int:
    world.daily_overrides.setdefault(op["campaign_id"], {})[op["date"]] = dict(op["set"])
    return 1


def vanish_day(world: World, op: Op) -> int:
    world.daily_overrides.setdefault(op["campaign_id"], {})[op["date"]] = None
    return 1


def unrestate_daily(world: World, op: Op) -> int:
    """Undo `restate_daily` and `vanish_day`."""
    return int(world.daily_overrides.get(op["campaign_id"], {}).pop(op["date"], 0) != 0)


def delete_account(world: World, op: Op) -> int:
    return world.collections["accounts"].delete(op.get("email") or op["id"], world.now)


def _collection(world: World, op: Op) -> Collection:
    if op["collection"] not in world.collections:
        known = sorted([*world.collections, "leads", EMAILS])
        raise ValueError(f"unknown collection {op['collection']}; known: {known}")
    return world.collections[op["collection"]]


OPS: dict[str, Callable[[World, Op], int]] = {
    "delete_lead": delete_lead,
    "delete_leads": delete_leads,
    "delete_campaign": delete_campaign,
    "move_lead": move_lead,
    "update": update,
    "insert": insert,
    "restore": restore,
    "delete": delete,
    "rename_campaign": rename_campaign,
    "restate_daily": restate_daily,
    "vanish_day": vanish_day,
    "unrestate_daily": unrestate_daily,
    "delete_account": delete_account,
}


def mutate_during_scan(world: World, collection: str, *, kind: str, turn: int) -> None:
    """Insert or delete a row while a client pages through a list."""
    if collection == "leads":
        view = world.leads.everything()
        if kind == "delete" and len(view.rows):
            world.leads.delete(view.rows[[turn * 37 % len(view.rows)]].copy())
        elif kind == "insert":
            key = uuid_at(world.now, world.plan.seed, "crawl", turn)
            world.leads.insert([_plain_lead(world, key)])
        return
    if collection == EMAILS:
        mutate_emails(world, kind=kind, turn=turn)
        return
    records = world.collections[collection].records(world.now)
    if not records:
        return
    key = sorted(records)[turn % len(records)]
    if kind == "delete":
        world.collections[collection].delete(key, world.now)
    else:
        field = world.collections[collection].key_field
        fresh = uuid_at(world.now, "crawl", turn) if field == "id" else f"crawl{turn}.{key}"
        world.collections[collection].insert({**records[key], field: fresh})


def _plain_lead(world: World, key: str) -> dict[str, Any]:
    return {
        "id": key,
        "timestamp_created": iso(world.now),
        "timestamp_updated": iso(world.now),
        "organization": world.id,
        "status": 1,
        "email": f"crawl-{key[-6:]}@inserted.example",
        "email_open_count": 0,
        "email_reply_count": 0,
        "email_click_count": 0,
        "company_domain": "inserted.example",
        "status_summary": {},
    }
