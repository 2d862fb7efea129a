"""Injected faults, matched by method and path, limited by number, rate or time."""

import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

from instantly_sandbox.http import Request, Response

KINDS = (
    "status",
    "reset",
    "truncate",
    "bad_json",
    "html",
    "hang",
    "slow",
    "empty",
    "cloudflare_1010",
    "sustained_429",
)
FIELDS = ("match", "kind", "status", "body", "headers", "times", "rate", "seconds", "skip")


@dataclass
class Fault:
    """One rule. `seconds` is how long it is active (for `slow` and `hang`: how long the answer takes).

    `contains` is searched in the query and the body of the request, `answer_contains` in the regular answer.
    """

    kind: str
    method: str | None = None
    path: str | None = None
    contains: str | None = None
    answer_contains: str | None = None
    after_bytes: int | None = None
    status: int = 503
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    rate: float | None = None
    seconds: float | None = None
    skip: int = 0
    hits: int = 0
    started: float | None = None

    def matches(self, request: Request, answer: Response) -> bool:
        if self.method and self.method != request.method:
            return False
        if self.path and not (request.path == self.path or _pattern(self.path).fullmatch(request.path)):
            return False
        if self.answer_contains and self.answer_contains.encode() not in answer.body:
            return False
        return not self.contains or self.contains.encode() in request.query + b" " + request.body


def _pattern(path: str) -> re.Pattern[str]:
    """A regex for a path in which `*` matches anything and `{name}` one segment."""
    parts = re.split(r"(\*|\{[^/}]*\})", path)
    return re.compile("".join(".*" if p == "*" else "[^/]+" if p.startswith("{") else re.escape(p) for p in parts))


def parse(spec: Any) -> Fault:
    """Parse a fault from JSON; ValueError says what is wrong."""
    if not isinstance(spec, dict) or spec.get("kind") not in KINDS:
        raise ValueError(f"a fault is an object whose kind is one of {list(KINDS)}")
    unknown = sorted(set(spec) - set(FIELDS))
    if unknown:
        raise ValueError(f"unknown fields {unknown} of a fault; known: {list(FIELDS)}")
    match = spec.get("match") or {}
    wrong = sorted(set(match) - {"method", "path", "contains", "answer_contains", "after_bytes"})
    if wrong:
        raise ValueError(f"unknown match {wrong}; known: method, path, contains, answer_contains, after_bytes")
    values = {k: v for k, v in spec.items() if k != "match" and v is not None}
    return Fault(**{k: v for k, v in match.items() if v is not None}, **values)


class Faults:
    """The active faults; each request gets the first that matches, in the order they were added."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.active: list[Fault] = []
        self._random = Random(seed)

    def add(self, faults: list[Fault]) -> None:
        self.active.extend(faults)

    def clear(self) -> None:
        self.active.clear()
        self._random = Random(self.seed)

    def pick(self, request: Request, answer: Response, now: float) -> Fault | None:
        for fault in self.active:
            if fault.matches(request, answer) and self._fires(fault, now):
                return fault
        return None

    def _fires(self, fault: Fault, now: float) -> bool:
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.started is None:
            fault.started = now
        if fault.times is not None and fault.hits >= fault.times:
            return False
        lasts = fault.seconds is not None and fault.kind not in ("slow", "hang")
        if lasts and now - fault.started > float(fault.seconds or 0):
            return False
        if fault.rate is not None and self._random.random() >= fault.rate:
            return False
        fault.hits += 1
        return True
