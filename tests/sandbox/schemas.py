"""The vendor's published schemas of the read routes (OpenAPI 3.1 document, 2026-08-21), as validators."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from tests.sandbox.deviations import excused

HERE = Path(__file__).parent
ROUTES: dict[str, Any] = json.loads((HERE / "vendor_schemas.json").read_text(encoding="utf-8"))
EXAMPLES: dict[str, Any] = json.loads((HERE / "reference_examples.json").read_text(encoding="utf-8"))


@cache
def validator(route: str, status: int) -> Draft202012Validator:
    schema = ROUTES[route]["responses"][str(status)]
    return Draft202012Validator(schema, format_checker=FormatChecker())


def faults(route: str, value: Any, *, status: int = 200) -> tuple[list[str], set[str]]:
    """(what is wrong, names of the deviations met)."""
    wrong: list[str] = []
    met: set[str] = set()
    for error in validator(route, status).iter_errors(value):
        for leaf in _leaves(error):
            name = excused(route, list(leaf.absolute_path), leaf.instance)
            if name is None:
                wrong.append(f"{list(leaf.absolute_path)}: {leaf.message[:200]}")
            else:
                met.add(name)
    return wrong, met


def _leaves(error: ValidationError) -> list[ValidationError]:
    """The errors below an anyOf or allOf, or the error itself."""
    return [leaf for below in error.context for leaf in _leaves(below)] if error.context else [error]
