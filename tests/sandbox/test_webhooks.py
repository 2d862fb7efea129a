"""Webhooks as state: created, changed, deleted, tested and resumed through the API."""

from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.receiver import listening
from tests.sandbox.schemas import faults

NOBODY = "0199aaaa-0000-7000-8000-000000000001"
URL = "http://127.0.0.1:9/in"


def _send(api: Api, method: str, path: str = "", body: Any = None) -> httpx.Response:
    return api.http.request(method, f"/api/v2/webhooks{path}", json=body)


def _made(api: Api, **body: Any) -> Any:
    answer = _send(api, "POST", "", {"target_hook_url": URL, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_created_webhook_is_listed_and_read_as_it_was_answered(api: Api) -> None:
    campaign = api.items("campaigns")[0]["id"]
    headers = {"X-Webhook-Secret": "wh-secret"}
    made = _made(api, event_type="reply_received", campaign=campaign, name="mine", headers=headers)
    assert made["status"] == 1
    assert (made["campaign"], made["name"], made["headers"]) == (campaign, "mine", headers)
    assert made["organization"] == api.get("workspaces/current")["id"]
    assert api.get(f"webhooks/{made['id']}") == made
    assert made in api.items("webhooks")
    assert faults("GET /api/v2/webhooks", {"items": [made]})[0] == []


def test_two_webhooks_of_one_instant_have_two_ids(api: Api) -> None:
    assert _made(api)["id"] != _made(api)["id"]


def test_lists_are_narrowed_by_event_type_and_campaign(api: Api) -> None:
    campaign = api.items("campaigns")[0]["id"]
    made = _made(api, event_type="email_sent", campaign=campaign)
    assert api.items("webhooks", event_type="email_sent") == [made]
    assert api.items("webhooks", campaign=campaign) == [made]
    assert api.items("webhooks", campaign=NOBODY) == []


def test_a_change_sets_and_takes_away_fields(api: Api) -> None:
    made = _made(api, name="mine", event_type="email_sent")
    changed = _send(api, "PATCH", f"/{made['id']}", {"name": None, "event_type": "all_events"}).json()
    assert changed == {**{k: v for k, v in made.items() if k != "name"}, "event_type": "all_events"}
    assert api.get(f"webhooks/{made['id']}") == changed


def test_a_deleted_webhook_is_answered_once_more_and_is_gone(api: Api) -> None:
    made = _made(api)
    assert _send(api, "DELETE", f"/{made['id']}").json() == made
    assert made not in api.items("webhooks")
    assert _send(api, "DELETE", f"/{made['id']}").status_code == 404
    assert _made(api)["id"] != made["id"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "body must have required property 'target_hook_url'"),
        ({"target_hook_url": "no address"}, 'body/target_hook_url must match format "uri"'),
        ({"target_hook_url": "ftp://a.example/x"}, 'body/target_hook_url must match pattern "^https?://"'),
        ({"target_hook_url": {"a": 1}}, "body/target_hook_url must be string"),
        ({"target_hook_url": URL, "campaign": "1"}, 'body/campaign must match format "uuid"'),
        ({"target_hook_url": URL, "event_type": "x"}, "body/event_type must be equal to one of the allowed values"),
        ({"target_hook_url": URL, "headers": ["a", "b"]}, "body/headers must be object,null"),
        ({"target_hook_url": URL, "headers": {"a": {}}}, "body/headers/a must be string"),
        ({"target_hook_url": URL, "custom_interest_value": "x"}, "body/custom_interest_value must be number,null"),
        ([URL], "body must be object"),
    ],
)
def test_a_wrong_body_is_refused_in_the_vendors_words_and_changes_nothing(api: Api, body: Any, message: str) -> None:
    before = api.items("webhooks")
    answer = _send(api, "POST", "", body)
    assert answer.json() == {"statusCode": 400, "error": "Bad Request", "message": message}
    assert api.items("webhooks") == before


def test_an_empty_change_is_refused_and_unknown_fields_are_left_out(api: Api) -> None:
    made = _made(api, colour="red", status=-1)
    assert "colour" not in made
    assert made["status"] == 1
    answer = _send(api, "PATCH", f"/{made['id']}", {"colour": "red"})
    assert answer.json()["message"] == "body must NOT have fewer than 1 properties"


