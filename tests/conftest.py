"""What tests of all folders share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warehouse.lakehelp import LakeWriter, Opener


@pytest.fixture(scope="session")
def empty_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build file of an empty lake, with the tables of all streams and models."""
    made = Opener(LakeWriter(tmp_path_factory.mktemp("empty")))
    warehouse = made(load=True)
    warehouse.run_models()
    made.close()
    return warehouse.layout.build_file
