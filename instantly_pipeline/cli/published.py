"""Finds the published file."""

from __future__ import annotations

from pathlib import Path

from instantly_pipeline.errors import UsageError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.settings import PROJECT_ROOT, load

DEMO_DIR = PROJECT_ROOT / "demo-data"


def published_file() -> Path:
    """The published file of the data directory; UsageError if there is none."""
    layout = Layout(load().data_dir)
    if layout.published_file.exists():
        return layout.published_file
    if Layout(DEMO_DIR).published_file.exists():
        raise UsageError(
            f"There is no {layout.published_file} yet: run `instantly-pipeline sync` first. "
            "For the data of the demo, put INSTANTLY_DATA_DIR=demo-data before the command."
        )
    raise UsageError(
        f"There is no {layout.published_file} yet: run `instantly-pipeline sync` first, or `instantly-pipeline demo`."
    )


def published_or_demo() -> Path:
    """The published file; the demo's if no data directory is set and none was published. UsageError if neither is."""
    settings, demo = load(), Layout(DEMO_DIR).published_file
    is_set = "data_dir" in settings.model_fields_set
    if is_set or Layout(settings.data_dir).published_file.exists() or not demo.exists():
        return published_file()
    return demo
