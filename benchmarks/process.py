"""Running a command and measuring it: wall time, processor time, peak memory of the whole process tree."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

LOST = ("INSTANTLY_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "DAGSTER_", "VIRTUAL_ENV")
EVERY = 0.2  # seconds; the kernel takes 15 to 30 ms to add up a process of 2 GB
PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """One run of one command, from its start to its end, imports included.

    `cpu` is user and system time of the process and of the children it waited for, in seconds; `peak_mb` the most that
    all its processes together had in memory at one time.
    """

    seconds: float
    cpu: float
    peak_mb: float
    exit_code: int


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's, without what would lead a contender elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(LOST)} | dict(extra)


def measured(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, out: Path | None, within: float
) -> Usage:
    """Run it to its end, or end it after `within` seconds; stderr goes to `log`, stdout to `out` or there too."""
    began = time.monotonic()
    with started(command, env=env, cwd=cwd, log=log, out=out) as child:
        timer = threading.Timer(within, os.killpg, (child.pid, signal.SIGKILL))
        timer.start()
        try:
            with sampled_memory(child.pid) as memory:
                _, status, used = os.wait4(child.pid, 0)
                seconds = time.monotonic() - began
        finally:
            timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
    return Usage(seconds, used.ru_utime + used.ru_stime, memory.peak_mb, child.returncode)


@contextmanager
def started(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, out: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The command, running; what still runs of it at the end of the block is killed."""
    with log.open("wb") as errors, (out or Path(os.devnull)).open("wb") as output:
        child = subprocess.Popen(
            command, env=environment(env), cwd=cwd, stdin=subprocess.DEVNULL,
            stdout=output if out else errors, stderr=errors, start_new_session=True,
        )  # fmt: skip
        try:
            yield child
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


class TreeMemory:
    """The most that a process and its descendants had in memory together at one of the samples, in MB (2^20 bytes)."""

    peak_mb = 0.0

    def sample(self, pid: int) -> None:
        """Look once."""
        self.peak_mb = max(self.peak_mb, tree_memory_mb(pid))


@contextmanager
def sampled_memory(pid: int) -> Iterator[TreeMemory]:
    """Look at the memory of this process and its descendants five times a second while the block runs."""
    memory, ended = TreeMemory(), threading.Event()

    def look() -> None:
        memory.sample(pid)
        while not ended.wait(EVERY):
            memory.sample(pid)

    sampler = threading.Thread(target=look, daemon=True)
    sampler.start()
    try:
        yield memory
    finally:
        ended.set()
        sampler.join()


def tree_memory_mb(pid: int) -> float:
    """What a process and its descendants hold now, shared pages counted once: their proportional set sizes (Linux).

    Mapped files count as far as they are in memory; a process that ends meanwhile counts as nothing.
    """
    return sum(_proportional_kb(each) for each in _tree(pid)) / 1024


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for stat in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            # the name, in brackets, may hold anything; after it come the state and the parent
            children[int(stat.read_text().rpartition(")")[2].split()[1])].append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found += children[pid]
    return found


def _proportional_kb(pid: int) -> int:
    with suppress(OSError):
        lines = (PROC / f"{pid}/smaps_rollup").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return 0