@pytest.mark.parametrize(("method", "path"), [("DELETE", f"/{NOBODY}"), ("POST", f"/{NOBODY}/resume"), ("POST", "")])
def test_an_empty_body_that_is_called_json_is_refused(still: Api, method: str, path: str) -> None:
    headers = {"content-type": "application/json"}
    answer = still.http.request(method, f"/api/v2/webhooks{path}", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Body cannot be empty when content-type is set to 'application/json'"


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_unknown_and_malformed_ids_are_refused(still: Api, method: str) -> None:
    body = {"name": "x"} if method == "PATCH" else None
    assert _send(still, method, f"/{NOBODY}", body).status_code == 404
    assert _send(still, method, "/not-a-uuid", body).json()["message"] == 'params/id must match format "uuid"'


@pytest.mark.parametrize("action", ["test", "resume"])
def test_unknown_webhooks_are_not_tested_or_resumed(still: Api, action: str) -> None:
    assert _send(still, "POST", f"/{NOBODY}/{action}").status_code == 404


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("webhooks:create", {"POST"}),
        ("webhooks:update", {"PATCH", "resume"}),
        ("webhooks:delete", {"DELETE"}),
        ("webhooks:read", {"GET"}),
        ("all:create", {"POST"}),
        ("webhooks:all", {"POST", "PATCH", "resume", "DELETE", "GET"}),
        ("campaigns:all", set()),
    ],
)
def test_each_write_needs_its_own_scope(api: Api, scope: str, allowed: set[str]) -> None:
    key = _made(api)["id"]
    api.switch(key_scopes={api.key: [scope]})
    answers = {
        "POST": _send(api, "POST", "", {"target_hook_url": URL}),
        "GET": _send(api, "GET", f"/{key}"),
        "PATCH": _send(api, "PATCH", f"/{key}", {"name": "x"}),
        "resume": _send(api, "POST", f"/{key}/resume"),
        "DELETE": _send(api, "DELETE", f"/{key}"),
    }
    assert {name for name, answer in answers.items() if answer.status_code == 200} == allowed
    assert {answer.status_code for answer in answers.values()} <= {200, 403}


def test_types_of_events_are_the_vendors_and_the_workspaces_labels(still: Api) -> None:
    types = still.get("webhooks/event-types")["event_types"]
    assert {"id": "email_sent", "label": "Email Sent", "type": "standard"} in types
    labels = {label["label"] for label in still.items("lead-labels")}
    assert {one["label"] for one in types if one["type"] != "standard"} == labels


def test_a_test_posts_a_payload_with_the_webhooks_headers(api: Api) -> None:
    with listening() as target:
        key = _made(api, target_hook_url=target.url, headers={"X-Webhook-Secret": "wh-secret"})["id"]
        answer = _send(api, "POST", f"/{key}/test").json()
    (headers, payload) = target.posts[0]
    assert headers["x-webhook-secret"] == "wh-secret"
    assert payload["workspace"] == api.get("workspaces/current")["id"]
    assert (answer["success"], answer["status_code"]) == (True, 200)


def test_a_test_tells_what_went_wrong(api: Api) -> None:
    with listening(lambda n: 503) as target:
        key = _made(api, target_hook_url=target.url)["id"]
        refused = _send(api, "POST", f"/{key}/test").json()
    assert (refused["success"], refused["status_code"]) == (False, 503)
    closed = _send(api, "POST", f"/{key}/test").json()
    assert (closed["success"], closed["error"]) == (False, "ClientConnectorError")


def test_nothing_is_ever_sent_away_from_this_machine(still: Api) -> None:
    outside = still.items("webhooks")[0]
    assert outside["target_hook_url"].startswith("https://hooks.example/")
    answer = _send(still, "POST", f"/{outside['id']}/test").json()
    assert answer["error"] == "the sandbox sends to loopback only"


def test_a_webhook_that_was_switched_off_is_resumed(api: Api) -> None:
    key = _made(api)["id"]
    off = {"status": -1, "timestamp_error": "2026-09-16T00:00:00.000Z"}
    api.mutate({"op": "update", "collection": "webhooks", "id": key, "set": off})
    assert api.get(f"webhooks/{key}")["status"] == -1
    resumed = _send(api, "POST", f"/{key}/resume").json()
    assert resumed["status"] == 1
    assert "timestamp_error" not in resumed


def test_webhooks_of_one_workspace_are_unknown_in_another(make: Any) -> None:
    api = make(workspaces=2)
    key = _made(api)["id"]
    other = Api(api.url, "sandbox-key-2")
    assert other.status(f"webhooks/{key}") == 404
    assert _send(other, "DELETE", f"/{key}").status_code == 404
    other.http.close()
