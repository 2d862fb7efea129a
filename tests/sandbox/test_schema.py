"""Every answer of the live profile is what the vendor's schemas say, less the named deviations."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.deviations import DEVIATIONS
from tests.sandbox.schemas import ROUTES, faults

OF_A_TEST = ("inbox-placement-analytics", "inbox-placement-reports")
WRITES = {route for route in ROUTES if "/webhooks" in route and not route.startswith("GET")}  # test_webhooks has them
READS = sorted(ROUTES.keys() - WRITES)
LISTS = sorted(
    route
    for route, spec in ROUTES.items()
    if route.startswith("GET") and "{" not in route and "items" in spec["responses"]["200"].get("properties", {})
)


def _answers(api: Api, route: str) -> list[Any]:
    """Everything a route can say in this world."""
    path = route.split(" ")[1].removeprefix("/api/v2/")
    head, _, tail = path.partition("/{")
    params = {"test_id": api.items("inbox-placement-tests")[0]["id"]} if head in OF_A_TEST else {}
    if route in LISTS:
        return api.pages(path, **params)
    if route == "GET /api/v2/account-campaign-mappings/{email}":
        return [api.get(f"account-campaign-mappings/{a['email']}", limit=100) for a in api.items("accounts")]
    if route == "GET /api/v2/subsequences/analytics":
        return [api.get(path, campaign_id=c["id"]) for c in api.items("campaigns")]
    if route == "GET /api/v2/subsequences/{id}/analytics/steps":
        return [api.get(f"subsequences/{s['id']}/analytics/steps") for s in api.items("subsequences")]
    if route == "GET /api/v2/campaigns/analytics/steps":
        every = [api.get(path, include_opportunities_count="true")]
        return every + [api.get(path, campaign_id=c["id"]) for c in api.items("campaigns")]
    if route == "POST /api/v2/accounts/warmup-analytics":
        return [api.post("accounts/warmup-analytics", {"emails": [a["email"] for a in api.items("accounts")]})]
    if route == "POST /api/v2/leads/list":
        return [{"items": api.leads()}, api.post("leads/list", {})]
    if not tail:
        return [api.get(path)]
    parents = api.leads()[:300:30] if head == "leads" else api.items(head, **params)[:30]
    key, _, rest = tail.partition("}")
    return [api.get(f"{head}/{p[key]}{rest}") for p in parents]


@pytest.mark.parametrize("route", READS)
def test_every_answer_is_valid_by_the_vendors_schema(still: Api, route: str, make: Callable[..., Api]) -> None:
    answers = _answers(make(workspaces=2, leads=20) if "group-members" in route else still, route)
    assert answers
    for answer in answers:
        assert faults(route, answer)[0] == []


@pytest.mark.parametrize("route", LISTS)
def test_a_list_has_something_in_it(still: Api, route: str, make: Callable[..., Api]) -> None:
    api = make(workspaces=2, leads=20) if "group-members" in route else still
    assert any(page["items"] for page in _answers(api, route))


@pytest.mark.medium
def test_no_deviation_is_named_that_never_happens(still: Api) -> None:
    met: set[str] = set()
    for route in ("GET /api/v2/campaigns", "POST /api/v2/leads/list", "GET /api/v2/inbox-placement-tests"):
        for answer in _answers(still, route):
            met |= faults(route, answer)[1]
    assert met == set(DEVIATIONS)


@pytest.mark.parametrize("status", [401, 402, 429])
@pytest.mark.parametrize("route", ["GET /api/v2/campaigns", "GET /api/v2/accounts", "GET /api/v2/campaigns/analytics"])
def test_error_bodies_are_valid_by_the_vendors_schema(api: Api, route: str, status: int) -> None:
    if status == 429:
        api.switch(rate_limits={"sustained_seconds": 30})
    else:
        api.switch(key_status={api.key: status})
    answer = api.http.get(route.split(" ")[1])
    assert answer.status_code == status
    assert faults(route, answer.json(), status=status)[0] == []


def test_413_of_account_analytics_is_valid_by_the_vendors_schema(api: Api) -> None:
    api.switch(max_account_emails=3)
    route = "GET /api/v2/accounts/analytics/daily"
    answer = api.http.get("/api/v2/accounts/analytics/daily")
    assert answer.status_code == 413
    assert faults(route, answer.json(), status=413)[0] == []


@pytest.mark.medium
def test_a_world_that_moved_on_is_still_valid(make: Callable[..., Api]) -> None:
    api = make(leads=300)
    api.control("POST", "advance", {"days": 40})
    for route in ("GET /api/v2/campaigns", "GET /api/v2/accounts", "POST /api/v2/leads/list"):
        for answer in _answers(api, route):
            assert faults(route, answer)[0] == []
