"""How many events a second `webhooks serve` stores, measured with wrk: `python -m benchmarks.receiver [--seconds 20]`.

Three times on loopback: with all CPUs, with one, and with that one while it runs a sync as well. wrk (apt install wrk)
sends as fast as it is answered. What was answered 200 is then looked for in the inbox.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.process import environment
from benchmarks.sandbox import ROOT, running

SECRET = "secret-of-the-benchmark"
COMMAND = [sys.executable, "-c", "from instantly_pipeline.cli.main import main; main()"]
CONNECTIONS = 32
SYNC_LEADS = 20_000  # of the workspace that is synced meanwhile


@contextmanager
def _receiver(data_dir: Path, cpus: str) -> Iterator[tuple[str, int]]:
    """Its address and process."""
    given = {"INSTANTLY_DATA_DIR": str(data_dir), "INSTANTLY_WEBHOOK_SECRET": SECRET, "INSTANTLY_ENV_FILE": "/none"}
    serve = ["webhooks", "serve", "--port", "0", "--max-rate", "1000000"]
    child = subprocess.Popen(
        ["taskset", "-c", cpus, *COMMAND, *serve], env=environment(given), stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stderr
        found = next((found for line in child.stderr if (found := re.search(r"http://\S+?:\d+", line))), None)
        assert found, "the receiver ended before it listened"
        yield found[0], child.pid
    finally:
        child.terminate()
        child.communicate(timeout=30)


@contextmanager
def _syncing(folder: Path, cpus: str) -> Iterator[None]:
    """Syncs everything again and again, on these CPUs; the API is on the others."""
    ended = threading.Event()
    with running(SYNC_LEADS) as box:
        given = {
            "INSTANTLY_DATA_DIR": str(folder / "data"), "INSTANTLY_API_KEY": box.key, "INSTANTLY_ENV_FILE": "/none",
            "INSTANTLY_BASE_URL": box.url, "DAGSTER_HOME": str(_dagster_home(folder)),
        }  # fmt: skip
        command = ["taskset", "-c", cpus, sys.executable, "-m", "benchmarks.contenders.sync", "--full"]

        quiet = subprocess.DEVNULL

        def sync() -> None:
            while not ended.is_set():
                child = subprocess.Popen(command, cwd=ROOT, env=environment(given), stdout=quiet, stderr=quiet)
                while child.poll() is None:
                    if ended.wait(0.2):
                        child.send_signal(signal.SIGKILL)
                        child.wait()

        thread = threading.Thread(target=sync)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _dagster_home(folder: Path) -> Path:
    home = folder / "dagster_home"
    home.mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", home)
    return home


def _wrk(url: str, seconds: int, run: str) -> dict[str, Any]:
    """What the script says at its end."""
    script = str(Path(__file__).with_suffix(".lua"))
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", script, url, "--", SECRET, run]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(said.partition("RESULT ")[2])
    return found


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, *, seconds: int, cpus: str, beside_sync: bool = False) -> str:
    """A line of the table. RuntimeError where an event that was answered 200 is missing."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        data_dir = Path(folder) / "receiver"
        with _receiver(data_dir, cpus) as (url, pid):
            if beside_sync:
                stack.enter_context(_syncing(Path(folder), cpus))
            before = _cpu_seconds(pid)
            found = _wrk(url, seconds, name.replace(" ", "-"))
            cpu = _cpu_seconds(pid) - before
        stored = sum(path.read_bytes().count(b"\n") for path in (data_dir / "inbox").glob("*.jsonl"))
    if stored < found["stored"]:
        raise RuntimeError(f"{found['stored']} events were answered 200, and {stored} are in the inbox")
    rate, each = found["stored"] / found["seconds"], 1e6 * cpu / stored
    return f"| {name} | {rate:,.0f} | {found['p50_ms']:.1f} | {found['p99_ms']:.1f} | {each:.0f} |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="of each of the three")
    seconds = parser.parse_args().seconds
    if not shutil.which("wrk") or not shutil.which("taskset"):
        sys.exit("wrk and taskset are needed: apt install wrk util-linux")
    cpus = sorted(os.sched_getaffinity(0))
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}, {len(cpus)} CPUs, {CONNECTIONS} connections")
    print("| | events a second | p50 ms | p99 ms | CPU us each |\n| --- | ---: | ---: | ---: | ---: |")
    everything, one = ",".join(map(str, cpus)), str(cpus[0])
    print(measure("all CPUs", seconds=seconds, cpus=everything))
    print(measure("one CPU", seconds=seconds, cpus=one))
    print(measure("one CPU beside a sync", seconds=seconds, cpus=one, beside_sync=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
