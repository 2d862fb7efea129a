"""The job that compacts the lake."""

from __future__ import annotations

from pathlib import Path

from instantly_pipeline import settings
from instantly_pipeline.lake.format import open_lake
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.orchestration.definitions import build_defs
from tests.lake.helpers import Writer


def test_the_job_compact_joins_the_files_of_past_days(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    open_lake(layout)
    writer = Writer(tmp_path)
    for number in range(3):
        writer.run({"id": str(number)})
    given = settings.load(data_dir=tmp_path)
    job = build_defs(lambda: given).get_job_def("compact")
    assert job.execute_in_process().success
    assert len(layout.files(layout.changes, "things")) == 1
