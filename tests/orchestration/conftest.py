"""A pipeline for the tests of a module, synced once without Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from instantly_pipeline.lake.layout import Layout
from tests.orchestration.pipeline import Pipeline, pipeline
from tests.warehouse.lake_writer import begin_with_tables
from tests.whole import whole_run


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("pipe")) as made:
        begin_with_tables(Layout(made.settings.data_dir), empty_build)
        assert whole_run(made.settings).exit_code == 0
        yield made
