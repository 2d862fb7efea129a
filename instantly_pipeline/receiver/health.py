"""Whether events can be stored: it tries, at most once a second however often it is asked."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.receiver.commit import GroupCommit

_FRESH = 1.0  # seconds for which an answer is given again
_PATIENCE = 5.0  # seconds for the disk to answer


class Health:
    """Checks the inbox."""

    def __init__(self, commit: GroupCommit, layout: Layout, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._commit = commit
        self._layout = layout
        self._monotonic = monotonic
        self._checking = asyncio.Lock()
        self._checked_at = -math.inf
        self._found: tuple[str | None, dict[str, int]] = (None, {})

    def doubt(self) -> None:
        """An event could not be stored: look again, however short ago the last look was."""
        self._checked_at = -math.inf

    async def check(self) -> tuple[str | None, dict[str, int]]:
        """What is wrong, in words (None: all well), and what waits in the inbox: segments and bytes."""
        async with self._checking:
            if self._monotonic() - self._checked_at >= _FRESH:
                self._found = await self._problem(), await asyncio.to_thread(self._waiting)
                self._checked_at = self._monotonic()
        return self._found

    async def _problem(self) -> str | None:
        try:
            await asyncio.wait_for(self._commit.probe(), _PATIENCE)
        except StorageError as problem:
            return str(problem)
        except TimeoutError:
            return f"The disk did not answer within {_PATIENCE:.0f} s."
        return None

    def _waiting(self) -> dict[str, int]:
        sizes = []
        for path in self._layout.inbox.glob("[!.]*.jsonl"):
            with suppress(FileNotFoundError):  # a sync has just taken it in
                sizes.append(path.stat().st_size)
        return {"segments": len(sizes), "bytes": sum(sizes)}
