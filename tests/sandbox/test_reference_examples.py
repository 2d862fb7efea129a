"""Every example answer that the written reference of the API gives, held against the schemas and the sandbox."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.schemas import EXAMPLES, ROUTES, faults
from tests.sandbox.test_schema import _answers

FREE = {"payload", "core_variables", "custom_variables", "email_date_data", "aggregate_data"}
PAYLOAD = "webhook payload"
COLLECTIONS = {
    "campaigns": "campaigns",
    "accounts": "accounts",
    "lead-lists": "lead_lists",
    "lead-labels": "lead_labels",
    "block-lists-entries": "block_list_entries",
    "custom-tags": "custom_tags",
    "api-keys": "api_keys",
}


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, kind) of everything in a value; list elements share a path, keys of free maps are left out."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield f"{path}.{name}", _kind(below)
            if name not in FREE:
                yield from fields(below, f"{path}.{name}")
    if isinstance(value, list):
        for below in value:
            yield f"{path}[]", _kind(below)
            yield from fields(below, f"{path}[]")


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(type(value).__name__)
    return "number" if isinstance(value, int | float) else type(value).__name__


@pytest.mark.parametrize("route", sorted(EXAMPLES.keys() - {PAYLOAD}))
def test_the_example_is_valid_by_the_vendors_schema(route: str) -> None:
    assert faults(route, EXAMPLES[route])[0] == []


@pytest.mark.parametrize("route", sorted(EXAMPLES.keys() - {PAYLOAD}))
def test_the_sandbox_answers_with_every_field_of_the_example(still: Api, route: str, make: Any) -> None:
    api = make(workspaces=2, leads=20) if "group-members" in route else still
    served = {found for answer in _answers(api, route) for found in fields(answer)}
    asked = set(fields(EXAMPLES[route])) - {(".next_starting_after", "str")}  # test_paging has the cursors
    assert {found for found in asked if found[1] != "NoneType"} - served == set()


def test_webhook_payloads_have_every_field_of_the_example(still: Api) -> None:
    payloads = [row["payload"] for row in still.items("webhook-events")]
    served = {found for payload in payloads for found in fields(payload)}
    assert set(fields(EXAMPLES[PAYLOAD])) <= served
    assert min(p["step"] for p in payloads if "step" in p) == 1


@pytest.mark.parametrize("path", sorted(COLLECTIONS))
def test_an_example_record_put_into_the_world_is_served_as_it_is(api: Api, path: str) -> None:
    record = EXAMPLES[f"GET /api/v2/{path}"]["items"][0]
    assert api.mutate({"op": "insert", "collection": COLLECTIONS[path], "record": record}) == 1
    assert record in api.items(path)


def test_an_example_lead_put_into_the_world_is_served_as_it_is(api: Api) -> None:
    record = EXAMPLES["POST /api/v2/leads/list"]["items"][0]
    api.mutate({"op": "insert", "collection": "leads", "record": record})
    assert record in api.leads()
    assert api.get(f"leads/{record['id']}") == record
    assert api.leads(ids=[record["id"]]) == [record]


def test_every_example_is_of_a_route_of_the_schemas() -> None:
    assert EXAMPLES.keys() - ROUTES.keys() == {PAYLOAD}
