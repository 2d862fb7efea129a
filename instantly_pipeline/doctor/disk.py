"""Whether the data directory can be used; nothing is written to find out."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from instantly_pipeline.doctor.findings import Finding, Health
from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.format import check_lake
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import held_by
from instantly_pipeline.lake.permissions import is_wider, walk
from instantly_pipeline.settings import Settings

_DAY = 86_400  # seconds
_LITTLE = 500_000_000  # bytes; a small workspace with its history takes a tenth


def examine_disk(settings: Settings) -> list[Finding]:
    """The data directory: rights, free space, lock, format and origin."""
    layout = Layout(settings.data_dir)
    found = [_folder(settings.data_dir, "data directory", "INSTANTLY_DATA_DIR")]
    if found[0].health is Health.FAIL:
        return found
    private = (layout.lake, layout.work, layout.root / ".lock", layout.root / ".lock.json")
    found += _rights("data directory", private, links=(layout.publish, layout.published_file))
    if is_wider(layout.root, than=0o055):
        said = f"Others may put files and links into {layout.root}. Take that right: chmod go-w {layout.root}"
        found.append(Finding("data directory", Health.INFO, said))
    found += _published_rights(layout, settings.publish_mode)
    found.append(_space(layout))
    holder = held_by(settings.data_dir)
    if holder is not None:
        found.append(Finding("lock", Health.INFO, f"{holder} Other commands wait with --wait."))
    found.append(_lake(layout, settings.base_url))
    return found


def examine_dagster_home(home: Path, other: Path | None = None) -> list[Finding]:
    """Where Dagster keeps its records; `other` is the home that `.env` names where the environment names `home`."""
    found = [_folder(home, "dagster home", "DAGSTER_HOME")]
    if other is not None:
        said = f"The environment's DAGSTER_HOME is {home}, and that of .env is {other}, which `dagster dev` would take."
        found.append(Finding("dagster home", Health.INFO, f"{said} Keep one of the two."))
    if found[0].health is Health.OK and not (home / "dagster.yaml").is_file():
        said = f"{home} has no dagster.yaml, so Dagster uses its own settings.{_growth(home)}"
        found[0] = Finding("dagster home", Health.INFO, f"{said} Copy the project's dagster_home/dagster.yaml there.")
    return found + _rights("dagster home", (home / "history", home / "schedules"))


def _growth(home: Path) -> str:
    """What Dagster's log of runs takes, and how fast it has grown in the last week, in a sentence."""
    files = [path.stat() for folder in ("history/runs", "storage") for path in (home / folder).rglob("*.*")]
    if not files:
        return " Each run then leaves a file in history/runs."
    lately = sum(one.st_size for one in files if time.time() - one.st_mtime < 7 * _DAY)
    began = min((one.st_mtime for one in files if time.time() - one.st_mtime < 7 * _DAY), default=time.time())
    days = max(1.0, (time.time() - began) / _DAY)
    return (
        f" Its history/runs and storage, with a file for each run, hold {sum(one.st_size for one in files) / 1e6:,.1f} "
        f"MB and have grown by {lately / days / 1e6:,.1f} MB a day lately; a sync removes the runs of more than a week "
        "ago."
    )


def _rights(about: str, places: Iterable[Path], *, links: Iterable[Path] = ()) -> list[Finding]:
    """Files and folders that other users may read, and links among them."""
    there = [found for place in places for found in walk(place)]
    linked = [Path(found) for found in (*there, *links) if found.is_symlink()]
    wide = [Path(found) for found in there if is_wider(found)]
    findings = []
    if linked:
        said = (
            f"{_named(linked, 'is a link', 'are links')}. Nothing is written or removed through a link: a sync refuses."
        )
        findings.append(Finding(about, Health.FAIL, f"{said} Put the folders and files themselves there."))
    if wide:
        said = f"{_named(wide, 'is', 'are')} open to other users of this machine. The next sync closes what is yours."
        findings.append(Finding(about, Health.INFO, said))
    return findings


def _published_rights(layout: Layout, mode: int) -> list[Finding]:
    """What is published for more than INSTANTLY_PUBLISH_MODE names."""
    folders = mode | (mode & 0o444) >> 2
    wide = [Path(f) for f in walk(layout.publish) if is_wider(f, than=folders if f.is_dir() else mode)]
    if not wide:
        return []
    said = f"{_named(wide, 'is', 'are')} open to more users than INSTANTLY_PUBLISH_MODE={mode:04o} says."
    return [Finding("published file", Health.INFO, f"{said} The next sync corrects what it publishes.")]


def _named(paths: list[Path], one: str, many: str) -> str:
    return f"{paths[0]} {one}" if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1:,} more {many}"


def _folder(folder: Path, about: str, variable: str) -> Finding:
    nearest = _nearest(folder)
    if not nearest.is_dir():
        return Finding(about, Health.FAIL, f"{nearest} is a file, not a folder. Set {variable} to another folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(about, Health.FAIL, f"{nearest} cannot be written to. Change its rights, or set {variable}.")
    return Finding(about, Health.OK, f"{folder}" if folder.exists() else f"{folder}, made by the first sync")


def _space(layout: Layout) -> Finding:
    free = shutil.disk_usage(_nearest(layout.root)).free
    build = layout.build_file.stat().st_size if layout.build_file.exists() else 0
    said = f"{free / 1e9:,.1f} GB free"
    if free < max(_LITTLE, 2 * build):
        return Finding("disk", Health.INFO, f"{said}, which is little. Free some space before the next sync.")
    return Finding("disk", Health.OK, said)


def _lake(layout: Layout, origin: str) -> Finding:
    if not layout.lake.is_dir():
        return Finding("lake", Health.OK, "empty; the first sync makes it")
    try:
        read_from = check_lake(layout, origin=origin)
    except PipelineError as error:
        return Finding("lake", Health.FAIL, str(error))
    return Finding("lake", Health.OK, f"read from {read_from}" if read_from else "empty")


def _nearest(path: Path) -> Path:
    """The path, or the nearest of its parents that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
