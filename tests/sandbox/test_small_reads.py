"""Records by their id, sums of placement tests, and reads that no stream needs."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.conftest import Api

LISTS = (
    "campaigns",
    "lead-lists",
    "lead-labels",
    "block-lists-entries",
    "custom-tags",
    "webhooks",
    "webhook-events",
    "subsequences",
    "workspace-members",
    "background-jobs",
    "inbox-placement-tests",
    "email-templates",
    "sales-flow",
    "custom-prompt-templates",
)
NOBODY = "0199aaaa-0000-7000-8000-000000000001"


@pytest.mark.parametrize("path", LISTS)
def test_a_record_is_read_by_its_id_as_the_list_shows_it(still: Api, path: str) -> None:
    listed = still.items(path)
    assert listed
    assert all(still.get(f"{path}/{record['id']}") == record for record in listed[:20])
    assert still.status(f"{path}/{NOBODY}") == 404


@pytest.mark.parametrize("path", ["inbox-placement-analytics", "inbox-placement-reports"])
def test_results_of_every_placement_test_are_read_by_their_id(still: Api, path: str) -> None:
    for test in still.items("inbox-placement-tests"):
        record = still.items(path, test_id=test["id"])[-1]
        assert still.get(f"{path}/{record['id']}") == record
    assert still.status(f"{path}/{NOBODY}") == 404


def test_a_member_of_a_group_is_read_by_its_id(make: Callable[..., Api]) -> None:
    api = make(workspaces=2, leads=20)
    member = api.items("workspace-group-members")[0]
    assert api.get(f"workspace-group-members/{member['id']}") == member


def test_options_of_placement_tests_are_not_taken_for_an_id(still: Api) -> None:
    options = still.get("inbox-placement-tests/email-service-provider-options")
    assert all(option.keys() == {"region", "sub_region", "type", "esp"} for option in options)


def test_a_subsequence_tells_whether_it_sends(still: Api) -> None:
    key = still.items("subsequences")[0]["id"]
    assert still.get(f"subsequences/{key}/sending-status").keys() == {"diagnostics", "summary"}
    assert still.status(f"subsequences/{NOBODY}/sending-status") == 404


def _placement(api: Api, name: str) -> tuple[str, list[Any]]:
    key = next(test["id"] for test in api.items("inbox-placement-tests") if test["name"] == name)
    return key, api.items("inbox-placement-analytics", test_id=key)


def test_sums_by_test_count_what_the_results_say(still: Api) -> None:
    key, results = _placement(still, "Weekly")
    (row,) = still.post("inbox-placement-analytics/stats-by-test-id", {"test_ids": [key, NOBODY]})
    spam = sum(result["is_spam"] for result in results)
    assert (row["test_id"], row["count"], row["spam_count"]) == (key, len(results), spam)
    assert row["spam_count"] + row["inbox_count"] + row["category_count"] == len(results)
    assert row["spam_percent"] == round(100 * spam / len(results), 2)


def test_sums_by_date_are_those_of_each_day(still: Api) -> None:
    key, results = _placement(still, "Weekly")
    rows = still.post("inbox-placement-analytics/stats-by-date", {"test_id": key})
    days = [row["timestamp_created_date"] for row in rows]
    assert days == sorted({result["timestamp_created_date"] for result in results})
    assert sum(row["received_count"] for row in rows) == len(results)
    asked = {"test_id": key, "date_from": days[1], "date_to": days[1]}
    assert still.post("inbox-placement-analytics/stats-by-date", asked) == [rows[1]]


def test_filters_narrow_the_sums(still: Api) -> None:
    key, results = _placement(still, "Weekly")
    asked = {"test_ids": [key], "recipient_geo": [1], "sender_email": results[0]["sender_email"]}
    (row,) = still.post("inbox-placement-analytics/stats-by-test-id", asked)
    kept = [r for r in results if r["recipient_geo"] == 1 and r["sender_email"] == results[0]["sender_email"]]
    assert row["count"] == len(kept)


def test_results_are_filtered_by_the_query(still: Api) -> None:
    key, results = _placement(still, "Weekly")
    found = still.items("inbox-placement-analytics", test_id=key, recipient_geo="1,3", recipient_type="1")
    assert found == [r for r in results if r["recipient_geo"] in (1, 3) and r["recipient_type"] == 1] != results
    sender = results[0]["sender_email"]
    found = still.items("inbox-placement-analytics", test_id=key, recipient_esp="2", sender_email=sender)
    assert found == [r for r in results if r["recipient_esp"] == 2 and r["sender_email"] == sender] != []


def test_insights_compare_pairs_of_providers_with_the_time_before(still: Api) -> None:
    key, results = _placement(still, "Weekly")
    days = sorted({result["timestamp_created_date"] for result in results})
    asked = {"test_id": key, "date_from": days[2], "previous_date_to": days[1], "show_previous": True}
    rows = still.post("inbox-placement-analytics/deliverability-insights", asked)
    pairs = {(r["sender_esp"], r["recipient_esp"]) for r in results}
    assert {(row["sender_esp"], row["recipient_esp"]) for row in rows} == pairs
    assert all(0 <= row["prev_inbox_percentage"] <= 100 for row in rows)
    assert all(row["previous_to"] == days[1] for row in rows)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("stats-by-test-id", {}, "body must have required property 'test_ids'"),
        ("stats-by-date", {"test_id": {}}, "body/test_id must be string"),
        ("stats-by-date", {"test_id": "x", "recipient_geo": [9]}, "body/recipient_geo/0 must be equal to one of"),
        ("deliverability-insights", {"test_id": "x", "show_previous": "yes"}, "body/show_previous must be boolean"),
    ],
)
def test_wrong_bodies_of_sums_are_refused(still: Api, path: str, body: Any, message: str) -> None:
    answer = still.http.post(f"/api/v2/inbox-placement-analytics/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


def test_phone_numbers_are_a_bare_array_of_the_workspaces_own(still: Api) -> None:
    workspace = still.get("workspaces/current")["id"]
    assert [number["organization_id"] for number in still.get("crm-actions/phone-numbers")] == [workspace]


def test_a_whitelabel_domain_is_verified_where_the_workspace_has_one(api: Api) -> None:
    assert api.get("workspaces/current/whitelabel-domain")["verified"] is False
    key, domain = api.get("workspaces/current")["id"], "clients.agency.example"
    api.mutate({"op": "update", "collection": "workspaces", "id": key, "set": {"org_client_domain": domain}})
    found = api.get("workspaces/current/whitelabel-domain")
    assert (found["name"], found["verified"]) == (domain, True)


def test_bought_mailboxes_are_accounts_and_show_passwords_only_when_asked(still: Api) -> None:
    bought = still.items("dfy-email-account-orders/accounts")
    emails = {account["email"] for account in still.items("accounts")}
    assert bought
    assert all(row["email"] in emails and "password" not in row for row in bought)
    assert all(row["password"] for row in still.items("dfy-email-account-orders/accounts", with_passwords="true"))
    domains = {row["domain"] for row in still.items("dfy-email-account-orders")}
    assert domains == {row["domain"] for row in bought}


def test_the_cursor_of_bought_mailboxes_is_an_id_and_a_time(still: Api) -> None:
    every = still.items("dfy-email-account-orders/accounts")
    page = still.get("dfy-email-account-orders/accounts", limit=1)
    assert page["next_starting_after"] == f"{every[0]['id']}:{every[0]['timestamp_created']}"
    following = still.get("dfy-email-account-orders/accounts", limit=1, starting_after=page["next_starting_after"])
    assert following["items"] == [every[1]]


def test_enrichment_of_a_list_a_campaign_and_nothing(still: Api) -> None:
    lists = still.items("lead-lists")
    enriched = next(r["id"] for r in lists if r.get("has_enrichment_task"))
    plain = still.items("campaigns")[0]["id"]
    assert still.get(f"supersearch-enrichment/{enriched}")["exists"] is True
    assert still.get(f"supersearch-enrichment/{plain}") == {"resource_id": plain, "exists": False}
    assert len(still.get(f"supersearch-enrichment/history/{enriched}")) == 1
    assert still.get(f"supersearch-enrichment/ai/{plain}/in-progress") == []
    assert still.status(f"supersearch-enrichment/{NOBODY}") == 404


def test_an_address_and_a_tracking_domain_are_checked(still: Api) -> None:
    assert still.get("email-verification/bo@clinic.example")["verification_status"] in ("verified", "invalid")
    assert still.get("accounts/ctd/status", host="nowhere.example")["success"] is False
    assert still.status("accounts/ctd/status") == 400


@pytest.mark.parametrize(
    "path", ["email-templates", "sales-flow", "dfy-email-account-orders", "crm-actions/phone-numbers"]
)
def test_each_needs_its_scope(api: Api, path: str) -> None:
    api.switch(key_scopes={api.key: ["campaigns:read"]})
    assert api.status(path) == 403
    api.switch(key_scopes={api.key: ["all:read"]})
    assert api.status(path) == 200
