"""Pages: sizes, orders, cursors, and the ways in which they go wrong on request."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.conftest import Api

LISTS = {
    "campaigns": "campaigns",
    "accounts": "accounts",
    "lead-lists": "lead_lists",
    "lead-labels": "lead_labels",
    "block-lists-entries": "block_list_entries",
    "custom-tags": "custom_tags",
    "api-keys": "api_keys",
}


def walk(api: Api, path: str, limit: int, **params: Any) -> list[Any]:
    found, cursor = [], None
    for _ in range(200):
        page = api.get(path, limit=limit, **params, **({"starting_after": cursor} if cursor else {}))
        found += page["items"]
        cursor = page.get("next_starting_after")
        if not cursor or not page["items"]:
            return found
    raise AssertionError("no end")


@pytest.mark.parametrize("path", [*LISTS, "emails", "audit-logs", "custom-tag-mappings", "webhook-events"])
def test_pages_of_any_size_give_the_same_list(still: Api, path: str) -> None:
    every = still.items(path)
    key = "email" if path == "accounts" else "id"
    if path == "emails":
        every = every[:150]
        assert walk_until(still, path, 70, 150) == every
        return
    assert walk(still, path, 4 if len(every) < 100 else 40) == every
    assert len({row[key] for row in every}) == len(every)


def test_rows_of_one_millisecond_get_lost_at_the_edge_of_a_page_with_a_timestamp_cursor(still: Api) -> None:
    every = still.items("lead-lists")
    assert every[-1]["timestamp_created"] == every[-2]["timestamp_created"]
    assert walk(still, "lead-lists", 3) == every[:-1]


def walk_until(api: Api, path: str, limit: int, enough: int) -> list[Any]:
    found, cursor = [], None
    while len(found) < enough:
        page = api.get(path, limit=limit, **({"starting_after": cursor} if cursor else {}))
        found += page["items"]
        cursor = page["next_starting_after"]
    return found[:enough]


@pytest.mark.parametrize("path", sorted(LISTS))
def test_lists_and_state_show_the_same_records(still: Api, path: str) -> None:
    key = "email" if path == "accounts" else "id"
    state = {r[key]: r for r in still.state(LISTS[path])}
    assert {r[key]: r for r in still.items(path)} == state


def test_leads_state_and_single_leads_show_the_same_records(still: Api) -> None:
    leads = still.leads()
    assert leads == still.state("leads") == still.leads(limit=7)[: len(leads)]
    for lead in leads[::300]:
        assert still.get(f"leads/{lead['id']}") == lead


@pytest.mark.parametrize("path", ["campaigns", "accounts", "block-lists-entries", "emails"])
def test_a_page_has_ten_rows_when_nobody_asks(still: Api, path: str) -> None:
    assert len(still.get(path)["items"]) == 10


def test_a_page_of_leads_has_ten_rows_when_nobody_asks(still: Api) -> None:
    assert len(still.post("leads/list", {})["items"]) == 10


def test_more_than_a_hundred_is_refused_or_empty(api: Api) -> None:
    answer = api.http.get("/api/v2/campaigns", params={"limit": 101})
    assert answer.status_code == 400
    assert answer.json() == {"statusCode": 400, "error": "Bad Request", "message": "querystring/limit must be <= 100"}
    assert api.http.post("/api/v2/leads/list", json={"limit": 500}).json()["message"] == "body/limit must be <= 100"
    assert len(api.get("audit-logs", limit=1000)["items"]) > 0
    for wrong in ("0", "-3", "many"):
        assert api.status("accounts", limit=wrong) == 400
    api.switch(limit_above_100="empty")
    assert api.get("campaigns", limit=101) == {"items": []}


def test_each_endpoint_has_its_own_order_and_cursor(still: Api) -> None:
    campaigns = still.get("campaigns", limit=5)
    ids = [c["id"] for c in campaigns["items"]]
    assert ids == sorted(ids, reverse=True)
    assert campaigns["next_starting_after"] == ids[-1]
    accounts = still.get("accounts", limit=4)
    last = accounts["items"][-1]
    assert accounts["next_starting_after"] == f"{last['timestamp_created']}&{last['email']}"
    stamps = [a["timestamp_created"] for a in accounts["items"]]
    assert stamps == sorted(stamps, reverse=True)
    lists = still.get("lead-lists", limit=4)
    assert lists["next_starting_after"] == lists["items"][-1]["timestamp_created"]
    leads = still.post("leads/list", {"limit": 4})
    assert leads["next_starting_after"] == leads["items"][-1]["id"]
    mail = [e["id"] for e in still.get("emails", limit=50)["items"]]
    assert mail == sorted(mail, reverse=True)
    oldest = [e["id"] for e in still.get("emails", limit=50, sort_order="asc")["items"]]
    assert oldest == sorted(oldest)


def test_an_accounts_cursor_cut_at_its_ampersand_walks_on_by_time_only(still: Api) -> None:
    first = still.get("accounts", limit=3)
    stamp = first["next_starting_after"].partition("&")[0]
    rest = still.get("accounts", limit=100, starting_after=stamp)["items"]
    assert [a["email"] for a in rest] == [a["email"] for a in still.items("accounts")][3:]


def test_accounts_can_be_turned_round_and_skipped(api: Api) -> None:
    newest = [a["email"] for a in api.items("accounts")]
    api.switch(account_order="asc")
    assert [a["email"] for a in walk(api, "accounts", 5)] == newest[::-1]
    by_email = api.get("accounts", sort_by="email", sort_order="asc", skip=2, limit=3)
    assert [a["email"] for a in by_email["items"]] == sorted(newest)[2:5]
    assert "next_starting_after" not in by_email


def test_the_account_list_shows_of_warmup_its_limit_only(still: Api) -> None:
    account = still.items("accounts")[0]
    assert account["warmup"].keys() == {"limit"}
    assert still.get(f"accounts/{account['email']}")["warmup"].keys() > {"limit", "advanced"}


def test_a_full_last_page_still_carries_a_cursor(make: Callable[..., Api]) -> None:
    api = make(leads=200)
    last = api.leads()[-1]["id"]
    second = api.post("leads/list", {"limit": 100, "starting_after": api.leads()[99]["id"]})
    assert second["next_starting_after"] == last
    assert api.post("leads/list", {"limit": 100, "starting_after": last}) == {"items": []}
    api.switch(trailing_cursor="never")
    second = api.post("leads/list", {"limit": 100, "starting_after": api.leads()[99]["id"]})
    assert second.keys() == {"items"}
    api.switch(trailing_cursor="always")
    assert "next_starting_after" in api.get("campaigns", limit=100)


def test_a_lead_cursor_may_be_any_text_until_switched(api: Api) -> None:
    half = "80000000-0000-4000-8000-000000000000"
    page = api.post("leads/list", {"limit": 5, "starting_after": half})
    assert [r["id"] for r in page["items"]] == [r["id"] for r in api.leads() if r["id"] > half][:5]
    api.switch(any_lead_cursor=False)
    assert api.http.post("/api/v2/leads/list", json={"starting_after": half}).status_code == 400
    api.post("leads/list", {"starting_after": page["items"][0]["id"]})


def test_a_lead_cursor_in_the_query_is_ignored(still: Api) -> None:
    first = still.post("leads/list", {"limit": 3})
    again = still.http.post("/api/v2/leads/list?starting_after=" + first["next_starting_after"], json={"limit": 3})
    assert again.json() == first


def test_short_pages_go_on(api: Api) -> None:
    every = api.leads()
    api.switch(short_pages=True)
    page = api.post("leads/list", {"limit": 100})
    assert len(page["items"]) < 100
    assert "next_starting_after" in page
    assert api.leads() == every
    assert walk(api, "block-lists-entries", 10) == api.items("block-lists-entries")


def test_rows_can_be_on_two_pages(api: Api) -> None:
    every = api.leads()
    api.switch(duplicate_rows=["leads"])
    found = api.leads()
    assert len(found) > len(every)
    assert {r["id"] for r in found} == {r["id"] for r in every}
    assert len(walk(api, "campaigns", 5)) == 12


def test_a_cursor_can_repeat_for_ever_or_go_in_circles(api: Api) -> None:
    api.switch(repeat_cursor=["leads"])
    cursor = api.post("leads/list", {"limit": 50})["next_starting_after"]
    assert api.post("leads/list", {"limit": 50, "starting_after": cursor})["next_starting_after"] == cursor
    api.switch(repeat_cursor=False, cursor_loop=["leads", "block_list_entries"])
    seen = [None]
    for _ in range(4):
        body = {"limit": 50, **({"starting_after": seen[-1]} if seen[-1] else {})}
        seen.append(api.post("leads/list", body)["next_starting_after"])
    assert seen[1] == seen[3] != seen[2] == seen[4]


@pytest.mark.parametrize(("kind", "change"), [("insert_during_crawl", 1), ("delete_during_crawl", -1)])
def test_rows_can_come_and_go_during_a_crawl(api: Api, kind: str, change: int) -> None:
    before = len(api.leads())
    api.switch(**{kind: ["leads"]})
    api.leads()
    api.switch(**{kind: False})
    after = len(api.leads())
    assert (after - before) * change > 3


def test_unknown_fields_and_enum_numbers_can_appear(api: Api) -> None:
    plain = api.leads()[0]
    api.switch(unknown_field=True, unknown_enum=["campaigns"])
    assert api.leads()[0]["sandbox_new_field"] == {"since": "2026-09", "beta": True}
    assert api.leads()[0]["status"] == plain["status"]
    assert {c["status"] for c in api.items("campaigns")} == {77}
    api.control("DELETE", "switches")
    assert api.leads()[0] == plain


def test_nulls_can_be_spelled_out(api: Api) -> None:
    assert any("phone" not in lead for lead in api.leads())
    api.switch(omit_nulls=False)
    assert all("phone" in lead for lead in api.leads())
    assert any(lead["phone"] is None for lead in api.leads())
    assert any(c["owned_by"] is None for c in api.items("campaigns"))
