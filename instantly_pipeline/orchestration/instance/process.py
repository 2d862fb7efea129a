"""Identifies the process of a run, so that a later run can check whether it still exists."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from instantly_pipeline.orchestration.assets import asset_keys


def token() -> str:
    """This process: host, process id and, on Linux, its start time, since process ids are reused."""
    pid = os.getpid()
    return f"{socket.gethostname()} {pid} {_started(pid)}"


def tags(data_dir: Path) -> dict[str, str]:
    """The tags of a run of this process."""
    return {asset_keys.PROCESS_TAG: token(), asset_keys.DATA_DIR_TAG: str(data_dir)}


def is_there(of: str) -> bool | None:
    """Whether the process of a token still exists; None if it is on another machine."""
    host, pid, started = (*of.split(" "), "", "")[:3]
    if host != socket.gethostname() or not pid.isdigit():
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return started in ("", _started(int(pid)))


def is_this(of: str) -> bool:
    """Whether the token is that of this process."""
    return of == token()


def _started(pid: int) -> str:
    """Clock ticks from the machine's boot to the start of the process (Linux); empty on other systems."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
