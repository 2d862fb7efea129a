"""`export`: writes one mart of the published file as CSV, Parquet or xlsx."""

from __future__ import annotations

from pathlib import Path

import click

from instantly_pipeline.cli.published import published_file
from instantly_pipeline.cli.text import megabytes
from instantly_pipeline.errors import UsageError
from instantly_pipeline.settings import load
from instantly_pipeline.warehouse.published.export import export, find_mart


def export_command(name: str, *, form: str, out: Path | None) -> int:
    """Run the command; returns its exit code."""
    published = published_file()
    mart = find_mart(published, name)
    target = (out or Path(f"{mart}.{form}")).expanduser().resolve()  # a link is followed, not replaced
    _check_target(target)
    done = export(published, mart, form, target)
    click.echo(f"{target}: {done.rows:,} rows of marts.{mart}, {megabytes(target.stat().st_size)}")
    if done.cut:
        click.echo(f"{done.cut:,} texts were cut to 32,767 characters, the limit of a cell. csv keeps them.", err=True)
    return 0


def _check_target(target: Path) -> None:
    if target.exists() and not target.is_file():
        raise UsageError(f"{target} is not a file, so it was not replaced. Give --out the name of a file.")
    data_dir = load().data_dir.resolve()
    if any(target.is_relative_to(data_dir / name) for name in ("lake", "work", "publish")):
        raise UsageError(
            f"{target} is in a folder reserved for the pipeline. Nothing was written. Choose another --out."
        )
