"""`make bench`: measure, then write `results.md`.

    python -m benchmarks.run [--rows 1000000] [--rounds 3] [--parts workspace,unchanged,limits,contenders,large]

The other sizes follow from `--rows`: a tenth for the contenders, half for the large comparison. What an earlier run
measured of other parts stays in the report.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import environments, parts, report
from benchmarks.environments import HERE
from benchmarks.sandbox import ROOT

WORK = HERE / ".work"
RAW = WORK / "measurements.json"
PARTS = ("workspace", "unchanged", "limits", "contenders", "large")


def main() -> int:
    """Parse, make the environments, measure, report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", default=",".join(PARTS))
    given = parser.parse_args()
    wanted = [part for part in given.parts.split(",") if part]
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"unknown parts {sorted(unknown)}; known: {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended on the way out
    WORK.mkdir(exist_ok=True)
    failed = {name: why for name in ("bare", "dlt", "airbyte") if (why := environments.make(name))}
    if needed := failed.keys() - {"airbyte"}:
        sys.stderr.write("".join(f"{name} could not be installed: {failed[name]}\n" for name in sorted(needed)))
        return 1
    for part, measure in _measures(wanted, given.rows, given.rounds):
        sys.stderr.write(f"== {part}\n")
        _measure(part, measure, failed)
    results = json.loads(RAW.read_text())
    (HERE / "results.md").write_text(report.written(results))
    print(report.short(results))
    return 0


def _measures(wanted: Sequence[str], rows: int, rounds: int) -> list[tuple[str, Callable[[parts.Bench], None]]]:
    every: dict[str, Callable[[parts.Bench], None]] = {
        "workspace": partial(parts.workspace, rows=rows),
        "unchanged": parts.unchanged,
        "limits": partial(parts.limits, rows=rows),
        "contenders": partial(parts.contenders, rows=rows // 10, rounds=rounds, part="contenders"),
        "large": partial(parts.contenders, rows=rows // 2, rounds=1, part="large"),
    }
    return [(part, every[part]) for part in PARTS if part in wanted]


def _measure(part: str, measure: Callable[[parts.Bench], None], failed: dict[str, str]) -> None:
    """Measure a part; what was measured of it before goes, each new measurement is written at once."""
    results: dict[str, Any] = json.loads(RAW.read_text()) if RAW.is_file() else {}
    records: list[dict[str, Any]] = []
    results[part] = {"about": _about(failed), "records": records}

    def keep(record: dict[str, Any]) -> None:
        records.append(record)
        RAW.write_text(json.dumps(results, indent=1))

    measure(parts.Bench(WORK, keep, set(failed)))


def _about(failed: dict[str, str]) -> dict[str, Any]:
    """Where and with what a part was measured."""
    here = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(here, capture_output=True, text=True, check=False).stdout.strip()
    models = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    names = [name for name in environments.PACKAGES if name not in failed]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "commit": commit or "unknown",
        "machine": f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "load": os.getloadavg()[0], "versions": {name: environments.versions(name) for name in names},
        "failed": failed,
    }  # fmt: skip


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


if __name__ == "__main__":
    sys.exit(main())
