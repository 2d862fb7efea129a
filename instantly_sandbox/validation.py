"""Checks query parameters and bodies against JSON schemas as the vendor's server does, in its words.

The vendor answers like Fastify with its default Ajv settings: values are coerced to their type where that is plain
(`"10"` is a number), unknown names are removed, and the first mistake is a 400 such as
`body/event_type must be equal to one of the allowed values`. The keywords are those that its document uses.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from instantly_sandbox.http import ApiError
from instantly_sandbox.world.seeded import parse_uuid

Schema = Mapping[str, Any]
UNFIT: Any = object()


def checked(value: object, schema: Schema, where: str) -> Any:
    """The value with its types coerced and unknown properties removed; ApiError 400 names the first mistake.

    `where` is `body`, `querystring` or `params`.
    """
    wanted = schema.get("type")
    kinds = [wanted] if isinstance(wanted, str) else list(wanted or ())
    if kinds:
        value = _coerced(value, kinds)
        if value is UNFIT:
            raise ApiError(400, f"{where} must be {','.join(kinds)}")
    if "enum" in schema and value not in schema["enum"]:
        raise ApiError(400, f"{where} must be equal to one of the allowed values")
    if isinstance(value, str):
        _check_text(value, schema, where)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_number(value, schema, where)
    elif isinstance(value, dict):
        return _checked_object(value, schema, where)
    elif isinstance(value, list) and "items" in schema:
        return [checked(item, schema["items"], f"{where}/{i}") for i, item in enumerate(value)]
    return value


def _checked_object(value: dict[str, Any], schema: Schema, where: str) -> dict[str, Any]:
    for name in schema.get("required", ()):
        if name not in value:
            raise ApiError(400, f"{where} must have required property '{name}'")
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    kept = {}
    for name, inner in value.items():
        rule = properties.get(name, others)
        if rule is not False:
            kept[name] = inner if rule is True else checked(inner, rule, f"{where}/{name}")
    if len(kept) < schema.get("minProperties", 0):
        raise ApiError(400, f"{where} must NOT have fewer than {schema['minProperties']} properties")
    return kept


def _coerced(value: object, kinds: list[str]) -> object:
    """The value as one of the types, or UNFIT. A list of one is its element."""
    if any(TYPES[kind](value) for kind in kinds):
        return value
    if isinstance(value, list) and len(value) == 1 and "array" not in kinds:
        return _coerced(value[0], kinds)
    for kind in kinds:
        found = _converted(value, kind)
        if found is not UNFIT:
            return found
    return UNFIT


NOTHING = {"string": "", "number": 0, "integer": 0, "boolean": False}  # what null becomes where it is no type


def _converted(value: object, kind: str) -> object:
    if value is None:
        return NOTHING.get(kind, UNFIT)
    if kind in ("integer", "number"):
        return _number(value, kind)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "string" and isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "null" and value == "":
        return None
    if kind == "array" and not isinstance(value, dict | list):
        return [value]
    return UNFIT


def _number(value: object, kind: str) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", value):
        return UNFIT
    number = float(value)
    if number.is_integer():
        return int(number)
    return UNFIT if kind == "integer" else number


def _check_text(value: str, schema: Schema, where: str) -> None:
    form = schema.get("format")
    if form in FORMATS and not FORMATS[form](value):
        raise ApiError(400, f'{where} must match format "{form}"')
    if "pattern" in schema and not re.search(schema["pattern"], value):
        raise ApiError(400, f'{where} must match pattern "{schema["pattern"]}"')


def _check_number(value: float, schema: Schema, where: str) -> None:
    if "minimum" in schema and value < schema["minimum"]:
        raise ApiError(400, f"{where} must be >= {schema['minimum']}")
    if "maximum" in schema and value > schema["maximum"]:
        raise ApiError(400, f"{where} must be <= {schema['maximum']}")


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and not re.search(r"[\s<>\"{}|\\^`]", text)


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _is_date_time(text: str) -> bool:
    try:
        return "T" in text.upper() and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


TYPES: dict[str, Callable[[object], bool]] = {
    "string": lambda v: isinstance(v, str),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
}
FORMATS: dict[str, Callable[[str], bool]] = {
    "uuid": lambda text: parse_uuid(text) is not None,
    "uri": _is_uri,
    "date": _is_date,
    "date-time": _is_date_time,
    "email": lambda text: bool(re.fullmatch(r"[^@\s]+@[^@\s]+", text)),
}
