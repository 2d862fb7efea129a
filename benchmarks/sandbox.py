"""The sandbox in a process of its own, and what it is asked over its control plane, which it never counts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHANGES = ("new_leads", "deleted_leads", "moved_leads", "touched_leads")


def _sunday_night() -> str:
    """23:00 UTC of the last Sunday that was over eight hours ago, so that the hours after it are past too.

    The world ends then, whatever day the benchmark runs on: in the six hours that follow no e-mail is sent, but leads
    are added, deleted, moved and answer, in three of four campaigns and to about one lead in a thousand.
    """
    past = datetime.now(UTC) - timedelta(hours=8 + 23)
    sunday = past - timedelta(days=(past.weekday() + 1) % 7)
    return sunday.replace(hour=23, minute=0, second=0, microsecond=0).isoformat()


NOW = _sunday_night()


@dataclass(frozen=True)
class Sandbox:
    """A running one."""

    url: str
    key: str
    leads: int
    campaigns: int

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One control request; its JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def switch(self, **values: object) -> None:
        """Set switches of the sandbox."""
        self.ask("POST", "switches", values)

    def later(self, hours: float) -> dict[str, int]:
        """Let so much time pass in its world; how many leads changed, and campaigns by their counters."""
        before = self._counters()
        found = self.ask("POST", "advance", {"hours": hours})
        after = self._counters()
        moved = sum(before.get(campaign) != counters for campaign, counters in after.items())
        return {"leads_changed": sum(found[name] for name in CHANGES), "campaigns_moved": moved}

    def _counters(self) -> dict[str, bytes]:
        with urllib.request.urlopen(f"{self.url}/_sandbox/state/campaign_analytics", timeout=300) as answer:
            return {json.loads(line)["campaign_id"]: line for line in answer}

    def forget_requests(self) -> None:
        """Count from here."""
        self.ask("DELETE", "requests")

    def wait_for_request(self, within: float) -> float:
        """The monotonic time of the first request that is counted; RuntimeError if there is none in time."""
        ends = time.monotonic() + within
        while time.monotonic() < ends:
            if self.ask("GET", "requests")["total"]:
                return time.monotonic()
            time.sleep(0.02)
        raise RuntimeError("the sandbox was not asked for anything")

    def counted(self) -> dict[str, Any]:
        """What was asked since: `requests`, `lead_pages`, `rejected`, and the `span` from first to last in seconds."""
        found = self.ask("GET", "requests")
        pages = found["by_path"].get("POST /api/v2/leads/list", {"count": 0})
        first, last = (datetime.fromisoformat(found[at]) if found[at] else None for at in ("first_at", "last_at"))
        span = (last - first).total_seconds() if first and last else 0.0
        return {"requests": found["total"], "lead_pages": pages["count"], "rejected": found["rejected"], "span": span}

    def accepted(self, path: str = "") -> list[float]:
        """When the requests that were not refused came, in seconds since the first of all; `path`: how theirs ends."""
        log = self.ask("GET", "requests/log")
        times = [datetime.fromisoformat(r["at"]).timestamp() for r in log]
        taken = [r["status"] != 429 and r["path"].endswith(path) for r in log]
        return [at - times[0] for at, good in zip(times, taken, strict=True) if good]

    def most_at_once(self, latency: float) -> int:
        """How many requests for leads were under way together, where each took at least `latency` seconds."""
        times = self.accepted("/leads/list")
        return max((sum(at <= t < at + latency for t in times[i : i + 64]) for i, at in enumerate(times)), default=1)


@contextmanager
def running(
    leads: int, *, campaigns: int = 12, days: int = 90, limited: bool = False, latency: float = 0.0, warm: bool = True
) -> Iterator[Sandbox]:
    """A sandbox, with every lead rendered beforehand if `warm`. It ends with the block, and with this process."""
    config = {
        "leads": leads, "campaigns": campaigns, "days": days, "now": NOW, "warm": warm, "rate_limited": limited,
        "switches": {"latency": latency}, "extra_keys": [], "scopes": ["all:all"],
    }  # fmt: skip
    command = [sys.executable, "-m", "instantly_sandbox", "--config", json.dumps(config)]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = child.stdout.readline().split() if child.stdout else []
        if len(line) != 2:
            raise RuntimeError(f"the sandbox did not start (exit code {child.wait(10)})")
        yield Sandbox(line[0], line[1], leads, campaigns)
    finally:
        child.terminate()
        child.communicate(timeout=30)
