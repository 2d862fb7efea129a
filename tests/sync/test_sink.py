"""Batches that several tasks fill and write."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from instantly_pipeline.api.clock import SYSTEM
from instantly_pipeline.errors import StorageError
from instantly_pipeline.sync.results import StreamResult, silent
from instantly_pipeline.sync.sink import Sink
from tests.lake.helpers import THINGS, Writer


def test_no_checkpoint_covers_a_batch_that_the_disk_refused(tmp_path: Path) -> None:
    """The batch has records of two tasks; one writes it, which fails, and the other one then wants its checkpoint."""
    log = Writer(tmp_path).open()
    called: list[str] = []
    context: Any = SimpleNamespace(
        clock=SYSTEM, writing=asyncio.Lock(), log=lambda _: log, now=SYSTEM.now, workspace="w", on_event=silent,
        logs=SimpleNamespace(add=print, flush=print),
    )  # fmt: skip
    result = StreamResult("w", "w", THINGS.name, SYSTEM.now())
    sink = Sink(context, THINGS, result, client=context)

    async def work() -> None:
        sink.take([{"id": "1"}])
        sink.take([{"id": "2"}])
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, limits[1]))
        try:
            with pytest.raises(StorageError):
                await sink.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        with pytest.raises(StorageError):
            await sink.flush(checkpoint=lambda: called.append("checkpoint"))

    asyncio.run(work())
    assert called == []
