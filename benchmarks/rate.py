"""The learned rate on simulated servers: `benchmarks/rate.png` and the figures of `benchmarks/rate.md`.

`python -m benchmarks.rate` plays the cases (simulated time, a minute or two) and draws some of them.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import environments
from instantly_pipeline.api.pace import Pace
from tests.api.simulated import KINDS, OTHERS, VENDOR, Log, Server, limits, play, resize

OUT = Path(__file__).with_name("rate.png")
END = 1500.0
BURSTS = [(0.5, 2), (2, 2), (2, 10), (5, 1), (5, 30), (10, 2), (20, 5), (60, 2), (61.7, 5), (120, 30), (300, 2)]
BURST_LIMITS = [(100, 1.0), (50, 1.0), (10, 1.0), (20, 5.0)]
LATENCY = (0.3, 0.5)


@dataclass
class Case:
    """A server; `allowed` is what it leaves to us, in requests a minute at a time."""

    name: str
    server: Callable[[], Server]
    allowed: Callable[[float], float]
    latency: tuple[float, float] = LATENCY
    rates: list[tuple[float, float]] = field(default_factory=list)
    log: Log = field(default_factory=Log)

    def run(self) -> None:
        pace = Pace(0.0)

        def watch(now: float) -> None:
            if not self.rates or now - self.rates[-1][0] >= 1:
                self.rates.append((now, pace.rate * 60))

        self.log = play(pace, self.server(), END, latency=self.latency, watch=watch)

    def line(self) -> str:
        first = self.log.between(0, 60)
        cells = [self.name, f"{100 * self.log.refused(0, 60):.1f} % ({first[1]})"]
        for start in (60, 300, 900):
            accepted, refused = self.log.between(start, start + 600)
            allowed = sum(self.allowed(start + second) / 60 for second in range(600))
            cells += [f"{100 * accepted / allowed:.0f} %", f"{100 * refused / (accepted + refused):.1f} % ({refused})"]
        return "| " + " | ".join(cells) + " |"

    def drawn(self) -> dict[str, Any]:
        seconds = range(0, int(END), 10)
        counts = [self.log.between(start, start + 10) for start in seconds]
        return {
            "name": self.name, "times": list(seconds), "allowed": [self.allowed(t) for t in seconds],
            "rates": self.rates, "accepted": [6 * ok for ok, _ in counts], "refused": [bad for _, bad in counts],
        }  # fmt: skip


def steady(per_minute: float) -> Callable[[float], float]:
    return lambda now: per_minute


def changed(now: float) -> float:
    return 600.0 if 500 <= now < 1000 else 6000.0


def doubled(now: float) -> float:
    return 600.0 if now < 900 else 1200.0


def double(server: Server, now: float) -> None:
    resize(server, int(doubled(now)))


def shared(now: float) -> float:
    return 300.0 if 500 <= now < 1000 else 600.0


def change(server: Server, now: float) -> None:
    resize(server, int(changed(now)))


def other(now: float) -> float:
    return 5.0 if 500 <= now < 1000 else 0.0


def cases() -> list[Case]:
    found = [
        Case(f"{name}, {kind}, {latency[0]}-{latency[1]} s", lambda k=kind, w=which: Server(limits(k, *w)),  # type: ignore[misc]
             steady(min(per_minute, 60 * 64 / (sum(latency) / 2 + 0.02))), latency)
        for name, which, per_minute in (
            ("20 a minute", [(20, 60.0)], 20), ("100 a minute", [(100, 60.0)], 100),
            ("600 a minute", [(600, 60.0)], 600),
            ("100 a second and 6,000 a minute", list(VENDOR), 6000),
        )
        for kind in KINDS
        for latency in (LATENCY, (0.05, 2.0))
    ]  # fmt: skip
    found += [
        Case(f"{most} a minute, {kind}", lambda k=kind, m=most: Server(limits(k, (m, 60.0))), steady(most))  # type: ignore[misc]
        for most in (100, 600)
        for kind in OTHERS
    ]
    found.append(
        Case("100 a second and 6,000 a minute, sliding, always 2 s", lambda: Server(limits("sliding", *VENDOR)),
             steady(60 * 64 / 2.02), (2.0, 2.0)),
    )  # fmt: skip
    for kind in KINDS:
        found.append(
            Case(f"600, then 1,200 (900 s on), {kind}",
                 lambda k=kind: Server(limits(k, (600, 60.0)), change=double), doubled),  # type: ignore[misc]
        )  # fmt: skip
        found.append(
            Case(f"6,000, then 600 (500-1,000 s), then 6,000, {kind}",
                 lambda k=kind: Server(limits(k, *VENDOR), change=change), changed),  # type: ignore[misc]
        )  # fmt: skip
        found.append(
            Case(f"600, half of it taken by another client (500-1,000 s), {kind}",
                 lambda k=kind: Server(limits(k, (600, 60.0)), other=other), shared),  # type: ignore[misc]
        )  # fmt: skip
    found.append(
        Case("600, all refused (500-700 s), sliding",
             lambda: Server(limits("sliding", (600, 60.0)), down=lambda now: 500 <= now < 700),
             lambda now: 0.0 if 500 <= now < 700 else 600.0),
    )  # fmt: skip
    return found


DRAWN = (
    "100 a minute, fixed, 0.3-0.5 s", "100 a second and 6,000 a minute, sliding, 0.3-0.5 s",
    "6,000, then 600 (500-1,000 s), then 6,000, sliding",
    "600, half of it taken by another client (500-1,000 s), fixed", "600, all refused (500-700 s), sliding",
)  # fmt: skip

PLOT = """
import json, sys
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
cases = json.load(sys.stdin)
figure, axes = plt.subplots(len(cases), 1, figsize=(9, 2.3 * len(cases)), sharex=True)
for axis, case in zip(axes, cases):
    axis.set_title(case["name"], fontsize=9, loc="left")
    axis.plot(case["times"], case["allowed"], color="0.6", lw=2, label="allowed", drawstyle="steps-post")
    axis.plot(*zip(*case["rates"]), color="tab:blue", lw=0.8, label="rate")
    axis.plot(case["times"], case["accepted"], color="tab:green", lw=0.8, label="accepted", drawstyle="steps-post")
    axis.set_ylim(0, 1.5 * max(case["allowed"]))
    axis.set_ylabel("a minute", fontsize=8)
    other = axis.twinx()
    other.bar(case["times"], case["refused"], width=10, align="edge", color="tab:red", label="429s in 10 s")
    other.set_ylim(0, max(10, 2 * max(case["refused"])))
    other.tick_params(labelsize=7)
    axis.tick_params(labelsize=7)
    if axis is axes[0]:
        axis.legend(fontsize=7, loc="upper left", ncols=3)
        other.legend(fontsize=7, loc="upper right")
