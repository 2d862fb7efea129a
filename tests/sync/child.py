"""A sync in a process of its own, to be killed: `-m tests.sync.child URL KEY DATA_DIR SECONDS_AHEAD [--full]`."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path

from instantly_pipeline import settings
from instantly_pipeline.api.clock import SystemClock
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.sync.engine import World, sync
from instantly_pipeline.sync.results import Request


class ClockAhead(SystemClock):
    """The machine's clock, so many seconds ahead."""

    def __init__(self, seconds: float) -> None:
        self._by = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._by


def main(url: str, key: str, data_dir: str, seconds_ahead: str, *words: str) -> int:
    given = settings.load(base_url=url, api_key=key, data_dir=Path(data_dir))
    world = World(clock=ClockAhead(float(seconds_ahead)))
    with writing(given.data_dir, command="sync"):
        print("started", flush=True)
        return asyncio.run(sync(given, Request(full="--full" in words), world=world)).exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
