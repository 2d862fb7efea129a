"""The request rates of a workspace, and what its runs have learned of them, stored in checkpoints.

One is the workspace's own; a stream whose path the API limits by itself has one more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.lake.checkpoints import Checkpoints

RATE = "rate"


@dataclass(frozen=True, slots=True)
class Limiters:
    """The limiter of a workspace, and those of single streams by name."""

    general: Limiter
    own: Mapping[str, Limiter]

    def by_checkpoint(self) -> dict[str, Limiter]:
        """Each limiter by the name of the checkpoint that has its rate."""
        return {RATE: self.general, **{f"{RATE}.{stream}": limiter for stream, limiter in self.own.items()}}


def recall_rate(limiter: Limiter, checkpoints: Checkpoints, name: str = RATE) -> None:
    """Start from the stored rate; the limiter decides whether it is still valid."""
    limiter.recall(checkpoints.read(name))


def recall_rates(limiters: Limiters, checkpoints: Checkpoints) -> None:
    """The same for all of a workspace."""
    for name, limiter in limiters.by_checkpoint().items():
        recall_rate(limiter, checkpoints, name)


@contextmanager
def keeping_rates(limiters: Limiters, checkpoints: Checkpoints) -> Iterator[None]:
    """Store each learned rate whenever it changes, so that a killed run does not lose it."""
    with ExitStack() as stack:
        for name, limiter in limiters.by_checkpoint().items():
            stack.enter_context(_keeping(limiter, checkpoints, name))
        yield


@contextmanager
def _keeping(limiter: Limiter, checkpoints: Checkpoints, name: str) -> Iterator[None]:
    def keep() -> None:
        if learned := limiter.remembered():
            checkpoints.write(name, learned)

    limiter.on_learned = keep
    try:
        yield
    finally:
        limiter.on_learned = None
        keep()
