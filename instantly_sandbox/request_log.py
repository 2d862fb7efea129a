"""Counts and a compact log of the API requests, without those of the control plane."""

import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

import orjson

from instantly_sandbox.http import Request

KEPT = 50_000
SHOWN = (
    "limit",
    "starting_after",
    "campaign",
    "campaign_id",
    "list_id",
    "id",
    "start_date",
    "end_date",
    "date_from",
    "test_id",
    "from",
    "to",
    "search",
    "filter",
    "in_campaign",
    "in_list",
    "distinct_contacts",
    "sort_order",
    "min_timestamp_created",
    "max_timestamp_created",
    "email_type",
    "preview_only",
    "exclude_total_leads_count",
    "include_opportunities_count",
)
COUNTED = ("ids", "contacts", "emails", "queries", "excluded_ids")


class RequestLog:
    """Counts by path and status, and the last requests."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.total = 0
        self.by_path: dict[str, dict[int, int]] = {}
        self.entries: deque[tuple[float, str, str, bytes, bytes, int, str]] = deque(maxlen=KEPT)
        self.first_at: float | None = None
        self.last_at: float | None = None

    def add(self, request: Request, route: str, status: int, workspace: str) -> None:
        now = time.time()
        self.total += 1
        counts = self.by_path.setdefault(route, {})
        counts[status] = counts.get(status, 0) + 1
        if self.first_at is None:
            self.first_at = now
        self.last_at = now
        self.entries.append((now, request.method, request.path, request.query, request.body, status, workspace))

    def summary(self) -> dict[str, Any]:
        """`rejected` counts the 429s, which `total` and `by_path` include."""
        paths = {
            route: {"count": sum(by.values()), "by_status": {str(s): n for s, n in sorted(by.items())}}
            for route, by in sorted(self.by_path.items())
        }
        return {
            "total": self.total,
            "rejected": sum(by.get(429, 0) for by in self.by_path.values()),
            "by_path": paths,
            "first_at": _stamp(self.first_at),
            "last_at": _stamp(self.last_at),
            "log_tail": [self._shown(e) for e in list(self.entries)[-20:]],
        }

    def log(self) -> list[dict[str, Any]]:
        return [self._shown(entry) for entry in self.entries]

    @staticmethod
    def _shown(entry: tuple[float, str, str, bytes, bytes, int, str]) -> dict[str, Any]:
        at, method, path, query, body, status, workspace = entry
        asked: dict[str, Any] = {}
        for name, values in Request(method, path, query, {}).params.items():
            asked[name] = values if len(values) > 1 else values[0]
        try:
            asked.update(orjson.loads(body) if body else {})
        except (ValueError, TypeError):
            asked["body"] = "not JSON"
        shown = {name: asked[name] for name in SHOWN if name in asked}
        for name in COUNTED:
            if name in asked:
                shown[f"{name}_count"] = len(asked[name]) if isinstance(asked[name], list) else 1
        return {"at": _stamp(at), "method": method, "path": path, "status": status, "workspace": workspace, **shown}


def _stamp(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
