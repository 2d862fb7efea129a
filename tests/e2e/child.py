"""A whole run without Dagster, which says on stdout what it does, so that it can be killed there.

`python -m tests.e2e.child URL KEY DATA_DIR`: sync, load, models, checks, publish. Each line names what begins:
`fetch`, `rename` (a file of the lake), `checkpoint`, `index`, `notes`, `load`, `models`, `checks`, `publish`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from instantly_pipeline import settings
from instantly_pipeline.api.clock import SystemClock
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.lake.notes import note_down
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.engine import World, sync
from instantly_pipeline.sync.report import Event, Request
from instantly_pipeline.warehouse.warehouse import Warehouse

AREAS = {"changes": "rename", "state": "checkpoint", "index": "index", "meta": "notes"}
SQL = Path(__file__).resolve().parents[2] / "sql"


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
    """Say that pages are being fetched."""
    if event.kind in ("start", "progress"):
        say("fetch")


def main(url: str, key: str, data_dir: str) -> int:
    """Its exit code."""
    given = settings.load(base_url=url, api_key=key, data_dir=Path(data_dir))
    layout = Layout(given.data_dir)
    watch(layout.lake)
    with writing(given.data_dir, command="sync"), Warehouse(layout, all_streams(), sql_dir=SQL) as warehouse:
        report = asyncio.run(sync(given, Request(full=True), on_event=show, world=World(time=Hurried())))
        say("load")
        warehouse.load()
        say("models")
        warehouse.run_models()
        say("checks")
        compared = warehouse.reconcile(run_id=report.run_id, now=now())
        note_down(layout, report.run_id, "reconciliation", compared, now=now)
        warehouse.run_checks()
        say("publish")
        done = warehouse.publish(run_id=report.run_id, now=now())
        note_down(layout, report.run_id, "published", [done.published_row], now=now)
    say("end")
    return report.exit_code


def now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
