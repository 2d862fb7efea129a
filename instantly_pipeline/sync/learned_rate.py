"""The rate that a workspace's runs have learned: the checkpoint from which the next one starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.lake.checkpoints import Checkpoints

RATE = "rate"


def recall_rate(limiter: Limiter, checkpoints: Checkpoints) -> None:
    """Start from what an earlier run has learned; the limiter judges whether to believe it."""
    limiter.recall(checkpoints.read(RATE))


@contextmanager
def keeping_rate(limiter: Limiter, checkpoints: Checkpoints) -> Iterator[None]:
    """Keep what this run learns whenever that changes, so that it is there also if the run is killed."""

    def keep() -> None:
        if learned := limiter.remembered():
            checkpoints.write(RATE, learned)

    limiter.on_learned = keep
    try:
        yield
    finally:
        limiter.on_learned = None
        keep()
