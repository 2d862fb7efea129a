"""A probe of servers and workspaces that answer little or nothing: each row says why, and nothing personal is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from instantly_pipeline.doctor.probe.question import Answer, State
from instantly_pipeline.doctor.probe.report import as_document, exit_code
from instantly_pipeline.doctor.probe.run import MOST, Probed
from instantly_pipeline.doctor.probe.wording import public_words
from instantly_sandbox.server import running
from tests.doctor.probing import WORLD, Server, by_name

pytestmark = pytest.mark.medium

NEVER = {"lag", "moved_lead", "as_workspace_budget", "library_user_agents"}
BESIDE_BODIES = {"rate_limit_headers", "date_header", "headers_of_429", "body_of_403"}


def of_requests(probed: Probed) -> list[Answer]:
    """The rows that need the answer to a request."""
    return [one for one in probed.answers if one.question not in NEVER | BESIDE_BODIES]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_each_row_says_that_its_request_failed(server: Server, tmp_path: Path, status: int) -> None:
    server.break_("status", status=status, body={"message": "Internal Server Error for jo@acme.example"})
    probed = server.probe(tmp_path)
    assert exit_code(probed) == 2
    assert {one.state for one in of_requests(probed)} == {State.FAILED}
    assert all(f"answered {status}" in one.how for one in of_requests(probed))
    assert probed.requests <= MOST


@pytest.mark.parametrize("kind", ["bad_json", "html"])
def test_answers_that_are_not_json_are_said(server: Server, tmp_path: Path, kind: str) -> None:
    server.break_(kind)
    probed = server.probe(tmp_path)
    assert exit_code(probed) == 2
    assert {one.state for one in of_requests(probed)} == {State.FAILED}


@pytest.mark.parametrize(
    ("kind", "values", "requests", "said"),
    [
        ("reset", {}, 3, "got no complete answer"),
        ("cloudflare_1010", {}, 1, "blocked by the CDN"),
        ("sustained_429", {"seconds": 900}, 1, "was refused for a minute"),
        ("status", {"status": 401}, 1, "answered 401"),
    ],
)
def test_where_nothing_is_answered_it_stops_asking(
    server: Server, tmp_path: Path, kind: str, values: dict[str, int], requests: int, said: str
) -> None:
    server.break_(kind, **values)
    probed = server.probe(tmp_path)
    assert (exit_code(probed), probed.requests) == (2, requests)
    assert all(said in one.how for one in of_requests(probed))


def test_an_address_where_nobody_listens_is_said(server: Server, tmp_path: Path) -> None:
    probed = server.probe(tmp_path, base_url="http://127.0.0.1:9")
    assert (exit_code(probed), probed.requests) == (2, 1)
    assert all("cannot be reached" in one.how for one in of_requests(probed))


def test_a_429_is_waited_for_and_its_headers_are_shown(server: Server, tmp_path: Path) -> None:
    server.break_("status", status=429, times=1, headers={"retry-after": "7", "x-ratelimit-limit": "jo@acme.example"})
    probed = server.probe(tmp_path)
    assert exit_code(probed) == 0
    assert by_name(probed)["headers_of_429"].answer == "retry-after: 7, x-ratelimit-limit: ..."


def test_a_plan_that_allows_nothing_is_said_in_each_row(server: Server, tmp_path: Path) -> None:
    server.switch(key_status={server.key: 402})
    probed = server.probe(tmp_path)
    assert exit_code(probed) == 2
    assert all("answered 402 (Workspace does not have an active paid plan)" in one.how for one in of_requests(probed))


def test_missing_scopes_cost_only_their_rows(server: Server, tmp_path: Path) -> None:
    server.switch(key_scopes={server.key: ["campaigns:read"]})
    probed = server.probe(tmp_path)
    found = by_name(probed)
    assert exit_code(probed) == 3
    assert found["daily_days"].answer == "365 or more"
    for question in (
        "leads_cursor",
        "accounts_order",
        "min_timestamp_created",
        "audit_log_kept",
        "webhook_events_kept",
    ):
        assert found[question].state is State.FAILED
        assert "answered 403: the key lacks the scope" in found[question].how
    assert found["body_of_403"].answer == "JSON with statusCode, error, message"


def test_a_request_that_fails_costs_only_its_rows(server: Server, tmp_path: Path) -> None:
    server.break_("status", match={"path": "/api/v2/campaigns/analytics/overview"}, status=500)
    probed = server.probe(tmp_path)
    assert exit_code(probed) == 3
    assert [one.question for one in probed.answers if one.state is State.FAILED] == ["end_date_overview"]


@pytest.fixture(scope="module")
def empty() -> Iterator[Server]:
    with running(replace(WORLD, campaigns=0, leads=0, accounts=0)) as box:
        yield Server(box.url, box.key)


def test_an_empty_workspace_lacks_things_and_fails_in_none(empty: Server, tmp_path: Path) -> None:
    probed = empty.probe(tmp_path)
    assert exit_code(probed) == 0
    assert by_name(probed)["accounts_order"].how == "fewer than 3 accounts with different creation times show no order"
    assert by_name(probed)["daily_days"].how == "no campaign has sent e-mails"


def test_a_workspace_with_few_of_each_says_what_it_lacks(tmp_path: Path) -> None:
    with running(replace(WORLD, campaigns=1, leads=5, accounts=2)) as box:
        probed = Server(box.url, box.key).probe(tmp_path)
    found = by_name(probed)
    assert exit_code(probed) == 0
    assert found["leads_default_limit"].how == "all 5 leads are on one page"
    assert found["campaigns_order"].how == "fewer than 3 campaigns show no order"


def test_an_answer_of_another_shape_is_no_crash(server: Server, tmp_path: Path) -> None:
    server.break_("status", status=200, body=[{"items": 5, "id": None, "date": "never", "sent": "many"}, "text", None])
    probed = server.probe(tmp_path)
    assert len(probed.answers) > 40


PERSONAL = "Jo Ek of Acme (jo@acme.example) cannot read campaign 0199aaaa-0000-7000-8000-000000000001, key sk-live-4711"


@pytest.mark.parametrize("status", [400, 402, 403, 404, 413, 422, 500])
def test_no_message_of_the_api_takes_a_name_along(server: Server, tmp_path: Path, status: int) -> None:
    server.break_(
        "status", match={"path": "/api/v2/*"}, status=status, body={"statusCode": status, "message": PERSONAL}
    )
    text = orjson.dumps(as_document(server.probe(tmp_path), base_url=server.url)).decode()
    for secret in ("Jo", "Ek", "Acme", "acme", "0199aaaa", "4711", server.key):
        assert secret not in text
    assert "cannot read campaign ..." in text


def test_nothing_that_identifies_a_workspace_is_in_the_file(server: Server, tmp_path: Path) -> None:
    text = orjson.dumps(as_document(server.probe(tmp_path), base_url=server.url)).decode()
    workspace = server.control("GET", "state")["workspaces"][0]
    assert server.key not in text
    assert workspace["id"] not in text
    assert server.url.split("//")[1] not in text
    names = ("id", "name", "email", "key", "first_name", "last_name", "company_name", "organization")
    for collection in ("campaigns", "accounts", "leads"):
        for record in server.lines(f"state/{collection}"):
            assert not [name for name in names if len(str(record.get(name, ""))) > 3 and str(record[name]) in text]
    assert not [one for one in server.lines("state/api_keys") if one["id"] in text or one["key"] in text]


def test_words_of_the_api_are_kept_and_others_are_not() -> None:
    assert public_words("querystring/limit must be <= 100") == "querystring/limit must be <= 100"
    assert public_words("API key is missing the required scope: leads:read") == (
        "API key is missing the required scope leads:read"
    )
    assert public_words("No access for Bo Ek, +46701234567") == "No ... for ..."
