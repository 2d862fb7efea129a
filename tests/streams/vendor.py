"""The fields of a record of each read endpoint, from the vendor's document (`tests/sandbox/vendor_schemas.json`)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.sandbox.schemas import ROUTES

Schema = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """`kind` is the JSON type, or `date-time`; `enum` the values that are allowed, empty where any is."""

    kind: str
    enum: frozenset[Any]


@dataclass(frozen=True)
class Fields:
    """The fields of a record by name, and the names of those that it always has."""

    by_name: dict[str, Field]
    required: frozenset[str]


def fields_of(endpoint: str, part: str | None = None) -> Fields:
    """Of `GET /api/v2/accounts`, say. `part` names the field that holds the records, in maps of maps or of records."""
    assert endpoint in ROUTES, f"tests/sandbox/vendor_schemas.json has no {endpoint}: add it, or correct the path"
    schema = ROUTES[endpoint]["responses"]["200"]
    if part:
        schema = schema["properties"][part]
    by_name: dict[str, Field] = {}
    required: set[str] = set()
    for record in _records(schema):
        required.update(record.get("required", ()))
        by_name |= {name: _field(field) for name, field in record.get("properties", {}).items()}
    return Fields(by_name, frozenset(required))


def _records(schema: Schema) -> Iterator[Schema]:
    """The schemas that a record has to meet, below lists, `items` and the keys of maps."""
    items = schema.get("items") or schema.get("properties", {}).get("items")
    inner = items or schema.get("additionalProperties")
    if "allOf" in schema:
        for each in schema["allOf"]:
            yield from _records(each)
    elif isinstance(inner, dict) and (items or not schema.get("properties")):
        yield from _records(inner)
    else:
        yield schema


def _field(schema: Schema) -> Field:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    [kind] = [kind for kind in kinds if kind != "null"]
    is_instant = schema.get("format") == "date-time"
    return Field("date-time" if is_instant else kind, frozenset(schema.get("enum", ())) - {None})


if __name__ == "__main__":
    endpoint = fields_of(" ".join(sys.argv[1:]))
    for name, field in sorted(endpoint.by_name.items()):
        print(name, field.kind, *sorted(map(str, field.enum)), "required" if name in endpoint.required else "")
