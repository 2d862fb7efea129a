"""`rebuild`, `compact` and `reset`: looking after a data directory. None of them asks the API anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pyarrow.parquet as pq

from instantly_pipeline.cli.logfile import log_to_file
from instantly_pipeline.cli.progress import preparing, reporter
from instantly_pipeline.errors import UsageError
from instantly_pipeline.lake.compact import compact
from instantly_pipeline.lake.format import open_lake
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.lake.logs import append_log
from instantly_pipeline.lake.run_ids import new_run_id
from instantly_pipeline.settings import PROJECT_ROOT, Settings, load
from instantly_pipeline.streams.registry import all_streams, chosen
from instantly_pipeline.sync.reset import reset
from instantly_pipeline.sync.results import Event, OnEvent
from instantly_pipeline.warehouse.checks.checks import CheckResult
from instantly_pipeline.warehouse.warehouse import Warehouse

SQL_DIR = PROJECT_ROOT / "sql"


def rebuild_command(*, as_of: datetime | None, out: Path | None, wait: bool) -> int:
    """The command; its exit code."""
    settings = load()
    layout = _existing(settings)
    at = None if as_of is None else as_of.replace(tzinfo=as_of.tzinfo or UTC)
    _refuse_nonsense(at, out)
    log_to_file(settings.data_dir)
    say = _echo
    with writing(settings.data_dir, command="rebuild", wait=wait, say=say), reporter(several=False) as show:
        open_lake(layout)
        with preparing(show) as on_event:
            place = _rebuild(settings, layout, on_event) if at is None else _as_of(settings, layout, at, out, on_event)
    click.echo(place)
    return 0


def _refuse_nonsense(at: datetime | None, out: Path | None) -> None:
    if at is None and out is not None:
        raise UsageError("--out goes with --as-of: without it the published file itself is made anew.")
    if at is not None and at > _now():
        raise UsageError(f"{_shown(at)} UTC lies ahead. --as-of takes an instant that has passed, in UTC.")
    if out is not None and (Path.cwd() / out).exists():
        raise UsageError(f"{out} is there already. Name another file, or move that one away; nothing was changed.")


def _shown(at: datetime) -> str:
    """To the second, as it can be typed."""
    return at.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def check_command(*, wait: bool) -> int:
    """The command; its exit code: 1 where a blocking check fails."""
    settings = load()
    layout = _existing(settings)
    log_to_file(settings.data_dir)
    with writing(settings.data_dir, command="check", wait=wait, say=_echo), reporter(several=False) as show:
        open_lake(layout)
        with preparing(show) as on_event, _warehouse(settings, layout) as warehouse:
            results = _build(warehouse, None, on_event)
    failed = [result for result in results if not result.passed]
    for result in sorted(failed, key=lambda r: (not r.blocking, r.name)):
        kind = "FAILED " if result.blocking else "warning"
        click.echo(
            f"{kind}  {result.name}: {result.failing_rows:,} rows ({result.description})\n"
            f"         {result.to_see_the_rows}"
        )
    click.echo(f"{len(results) - len(failed)} of {len(results)} checks passed. Nothing was published.")
    return 1 if any(result.blocking for result in failed) else 0


def compact_command(*, wait: bool) -> int:
    """The command; its exit code."""
    settings = load()
    layout = _existing(settings)
    with writing(settings.data_dir, command="compact", wait=wait, say=_echo):
        open_lake(layout)
        done = compact(layout, now=_now(), on_day=lambda day: click.echo(f"joining {day}", err=True))
    click.echo(
        f"{done.joined} files of {done.days} days were joined; {done.removed} files joined earlier were removed. "
        "Replaced files are kept for at least an hour, for readers that have them open."
    )
    return 0


def reset_command(*, streams: str, wait: bool) -> int:
    """The command; its exit code."""
    settings = load()
    layout = _existing(settings)
    names = tuple(chosen(streams.split(",")))
    with writing(settings.data_dir, command="reset", wait=wait, say=_echo):
        open_lake(layout)
        count = reset(layout, names)
    click.echo(
        f"{', '.join(names)}: forgotten how far they were read, in {count} workspaces; rows and history stay. "
        f"Next: instantly-pipeline sync --streams {','.join(names)}"
    )
    return 0


def _rebuild(settings: Settings, layout: Layout, on_event: OnEvent) -> Path:
    with _warehouse(settings, layout) as warehouse:
        warehouse.remove()
        _build(warehouse, None, on_event)
        run_id = new_run_id(layout, _now())
        with _step(on_event, "publish"):
            done = warehouse.publish(run_id=run_id, now=_now())
            append_log(layout, run_id, "published", [done.published_row], now=_now)
    return done.path


def _as_of(settings: Settings, layout: Layout, at: datetime, out: Path | None, on_event: OnEvent) -> Path:
    """A file of its own, from a build file of its own: the pipeline's stays as it is."""
    _published_by(layout, at)
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = Path.cwd() / out if out is not None else layout.publish / f"as-of-{stamp}.duckdb"
    layout.build_file = layout.work / f"as-of-{stamp}.duckdb"
    with _warehouse(settings, layout) as warehouse:
        warehouse.remove()
        try:
            _build(warehouse, at, on_event)
            with _step(on_event, "publish"):
                return warehouse.publish(run_id=new_run_id(layout, at), now=at, to=target).path
        finally:
            warehouse.remove()


def _published_by(layout: Layout, at: datetime) -> None:
    """UsageError where nothing was published by then."""
    files = layout.files(layout.meta, "published")
    known = [when for file in files for when in pq.read_table(file.path, columns=["published_at"])[0].to_pylist()]
    if not known:
        raise UsageError("Nothing was ever published from this data directory: run `instantly-pipeline sync` first.")
    if min(known) > at:
        first = min(known) + timedelta(seconds=1)  # not before it once the fraction is cut off
        raise UsageError(f"Nothing was published by {_shown(at)} UTC; the first instant to ask for is {_shown(first)}.")


def _build(warehouse: Warehouse, as_of: datetime | None, on_event: OnEvent) -> list[CheckResult]:
    with _step(on_event, "load"):
        warehouse.load(as_of=as_of)
    with _step(on_event, "models"):
        warehouse.run_models()
    with _step(on_event, "checks"):
        return warehouse.run_checks()


class _step:  # noqa: N801 - reads like a statement
    """Shows a step of the rebuild as a sync shows its own."""

    def __init__(self, on_event: OnEvent, name: str) -> None:
        self._on_event = on_event
        self._name = name

    def __enter__(self) -> None:
        self._on_event(Event("start", "", self._name))

    def __exit__(self, *_: object) -> None:
        self._on_event(Event("end", "", self._name))


def _warehouse(settings: Settings, layout: Layout) -> Warehouse:
    return Warehouse(
        layout, all_streams(), sql_dir=SQL_DIR, storage_version=settings.storage_version,
        memory_limit=settings.memory_limit, publish_mode=settings.publish_mode, say=_echo,
    )  # fmt: skip


def _existing(settings: Settings) -> Layout:
    layout = Layout(settings.data_dir)
    if not layout.lake.is_dir():
        raise UsageError(f"There is nothing in {layout.root} yet: run `instantly-pipeline sync` first.")
    return layout


def _now() -> datetime:
    return datetime.now(UTC)


def _echo(text: str) -> None:
    click.echo(text, err=True)
