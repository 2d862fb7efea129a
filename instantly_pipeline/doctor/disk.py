"""Checks whether the data directory can be used. Writes nothing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from instantly_pipeline.doctor.findings import Finding, Health
from instantly_pipeline.errors import PipelineError
from instantly_pipeline.lake.format import check_lake
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import held_by
from instantly_pipeline.lake.permissions import is_wider, walk
from instantly_pipeline.settings import Settings

_DAY = 86_400  # seconds
_LITTLE = 500_000_000  # bytes of free space; a small workspace with its history takes a tenth


def examine_disk(settings: Settings) -> list[Finding]:
    """The data directory: permissions, free space, lock, format and origin."""
    layout = Layout(settings.data_dir)
    found = [_folder(settings.data_dir, "data directory", "INSTANTLY_DATA_DIR")]
    if found[0].health is Health.FAIL:
        return found
    private = (layout.lake, layout.work, layout.root / ".lock", layout.root / ".lock.json")
    found += _rights("data directory", private, links=(layout.publish, layout.published_file))
    if is_wider(layout.root, than=0o055):
        said = f"Other users may create files and links in {layout.root}. To prevent it: chmod go-w {layout.root}"
        found.append(Finding("data directory", Health.INFO, said))
    found += _published_rights(layout, settings.publish_mode)
    found.append(_space(layout))
    holder = held_by(settings.data_dir)
    if holder is not None:
        found.append(Finding("lock", Health.INFO, f"{holder} Other commands wait with --wait."))
    found.append(_lake(layout, settings.base_url))
    return found


def examine_dagster_home(home: Path, other: Path | None = None) -> list[Finding]:
    """Dagster's home; `other` is DAGSTER_HOME in `.env` if that differs from the environment's `home`."""
    found = [_folder(home, "dagster home", "DAGSTER_HOME")]
    if other is not None:
        said = f"DAGSTER_HOME is {home} in the environment, but {other} in .env, which `dagster dev` uses."
        found.append(Finding("dagster home", Health.INFO, f"{said} Keep one of the two."))
    if found[0].health is Health.OK and not (home / "dagster.yaml").is_file():
        said = f"{home} has no dagster.yaml, so Dagster uses its default settings.{_growth(home)}"
        found[0] = Finding("dagster home", Health.INFO, f"{said} Copy the project's dagster_home/dagster.yaml there.")
    return found + _rights("dagster home", (home / "history", home / "schedules"))


def _growth(home: Path) -> str:
    """The size of Dagster's run history, and its growth in the last week, as a sentence."""
    files = list(files_in(home / "history/runs", home / "storage"))
    if not files:
        return " Each run then leaves a file in history/runs."
    recent = [one for one in files if time.time() - one.st_mtime < 7 * _DAY]
    began = min((one.st_mtime for one in recent), default=time.time())
    days = max(1.0, (time.time() - began) / _DAY)
    size, growth = sum(one.st_size for one in files), sum(one.st_size for one in recent) / days
    return (
        f" Its history/runs and storage, with a file for each run, take {size / 1e6:,.1f} MB and grew by "
        f"{growth / 1e6:,.1f} MB a day in the last week; a sync removes runs older than a week."
    )


def _rights(about: str, places: Iterable[Path], *, links: Iterable[Path] = ()) -> list[Finding]:
    """Files and folders that other users may read, and links among them."""
    there = [found for place in places for found in walk(place)]
    linked = [Path(found) for found in (*there, *links) if found.is_symlink()]
    wide = [Path(found) for found in there if is_wider(found)]
    findings = []
    if linked:
        said = f"{_named(linked, 'is a link', 'are links')}. A sync fails: it never writes or removes through a link."
        findings.append(Finding(about, Health.FAIL, f"{said} Replace links with the folders and files themselves."))
    if wide:
        said = f"{_named(wide, 'is', 'are')} readable by other users. The next sync restricts those that you own."
        findings.append(Finding(about, Health.INFO, said))
    return findings


def _published_rights(layout: Layout, mode: int) -> list[Finding]:
    """Published files with wider permissions than INSTANTLY_PUBLISH_MODE."""
    folders = mode | (mode & 0o444) >> 2
    wide = [Path(f) for f in walk(layout.publish) if is_wider(f, than=folders if f.is_dir() else mode)]
    if not wide:
        return []
    said = f"{_named(wide, 'is', 'are')} readable by more users than INSTANTLY_PUBLISH_MODE={mode:04o} allows."
    return [Finding("published file", Health.INFO, f"{said} The next sync corrects the files it publishes.")]


def _named(paths: list[Path], one: str, many: str) -> str:
    return f"{paths[0]} {one}" if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1:,} more {many}"


def _folder(folder: Path, about: str, variable: str) -> Finding:
    parent = nearest(folder)
    if not parent.is_dir():
        return Finding(about, Health.FAIL, f"{parent} is a file, not a folder. Set {variable} to another folder.")
    if not os.access(parent, os.W_OK | os.X_OK):
        return Finding(about, Health.FAIL, f"{parent} is not writable. Change its permissions, or set {variable}.")
    return Finding(about, Health.OK, f"{folder}" if folder.exists() else f"{folder}, created by the first sync")


def _space(layout: Layout) -> Finding:
    free = shutil.disk_usage(nearest(layout.root)).free
    build = layout.build_file.stat().st_size if layout.build_file.exists() else 0
    said = f"{free / 1e9:,.1f} GB free"
    if free < max(_LITTLE, 2 * build):
        return Finding("disk", Health.INFO, f"only {said}. Free some space before the next sync.")
    return Finding("disk", Health.OK, said)


def _lake(layout: Layout, origin: str) -> Finding:
    if not layout.lake.is_dir():
        return Finding("lake", Health.OK, "empty; the first sync creates it")
    try:
        read_from = check_lake(layout, origin=origin)
    except PipelineError as error:
        return Finding("lake", Health.FAIL, str(error))
    return Finding("lake", Health.OK, f"read from {read_from}" if read_from else "empty")


def files_in(*folders: Path) -> Iterator[os.stat_result]:
    """What there is to say of each file in the folders, at any depth; not of those that a sync removes meanwhile."""
    for folder in folders:
        for found in walk(folder):
            with suppress(OSError):
                stat = found.stat(follow_symlinks=False)
                if S_ISREG(stat.st_mode):
                    yield stat


def nearest(path: Path) -> Path:
    """The path, or its nearest parent that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
