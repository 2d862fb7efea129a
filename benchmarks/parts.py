"""What is measured: the contenders in turn, ours as data grows and as campaigns change, and the vendor's limits.

Every measurement is a flat record, handed to `keep` as soon as it is made.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import lineup
from benchmarks.environments import python
from benchmarks.lineup import SCRIPTS, Contender
from benchmarks.process import Usage, measured
from benchmarks.sandbox import ROOT, Sandbox, free_port, running
from instantly_pipeline.streams.registry import all_streams

Record = dict[str, Any]
Keep = Callable[[Record], None]
Make = Callable[[Sandbox, Path], Contender]

WITHIN = 900.0  # seconds for one run; what takes longer is ended and reported as such
PROBE_LATENCY, PROBE_SECONDS = 0.05, 20.0
VENDOR_LATENCY = 0.4
SAMPLE_PAGES = 100
CHAINS_TO_SHOW = 8  # of the second bare script, where ours itself has one request under way
SHARES = (0, 1, 5, 20, 100)
YEAR, CHANGED = 365, 5
CAMPAIGNS = 200  # so that one per cent of them is two
# Steps by day are filled in bit by bit over days, one request a campaign-day; they would drown what is measured here.
WITHOUT_STEPS = tuple(name for name in all_streams() if name != "step_analytics")


class Bench:
    """A folder to work in, and where measurements go."""

    def __init__(self, work: Path, keep: Keep, without: set[str]) -> None:
        self.work, self.keep, self.without = work, keep, without

    def run(self, part: str, box: Sandbox, make: Make, *, turn: int = 0, count: bool = True, **more: object) -> None:
        """Every run of one contender, in a folder of its own that goes afterwards."""
        out = self.fresh("run")
        contender = make(box, out)
        for time in range(1, contender.runs + 1):
            self.once(part, box, contender, out, turn=turn, time=time, count=count, **more)
        shutil.rmtree(out)

    def once(
        self, part: str, box: Sandbox, contender: Contender, out: Path,
        *, turn: int = 0, time: int = 1, count: bool = True, **more: object,
    ) -> None:  # fmt: skip
        """One run of one contender in a folder that stays."""
        box.forget_requests()
        used = measured(
            contender.command, env=contender.env, cwd=out, log=out / "log", out=contender.stdout, within=WITHIN
        )
        record: Record = {"part": part, "label": contender.label, "leads": box.leads, "round": turn, "time": time}
        record |= vars(used) | box.counted() | more
        record["found"] = _count(contender.leads) if count and not used.exit_code else None
        _tell(record, used, out / "log")
        self.keep(record)

    def fresh(self, name: str) -> Path:
        """An empty folder."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def contenders(bench: Bench, rows: int, rounds: int) -> None:
    """All contenders in turn on one sandbox, `rounds` times, beginning with another one each time."""
    with running(rows) as box:
        chains = _under_way(bench, box)
        _ceiling(bench, box, sorted({1, chains}))
        makers: list[Make] = [
            lineup.ours_to_lake,
            lambda b, o: lineup.bare(b, o, chains=1),
            lambda b, o: lineup.bare(b, o, chains=chains if chains > 1 else CHAINS_TO_SHOW),
            lineup.dlt,
            lambda b, o: lineup.dlt(b, o, workers=2),
            lineup.ours_published,
            lambda b, o: lineup.ours_published(b, o, leads_only=True, runs=1),
        ]
        if "airbyte" not in bench.without:
            makers.append(lineup.airbyte)
        for turn in range(rounds):
            first = turn * 3 % len(makers)
            for make in makers[first:] + makers[:first]:
                bench.run("contenders", box, make, turn=turn)


def large(bench: Bench, rows: int) -> None:
    """Once more with five times the rows: the whole way to a published file, and to the lake, beside dlt and bare."""
    with running(rows) as box:
        chains = _under_way(bench, box)
        _ceiling(bench, box, [1])
        bench.run("large", box, lambda b, o: lineup.dlt(b, o, workers=2))
        bench.run("large", box, lambda b, o: lineup.ours_published(b, o, runs=1))
        bench.run("large", box, lambda b, o: lineup.ours_published(b, o, leads_only=True, runs=1))
        bench.run("large", box, lambda b, o: lineup.bare(b, o, chains=chains))
        bench.run("large", box, lineup.ours_to_lake)


def growth(bench: Bench, sizes: Sequence[int], tables_up_to: int) -> None:
    """Ours alone, larger and larger: to the lake, all of it once more, and the tables made of it."""
    for size in sizes:
        with running(size) as box:
            _ceiling(bench, box, [1])
            out = bench.fresh("growth")
            for time in (1, 2):
                bench.once("growth", box, lineup.ours_to_lake(box, out, full=time > 1), out, time=time)
            if size <= tables_up_to:
                bench.once("growth", box, lineup.ours_tables(box, out), out)
            shutil.rmtree(out)


