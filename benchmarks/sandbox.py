"""The sandbox in a process of its own, and what it is asked over its control plane, which it never counts."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOW = (
    f"{datetime.now(UTC):%Y-%m-%d}T00:00:00+00:00"  # the same size is the same world throughout a run of the benchmark
)


@dataclass(frozen=True)
class Sandbox:
    """A running one."""

    url: str
    key: str
    leads: int

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One control request; its JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def ids(self, collection: str) -> list[str]:
        """The ids of all records of a small collection."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/state/{collection}", timeout=300) as answer:
            return [json.loads(line)["id"] for line in answer]

    def forget_requests(self) -> None:
        """Count from here."""
        self.ask("DELETE", "requests")

    def counted(self) -> dict[str, Any]:
        """What was asked since: `requests`, `lead_pages`, `rejected`, and the `span` from first to last in seconds."""
        found = self.ask("GET", "requests")
        pages = found["by_path"].get("POST /api/v2/leads/list", {"count": 0})
        first, last = (datetime.fromisoformat(found[at]) if found[at] else None for at in ("first_at", "last_at"))
        span = (last - first).total_seconds() if first and last else 0.0
        return {"requests": found["total"], "lead_pages": pages["count"], "rejected": found["rejected"], "span": span}

    def most_at_once(self, latency: float) -> int:
        """How many requests for leads were under way together, where each took at least `latency` seconds."""
        log = self.ask("GET", "requests/log")
        times = [datetime.fromisoformat(r["at"]).timestamp() for r in log if r["path"].endswith("/leads/list")]
        return max((sum(at <= t < at + latency for t in times[i : i + 64]) for i, at in enumerate(times)), default=1)


@contextmanager
def running(
    leads: int,
    *,
    campaigns: int = 12,
    days: int = 90,
    port: int = 0,
    limited: bool = False,
    latency: float = 0.0,
) -> Iterator[Sandbox]:
    """A sandbox with every lead rendered beforehand. It ends with the block, and with this process."""
    config = {
        "port": port, "leads": leads, "campaigns": campaigns, "days": days, "now": NOW, "warm": True,
        "rate_limited": limited, "switches": {"latency": latency}, "extra_keys": [], "scopes": ["all:all"],
    }  # fmt: skip
    command = [sys.executable, "-m", "instantly_sandbox", "--config", json.dumps(config)]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = child.stdout.readline().split() if child.stdout else []
        if len(line) != 2:
            raise RuntimeError(f"the sandbox did not start (exit code {child.wait(10)})")
        yield Sandbox(line[0], line[1], leads)
    finally:
        child.terminate()
        child.communicate(timeout=30)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
