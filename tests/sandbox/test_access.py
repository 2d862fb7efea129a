"""Keys, scopes, User-Agents, unknown routes and rate limits."""

import time
from collections.abc import Callable

import httpx
import pytest

from instantly_sandbox.limits import Limiter, Window
from instantly_sandbox.switches import RateLimits
from tests.sandbox.conftest import AGENT, Api


def test_a_missing_and_a_wrong_key_are_401(still: Api) -> None:
    url, agent = f"{still.url}/api/v2/campaigns", {"user-agent": AGENT}
    missing = httpx.get(url, verify=False, headers=agent)
    assert missing.status_code == 401
    assert missing.json() == {"statusCode": 401, "error": "Unauthorized", "message": "Missing authorization header"}
    wrong = httpx.get(url, verify=False, headers={**agent, "authorization": "Bearer nope"})
    assert wrong.json() == {"statusCode": 401, "error": "Unauthorized", "message": "Invalid API key"}
    assert httpx.get(url, verify=False, headers={**agent, "authorization": f"Basic {still.key}"}).status_code == 401


@pytest.mark.parametrize("agent", ["python-httpx/0.28.1", "python-requests/2.32", "Python-urllib/3.11"])
def test_library_user_agents_are_stopped_at_the_edge(still: Api, agent: str) -> None:
    answer = still.http.get("/api/v2/campaigns", headers={"user-agent": agent})
    assert (answer.status_code, answer.text) == (403, "error code: 1010")
    assert not answer.headers["content-type"].startswith("application/json")


def test_library_user_agents_can_be_let_in(api: Api) -> None:
    api.switch(library_agents=False)
    assert api.http.get("/api/v2/campaigns", headers={"user-agent": "python-httpx/0.28"}).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "opens"),
    [
        (["campaigns:read"], {"campaigns", "campaigns/analytics"}),
        (["leads:all", "lead-labels:read"], {"lead-labels"}),
        (["all:read"], {"campaigns", "campaigns/analytics", "accounts", "lead-labels", "api-keys", "lead-lists"}),
        (["all:all"], {"campaigns", "campaigns/analytics", "accounts", "lead-labels", "api-keys", "lead-lists"}),
        (["accounts:create", "all:delete"], set()),
    ],
)
def test_a_key_reads_what_its_scopes_open(api: Api, scopes: list[str], opens: set[str]) -> None:
    api.switch(key_scopes={api.key: scopes})
    paths = ["campaigns", "campaigns/analytics", "accounts", "lead-labels", "api-keys", "lead-lists"]
    assert {p for p in paths if api.status(p) == 200} == opens
    assert {api.status(p) for p in paths} <= {200, 403}


def test_a_missing_scope_is_a_403_in_json(api: Api) -> None:
    api.switch(key_scopes={api.key: ["campaigns:read"]})
    answer = api.http.post("/api/v2/leads/list", json={})
    assert answer.status_code == 403
    assert answer.json().keys() == {"statusCode", "error", "message"}


def test_an_empty_list_of_scopes_opens_nothing(api: Api) -> None:
    api.switch(key_scopes={api.key: []})
    assert api.status("campaigns") == 403


def test_keys_and_streams_can_be_refused_one_by_one(make: Callable[..., Api]) -> None:
    api = make(workspaces=2, extra_keys=("second-key",))
    api.switch(key_status={"second-key": 402}, stream_status={"/api/v2/accounts": 403})
    assert api.status("campaigns") == 200
    assert api.status("accounts") == 403
    other = Api(api.url, "second-key")
    answer = other.http.get("/api/v2/campaigns")
    assert answer.status_code == 402
    assert answer.json()["message"] == "Workspace does not have an active paid plan"
    other.http.close()


def test_two_keys_can_open_one_workspace(make: Callable[..., Api]) -> None:
    api = make(extra_keys=("second-key",))
    other = Api(api.url, "second-key")
    assert other.get("workspaces/current") == api.get("workspaces/current")
    other.http.close()


def test_the_first_workspaces_key_can_act_as_another(make: Callable[..., Api]) -> None:
    api = make(workspaces=2)
    second = api.control("GET", "state")["workspaces"][1]
    assert api.items("workspace-group-members")[0]["sub_workspace_id"] == second["id"]
    answer = api.http.get("/api/v2/workspaces/current", headers={"x-as-workspace": second["id"]})
    assert answer.json()["id"] == second["id"]
    stranger = api.http.get("/api/v2/workspaces/current", headers={"x-as-workspace": "nobody"})
    assert stranger.status_code == 403
    other = Api(api.url, second["key"])
    first = api.get("workspaces/current")["id"]
    assert other.http.get("/api/v2/campaigns", headers={"x-as-workspace": first}).status_code == 403
    other.http.close()


def test_unknown_routes_and_records_are_404(still: Api) -> None:
    route = still.http.get("/api/v2/nothing")
    assert route.text == '{"message":"Route GET:/api/v2/nothing not found","error":"Not Found","statusCode":404}'
    nobody = "0199aaaa-0000-7000-8000-000000000001"
    for path in ("campaigns", "leads", "lead-lists", "custom-tags", "block-lists-entries", "emails"):
        answer = still.http.get(f"/api/v2/{path}/{nobody}")
        assert answer.status_code == 404
        assert answer.json()["message"] == "Resource not found"
        assert still.http.get(f"/api/v2/{path}/not-a-uuid").status_code == 400
    assert still.status("accounts/nobody@nowhere.example") == 404
    assert still.http.post("/api/v2/campaigns", json={}).status_code == 404


