"""Sums over the results of placement tests, by test, by date and by pair of providers: reads that are POSTs."""

from collections.abc import Callable, Iterable
from typing import Any

from instantly_sandbox.endpoints import placement
from instantly_sandbox.endpoints.by_id import records
from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.http import Response, ok
from instantly_sandbox.validation import Schema, checked

Record = dict[str, Any]
TEXT = {"type": "string"}
FILTERS: dict[str, Schema] = {
    "date_from": TEXT,
    "date_to": TEXT,
    "recipient_geo": {"type": "array", "items": {"type": "number", "enum": [1, 2, 3, 4]}},
    "recipient_type": {"type": "array", "items": {"type": "number", "enum": [1, 2]}},
    "recipient_esp": {"type": "array", "items": {"type": "number", "enum": [1, 2, 8, 12, 13]}},
    "sender_email": TEXT,
}
BEFORE: dict[str, Schema] = {
    "previous_date_from": TEXT,
    "previous_date_to": TEXT,
    "show_previous": {"type": "boolean"},
}
TESTS: Schema = {"type": "array", "items": TEXT}
BY_TEST = {"type": "object", "properties": {**FILTERS, "test_ids": TESTS}, "required": ["test_ids"]}
OF_TEST = {"type": "object", "properties": {**FILTERS, "test_id": TEXT}, "required": ["test_id"]}
INSIGHTS = {"type": "object", "properties": {**FILTERS, **BEFORE, "test_id": TEXT}, "required": ["test_id"]}


def by_test(call: Call) -> Response:
    body = checked(call.json_body(), BY_TEST, "body")
    rows = []
    for key in body["test_ids"]:
        counts = _counts(_results(call, key, body))
        total = counts["spam_count"] + counts["inbox_count"] + counts["category_count"]
        if total:
            rows.append({"test_id": key, "count": total, **counts, **_percents(counts, "{}_percent")})
    return ok(rows)


def by_date(call: Call) -> Response:
    body = checked(call.json_body(), OF_TEST, "body")
    days = _grouped(_results(call, body["test_id"], body), lambda r: r["timestamp_created_date"])
    return ok(
        [
            {"timestamp_created_date": day, "sent_count": len(rows), "received_count": len(rows), **_counts(rows)}
            for day, rows in sorted(days.items())
        ]
    )


def insights(call: Call) -> Response:
    """One row per pair of the sender's and the recipient's provider."""
    body = checked(call.json_body(), INSIGHTS, "body")
    before = {**body, "date_from": body.get("previous_date_from"), "date_to": body.get("previous_date_to")}
    now = _grouped(_results(call, body["test_id"], body), _providers)
    then = _grouped(_results(call, body["test_id"], before), _providers) if body.get("show_previous") else {}
    rows = []
    for pair, results in sorted(now.items()):
        row = {"test_id": body["test_id"], "sender_esp": pair[0], "recipient_esp": pair[1]}
        row |= {"from": body.get("date_from"), "to": body.get("date_to")}
        row |= _percents(_counts(results), "{}_percentage")
        if then:
            row |= _percents(_counts(then.get(pair, [])), "prev_{}_percentage")
            row |= {"previous_from": before["date_from"], "previous_to": before["date_to"]}
        rows.append(row)
    return ok(rows)


def _results(call: Call, test_id: str, body: Record) -> list[Record]:
    """The received e-mails of a test that pass the filters of the body."""
    given = {name: body[name] for name in FILTERS if body.get(name)}
    asked = {n: ",".join(map(str, value)) if isinstance(value, list) else value for n, value in given.items()}
    return [r for r in records(call, placement.analytics, test_id=test_id, **asked) if r["record_type"] == 2]


def _providers(result: Record) -> tuple[int, int]:
    return result["sender_esp"], result["recipient_esp"]


def _grouped(rows: Iterable[Record], key: Callable[[Record], Any]) -> dict[Any, list[Record]]:
    groups: dict[Any, list[Record]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _counts(rows: list[Record]) -> dict[str, int]:
    spam = sum(bool(r.get("is_spam")) for r in rows)
    category = sum(bool(r.get("has_category")) and not r.get("is_spam") for r in rows)
    return {"spam_count": spam, "inbox_count": len(rows) - spam - category, "category_count": category}


def _percents(counts: dict[str, int], name: str) -> dict[str, float]:
    total = sum(counts.values())
    parts = ((kind.removesuffix("_count"), n) for kind, n in counts.items())
    return {name.format(kind): round(100 * n / total, 2) if total else 0 for kind, n in parts}
