from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sync.harness import Bench, bench


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    """A small sandbox and an empty data directory."""
    with bench(tmp_path / "data") as made:
        yield made
