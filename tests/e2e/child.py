"""A whole run without Dagster, which says on stdout what it does, so that it can be killed there.

`python -m tests.e2e.child URL KEY DATA_DIR`: sync, load, models, checks, publish. Each line names what begins:
`fetch`, `rename` (a file of the lake), `checkpoint`, `index`, `notes`, `load`, `models`, `checks`, `publish`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from instantly_pipeline import settings
from instantly_pipeline.api.clock import SystemClock
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.sync.engine import World
from instantly_pipeline.sync.results import Event, Request
from tests.whole import whole_run

AREAS = {"changes": "rename", "state": "checkpoint", "index": "index", "meta": "notes"}


class Hurried(SystemClock):
    """Time moves on at each look: every few pages are a batch of their own."""

    skipped = 0.0

    def monotonic(self) -> float:
        self.skipped += 3.0
        return super().monotonic() + self.skipped


def say(phase: str) -> None:
    """Name the phase that begins."""
    os.write(1, f"{phase}\n".encode())


def watch(lake: Path) -> None:
    """Say when a file of the lake is written beside its place; what follows is fsync, rename, fsync."""

    def look(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and str(args[0]).endswith(".tmp") and str(args[0]).startswith(str(lake)):
            area = Path(args[0]).relative_to(lake).parts[0]
            if area in AREAS:
                say(AREAS[area])

    sys.addaudithook(look)


def show(event: Event) -> None:
    """Say that pages are being fetched, or which step after them begins."""
    if event.workspace and event.kind in ("start", "progress"):
        say("fetch")
    elif event.kind == "start":
        say(event.stream or "")


def main(url: str, key: str, data_dir: str) -> int:
    """Its exit code."""
    given = settings.load(base_url=url, api_key=key, data_dir=Path(data_dir))
    watch(Layout(given.data_dir).lake)
    report = whole_run(given, Request(full=True), on_event=show, world=World(clock=Hurried()))
    say("end")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
