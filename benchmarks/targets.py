"""The table of targets: what is wanted, what was measured, whether it is met. Nothing is said that was not measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks import lineup
from benchmarks.parts import (
    BURST,
    FIRST,
    MEASURED,
    MEMORY_LIMITS,
    ONE_HOUR,
    RECOVERY,
    REREAD,
    SIX_HOURS,
    SLOW_LEADS,
    SLOW_REQUESTS,
    SLOW_SECONDS,
    UNCHANGED,
    VENDOR_LATENCY,
    WITHIN,
)

Record = dict[str, Any]
Results = dict[str, dict[str, Any]]
Row = tuple[str, str, str, str]

FULL = 1_000_000  # leads for which seconds and memory are wanted; at other sizes they are only shown
TABLES = ("load", "models", "checks", "publish")


@dataclass(frozen=True)
class Bound:
    """The most seconds or MB that one run of the workspace may take at `FULL` leads."""

    run: str
    what: str
    most: float
    wanted: str
    value: Callable[[Record], float]
    text: Callable[[Record], str]


def _cpu(record: Record) -> str:
    return f"{record['cpu']:.0f} s of processor in the whole command"


def _peak(run: str, most: float) -> Bound:
    return Bound(run, f"{run}: peak of all processes", 1024 * most, f"{most} GB", lambda r: r["peak_mb"],
                 lambda r: f"{r['peak_mb'] / 1024:.2f} GB")  # fmt: skip


BOUNDS = (
    Bound(SIX_HOURS, f"{SIX_HOURS}: reading", 60, "60 s", lambda r: r["reading"],
          lambda r: f"{r['reading']:.1f} s ({_cpu(r)})"),
    Bound(SIX_HOURS, f"{SIX_HOURS}: load, models, checks, publish", 25, "25 s",
          lambda r: sum(r[step] for step in TABLES), lambda r: f"{sum(r[step] for step in TABLES):.1f} s"),
    Bound(UNCHANGED, f"{UNCHANGED}: the whole command", 8, "8 s", lambda r: r["seconds"],
          lambda r: f"{r['seconds']:.1f} s (publish {r['publish']:.1f}, reading {r['reading']:.1f}; {_cpu(r)})"),
    Bound(FIRST, "first sync to the published file", 150, "2 min 30 s", lambda r: r["seconds"],
          lambda r: f"{r['seconds']:.0f} s ({_cpu(r)})"),
    _peak(FIRST, 1.5),
    _peak(UNCHANGED, 1.0),
    _peak(SIX_HOURS, 1.5),
)  # fmt: skip


def targets(results: Results) -> list[Row]:
    """A row for each target that something was measured for."""
    records = {part: measured["records"] for part, measured in results.items()}
    rows = [*_limits(records.get("limits", [])), *_workspace(records.get("workspace", []))]
    rows += [*_unchanged(records.get("unchanged", [])), *_sizes(records.get("workspace", []))]
    for part in ("contenders", "large"):
        rows += _contenders(records.get(part, []))
    return [*rows, *_growth(records.get("contenders", []), records.get("large", []))]


def runs(records: Iterable[Record]) -> list[Record]:
    """Those of the records that are runs of a command."""
    return [r for r in records if "label" in r]


def good(record: Record) -> bool:
    """Whether a run came to its end (3: with something held or skipped) and, having read everything, has every lead."""
    return not ended(record)


def ended(record: Record) -> str:
    """How a run ended that is not good, else nothing."""
    if record["exit_code"] == -9:
        return f"ended by us at {WITHIN:.0f} s"
    if record["exit_code"] not in (0, 3):
        return f"failed ({record['exit_code']})"
    if record["run"] in (FIRST, REREAD) and "sample" not in record and record["found"] != record["there"]:
        return f"{record['found']:,} leads instead of {record['there']:,}"
    return ""


def typical(records: Iterable[Record], label: str, run: str, field: str) -> float | None:
    """The median of a contender's good runs."""
    found = [r[field] for r in runs(records) if (r["label"], r["run"]) == (label, run) and good(r)]
    return median(found) if found else None


def _limits(records: Sequence[Record]) -> Iterable[Row]:
    for r in records:
        if r["part"] == "first 1,000":
            what = f"first 1,000 requests at the vendor's limits, {VENDOR_LATENCY} s an answer"
            yield what, "13 s", f"{r['seconds']:.1f} s", _met(r["seconds"] <= 13)
        if r["part"] == "burst":
            what = f"share of {r['per_second']} a second, from {RECOVERY:.0f} to {RECOVERY + MEASURED:.0f} s after "
            what += f"{BURST:.0f} s in which all was refused, from second {r['at']} on"
            said = "the sync ended before" if r["share"] is None else f"{100 * r['share']:.1f} %"
            yield what, "90 %", said, "-" if r["share"] is None else _met(r["share"] >= 0.9)
        if r["part"] == "slow ratio":
            what = f"{SLOW_REQUESTS} requests in {SLOW_SECONDS:.0f} s, nothing announced, {SLOW_LEADS:,} leads"
            yield what, "1.35x what the limit allows", f"{r['ratio']:.2f}x", _met(r["ratio"] <= 1.35)


