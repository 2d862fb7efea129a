"""A probe of a sandbox whose world stands still, for the tests of this folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from instantly_pipeline.api.clock import SystemClock
from instantly_pipeline.doctor.probe.question import Answer
from instantly_pipeline.doctor.probe.run import Probed, chosen_key, probe
from instantly_pipeline.settings import load
from instantly_sandbox.server import SandboxConfig

NOW = datetime(2026, 9, 16, 15, 30, tzinfo=UTC)
WORLD = SandboxConfig(
    key="probe-secret-4711", now=NOW, leads=2000, campaigns=12, accounts=24, days=120, rate_limited=False
)


class StandingClock(SystemClock):
    """The world's time; waits pass at once."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return super().monotonic() + self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        await asyncio.sleep(0)


@dataclass
class Server:
    """A sandbox to probe."""

    url: str
    key: str

    def control(self, method: str, path: str, **values: Any) -> Any:
        found = httpx.request(method, f"{self.url}/_sandbox/{path}", json=values or None, verify=False)
        found.raise_for_status()
        return found.json()

    def lines(self, path: str) -> list[dict[str, Any]]:
        found = httpx.get(f"{self.url}/_sandbox/{path}", verify=False)
        found.raise_for_status()
        return [json.loads(line) for line in found.text.splitlines()]

    def mutate(self, ops: Iterable[dict[str, Any]]) -> None:
        httpx.post(f"{self.url}/_sandbox/mutate", json=list(ops), verify=False, timeout=60).raise_for_status()

    def switch(self, **values: Any) -> None:
        self.control("POST", "switches", **values)

    def break_(self, kind: str, **values: Any) -> None:
        self.control("POST", "faults", kind=kind, **values)

    def reset(self) -> None:
        for what in ("switches", "faults", "requests"):
            self.control("DELETE", what)

    def probe(self, folder: Path, **settings: Any) -> Probed:
        given = {"api_key": self.key, "base_url": self.url, "data_dir": folder} | settings
        loaded = load(**given)
        return asyncio.run(probe(loaded, *chosen_key(loaded, None), time=StandingClock()))


def by_name(probed: Probed) -> dict[str, Answer]:
    """The answers by the name of the question."""
    return {one.question: one for one in probed.answers}
