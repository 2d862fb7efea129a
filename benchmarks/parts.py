"""What is measured: a large workspace over a day, requests where nothing changed, limits of the API, the contenders.

Every measurement is a flat record, handed to `keep` as soon as it is made.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import lineup
from benchmarks.lineup import Contender
from benchmarks.process import Usage, measured, started
from benchmarks.sandbox import ROOT, Sandbox, running

Record = dict[str, Any]
Keep = Callable[[Record], None]
Make = Callable[[Sandbox, Path], Contender]

WITHIN = 1800.0  # seconds for one run; what takes longer is ended and reported as such
LEADS_PER_CAMPAIGN = 5000
FIRST, UNCHANGED, SIX_HOURS, REREAD, ONE_HOUR = (
    "first", "nothing changed", "six hours later", "six hours later, everything read anew", "an hour after that",
)  # fmt: skip
MEMORY_LIMITS = ("2GB", "1GB", "512MB")
CAMPAIGNS, DAYS = (200, 1200), 7  # of the workspaces in which requests are counted; few days, to have few steps to read
PROBE_LATENCY, PROBE_SECONDS = 0.05, 20.0
VENDOR_LATENCY, SAMPLE_PAGES = 0.4, 100
FEWEST_LIMITED = 200_000  # leads, so that there is enough to ask for until the last burst has been measured
BURSTS, BURST, RECOVERY, MEASURED = (2, 60), 2.0, 15.0, 20.0  # seconds
SLOW_LEADS, SLOW_REQUESTS, SLOW_SECONDS = 14_000, 20, 5.0
CHAINS_TO_SHOW = 8  # of the second bare script, where ours itself has one request under way


class Bench:
    """A folder to work in, and where measurements go."""

    def __init__(self, work: Path, keep: Keep, without: set[str]) -> None:
        self.work, self.keep, self.without = work, keep, without

    def run(self, part: str, box: Sandbox, contender: Contender, out: Path, run: str, **more: object) -> Record:
        """One run of a contender in a folder that stays. `found`: how many leads it has then; `there`: how many are."""
        box.forget_requests()
        used = measured(
            contender.command, env=contender.env, cwd=out, log=out / "log", out=contender.stdout, within=WITHIN
        )
        record: Record = {"part": part, "label": contender.label, "run": run, "leads": box.leads}
        record |= {"campaigns": box.campaigns, "bytes": _size(contender.leads)}
        record |= vars(used) | box.counted() | _steps(out, used) | more
        record["found"] = _found(contender) if used.exit_code in (0, 3) and "sample" not in more else None
        record["there"] = box.ask("GET", "state")["workspaces"][0]["counts"]["leads"]
        _tell(record, used, out / "log")
        self.keep(record)
        return record

    def fresh(self, name: str) -> Path:
        """An empty folder."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def workspace(bench: Bench, rows: int) -> None:
    """A large workspace: its first sync, the small ones after it, and its tables built anew within less memory."""
    out, again = bench.fresh("workspace"), bench.fresh("again")
    with running(rows, campaigns=max(12, rows // LEADS_PER_CAMPAIGN)) as box:
        for run in (FIRST, UNCHANGED):
            bench.run("workspace", box, lineup.ours_published(box, out), out, run)
        shutil.copytree(out, again, dirs_exist_ok=True)
        changed = box.later(6)
        bench.run("workspace", box, lineup.ours_published(box, out), out, SIX_HOURS, **changed)
        bench.run("workspace", box, lineup.ours_published(box, again, full=True), again, REREAD)
        shutil.rmtree(again)
        changed = box.later(1)
        bench.run("workspace", box, lineup.ours_published(box, out), out, ONE_HOUR, **changed)
        for limit in MEMORY_LIMITS:
            bench.run("workspace", box, lineup.ours_rebuilt(box, out, limit), out, f"built from the lake, {limit}")
    shutil.rmtree(out)


def unchanged(bench: Bench) -> None:
    """What a second sync asks for where nothing has changed, by the number of campaigns."""
    for campaigns in CAMPAIGNS:
        out = bench.fresh("unchanged")
        with running(10 * campaigns, campaigns=campaigns, days=DAYS) as box:
            for run in (FIRST, UNCHANGED):
                contender = lineup.ours_to_lake(box, out, streams=())
                bench.run("unchanged", box, contender, out, run)


def limits(bench: Bench, rows: int) -> None:
    """The vendor's limits, bursts of another client, and limits that nothing announces."""
    leads = max(rows, FEWEST_LIMITED)
    with running(leads, limited=True, latency=VENDOR_LATENCY, warm=False) as box:
        out = bench.fresh("limits")
        bench.run("limits", box, lineup.ours_to_lake(box, out), out, FIRST)
        times = box.accepted()
        if len(times) >= 1000:
            bench.keep({"part": "first 1,000", "seconds": times[999] + VENDOR_LATENCY})
        out = bench.fresh("limits")
        sample = lineup.bare(box, out, chains=1, pages=SAMPLE_PAGES)
        bench.run("limits", box, sample, out, FIRST, sample=SAMPLE_PAGES)
        for at in BURSTS:
            _burst(bench, box, leads // 10_000, at)
    with running(SLOW_LEADS, limited=True, latency=VENDOR_LATENCY) as box:
        out = bench.fresh("limits")
        box.switch(rate_limits={"further": [[SLOW_REQUESTS, SLOW_SECONDS]]})
        bench.run("slow", box, lineup.ours_to_lake(box, out), out, FIRST)
        times = box.accepted()
        least = (math.ceil(len(times) / SLOW_REQUESTS) - 1) * SLOW_SECONDS
        bench.keep({"part": "slow ratio", "ratio": times[-1] / least, "least": least})


def contenders(bench: Bench, rows: int, rounds: int, part: str) -> None:
    """All contenders in turn, `rounds` times on a new sandbox, beginning with another one each time.

    Those that can bring up to date what they have do so once more when six hours have passed in the sandbox.
    """
    for turn in range(rounds):
        with running(rows, campaigns=max(12, rows // LEADS_PER_CAMPAIGN)) as box:
            chains = _under_way(bench, box)
            _ceiling(bench, box, sorted({1, chains}))
            makers = _makers(bench, chains if chains > 1 else CHAINS_TO_SHOW)
            first = turn * 3 % len(makers)
            kept = []
            for number, make in enumerate(makers[first:] + makers[:first]):
                out = bench.fresh(f"contender-{number}")
                contender = make(box, out)
                bench.run(part, box, contender, out, FIRST)
                if contender.keeps:
                    kept.append((contender, out))
                else:
                    shutil.rmtree(out)
            changed = box.later(6)
            for contender, out in kept:
                bench.run(part, box, contender, out, SIX_HOURS, **changed)
                shutil.rmtree(out)


def _makers(bench: Bench, chains: int) -> list[Make]:
    makers: list[Make] = [
        lineup.ours_to_lake,
        lambda b, o: lineup.bare(b, o, chains=1),
        lambda b, o: lineup.bare(b, o, chains=chains),
        lineup.dlt,
        lambda b, o: lineup.ours_published(b, o, leads_only=True),
        lineup.dlt_history,
    ]
    return makers if "airbyte" in bench.without else [*makers, lineup.airbyte]


def _burst(bench: Bench, box: Sandbox, per_second: int, at: int) -> None:
    """A first sync, all of whose requests are refused for two seconds from second `at` on: what it gets afterwards."""
    box.switch(rate_limits={"per_second": per_second, "per_minute": 10**6})
    out = bench.fresh("burst")
    ours = lineup.ours_to_lake(box, out)
    box.forget_requests()
    with started(ours.command, env=ours.env, cwd=out, log=out / "log") as child:
        first = box.wait_for_request(within=60)
        time.sleep(at)
        box.switch(rate_limits={"sustained_seconds": BURST})
        since = time.monotonic() - first + BURST + RECOVERY
        time.sleep(BURST + RECOVERY + MEASURED)
        is_running = child.poll() is None
    taken = sum(since <= second < since + MEASURED for second in box.accepted())
    share = taken / (per_second * MEASURED) if is_running else None
    bench.keep({"part": "burst", "at": at, "per_second": per_second, "share": share})
    sys.stderr.write(f"limits: a burst at {at} s, then {taken} requests in {MEASURED} s of {per_second} a second\n")


def _under_way(bench: Bench, box: Sandbox) -> int:
    """How many requests for leads ours has under way: found by slowing the sandbox down for a while."""
    box.switch(latency=PROBE_LATENCY)
    out = bench.fresh("probe")
    probe = lineup.ours_to_lake(box, out)
    box.forget_requests()
    measured(probe.command, env=probe.env, cwd=out, log=out / "log", out=None, within=PROBE_SECONDS)
    chains = box.most_at_once(0.9 * PROBE_LATENCY)
    box.switch(latency=0)
    bench.keep({"part": "under way", "leads": box.leads, "chains": chains})
    return chains


def _ceiling(bench: Bench, box: Sandbox, chains: Sequence[int]) -> None:
    """The sandbox's own speed; every lead has been served once then, to whomever comes next."""
    for count in chains:
        place = box.url.removeprefix("http://")
        command = [sys.executable, "-m", "benchmarks.ceiling", place, box.key, str(count)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=WITHIN)
        bench.keep({"part": "ceiling", "leads": box.leads, "chains": count, **json.loads(done.stdout)})


def _steps(out: Path, used: Usage) -> Record:
    """Seconds by step, where the command says them."""
    said = out / "steps.json"
    steps: Record = json.loads(said.read_text()) if used.exit_code in (0, 3) and said.is_file() else {}
    said.unlink(missing_ok=True)
    return steps


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _found(contender: Contender) -> int:
    """How many leads the contender has; deleted ones do not count."""
    is_file = contender.leads.suffix == ".duckdb"
    with duckdb.connect(str(contender.leads) if is_file else ":memory:", read_only=is_file) as con:
        row = con.execute(contender.count.format(contender.leads)).fetchone()
    return int(row[0]) if row else 0


def _tell(record: Record, used: Usage, log: Path) -> None:
    sys.stderr.write(
        f"{record['part']}: {record['label']}, {record['run']}, {record['leads']:,} leads: {used.seconds:.1f} s, "
        f"{used.cpu:.1f} s of processor, {used.peak_mb:.0f} MB, {record['requests']:,} requests\n"
    )
    if used.exit_code:
        sys.stderr.write(f"  ended with {used.exit_code}: {log.read_text(errors='replace')[-600:]}\n")
