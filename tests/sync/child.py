"""A sync in a process of its own, to be killed: `python -m tests.sync.child URL KEY DATA_DIR`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from instantly_pipeline import settings
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.sync.engine import sync
from instantly_pipeline.sync.results import Request


def main(url: str, key: str, data_dir: str) -> int:
    given = settings.load(base_url=url, api_key=key, data_dir=Path(data_dir))
    with writing(given.data_dir, command="sync"):
        print("started", flush=True)
        return asyncio.run(sync(given, Request())).exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
