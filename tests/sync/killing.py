"""A kill without a process: the disk as it is at one instant is what the next run finds; the rest never happened.

Between two operations on files nothing on the disk changes, so the instants just before each operation are all there
are. Real processes are killed in `test_kill.py` and `tests/e2e`.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")
_OPERATIONS = frozenset({"open", "os.rename", "os.remove"})


class Kill:
    """Takes a copy of `folder` just before the operation number `after` on its files, then has the run stopped.

    With an `area` (`changes`, `state`, ...) only what is done to that part of the lake counts. Files not yet renamed
    into place are left out: what a kill leaves of them is shown elsewhere.
    """

    def __init__(self, folder: Path, copy: Path, after: int, area: str = "") -> None:
        self._folder = str(folder)
        self._area = str(folder / "lake" / area) if area else self._folder
        self._copy = copy
        self._left = after
        self._guard = threading.RLock()  # no thread goes on while the copy is made
        self._copying = False
        self.struck = False
        self.stop: Callable[[], object] = lambda: None

    def look(self, path: object) -> None:
        """One operation on a file is about to happen."""
        if self.struck or not str(path).startswith(self._folder):
            return
        with self._guard:
            if self.struck or self._copying or not str(path).startswith(self._area):
                return
            self._left -= 1
            if self._left < 0:
                self._strike()

    def _strike(self) -> None:
        self._copying = True
        shutil.copytree(self._folder, self._copy, ignore=shutil.ignore_patterns("*.tmp"))
        self.struck = True
        self.stop()


_waiting: list[Kill] = []
_hooked: list[bool] = []


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _waiting and event in _OPERATIONS:
        _waiting[0].look(args[0])


def run_killed(work: Coroutine[Any, Any, _T], kill: Kill) -> _T | None:
    """Run `work`; None where it was killed. What it still does to its own folder afterwards counts for nothing."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_audit)  # cannot be taken out again; it only looks while a kill is waiting

    async def main() -> _T | None:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        kill.stop = lambda: loop.call_soon_threadsafe(task.cancel)
        await asyncio.wait([task])
        return None if kill.struck or task.cancelled() else task.result()

    _waiting.append(kill)
    try:
        return asyncio.run(main())
    finally:
        _waiting.clear()
