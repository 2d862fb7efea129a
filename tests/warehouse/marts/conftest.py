"""The worlds, each synced once for all tests that ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.warehouse.marts.worlds import WORLDS, Synced, synced


@pytest.fixture(scope="session")
def world_of(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[Callable[[str], Synced]]:
    """Gives a world by its name, synced at the first asking."""
    made: dict[str, Synced] = {}
    with ExitStack() as opened:

        def give(name: str) -> Synced:
            if name not in made:
                made[name] = opened.enter_context(synced(name, tmp_path_factory.mktemp(name), empty_build))
            return made[name]

        yield give


@pytest.fixture(scope="session", params=WORLDS)
def world(request: pytest.FixtureRequest, world_of: Callable[[str], Synced]) -> Synced:
    """One world after the other."""
    return world_of(request.param)