def _workspace(records: Sequence[Record]) -> Iterable[Row]:
    found = {r["run"]: r for r in runs(records)}
    six, anew = found.get(SIX_HOURS), found.get(REREAD)
    if six and anew and good(six) and good(anew):
        ratio, cpu = six["reading"] / anew["reading"], six["cpu"] / anew["cpu"]
        what = f"{six['leads']:,} leads, six hours later ({six['campaigns_moved']} of {six['campaigns']} campaigns and "
        what += f"{six['leads_changed']:,} leads changed): reading, beside reading everything anew"
        said = (
            f"{ratio:.2f}x ({cpu:.2f}x the processor seconds; {six['requests']:,} requests, {anew['requests']:,} anew)"
        )
        yield what, "never slower", said, _met(ratio <= 1)
    for bound in BOUNDS:
        if r := found.get(bound.run):
            yield _bounded(bound, r)


def _bounded(bound: Bound, record: Record) -> Row:
    what, wanted = f"{record['leads']:,} leads, {bound.what}", bound.wanted
    if not good(record):
        return what, wanted, ended(record), "no"
    if record["leads"] != FULL:
        return what, f"{wanted} at {FULL:,}", bound.text(record), "-"
    return what, wanted, bound.text(record), _met(bound.value(record) <= bound.most)


def _unchanged(records: Sequence[Record]) -> Iterable[Row]:
    for r in runs(records):
        if r["run"] == UNCHANGED:
            most = 20 + r["campaigns"] // 100
            what = f"requests of a sync where nothing changed, {r['campaigns']:,} campaigns"
            yield what, f"at most {most}", f"{r['requests']:,}", _met(r["requests"] <= most)


def _sizes(records: Sequence[Record]) -> Iterable[Row]:
    sizes = {r["run"]: r["bytes"] for r in runs(records) if r["bytes"]}
    fresh = sizes.get(f"built from the lake, {MEMORY_LIMITS[0]}")
    for run, after in ((FIRST, "the first sync"), (ONE_HOUR, "two small ones more")):
        if fresh and run in sizes:
            what = f"published file beside a freshly built one, after {after}"
            said = f"{sizes[run] / fresh:.2f}x ({sizes[run] / 1e6:,.0f} of {fresh / 1e6:,.0f} MB)"
            yield what, "at most 1.2x", said, _met(sizes[run] <= 1.2 * fresh)
    for r in runs(records):
        for limit in MEMORY_LIMITS:
            if r["run"] == f"built from the lake, {limit}":
                said = f"{r['seconds']:.0f} s, peak of all processes {r['peak_mb'] / 1024:.2f} GB"
                what = f"{r['leads']:,} leads, all tables built with a memory limit of {limit}"
                yield what, "ends well", said if good(r) else ended(r), _met(good(r))


def _contenders(records: Sequence[Record]) -> Iterable[Row]:
    if not runs(records):
        return
    leads = f"{runs(records)[0]['leads']:,} leads"
    bares = sorted({r["label"] for r in runs(records) if r["label"].startswith("bare")} - {lineup.BARE})
    for bare in bares:
        what = f"{leads} to the durable lake, beside the {bare}"
        yield from _ratio(records, what, (lineup.LAKE, bare), FIRST, at_most=1.5)
    what = f"{leads}: times as long as ours to the lake takes dlt to Parquet"
    yield from _ratio(records, what, (lineup.DLT, lineup.LAKE), FIRST, at_least=3)
    for run in (FIRST, SIX_HOURS):
        what = f"{leads}, the same job, {run}: times as long as ours to the published file takes dlt with history"
        yield from _ratio(records, what, (lineup.DLT_HISTORY, lineup.PUBLISHED_LEADS), run, at_least=3)


def _ratio(
    records: Sequence[Record], what: str, labels: tuple[str, str], run: str, *, at_most: float = 0, at_least: float = 0
) -> Iterable[Row]:
    """How many times as long one contender's run took as the other's."""
    over, under = (typical(records, label, run, "seconds") for label in labels)
    cpu_over, cpu_under = (typical(records, label, run, "cpu") for label in labels)
    if over and under and cpu_over and cpu_under:
        is_met = over / under <= at_most if at_most else over / under >= at_least
        wanted = f"at most {at_most}x" if at_most else f"at least {at_least:.0f}x"
        said = f"{over / under:.2f}x ({cpu_over / cpu_under:.2f}x in processor seconds)"
        yield what, wanted, said, _met(is_met)


def _growth(small: Sequence[Record], large: Sequence[Record]) -> Iterable[Row]:
    peaks = [typical(records, lineup.LAKE, FIRST, "peak_mb") for records in (small, large)]
    if peaks[0] and peaks[1]:
        what = (
            f"memory of a first sync to the lake, {runs(large)[0]['leads']:,} leads beside {runs(small)[0]['leads']:,}"
        )
        said = f"{peaks[1] / peaks[0]:.2f}x ({peaks[1]:.0f} of {peaks[0]:.0f} MB)"
        yield what, "at most 1.5x", said, _met(peaks[1] <= 1.5 * peaks[0])


def _met(yes: bool) -> str:
    return "yes" if yes else "no"
