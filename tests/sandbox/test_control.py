"""The control plane: changes by hand, state, the request log."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.sandbox.conftest import Api

NOBODY = "0199aaaa-0000-7000-8000-000000000001"


def test_a_lead_can_be_deleted_and_restored(api: Api) -> None:
    before = api.leads()
    lead = before[10]
    assert api.mutate({"op": "delete_lead", "id": lead["id"]}) == 1
    assert api.status(f"leads/{lead['id']}") == 404
    assert api.leads() == before[:10] + before[11:]
    assert api.mutate({"op": "delete_lead", "id": lead["id"]}) == 0
    assert api.mutate({"op": "restore", "collection": "leads", "id": lead["id"]}) == 1
    assert api.leads() == before


def test_deleting_leads_leaves_past_figures_but_not_the_count(api: Api) -> None:
    row = max(api.get("campaigns/analytics"), key=lambda r: r["leads_count"])
    key = row["campaign_id"]
    daily = api.get("campaigns/analytics/daily", campaign_id=key)
    assert api.mutate({"op": "delete_leads", "campaign": key, "count": 7}) == 7
    after = api.get("campaigns/analytics", id=key)[0]
    assert after == {**row, "leads_count": row["leads_count"] - 7}
    assert api.get("campaigns/analytics/daily", campaign_id=key) == daily


def test_leads_can_be_deleted_by_filter_and_by_ids(api: Api) -> None:
    bounced = [lead for lead in api.leads() if lead["status"] == -1]
    assert api.mutate({"op": "delete_leads", "where": {"filter": "FILTER_VAL_BOUNCED"}}) == len(bounced) > 0
    some = [lead["id"] for lead in api.leads()[:5]]
    assert api.mutate({"op": "delete_leads", "ids": some}) == 5
    assert not set(some) & {lead["id"] for lead in api.leads()}


def test_a_deleted_lead_is_written_to_no_more(make: Callable[..., Api]) -> None:
    api = make(leads=1000)
    waiting = [lead["id"] for lead in api.leads(filter="FILTER_VAL_ACTIVE", in_campaign=True)]
    api.mutate({"op": "delete_leads", "ids": waiting})
    api.control("POST", "advance", {"days": 10})
    sends = [e for e in api.state("events") if e["kind"] == "sent" and e["at"] > "2026-09-16T14:30"]
    assert sends
    assert not {e["lead"] for e in sends} & set(waiting)


def test_a_lead_can_be_moved_to_a_campaign_and_to_a_list(api: Api) -> None:
    lead = next(r for r in api.leads() if "campaign" in r and "list_id" in r)
    target = next(c["id"] for c in api.items("campaigns") if c["id"] != lead["campaign"])
    api.mutate({"op": "move_lead", "id": lead["id"], "campaign": target})
    moved = api.get(f"leads/{lead['id']}")
    assert (moved["campaign"], moved["list_id"]) == (target, lead["list_id"])
    assert moved["timestamp_updated"] == "2026-09-16T14:30:00.000Z"
    assert moved in api.leads(campaign=target)
    shelf = api.items("lead-lists")[2]["id"]
    api.mutate({"op": "move_lead", "ids": [lead["id"]], "list_id": shelf})
    moved = api.get(f"leads/{lead['id']}")
    assert moved["list_id"] == shelf
    assert "campaign" not in moved
    assert moved in api.leads(list_id=shelf, in_campaign=False)


def test_a_lead_moved_twice_was_written_to_at_no_time_in_between(make: Callable[..., Api]) -> None:
    api = make(leads=400)
    active = [r["id"] for r in api.leads(filter="FILTER_VAL_ACTIVE", in_campaign=True)]
    shelf, other = (row["id"] for row in api.items("lead-lists")[:2])
    api.mutate({"op": "move_lead", "ids": active, "list_id": shelf})
    before = len(api.state("events"))
    api.control("POST", "advance", {"days": 9})
    api.mutate({"op": "move_lead", "ids": active, "list_id": other})
    fresh = [e for e in api.state("events") if e["at"] > "2026-09-16T14:30"]
    assert len(fresh) > 10
    assert before > 100
    assert not {e["lead"] for e in fresh} & set(active)


@pytest.mark.parametrize("keep", [False, True])
def test_a_campaign_can_be_deleted_with_or_without_its_leads(api: Api, keep: bool) -> None:
    row = max(api.get("campaigns/analytics"), key=lambda r: r["leads_count"])
    key, before = row["campaign_id"], api.leads()
    daily = api.get("campaigns/analytics/daily", campaign_id=key)
    assert api.mutate({"op": "delete_campaign", "id": key, "keep_leads": keep}) == 1
    assert api.status(f"campaigns/{key}") == 404
    assert key in api.control("GET", "state")["workspaces"][0]["deleted_campaigns"]
    after = api.leads()
    assert len(after) == (len(before) if keep else len(before) - row["leads_count"])
    assert not [lead for lead in after if lead.get("campaign") == key]
    assert api.get("campaigns/analytics/daily", campaign_id=key) == daily
    assert key not in {r["campaign_id"] for r in api.get("campaigns/analytics")}
    api.switch(list_deleted_campaigns=True, deleted_daily=False)
    assert key in {r["campaign_id"] for r in api.get("campaigns/analytics")}
    assert api.status("campaigns/analytics/daily", campaign_id=key) == 404


@pytest.mark.parametrize(
    ("path", "collection"),
    [
        ("leads", "leads"),
        ("campaigns", "campaigns"),
        ("accounts", "accounts"),
        ("lead-lists", "lead_lists"),
        ("lead-labels", "lead_labels"),
        ("block-lists-entries", "block_list_entries"),
        ("custom-tags", "custom_tags"),
        ("api-keys", "api_keys"),
    ],
)
def test_any_record_can_be_patched_deleted_restored_and_inserted(api: Api, path: str, collection: str) -> None:
    def listed() -> dict[str, Any]:
        rows = api.leads() if path == "leads" else api.items(path)
        return {row["email" if path == "accounts" else "id"]: row for row in rows}

    before = listed()
    key = list(before)[1]
    field = "first_name" if path == "accounts" else "timestamp_created"
    patch = {"new_field": [1, {"x": None}], field: 5}
    update = {"op": "update", "collection": collection, "id": key, "set": patch, "unset": ["organization_id"]}
    assert api.mutate(update) == 1
    expected = {k: v for k, v in {**before[key], **patch}.items() if k != "organization_id"}
    api.switch(account_order="desc") if path != "accounts" else None
    if path not in ("lead-lists", "lead-labels"):
        assert listed()[key] == expected
    api.mutate({**update, "set": {field: before[key][field]}, "unset": ["new_field"]})
    assert api.mutate({"op": "delete", "collection": collection, "id": key}) == 1
    assert key not in listed()
    assert api.mutate({"op": "restore", "collection": collection, "id": key}) == 1
    assert key in listed()
    fresh = {**before[key], ("email" if path == "accounts" else "id"): NOBODY}
    assert api.mutate({"op": "insert", "collection": collection, "record": fresh}) == 1
    assert listed()[NOBODY] == fresh


def test_a_touch_moves_timestamp_updated(api: Api) -> None:
    lead = api.leads()[0]
    api.mutate({"op": "update", "collection": "leads", "id": lead["id"], "set": {"phone": "1"}})
    assert api.get(f"leads/{lead['id']}")["timestamp_updated"] == lead["timestamp_updated"]
    api.mutate({"op": "update", "collection": "leads", "id": lead["id"], "set": {"phone": "2"}, "touch": True})
    assert api.get(f"leads/{lead['id']}")["timestamp_updated"] == "2026-09-16T14:30:00.000Z"


def test_a_patched_address_is_found_and_the_old_one_is_not(api: Api) -> None:
    lead = next(r for r in api.leads() if "email" in r)
    api.mutate({"op": "update", "collection": "leads", "id": lead["id"], "set": {"email": "new@there.example"}})
    assert [r["id"] for r in api.leads(contacts=["new@there.example"])] == [lead["id"]]
    assert lead["id"] not in {r["id"] for r in api.leads(contacts=[lead["email"]])}


def test_a_campaign_can_be_renamed(api: Api) -> None:
    key = api.items("campaigns")[0]["id"]
    api.mutate({"op": "rename_campaign", "id": key, "name": "Other"})
    assert api.get(f"campaigns/{key}")["name"] == "Other"


def test_days_can_be_restated_and_can_vanish(api: Api) -> None:
    row = api.get("campaigns/analytics")[0]
    key, whole = row["campaign_id"], api.get("campaigns/analytics/daily")
    daily = api.get("campaigns/analytics/daily", campaign_id=key)
    first, second = daily[3], daily[4]
    api.mutate(
        {"op": "restate_daily", "campaign_id": key, "date": first["date"], "set": {"sent": 999}},
        {"op": "vanish_day", "campaign_id": key, "date": second["date"]},
    )
    after = api.get("campaigns/analytics/daily", campaign_id=key)
    assert after == [*daily[:3], {**first, "sent": 999}, *daily[5:]]
    total = {d["date"]: d["sent"] for d in api.get("campaigns/analytics/daily")}
    before = {d["date"]: d["sent"] for d in whole}
    assert total[first["date"]] == before[first["date"]] - first["sent"] + 999
    api.mutate(*[{"op": "unrestate_daily", "campaign_id": key, "date": d["date"]} for d in (first, second)])
    assert api.get("campaigns/analytics/daily", campaign_id=key) == daily


def test_an_account_can_be_deleted(api: Api) -> None:
    email = api.items("accounts")[0]["email"]
    assert api.mutate({"op": "delete_account", "email": email}) == 1
    assert api.status(f"accounts/{email}") == 404


def test_a_new_campaign_can_have_leads_moved_to_it(api: Api) -> None:
    template = api.items("campaigns")[0]
    api.mutate({"op": "insert", "collection": "campaigns", "record": {**template, "id": NOBODY}})
    lead = api.leads()[0]
    api.mutate({"op": "move_lead", "id": lead["id"], "campaign": NOBODY})
    assert [r["id"] for r in api.leads(campaign=NOBODY)] == [lead["id"]]
    assert api.get("campaigns/analytics/daily", campaign_id=NOBODY) == []
    api.get("campaigns/analytics/overview")


def test_changes_are_made_in_the_workspace_asked_for(make: Callable[..., Api]) -> None:
    api = make(workspaces=2)
    second = api.control("GET", "state")["workspaces"][1]
    lead = api.state("leads", workspace=second["id"])[0]
    assert api.http.post("/_sandbox/mutate", json={"op": "delete_lead", "id": lead["id"]}).status_code == 400
    assert api.mutate({"op": "delete_lead", "id": lead["id"], "workspace": second["id"]}) == 1
    assert lead not in api.state("leads", workspace=second["id"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"op": "explode"},
        {"op": "delete_lead"},
        {"op": "delete_lead", "id": NOBODY},
        {"op": "move_lead", "id": NOBODY, "campaign": NOBODY},
        {"op": "update", "collection": "nothing", "id": "1", "set": {}},
        {"op": "insert", "collection": "leads", "record": {"id": "no-uuid"}},
        "nonsense",
    ],
)
def test_ops_that_are_not_understood_are_refused_with_a_reason(api: Api, wrong: Any) -> None:
    answer = api.http.post("/_sandbox/mutate", json=wrong)
    assert answer.status_code == 400
    assert len(answer.json()["error"]) > 8
    if isinstance(wrong, dict) and wrong["op"] == "explode":
        assert "delete_campaign" in answer.json()["error"]


def test_unknown_switches_and_paths_are_refused_with_the_known_ones(api: Api) -> None:
    unknown = api.http.post("/_sandbox/switches", json={"latenzy": 1})
    assert unknown.status_code == 400
    assert "latency" in unknown.json()["error"]
    assert api.http.post("/_sandbox/switches", json={"short_pages": "yes"}).status_code == 400
    assert "GET /_sandbox/clock" in api.http.get("/_sandbox/nothing").json()["known"]
    assert api.http.get("/_sandbox/state/nothing").status_code == 400
    assert api.http.get("/_sandbox/state/leads", params={"workspace": NOBODY}).status_code == 400


def test_the_state_of_a_list_that_only_its_route_knows_is_all_of_it(api: Api) -> None:
    mappings, page = api.state("custom_tag_mappings"), api.get("custom-tag-mappings", limit=100)
    assert sorted(row["id"] for row in mappings) == sorted(row["id"] for row in page["items"])
    assert page["items"][0] in mappings
    assert len(api.get("custom-tag-mappings", limit=1)["items"]) == 1 < len(mappings)


def test_the_state_shows_figures_per_campaign_and_day(api: Api) -> None:
    rows = api.state("campaign_analytics")
    assert rows == api.get("campaigns/analytics")
    key = rows[0]["campaign_id"]
    daily = [{"campaign_id": key, **d} for d in api.get("campaigns/analytics/daily", campaign_id=key)]
    assert api.state("daily_analytics", campaign_id=key) == daily
    assert len(api.state("daily_analytics")) > len(daily)
    assert api.state("workspaces") == [api.get("workspaces/current")]


def test_requests_are_counted_and_logged(api: Api) -> None:
    api.get("campaigns", limit=3)
    api.status("campaigns", limit=300)
    key = api.get("campaigns/analytics")[0]["campaign_id"]
    api.get("campaigns/analytics/daily", campaign_id=key, start_date="2026-09-01")
    api.post("leads/list", {"limit": 5, "ids": [NOBODY, NOBODY], "campaign": key})
    counts = api.control("GET", "requests")
    assert counts["total"] == 5
    assert counts["by_path"]["GET /api/v2/campaigns"] == {"count": 2, "by_status": {"200": 1, "400": 1}}
    assert counts["first_at"] <= counts["last_at"]
    log = api.control("GET", "requests/log")
    assert [(e["method"], e["path"], e["status"]) for e in log][1] == ("GET", "/api/v2/campaigns", 400)
    assert (log[3]["campaign_id"], log[3]["start_date"]) == (key, "2026-09-01")
    assert (log[4]["limit"], log[4]["ids_count"], log[4]["campaign"]) == (5, 2, key)
    assert "sandbox-key" not in json.dumps(log)
    api.control("DELETE", "requests")
    assert api.control("GET", "requests")["total"] == 0


def test_answers_are_dated_by_the_clock_of_the_world_and_as_far_ahead_as_it_is_set(api: Api) -> None:
    def dated() -> str:
        return str(api.http.get("/api/v2/campaigns").headers.get("date"))

    assert dated() == "None"
    now = api.control("GET", "clock")["now"][:16]
    api.control("POST", "clock", {"ahead_seconds": 0})
    assert parsedate_to_datetime(dated()).isoformat()[:16] == now
    api.control("POST", "clock", {"ahead_seconds": 172_800})
    assert parsedate_to_datetime(dated()) - datetime.fromisoformat(now + "Z") >= timedelta(days=2)
    api.control("POST", "clock", {"ahead_seconds": 0})
    api.http.post("/_sandbox/switches", json={"date_header": False})
    assert dated() == "None"
