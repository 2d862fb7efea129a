"""Which process a run is, so that a later one can tell whether it is still there."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from instantly_pipeline.orchestration.assets import asset_keys


def token() -> str:
    """This process: host, process id and, where the system tells it, when it began (process ids come again)."""
    pid = os.getpid()
    return f"{socket.gethostname()} {pid} {_began(pid)}"


def tags(data_dir: Path) -> dict[str, str]:
    """What a run of this process is marked with."""
    return {asset_keys.PROCESS_TAG: token(), asset_keys.DATA_DIR_TAG: str(data_dir)}


def is_there(of: str) -> bool | None:
    """Whether the process of a token still runs; None where that cannot be told (it is of another machine)."""
    host, pid, began = (*of.split(" "), "", "")[:3]
    if host != socket.gethostname() or not pid.isdigit():
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return began in ("", _began(int(pid)))


def is_this(of: str) -> bool:
    """Whether the token is this very process's."""
    return of == token()


def _began(pid: int) -> str:
    """Clock ticks from the machine's start to the process's (Linux); empty elsewhere."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
