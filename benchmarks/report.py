"""`results.md` and the short summary, from what was measured. Nothing is written that was not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from textwrap import fill
from typing import Any

from benchmarks import lineup, prose
from benchmarks.parts import CAMPAIGNS, VENDOR_LATENCY, WITHIN

Record = dict[str, Any]
Results = dict[str, dict[str, Any]]


def written(results: Results) -> str:
    """The whole of `results.md`."""
    sections = {
        "contenders": lambda part: _compared(part, "The contenders in turn", prose.IN_TURN),
        "large": lambda part: _compared(part, "The same, larger", prose.LARGE),
        "growth": _growth, "changes": _changes, "models": _models,
        "headline": _headline,
    }  # fmt: skip
    text = [prose.TOP, "## Targets", "", targets(results), ""]
    for part, section in sections.items():
        text += [section(results[part]) if part in results else f"## {part}\n\nNot measured.\n", ""]
    return "\n".join([*text, prose.HOW, "", _measured_on(results)])


def short(results: Results) -> str:
    """What `make bench` prints."""
    parts = [targets(results)]
    for name in ("contenders", "large"):
        if name in results:
            parts += ["", _ceilings(results[name]["records"]), _table(*_runs(results[name]["records"]))]
    return "\n".join([*parts, "", "All of it: benchmarks/results.md"])


def targets(results: Results) -> str:
    """A line for each target with what was measured."""
    rows = [*_speed(results), *_memory(results), *_tables(results), *_vendor(results)]
    return _table(["target", "measured", "met"], rows) if rows else "Nothing was measured that the targets speak of."


def _speed(results: Results) -> Iterable[list[str]]:
    for part in ("contenders", "large"):
        records = results.get(part, {}).get("records", [])
        leads, bare = _leads(records), lineup.bare_label(_chains(records))
        dlt = min((lineup.DLT, lineup.DLT_TWO), key=lambda label: _typical(records, label) or math.inf)
        yield from _ratio(
            records, f"first request to published file, {leads:,} leads: at least 3x {dlt}", dlt, lineup.PUBLISHED,
            lambda ratio: ratio >= 3,
        )  # fmt: skip
        yield from _ratio(records, f"the same with dlt's stream alone, {leads:,} leads", dlt, lineup.PUBLISHED_LEADS)
        yield from _ratio(
            records, f"to the durable lake, {leads:,} leads: within 1.5x of the {bare}", lineup.LAKE, bare,
            lambda ratio: ratio <= 1.5,
        )  # fmt: skip


def _ratio(
    records: Sequence[Record], name: str, longer: str, shorter: str, met: Callable[[float], bool] | None = None
) -> Iterable[list[str]]:
    """One line: how many times as long one contender's first run took as another's."""
    seconds = [_typical(records, label) for label in (longer, shorter)]
    cpu = [_typical(records, label, "cpu") for label in (longer, shorter)]
    if seconds[0] and seconds[1] and cpu[0] and cpu[1]:
        ratio = seconds[0] / seconds[1]
        text = f"{ratio:.2f}x ({cpu[0] / cpu[1]:.2f}x in processor seconds)"
        yield [name, text, "-" if met is None else _met(met(ratio))]


def _memory(results: Results) -> Iterable[list[str]]:
    firsts = {r["leads"]: r["peak_mb"] for r in _of(results, "growth") if r["label"] == lineup.LAKE and r["time"] == 1}
    if len(firsts) > 1:
        most = max(firsts)
        if most // 10 in firsts:
            name = f"memory of a first sync to the lake, {most:,} leads: at most 1.5x that of {most // 10:,}"
            ratio = firsts[most] / firsts[most // 10]
            yield [name, f"{ratio:.2f}x", _met(ratio <= 1.5)]
        yield [
            f"memory of a first sync to the lake, {most:,} leads: under 600 MB",
            f"{firsts[most]:.0f} MB",
            _met(firsts[most] < 600),
        ]
        again = [r["peak_mb"] for r in _of(results, "growth") if r["leads"] == most and r["time"] == 2]
        yield from (
            ["the same with all of it read again: under 600 MB", f"{peak:.0f} MB", _met(peak < 600)] for peak in again
        )


def _tables(results: Results) -> Iterable[list[str]]:
    for record, most in zip(_parts(results.get("models", {}).get("records", []), "steps"), (5, 2), strict=False):
        seconds = sum(record[step] for step in ("models", "checks", "publish"))
        name = f"models, checks and publication of {record['leads']:,} leads and a year, {record['state']}"
        yield [f"{name}: at most {most} s", f"{seconds:.1f} s", _met(seconds <= most)]


def _vendor(results: Results) -> Iterable[list[str]]:
    for record in _of(results, "headline"):
        if record["label"] == lineup.LAKE:
            name = f"first sync of {record['leads']:,} leads at the vendor's limits and {VENDOR_LATENCY} s an answer"
            yield [name, _fetching(record), "-"]


def _fetching(record: Record) -> str:
    text = f"{record['span'] / 60:.1f} minutes of fetching"
    return text if record["exit_code"] == 0 else f"{_ended(record)} after {text} and {record['lead_pages']:,} pages"


def _compared(part: dict[str, Any], title: str, about: str) -> str:
    records = part["records"]
    said = [f"## {title}: {_leads(records):,} leads", "", about, "", _ceilings(records), "", _table(*_runs(records))]
    said += [f"\n{name} could not be installed and is left out: {why}" for name, why in part["about"]["failed"].items()]
    return "\n".join([*said, "", _when(part), ""])


def _ceilings(records: Sequence[Record]) -> str:
    found = [
        f"{r['per_second']:,.0f} pages a second to {_count(r['chains'], 'chain')}" for r in _parts(records, "ceiling")
    ]
    best = max((r["per_second"] for r in _parts(records, "ceiling")), default=0)
    near = sorted({r["label"] for r in _runs_of(records) if best and r["lead_pages"] / r["seconds"] > best / 2})
    bound = f" Bound by it, not by themselves: {', '.join(near)}." if near else " No contender comes near half of it."
    probed = (
        f" Ours had {_count(_chains(records), 'request')} for leads under way at once."
        if _parts(records, "under way")
        else ""
    )
    return fill(f"The sandbox itself serves {', '.join(found)}.{bound}{probed}", 120)


def _runs(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    head = ["contender", "run", "seconds", "from .. to", "leads/s", "processor s", "peak MB", "requests", "leads found"]
    rows = []
    for label, time in dict.fromkeys((r["label"], r["time"]) for r in _runs_of(records)):
        same = [r for r in _runs_of(records) if (r["label"], r["time"]) == (label, time)]
        wall = [r["seconds"] for r in same]
        middle = {f: median(r[f] for r in same) for f in ("seconds", "cpu", "peak_mb", "requests")}
        ended = " and ".join(dict.fromkeys(_ended(r) if r["exit_code"] else f"{r['found']:,}" for r in same))
        spread = f"{min(wall):.1f} .. {max(wall):.1f}"
        rows.append([label, _NAMES[time], f"{middle['seconds']:.1f}", spread,
                     f"{same[0]['leads'] / middle['seconds']:,.0f}", f"{middle['cpu']:.1f}", f"{middle['peak_mb']:.0f}",
                     f"{middle['requests']:,.0f}", ended])  # fmt: skip
    return head, rows


def _growth(part: dict[str, Any]) -> str:
    head = ["leads", "run", "seconds", "processor s", "peak MB", "requests"]
    rows = [
        [f"{r['leads']:,}", _growth_name(r), f"{r['seconds']:.1f}", f"{r['cpu']:.1f}", f"{r['peak_mb']:.0f}",
         f"{r['requests']:,}"]
        for r in _runs_of(part["records"])
    ]  # fmt: skip
    said = [
        "## Ours as data grows",
        "",
        prose.GROWTH,
        "",
        "![seconds, requests and memory](growth.svg)",
        "",
        _table(head, rows),
    ]
    return "\n".join([*said, "", _when(part), ""])


def _growth_name(record: Record) -> str:
    if record["label"] != lineup.LAKE:
        return "tables from the lake (DuckDB)"
    name = f"{_NAMES[record['time']]} sync, to the lake"
    return f"{name}: {_ended(record)}" if record["exit_code"] else name


def _changes(part: dict[str, Any]) -> str:
    head = ["campaigns changed", "requests", "of them for leads", "seconds"]
    rows = [
        [_share(r), f"{r['requests']:,}", f"{r['lead_pages']:,}", f"{r['seconds']:.1f}"]
        for r in _runs_of(part["records"])
    ]
    title = f"## A second sync, by what has changed: {_leads(part['records']):,} leads"
    said = [title, "", prose.CHANGES, "", "![requests](changes.svg)", "", _table(head, rows)]
    return "\n".join([*said, "", _when(part), ""])


def _share(record: Record) -> str:
    return "first sync" if record["share"] is None else f"{record['share']} % ({record['changed']})"


def _models(part: dict[str, Any]) -> str:
    steps = ("load", "models", "checks", "publish", "tables_cpu")
    rows = [
        [r["state"], *(f"{r[step]:.1f}" for step in steps), f"{r['made']} of {r['of']}"]
        for r in _parts(part["records"], "steps")
    ]
    table = _table(["", "load", "models", "checks", "publish", "processor s", "models made"], rows)
    said = [f"## Tables: {_leads(part['records']):,} leads, {CAMPAIGNS} campaigns, a year", "", prose.MODELS, "", table]
    return "\n".join([*said, "", _when(part), ""])


def _headline(part: dict[str, Any]) -> str:
    rows = []
    for r in _runs_of(part["records"]):
        if "sample" not in r:
            rows.append([r["label"], "measured", _fetching(r), f"{r['lead_pages']:,}", f"{r['rejected']:,}"])
        elif r["lead_pages"] > 1:
            a_page = r["span"] / (r["lead_pages"] - 1)
            text = f"{a_page * r['leads'] / 100 / 60:.1f} minutes ({a_page:.3f} s a page)"
            rows.append([r["label"], f"computed from {r['lead_pages']:,} pages", text, f"{r['leads'] // 100:,}", "-"])
    title = f"## At the vendor's limits: {_leads(part['records']):,} leads"
    said = [title, "", prose.VENDOR, "", _table(["contender", "how", "fetching", "pages of leads", "429s"], rows)]
    return "\n".join([*said, "", _when(part), ""])


def _measured_on(results: Results) -> str:
    latest = max((part["about"] for part in results.values()), key=lambda about: str(about["date"]))
    packages = [[who, ", ".join(f"{n} {v}" for n, v in found.items())] for who, found in latest["versions"].items()]
    said = ["## Machine and versions", "", f"{latest['machine']}; {latest['system']}.", ""]
    return "\n".join([*said, _table(["environment", "versions"], packages), ""])


def _when(part: dict[str, Any]) -> str:
    about = part["about"]
    load = f"load of the machine before it: {about['load']:.1f}"
    return f"Measured on {about['date']} UTC at commit {about['commit']}; {load}."


def _of(results: Results, part: str) -> list[Record]:
    return _runs_of(results.get(part, {}).get("records", []))


def _runs_of(records: Iterable[Record]) -> list[Record]:
    return [r for r in records if "label" in r]


def _parts(records: Iterable[Record], part: str) -> list[Record]:
    return [r for r in records if r["part"] == part]


def _leads(records: Sequence[Record]) -> int:
    return int(records[0]["leads"]) if records else 0


def _chains(records: Iterable[Record]) -> int:
    return next((int(r["chains"]) for r in _parts(records, "under way")), 1)


def _typical(records: Iterable[Record], label: str, field: str = "seconds") -> float | None:
    """The median of a contender's first runs that came to their end."""
    found = [r[field] for r in _runs_of(records) if r["label"] == label and r["time"] == 1 and r["exit_code"] == 0]
    return median(found) if found else None


def _ended(record: Record) -> str:
    return f"ended by us at {WITHIN:.0f} s" if record["exit_code"] == -9 else f"failed ({record['exit_code']})"


def _met(yes: bool) -> str:
    return "yes" if yes else "no"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_NAMES = {1: "first", 2: "second"}
