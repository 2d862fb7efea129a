"""`results.md` and the short summary, from what was measured. Nothing is written that was not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import median
from textwrap import fill
from typing import Any

from benchmarks import lineup, prose
from benchmarks.parts import ONE_HOUR, SIX_HOURS
from benchmarks.targets import TABLES, Record, Results, ended, good, runs, targets

Part = dict[str, Any]


def written(results: Results) -> str:
    """The whole of `results.md`."""
    sections: dict[str, Callable[[Part], str]] = {
        "workspace": _workspace,
        "unchanged": _unchanged,
        "limits": _limits,
        "contenders": partial(_compared, prose.CONTENDERS),
        "large": partial(_compared, prose.LARGE),
    }
    text = [prose.TOP, "## Targets", "", _targets(results), ""]
    for part, section in sections.items():
        if part in results and runs(results[part]["records"]):
            text += [section(results[part]), "", _when(results[part]), ""]
    return "\n".join([*text, prose.HOW, _measured_on(results)])


def short(results: Results) -> str:
    """What `make bench` prints."""
    return f"{_targets(results)}\n\nAll of it: benchmarks/results.md"


def _targets(results: Results) -> str:
    return _table(["what", "wanted", "measured", "met"], targets(results))


def _workspace(part: Part) -> str:
    head = ["run", "requests", "seconds", "processor s", "reading", *TABLES, "peak MB", "published MB", "leads"]
    rows = [
        [r["run"], f"{r['requests']:,}", f"{r['seconds']:.1f}", f"{r['cpu']:.1f}",
         *(f"{r[step]:.1f}" if step in r else "-" for step in ("reading", *TABLES)), f"{r['peak_mb']:.0f}",
         f"{r['bytes'] / 1e6:,.0f}" if r["bytes"] else "-", _leads(r)]
        for r in runs(part["records"])
    ]  # fmt: skip
    changed = [
        f"{name}, {r['campaigns_moved']} campaigns and {r['leads_changed']:,} leads had changed"
        for name, run in (("Six hours later", SIX_HOURS), ("an hour after that", ONE_HOUR))
        for r in part["records"]
        if r.get("run") == run and "leads_changed" in r
    ]
    about = fill(f"{prose.WORKSPACE} {'; '.join(changed)}.", 120)
    return "\n".join([f"## A workspace of {_size(part)} leads", "", about, "", _table(head, rows)])


def _unchanged(part: Part) -> str:
    rows = [[f"{r['campaigns']:,}", r["run"], f"{r['requests']:,}"] for r in runs(part["records"])]
    table = _table(["campaigns", "sync", "requests"], rows)
    return "\n".join(["## Requests where nothing changed", "", prose.UNCHANGED, "", table])


def _limits(part: Part) -> str:
    rows = []
    for r in runs(part["records"]):
        if "sample" not in r:
            pages, span = f"{r['lead_pages']:,}", r["span"]
            how = ended(r) or "measured"
        else:
            a_page = r["span"] / max(1, r["lead_pages"] - 1)
            pages, span = f"{r['leads'] // 100:,}", a_page * r["leads"] / 100
            how = f"computed from {r['lead_pages']:,} pages of {a_page:.3f} s"
        limit = prose.SLOW_LIMIT if r["part"] == "slow" else prose.VENDOR_LIMIT
        rows.append([limit, r["label"], f"{r['leads']:,}", how, f"{span / 60:.1f}", pages, f"{r['rejected']:,}"])
    table = _table(["limit", "contender", "leads", "how", "minutes of fetching", "pages of leads", "429s"], rows)
    return "\n".join(["## At limits", "", prose.LIMITS, "", table])


def _compared(about: str, part: Part) -> str:
    records = part["records"]
    title = f"## The contenders in turn: {_size(part)} leads"
    said = [title, "", about, "", _ceilings(records), "", _table(*_contenders(records))]
    said += [f"\n{name} could not be installed and is left out: {why}" for name, why in part["about"]["failed"].items()]
    return "\n".join(said)


def _ceilings(records: Sequence[Record]) -> str:
    speeds: dict[int, list[float]] = {}
    for r in records:
        if r["part"] == "ceiling":
            speeds.setdefault(r["chains"], []).append(r["per_second"])
    found = [f"{median(each):,.0f} pages a second to {_count(chains, 'chain')}" for chains, each in speeds.items()]
    best = max((each for chains in speeds.values() for each in chains), default=0)
    near = sorted({r["label"] for r in runs(records) if best and r["lead_pages"] / r["seconds"] > best / 2})
    bound = f" Bound by it, not by themselves: {', '.join(near)}." if near else " No contender comes near half of it."
    probed = [r["chains"] for r in records if r["part"] == "under way"]
    under_way = f" Ours had {_count(probed[0], 'request')} for leads under way at once." if probed else ""
    return fill(f"The sandbox itself serves {', '.join(found)}.{bound}{under_way}", 120)


def _contenders(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    head = ["contender", "run", "seconds", "from .. to", "processor s", "peak MB", "requests", "leads"]
    rows = []
    for label, run in dict.fromkeys((r["label"], r["run"]) for r in sorted(runs(records), key=_order)):
        same = [r for r in runs(records) if (r["label"], r["run"]) == (label, run)]
        wall = [r["seconds"] for r in same]
        middle = {f: median(r[f] for r in same) for f in ("seconds", "cpu", "peak_mb", "requests")}
        rows.append([label, run, f"{middle['seconds']:.1f}", f"{min(wall):.1f} .. {max(wall):.1f}",
                     f"{middle['cpu']:.1f}", f"{middle['peak_mb']:.0f}", f"{middle['requests']:,.0f}",
                     " and ".join(dict.fromkeys(_leads(r) for r in same))])  # fmt: skip
    return head, rows


def _order(record: Record) -> int:
    """Ours first, then the others by name; the first run before the second (sorting is stable)."""
    return [lineup.LAKE, lineup.PUBLISHED_LEADS, lineup.DLT_HISTORY, lineup.DLT, lineup.AIRBYTE, record["label"]].index(
        record["label"]
    )


def _leads(record: Record) -> str:
    if not good(record):
        return ended(record)
    return f"{record['found']:,}" + ("" if record["found"] == record["there"] else f" (there are {record['there']:,})")


def _size(part: Part) -> str:
    return f"{runs(part['records'])[0]['leads']:,}"


def _measured_on(results: Results) -> str:
    latest = max((part["about"] for part in results.values()), key=lambda about: str(about["date"]))
    packages = [[who, ", ".join(f"{n} {v}" for n, v in found.items())] for who, found in latest["versions"].items()]
    said = ["## Machine and versions", "", f"{latest['machine']}; {latest['system']}.", ""]
    return "\n".join([*said, _table(["environment", "versions"], packages), ""])


def _when(part: Part) -> str:
    about = part["about"]
    load = f"load of the machine before it: {about['load']:.1f}"
    return f"Measured on {about['date']} UTC at commit {about['commit']}; {load}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