axes[-1].set_xlabel("simulated seconds", fontsize=8)
figure.tight_layout()
figure.savefig(sys.argv[1], dpi=80)
"""


def bursts() -> None:
    """What is used from 15 to 75 s after a time in which others took everything, of several limits."""
    print("| everything refused | " + " | ".join(f"{most} in {seconds:g} s" for most, seconds in BURST_LIMITS) + " |")
    print("| --- |" + " ---: |" * len(BURST_LIMITS))
    for began, lasted in BURSTS:
        over, cells = began + lasted, [f"from {began:g} s on, for {lasted} s"]
        for most, seconds in BURST_LIMITS:
            server = Server(limits("sliding", (most, seconds)), down=lambda now, a=began, b=over: a <= now < b)  # type: ignore[misc]
            log = play(Pace(0.0), server, over + 75)
            cells.append(f"{100 * log.between(over + 15, over + 75)[0] / (60 * most / seconds):.0f} %")
        print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    for kind in KINDS:
        log = play(Pace(0.0), Server(limits(kind, *VENDOR)), 20, latency=(0.38, 0.38))
        thousandth = sorted(at for at, accepted in log.entries if accepted)[999] + 0.38
        print(f"The first 1,000 requests at the vendor's limits, {kind}: {thousandth:.1f} s")
    bursts()
    played = cases()
    print("| server, latency | 429s, first min | used, 1-11 min | 429s | 5-15 min | 429s | 15-25 min | 429s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for case in played:
        case.run()
        print(case.line(), flush=True)
    said = environments.make("plot")
    if said:
        raise SystemExit(said)
    drawn = json.dumps([case.drawn() for case in played if case.name in DRAWN])
    subprocess.run([str(environments.python("plot")), "-c", PLOT, str(OUT)], input=drawn, text=True, check=True)


if __name__ == "__main__":
    main()
