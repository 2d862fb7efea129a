"""A lake in a folder of its own, and warehouses over it that are closed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.warehouse.lake_writer import LakeWriter, Opener


@pytest.fixture
def lake(tmp_path: Path) -> LakeWriter:
    """An empty lake."""
    return LakeWriter(tmp_path)


@pytest.fixture
def opener(lake: LakeWriter, empty_build: Path) -> Iterator[Opener]:
    """Makes warehouses over the lake."""
    made = Opener(lake, empty_build)
    yield made
    made.close()
