"""Whether the data directory can be used; nothing is written to find out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.layout import Layout, check_lake
from instantly_pipeline.lake.lock import held_by
from instantly_pipeline.settings import Settings
from instantly_pipeline.sync.doctor import Finding, Health

_LITTLE = 500_000_000  # bytes; a small workspace with its history takes a tenth


def examine_disk(settings: Settings) -> list[Finding]:
    """The data directory: rights, free space, lock, format and origin."""
    layout = Layout(settings.data_dir)
    found = [_folder(settings.data_dir, "data directory", "INSTANTLY_DATA_DIR")]
    if found[0].health is Health.WRONG:
        return found
    found.append(_space(layout))
    holder = held_by(settings.data_dir)
    if holder is not None:
        found.append(Finding("lock", Health.NOTE, f"{holder} Other commands wait with --wait."))
    found.append(_lake(layout, settings.base_url))
    return found


def examine_dagster_home(home: Path) -> Finding:
    """Where Dagster keeps its records."""
    found = _folder(home, "dagster home", "DAGSTER_HOME")
    if found.health is Health.OK and not (home / "dagster.yaml").is_file():
        said = f"{home} has no dagster.yaml, so Dagster uses its own settings."
        return Finding(found.about, Health.NOTE, f"{said} Copy the project's dagster_home/dagster.yaml there.")
    return found


def _folder(folder: Path, about: str, variable: str) -> Finding:
    nearest = _nearest(folder)
    if not nearest.is_dir():
        return Finding(about, Health.WRONG, f"{nearest} is a file, not a folder. Set {variable} to another folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(about, Health.WRONG, f"{nearest} cannot be written to. Mend its rights, or set {variable}.")
    return Finding(about, Health.OK, f"{folder}" if folder.exists() else f"{folder}, made by the first sync")


def _space(layout: Layout) -> Finding:
    free = shutil.disk_usage(_nearest(layout.root)).free
    build = layout.build_file.stat().st_size if layout.build_file.exists() else 0
    said = f"{free / 1e9:,.1f} GB free"
    if free < max(_LITTLE, 2 * build):
        return Finding("disk", Health.NOTE, f"{said}, which is little. Free some space before the next sync.")
    return Finding("disk", Health.OK, said)


def _lake(layout: Layout, origin: str) -> Finding:
    if not layout.lake.is_dir():
        return Finding("lake", Health.OK, "empty; the first sync makes it")
    try:
        read_from = check_lake(layout, origin=origin)
    except PipelineError as error:
        return Finding("lake", Health.WRONG, str(error))
    return Finding("lake", Health.OK, f"read from {read_from}" if read_from else "empty")


def _nearest(path: Path) -> Path:
    """The path, or the nearest of its parents that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
