"""Ours as far as the durable lake, without Dagster and without DuckDB: the streams named, or all; `--full` first.

The settings come from the environment, as for `instantly-pipeline sync`.
"""

import sys

from instantly_pipeline.run.run import Run
from instantly_pipeline.settings import load
from instantly_pipeline.sync.results import Request


def main() -> int:
    """Read; the exit code of the report."""
    full = sys.argv[1:2] == ["--full"]
    with Run(load()) as run:
        run.lock()
        report = run.read(Request(tuple(sys.argv[1 + full :]) or None, full=full))
    for workspace in report.workspaces:
        for stream in workspace.streams:
            sys.stderr.write(f"{stream.stream}: {stream.outcome} {stream.rows_read} rows {stream.reason or ''}\n")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
