"""How much memory this process may use, and how much of that DuckDB gets where INSTANTLY_MEMORY_LIMIT is not set."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

_UNITS = {"K": 1, "M": 2, "G": 3, "T": 4}
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])(i?)B", re.IGNORECASE)
_LEAST, _MOST = 512, 1000  # MB


def available(root: Path = Path("/"), physical: int | None = None) -> int:
    """Bytes: the machine's memory, or less where a control group limits this process (a container, a service)."""
    if physical is None:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([physical, *_limits(root)])


def default_limit(available_bytes: int) -> str:
    """A quarter of the memory, at least 512 MB, at most 1 GB. Python and what DuckDB does not count come on top."""
    return f"{max(_LEAST, min(_MOST, available_bytes // 4_000_000))}MB"


def in_bytes(amount: str) -> int:
    """The bytes of a setting such as 512MB or 1.5 GiB; ValueError where it is none."""
    found = AMOUNT.fullmatch(amount)
    if found is None:
        raise ValueError(f"{amount} is not an amount of memory")
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** _UNITS[unit.upper()])


def _limits(root: Path) -> Iterator[int]:
    """The limits of this process's control group and of those above it, in version 1 and 2; no limit yields none."""
    with suppress(OSError):  # not Linux
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                mount, name = "sys/fs/cgroup", "memory.max"
            elif "memory" in controllers.split(","):
                mount, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
            else:
                continue
            group = PurePosixPath(path)
            for one in (group, *group.parents):  # within a container only the last may be there
                with suppress(OSError, ValueError):  # `max` is no number
                    yield int((root / mount / str(one).lstrip("/") / name).read_text())
