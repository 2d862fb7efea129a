"""The small collections: workspace, lead lists, labels, block list, tags, API keys, webhooks."""

from collections.abc import Callable
from typing import Any

from instantly_sandbox.world import word_lists
from instantly_sandbox.world.collection import Collection, Item
from instantly_sandbox.world.plan import Plan
from instantly_sandbox.world.seeded import DAY, iso, stable, uuid4, uuid_at

Record = dict[str, Any]
BLOCKED_AT_START = 40
BLOCKED_EVERY = 2 * DAY
FUTURE = 300


def workspaces(plan: Plan) -> Collection:
    name = word_lists.WORKSPACES[plan.workspace % len(word_lists.WORKSPACES)]
    if plan.workspace >= len(word_lists.WORKSPACES):
        name = f"{name} {plan.workspace + 1}"
    created = plan.window - 400 * DAY

    def build(now: int) -> Record:
        return {
            "id": plan.workspace_id,
            "timestamp_created": iso(created),
            "timestamp_updated": iso(plan.window),
            "owner": plan.owner_id,
            "name": name,
            "plan_id": "pid_hg_v1",
            "default_opportunity_value": 1000,
            "add_unsub_to_block": True,
        }

    return Collection("workspaces", [Item(plan.workspace_id, created, build)])


def lead_lists(plan: Plan) -> Collection:
    return _fixed(plan, "lead_lists", len(word_lists.LIST_NAMES), _lead_list)


def lead_labels(plan: Plan) -> Collection:
    return _fixed(plan, "lead_labels", len(word_lists.LABELS), _lead_label)


def custom_tags(plan: Plan) -> Collection:
    return _fixed(plan, "custom_tags", len(word_lists.TAGS), _custom_tag)


def api_keys(plan: Plan) -> Collection:
    return _fixed(plan, "api_keys", 4, _api_key)


def block_list_entries(plan: Plan) -> Collection:
    """Forty entries at the start, one more every other day, and sometimes one is removed."""
    items = []
    for i in range(BLOCKED_AT_START + FUTURE):
        late = i - BLOCKED_AT_START
        start = plan.now0 + (late + 1) * BLOCKED_EVERY if late >= 0 else plan.window + i * (DAY // 3)
        created = min(start, plan.now0) if late < 0 else start
        key = uuid_at(created, plan.seed, plan.workspace, "block", i)
        gone = plan.now0 + (i + 3) * 4 * DAY if i % 9 == 0 else 1 << 62
        items.append(Item(key, created, _blocked(plan, key, i, created), gone))
    return Collection("block_list_entries", items)


def _blocked(plan: Plan, key: str, i: int, created: int) -> Callable[[int], Record]:
    domain = f"{word_lists.LEFT[(i * 7) % 60]}{word_lists.RIGHT[(i * 5) % 60]}.example".lower()
    value = domain if i % 3 == 0 else f"stop{i}@{domain}"
    return lambda now: {
        "id": key,
        "timestamp_created": iso(created),
        "organization_id": plan.workspace_id,
        "bl_value": value,
        "is_domain": i % 3 == 0,
    }


Maker = Callable[[Plan, str, int, int], Record]


def _fixed(plan: Plan, name: str, count: int, make: Maker) -> Collection:
    """Records that were created before the window; two share a timestamp, as imports do."""
    items = []
    for i in range(count):
        twin = 1 if name == "lead_lists" else 0
        created = plan.window - 120 * DAY + max(i, twin) * 11 * DAY + stable(plan.seed, name) % DAY
        key = uuid_at(created, plan.seed, plan.workspace, name, i)
        items.append(Item(key, created, _bound(make, plan, key, i, created)))
    return Collection(name, items)


def _bound(make: Maker, plan: Plan, key: str, i: int, created: int) -> Callable[[int], Record]:
    return lambda now: make(plan, key, i, created)


def _lead_list(plan: Plan, key: str, i: int, created: int) -> Record:
    record: Record = {
        "id": key,
        "organization_id": plan.workspace_id,
        "name": word_lists.LIST_NAMES[i],
        "timestamp_created": iso(created),
    }
    if i % 3:
        record["has_enrichment_task"] = i % 2 == 0
    if i % 4 == 0:
        record["owned_by"] = plan.owner_id
    return record


def _lead_label(plan: Plan, key: str, i: int, created: int) -> Record:
    label, mood, value = word_lists.LABELS[i]
    record: Record = {
        "id": key,
        "timestamp_created": iso(created),
        "created_by": plan.owner_id,
        "organization_id": plan.workspace_id,
        "label": label,
        "interest_status_label": mood,
        "interest_status": value,
    }
    if i % 2 == 0:
        record["use_with_ai"] = i == 0
        record["description"] = f"Use for: {label.lower()}"
    return record


def _custom_tag(plan: Plan, key: str, i: int, created: int) -> Record:
    record: Record = {
        "id": key,
        "timestamp_created": iso(created),
        "timestamp_updated": iso(created),
        "organization_id": plan.workspace_id,
        "label": word_lists.TAGS[i],
    }
    if i % 2:
        record["description"] = f"{word_lists.TAGS[i]} of the team"
    return record


def _api_key(plan: Plan, key: str, i: int, created: int) -> Record:
    name, scopes = (
        ("warehouse", ["all:read"]),
        ("zapier", ["leads:create", "leads:update"]),
        ("everything", ["all:all"]),
        ("dashboards", ["campaigns:read", "accounts:read"]),
    )[i]
    return {
        "id": key,
        "name": name,
        "scopes": scopes,
        "key": f"sk-sandbox-SECRET-{uuid4(plan.seed, plan.workspace, 'secret', i)}",
        "organization_id": plan.workspace_id,
        "timestamp_created": iso(created),
        "timestamp_updated": iso(created),
    }


def webhooks(plan: Plan) -> Collection:
    """Two that lead out of this machine, so nothing is ever sent to them: one has a secret header."""
    return _fixed(plan, "webhooks", 2, _webhook)


def _webhook(plan: Plan, key: str, i: int, created: int) -> Record:
    record: Record = {
        "id": key,
        "organization": plan.workspace_id,
        "target_hook_url": (
            "https://hooks.example/in/replies",
            "https://hooks.example/in/all?token=wh-sandbox-SECRET-2",
        )[i],
        "event_type": ("reply_received", "all_events")[i],
        "timestamp_created": iso(created),
        "status": 1,
    }
    if i == 0:
        record |= {"name": "Replies to CRM", "headers": {"x-api-key": "hk-sandbox-SECRET-1"}}
    return record
