"""Running a command and measuring it: wall time, processor time, peak memory."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOST = ("INSTANTLY_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "DAGSTER_", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Usage:
    """One run of one process, from its start to its end, imports included.

    `cpu` is user and system time of the process and of the children it waited for, in seconds. `peak_mb` is the largest
    resident memory of any one of them.
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
    with log.open("wb") as errors, (out or Path(os.devnull)).open("wb") as output:
        began = time.monotonic()
        child = subprocess.Popen(
            command, env=environment(env), cwd=cwd, stdin=subprocess.DEVNULL,
            stdout=output if out else errors, stderr=errors, start_new_session=True,
        )  # fmt: skip
        timer = threading.Timer(within, os.killpg, (child.pid, signal.SIGKILL))
        timer.start()
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    return Usage(time.monotonic() - began, cpu, used.ru_maxrss / 1024, child.returncode)
