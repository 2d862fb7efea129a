"""Ours as far as the durable lake, without Dagster and without DuckDB: the streams named, or all; `--full` first.

The settings come from the environment, as for `instantly-pipeline sync`.
"""

import asyncio
import sys

from instantly_pipeline.lake.lock import writing
from instantly_pipeline.settings import load
from instantly_pipeline.sync.engine import sync
from instantly_pipeline.sync.results import Request


def main() -> int:
    """Sync; the exit code of the report."""
    settings = load()
    full = sys.argv[1:2] == ["--full"]
    with writing(settings.data_dir, command="sync"):
        report = asyncio.run(sync(settings, Request(tuple(sys.argv[1 + full :]) or None, full=full)))
    for workspace in report.workspaces:
        for stream in workspace.streams:
            sys.stderr.write(f"{stream.stream}: {stream.outcome} {stream.rows_read} rows {stream.reason or ''}\n")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
