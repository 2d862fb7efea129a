"""Ours to the published file, as `instantly-pipeline sync` does it: the streams named, or all; `--full` first.

Prints a JSON object: seconds by step. The settings come from the environment.
"""

import json
import sys

from instantly_pipeline.cli.sync_command import run
from instantly_pipeline.settings import load
from instantly_pipeline.sync.results import Request


def main() -> int:
    """Sync; the exit code of the report."""
    full = sys.argv[1:2] == ["--full"]
    report = run(load(), Request(tuple(sys.argv[1 + full :]) or None, full=full))
    if read := report.sync_report:
        print(json.dumps({"reading": (read.ended_at - read.started_at).total_seconds(), **report.seconds}))
    if report.problem is not None:
        sys.stderr.write(f"{report.problem}\n{report.details or ''}\n")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