def test_an_account_is_found_by_its_encoded_address(still: Api) -> None:
    account = still.items("accounts")[0]
    encoded = account["email"].replace("@", "%40")
    assert still.http.get(f"/api/v2/accounts/{encoded}").json()["email"] == account["email"]


def test_requests_over_the_limit_are_429_and_cost_nothing(make: Callable[..., Api]) -> None:
    api = make(rate_limited=True)
    api.switch(rate_limits={"per_second": 1000, "per_minute": 5})
    codes = [api.status("campaigns", limit=1) for _ in range(9)]
    assert codes == [200] * 5 + [429] * 4
    answer = api.http.get("/api/v2/campaigns")
    assert answer.json() == {"statusCode": 429, "error": "Too Many Requests", "message": "Rate limit exceeded"}
    assert not {k for k in answer.headers if "ratelimit" in k or k == "retry-after"}
    requests = api.control("GET", "requests")
    assert requests["rejected"] == 5
    assert requests["by_path"]["GET /api/v2/campaigns"]["by_status"] == {"200": 5, "429": 5}


def test_limits_are_per_workspace_shared_by_its_keys(make: Callable[..., Api]) -> None:
    api = make(rate_limited=True, workspaces=2, extra_keys=("second-key",))
    api.switch(rate_limits={"per_minute": 2})
    same, other = Api(api.url, "second-key"), Api(api.url, "sandbox-key-2")
    assert [api.status("campaigns"), same.status("campaigns"), api.status("campaigns")] == [200, 200, 429]
    assert other.status("campaigns") == 200
    for one in (same, other):
        one.http.close()


def test_emails_have_a_budget_of_their_own(make: Callable[..., Api]) -> None:
    api = make(rate_limited=True)
    api.switch(rate_limits={"emails_per_minute": 2})
    assert [api.status("emails", limit=1) for _ in range(3)] == [200, 200, 429]
    assert api.status("campaigns") == 200


def test_rate_headers_and_sustained_refusals_can_be_had(make: Callable[..., Api]) -> None:
    api = make(rate_limited=True)
    api.switch(rate_limits={"headers": True, "retry_after": True, "sustained_seconds": 0.4})
    refused = api.http.get("/api/v2/campaigns")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    time.sleep(0.45)
    passed = api.http.get("/api/v2/campaigns")
    assert passed.status_code == 200
    assert passed.headers["x-ratelimit-remaining"] == "5999"


def test_default_limits_are_the_vendors() -> None:
    limits = RateLimits()
    assert (limits.enabled, limits.per_second, limits.per_minute, limits.emails_per_minute) == (True, 100, 6000, 20)


@pytest.mark.parametrize(("kind", "expected"), [("sliding", 0), ("fixed", 10), ("bucket", 5)])
def test_windows_differ_in_what_they_admit_after_the_turn_of_a_second(kind: str, expected: int) -> None:
    """Ten at 0.9 s (of ten a second): how many more at 1.4 s?"""
    window, admitted = Window(1.0), []
    for now in [0.9] * 10 + [1.4] * 10:
        if window.wait(10, kind, now) <= 0:
            window.take(kind, now)
            admitted.append(now)
    assert admitted.count(0.9) == 10
    assert admitted.count(1.4) == expected


def test_a_limiter_tells_how_long_to_wait() -> None:
    limiter, limits = Limiter(), RateLimits(per_second=1)
    assert limiter.admit(limits, 5.0, emails=False) == 0
    assert limiter.admit(limits, 5.25, emails=False) == pytest.approx(0.75)
    limits.enabled = False
    assert limiter.admit(limits, 5.25, emails=False) == 0


@pytest.mark.parametrize("kind", ["sliding", "fixed"])
def test_another_client_of_the_workspace_takes_its_part_of_the_limit(kind: str) -> None:
    limiter, limits = Limiter(), RateLimits(per_minute=60, window=kind, others_per_second=0.5)
    assert limiter.admit(limits, 600.0, emails=False) == 0
    assert sum(limiter.admit(limits, 659.9, emails=False) == 0 for _ in range(100)) == 60 - 1 - 30


def test_a_further_limit_holds_beside_the_others() -> None:
    limiter, limits = Limiter(), RateLimits(further=[(20, 5.0)])
    assert sum(limiter.admit(limits, 600.0, emails=False) == 0 for _ in range(30)) == 20
    assert limiter.admit(limits, 604.0, emails=False) == pytest.approx(1.0)
    assert sum(limiter.admit(limits, 605.0, emails=False) == 0 for _ in range(30)) == 20


def test_fixed_windows_turn_with_the_calendar() -> None:
    limiter, limits = Limiter(to_calendar=59.5), RateLimits(per_minute=1, window="fixed")
    assert limiter.admit(limits, 0.0, emails=False) == 0
    assert limiter.admit(limits, 0.4, emails=False) == pytest.approx(0.1)
    assert limiter.admit(limits, 0.6, emails=False) == 0
