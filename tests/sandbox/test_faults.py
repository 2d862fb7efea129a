"""Faults: answers and connections that go wrong on purpose."""

import json
import time

import httpx
import pytest

from tests.sandbox.conftest import Api

CAMPAIGNS = {"method": "GET", "path": "/api/v2/campaigns"}


def test_a_status_comes_as_often_as_asked_after_some_good_answers(api: Api) -> None:
    api.fault(match=CAMPAIGNS, kind="status", status=503, times=2, skip=1)
    assert [api.status("campaigns") for _ in range(4)] == [200, 503, 503, 200]
    assert api.status("accounts") == 200


def test_a_status_can_have_a_body_and_headers(api: Api) -> None:
    api.fault(kind="status", status=429, body={"error": "slow down"}, headers={"Retry-After": "7"}, times=1)
    answer = api.http.get("/api/v2/campaigns")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (429, {"error": "slow down"}, "7")


def test_a_default_status_body_is_the_apis(api: Api) -> None:
    api.fault(kind="status", status=500, times=1)
    assert api.http.get("/api/v2/campaigns").json()["error"] == "Internal Server Error"


def test_connections_can_be_reset(api: Api) -> None:
    api.fault(match=CAMPAIGNS, kind="reset", times=1)
    with pytest.raises(httpx.ReadError):
        api.http.get("/api/v2/campaigns")
    assert api.status("campaigns") == 200


@pytest.mark.parametrize("after", [None, 0, 40])
def test_answers_can_be_cut_off(api: Api, after: int | None) -> None:
    api.fault(match={**CAMPAIGNS, "after_bytes": after}, kind="truncate", times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        api.http.get("/api/v2/campaigns")
    assert api.status("campaigns") == 200


def test_bodies_can_be_broken_json_empty_html_or_cloudflares(api: Api) -> None:
    for kind in ("bad_json", "empty", "html", "cloudflare_1010"):
        api.fault(match=CAMPAIGNS, kind=kind, times=1, status=502)
    broken, empty, html, edge = (api.http.get("/api/v2/campaigns") for _ in range(4))
    assert (broken.status_code, empty.status_code, html.status_code, edge.status_code) == (200, 200, 502, 403)
    with pytest.raises(json.JSONDecodeError):
        broken.json()
    assert empty.content == b""
    assert html.headers["content-type"].startswith("text/html")
    assert edge.text == "error code: 1010"


def test_answers_can_hang_or_be_slow(api: Api) -> None:
    api.fault(match=CAMPAIGNS, kind="hang", times=1)
    with pytest.raises(httpx.ReadTimeout):
        api.http.get("/api/v2/campaigns", timeout=0.2)
    api.fault(match=CAMPAIGNS, kind="slow", seconds=0.2, times=1)
    start = time.monotonic()
    assert api.status("campaigns") == 200
    assert time.monotonic() - start >= 0.2


def test_refusals_can_last(api: Api) -> None:
    api.fault(match=CAMPAIGNS, kind="sustained_429", seconds=0.3, times=1)
    assert api.status("campaigns") == 429
    assert api.status("accounts") == 429
    time.sleep(0.35)
    assert api.status("accounts") == 200


def test_a_rate_is_the_same_in_every_run(api: Api) -> None:
    def run() -> list[int]:
        api.control("DELETE", "faults")
        api.fault(kind="status", rate=0.4)
        return [api.status("campaigns") for _ in range(30)]

    first = run()
    assert first == run()
    assert 5 < first.count(503) < 20


def test_a_fault_can_match_by_pattern_and_by_content(api: Api) -> None:
    api.fault(match={"path": "/api/v2/campaigns/analytics*"}, kind="status")
    api.fault(match={"path": "/api/v2/accounts/{email}"}, kind="status")
    api.fault(match={"path": "/api/v2/leads/list", "contains": '"campaign"'}, kind="status")
    assert api.status("campaigns/analytics/daily") == 503
    assert api.status("campaigns") == 200
    assert api.status("accounts/x@y.example") == 503
    assert api.status("accounts/analytics/daily") == 200
    assert api.http.post("/api/v2/leads/list", json={"campaign": "x"}).status_code == 503
    assert api.http.post("/api/v2/leads/list", json={"in_campaign": True}).status_code == 200


def test_faults_end_after_their_seconds_or_when_cleared(api: Api) -> None:
    api.fault(match=CAMPAIGNS, kind="status", seconds=0.2)
    assert api.status("campaigns") == 503
    time.sleep(0.25)
    assert api.status("campaigns") == 200
    api.fault(kind="status")
    assert api.control("DELETE", "faults") == {"active": 0}
    assert api.status("campaigns") == 200


def test_control_requests_are_never_broken_and_never_counted(api: Api) -> None:
    api.fault(kind="reset")
    assert api.control("GET", "clock")
    assert api.control("GET", "requests")["total"] == 0


@pytest.mark.parametrize(
    "wrong", [{"kind": "nonsense"}, {"kind": "reset", "often": 3}, {"kind": "reset", "match": {"x": 1}}]
)
def test_a_fault_that_is_not_understood_is_refused(api: Api, wrong: dict[str, object]) -> None:
    answer = api.http.post("/_sandbox/faults", json=wrong)
    assert answer.status_code == 400
    assert "known" in answer.text or "one of" in answer.text


def test_latency_can_be_given_to_all_or_to_one_path(api: Api) -> None:
    api.switch(latency=0.4, latency_by_path={"/api/v2/accounts": 0.0})
    start = time.monotonic()
    api.get("accounts")
    assert time.monotonic() - start < 0.39
    api.get("campaigns")
    assert time.monotonic() - start >= 0.4
