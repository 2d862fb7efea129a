"""Runs that build tables from the lake and do not read the API. The caller holds the lock (`locked_lake`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from instantly_pipeline.errors import UsageError
from instantly_pipeline.lake.format import open_lake
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.run.run import Run
from instantly_pipeline.settings import Settings
from instantly_pipeline.sync.engine import World
from instantly_pipeline.sync.results import OnEvent, silent
from instantly_pipeline.warehouse.checks.checks import CheckResult


@contextmanager
def locked_lake(settings: Settings, *, command: str, wait: bool, say: Callable[[str], None]) -> Iterator[Layout]:
    """Hold the data directory's lock for `command`, with the lake ready for writing.

    LockedError if another process holds the lock; with `wait`, `say` gets a line about that process instead.
    """
    with writing(settings.data_dir, command=command, wait=wait, say=say):
        layout = Layout(settings.data_dir)
        open_lake(layout)
        yield layout


def check(settings: Settings, *, on_event: OnEvent = silent) -> Sequence[CheckResult]:
    """Build the tables and run every check, without publishing."""
    with Run(settings, on_event=on_event) as run:
        return run.build()


def rebuild(settings: Settings, *, on_event: OnEvent = silent) -> Path:
    """Build the tables from an empty build file and publish them; returns the published file."""
    with Run(settings, on_event=on_event) as run:
        run.warehouse.remove()
        run.build()
        return run.publish().path


def rebuild_as_of(
    settings: Settings, at: datetime, to: Path | None = None, *, on_event: OnEvent = silent, world: World | None = None
) -> Path:
    """The tables as of the last run published by `at`, in a separate file: `to`, or `publish/as-of-<at>.duckdb`.

    They have their own build file; the pipeline's is not changed. UsageError if `at` is in the future, or nothing was
    published by then.
    """
    layout = Layout(settings.data_dir)
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"as-of-{stamp}.duckdb"
    with Run(settings, on_event=on_event, world=world, build_file=layout.work / name) as run:
        if at > run.clock.now():
            raise UsageError(f"{_typed(at)} UTC is in the future. --as-of takes a past date and time in UTC.")
        _refuse_if_unpublished(layout, at)
        run.warehouse.remove()
        try:
            run.build(as_of=at)
            return run.publish(as_of=at, to=to or layout.publish / name).path
        finally:
            run.warehouse.remove()


def _refuse_if_unpublished(layout: Layout, at: datetime) -> None:
    files = layout.files(layout.meta, "published")
    known = [when for file in files for when in pq.read_table(file.path, columns=["published_at"])[0].to_pylist()]
    if not known:
        raise UsageError("Nothing was published from this data directory yet: run `instantly-pipeline sync` first.")
    if min(known) > at:
        first = min(known) + timedelta(seconds=1)  # `_typed` truncates the fraction
        raise UsageError(f"Nothing was published by {_typed(at)} UTC; the earliest --as-of is {_typed(first)}.")


def _typed(at: datetime) -> str:
    """To the second, as a user types it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00")
