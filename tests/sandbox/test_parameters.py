"""Query parameters of every read: the vendor's document says which values are right, the sandbox must agree."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.schemas import ROUTES
from tests.sandbox.test_schema import LISTS, READS

Parameter = tuple[str, str, dict[str, Any]]  # route, name, schema


def _parameters() -> Iterator[Parameter]:
    for route in READS:
        for parameter in ROUTES[route]["parameters"]:
            if parameter["in"] == "query" and route.startswith("GET"):
                yield route, parameter["name"], parameter["schema"]


def _wrong(schema: dict[str, Any]) -> list[tuple[str, str]]:
    """(value, what the vendor's server says of it)."""
    wrong = {
        "integer": ("x", "must be integer"),
        "number": ("x", "must be number"),
        "boolean": ("x", "must be boolean"),
    }
    found = [wrong[schema["type"]]] if schema["type"] in wrong else []
    if "enum" in schema:
        found.append(("987654", "must be equal to one of the allowed values"))
    if schema.get("format") == "date":
        found += [(value, 'must match format "date"') for value in ("yesterday", "2026-02-30")]
    if "minimum" in schema:
        found.append((str(schema["minimum"] - 1), f"must be >= {schema['minimum']}"))
    if "maximum" in schema:
        found.append((str(schema["maximum"] + 1), f"must be <= {schema['maximum']}"))
    return found


def _right(schema: dict[str, Any]) -> list[str]:
    if "enum" in schema:
        return [str(value) for value in schema["enum"]]
    if schema["type"] == "boolean":
        return ["true", "false"]
    if schema.get("format") == "date":
        return ["2026-09-01"]
    bounds = [str(schema[name]) for name in ("minimum", "maximum") if name in schema]
    return bounds or (["1"] if schema["type"] in ("integer", "number") else [])


REFUSABLE = [(*one, *wrong) for one in _parameters() for wrong in _wrong(one[2])]
ACCEPTABLE = [one for one in _parameters() if _right(one[2])]


def _ask(api: Api, route: str, **params: str) -> httpx.Response:
    """A valid question of the route, with these parameters besides."""
    path = route.split(" ")[1].removeprefix("/api/v2/")
    head, _, tail = path.partition("/{")
    if tail:
        key, _, rest = tail.partition("}")
        parents = {"account-campaign-mappings": "accounts"}.get(head, head)
        path = f"{head}/{api.items(parents)[0][key]}{rest}"
    needed = {
        p["name"]: api.items("inbox-placement-tests" if p["name"] == "test_id" else "campaigns")[0]["id"]
        for p in ROUTES[route]["parameters"]
        if p["in"] == "query" and p["required"]
    }
    return api.http.get(f"/api/v2/{path}", params={**needed, **params})


@pytest.mark.parametrize(("route", "name", "schema", "value", "words"), REFUSABLE)
def test_a_wrong_value_is_refused_in_the_vendors_words(
    still: Api, route: str, name: str, schema: Any, value: str, words: str
) -> None:
    answer = _ask(still, route, **{name: value})
    assert answer.json() == {"statusCode": 400, "error": "Bad Request", "message": f"querystring/{name} {words}"}


@pytest.mark.parametrize(("route", "name", "schema"), ACCEPTABLE)
def test_every_value_that_the_document_names_is_accepted(still: Api, route: str, name: str, schema: Any) -> None:
    for value in _right(schema):
        answer = _ask(still, route, **{name: value})
        assert answer.status_code == 200, f"{value}: {answer.text}"


@pytest.mark.parametrize("route", LISTS)
def test_unknown_parameters_are_ignored(still: Api, route: str) -> None:
    assert _ask(still, route, no_such_parameter="x").content == _ask(still, route).content


@pytest.mark.parametrize(
    "route", sorted(r for r in READS if any(p["required"] and p["in"] == "query" for p in ROUTES[r]["parameters"]))
)
def test_a_missing_parameter_is_named(still: Api, route: str) -> None:
    (name,) = [p["name"] for p in ROUTES[route]["parameters"] if p["required"] and p["in"] == "query"]
    answer = still.http.get(route.split(" ")[1])
    assert answer.json()["message"] == f"querystring must have required property '{name}'"


def test_a_value_given_twice_is_no_longer_one(still: Api) -> None:
    twice = still.http.get("/api/v2/campaigns", params={"status": ["1", "2"]})
    assert twice.json()["message"] == "querystring/status must be number"
    assert still.http.get("/api/v2/campaigns", params={"status[]": "1"}).status_code == 200


def test_the_document_has_parameters_to_try() -> None:
    assert len(REFUSABLE) > 100
    assert len(ACCEPTABLE) > 60
