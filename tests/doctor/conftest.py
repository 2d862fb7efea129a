"""One sandbox for all probes: as it was at the start of each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from instantly_sandbox.server import running
from tests.doctor.probing import WORLD, Server


@pytest.fixture(scope="session")
def probed_world() -> Iterator[Server]:
    with running(WORLD) as box:
        yield Server(box.url, box.key)


@pytest.fixture
def server(probed_world: Server) -> Server:
    probed_world.reset()
    return probed_world
