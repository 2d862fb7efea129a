"""One synced pipeline for the tests that only look, new ones for those that change something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orchestration.pipeline import Pipeline, pipeline


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(tmp_path) as made:
        yield made