def changes(bench: Bench, rows: int) -> None:
    """What a second sync, without steps by day, asks for when a share of the campaigns has got a new lead since.

    Each share has the same first sync behind it: a new sandbox on the same port, and a copy of the first data.
    """
    port, first, out = free_port(), bench.fresh("first"), bench.work / "second"
    with running(rows, campaigns=CAMPAIGNS, port=port) as box:
        bench.once("changes", box, lineup.ours_to_lake(box, first, streams=WITHOUT_STEPS), first, share=None)
    for share in SHARES:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(first, out)
        with running(rows, campaigns=CAMPAIGNS, port=port) as box:
            changed = _change(box, share)
            ours = lineup.ours_to_lake(box, out, streams=WITHOUT_STEPS)
            bench.once("changes", box, ours, out, time=2, share=share, changed=changed)
    shutil.rmtree(first)
    shutil.rmtree(out)


def models(bench: Bench, rows: int) -> None:
    """DuckDB's part for a year of a workspace: rebuilt, with nothing changed, with new leads in some campaigns."""
    out = bench.fresh("models")
    with running(rows, campaigns=CAMPAIGNS, days=YEAR) as box:
        for state in ("rebuilt", "nothing changed", f"{CHANGED} % of the campaigns changed"):
            if state != "nothing changed":
                changed = 0 if state == "rebuilt" else _change(box, CHANGED)
                bench.once("models", box, lineup.ours_to_lake(box, out, streams=()), out, state=state, changed=changed)
            bench.once("models", box, lineup.our_steps(box, out), out, state=state)
            bench.keep({"part": "steps", "leads": rows, "state": state, **json.loads((out / "steps.json").read_text())})
    shutil.rmtree(out)


def headline(bench: Bench, rows: int) -> None:
    """The vendor's limits and a usual latency: ours in full, one chain of the others from a sample of pages."""
    sample = min(SAMPLE_PAGES, rows // 1000)
    with running(rows, limited=True, latency=VENDOR_LATENCY) as box:
        bench.run("headline", box, lambda b, o: lineup.ours_to_lake(b, o, runs=1))
        for make in (
            lambda b, o: lineup.bare(b, o, chains=1, pages=sample),
            lambda b, o: lineup.dlt(b, o, pages=sample),
        ):
            bench.run("headline", box, make, count=False, sample=sample)


def _under_way(bench: Bench, box: Sandbox) -> int:
    """How many requests for leads ours has under way: found by slowing the sandbox down for a while."""
    box.ask("POST", "switches", {"latency": PROBE_LATENCY})
    out = bench.fresh("probe")
    probe = lineup.ours_to_lake(box, out)
    box.forget_requests()
    measured(probe.command, env=probe.env, cwd=out, log=out / "log", out=None, within=PROBE_SECONDS)
    chains = box.most_at_once(0.9 * PROBE_LATENCY)
    box.ask("POST", "switches", {"latency": 0})
    bench.keep({"part": "under way", "leads": box.leads, "chains": chains})
    return chains


def _ceiling(bench: Bench, box: Sandbox, chains: Sequence[int]) -> None:
    """The sandbox's own speed; every lead has been served once then, to whomever comes next."""
    for count in chains:
        place = box.url.removeprefix("http://")
        command = [sys.executable, "-m", "benchmarks.ceiling", place, box.key, str(count)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=WITHIN)
        bench.keep({"part": "ceiling", "leads": box.leads, "chains": count, **json.loads(done.stdout)})


def _change(box: Sandbox, share: int) -> int:
    """One new lead in so many per cent of the campaigns, which moves their counters; how many those are."""
    campaigns = box.ids("campaigns")
    chosen = campaigns[: round(len(campaigns) * share / 100)]
    records = [_lead(campaign) for campaign in chosen]
    if records:
        box.ask("POST", "mutate", {"op": "insert", "collection": "leads", "records": records})
    return len(chosen)


def _lead(campaign: str) -> Record:
    name = uuid.uuid5(uuid.NAMESPACE_URL, campaign)
    return {
        "id": str(name), "campaign": campaign, "email": f"{name.hex}@new.example", "company_domain": "new.example",
        "organization": "", "status": 1, "email_open_count": 0, "email_reply_count": 0, "email_click_count": 0,
        "timestamp_created": "2026-01-01T00:00:00.000Z", "timestamp_updated": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip


def _count(place: Path) -> int:
    command = [str(python("bare")), str(SCRIPTS / "count.py"), str(place)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


def _tell(record: Record, used: Usage, log: Path) -> None:
    share = "" if record.get("share") is None else f", {record['share']} % of the campaigns changed"
    sys.stderr.write(
        f"{record['part']}: {record['label']}, run {record['time']}, {record['leads']:,} leads{share}: "
        f"{used.seconds:.1f} s, {used.cpu:.1f} s of processor, {used.peak_mb:.0f} MB, {record['requests']:,} requests\n"
    )
    if used.exit_code:
        sys.stderr.write(f"  ended with {used.exit_code}: {log.read_text(errors='replace')[-600:]}\n")
