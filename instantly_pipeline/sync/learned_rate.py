"""The request rate that a workspace's runs have learned, stored in a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.lake.checkpoints import Checkpoints

RATE = "rate"


def recall_rate(limiter: Limiter, checkpoints: Checkpoints) -> None:
    """Start from the stored rate; the limiter decides whether it is still valid."""
    limiter.recall(checkpoints.read(RATE))


@contextmanager
def keeping_rate(limiter: Limiter, checkpoints: Checkpoints) -> Iterator[None]:
    """Store the learned rate whenever it changes, so that a killed run does not lose it."""

    def keep() -> None:
        if learned := limiter.remembered():
            checkpoints.write(RATE, learned)

    limiter.on_learned = keep
    try:
        yield
    finally:
        limiter.on_learned = None
        keep()
