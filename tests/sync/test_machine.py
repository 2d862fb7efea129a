"""Random worlds, changes, faults and kills: after each sync that ends well lake and warehouse equal the world."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.sync.machine import Machine

pytestmark = pytest.mark.whole


def play(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, derandomize=True,
            phases=[Phase.generate],  # shrinking replays whole worlds: minutes
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_lake_and_warehouse_equal_the_world_after_every_sync() -> None:
    play(examples=5, steps=10)


@pytest.mark.slow
def test_lake_and_warehouse_equal_the_world_after_every_sync_of_long_plays() -> None:
    play(examples=60, steps=25)
