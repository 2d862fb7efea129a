"""Two plots of what was measured: `growth.svg` and `changes.svg`."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "bench", "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False,
                 "axes.spines.right": False, "font.size": 9, "figure.constrained_layout.use": True}  # fmt: skip
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import EngFormatter  # noqa: E402

LINES = {
    ("ours, to the lake", 1): ("first sync, to the lake", "#1f77b4", "o-"),
    ("ours, to the lake", 2): ("second sync, to the lake", "#2ca02c", "s-"),
    ("ours, tables from the lake", 1): ("tables (DuckDB)", "#ff7f0e", "^--"),
}


def growth(records: list[dict], to: Path) -> None:
    """Seconds, requests and memory by the number of leads."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4))
    for axis, field, title in zip(
        axes, ("seconds", "requests", "peak_mb"), ("seconds", "requests", "peak memory, MB"), strict=True
    ):
        for (label, time), (name, color, style) in LINES.items():
            points = [(r["leads"], r[field]) for r in records if r.get("label") == label and r["time"] == time]
            if points and not (field == "requests" and "tables" in name):
                axis.plot(*zip(*sorted(points), strict=True), style, color=color, label=name, markersize=4)
        axis.set(title=title, xlabel="leads", xscale="log")
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        if field == "peak_mb":
            axis.set_ylim(bottom=0)
        else:
            axis.set_yscale("log")
    axes[0].legend(fontsize=8)
    figure.savefig(to, metadata={"Date": None})


def changes(records: list[dict], to: Path) -> None:
    """Requests of a second sync by the share of campaigns that changed."""
    seconds = [r for r in records if r.get("share") is not None]
    figure, axis = plt.subplots(figsize=(6, 3.4))
    places = range(len(seconds))
    for field, name, color, shift in (
        ("requests", "all", "#1f77b4", -0.2),
        ("lead_pages", "for leads", "#2ca02c", 0.2),
    ):
        bars = axis.bar([p + shift for p in places], [r[field] for r in seconds], 0.38, color=color, label=name)
        axis.bar_label(bars, fontsize=7)
    axis.set(title="requests of a second sync", xlabel="campaigns changed since the first")
    axis.set_xticks(places, [f"{r['share']} %" for r in seconds])
    axis.legend(fontsize=8)
    figure.savefig(to, metadata={"Date": None})


def main() -> None:
    """Draw what was measured."""
    results, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    for part, draw in (("growth", growth), ("changes", changes)):
        if part in results:
            draw(results[part]["records"], folder / f"{part}.svg")


if __name__ == "__main__":
    main()
