"""`export`: one mart of the published file as a file for people."""

from __future__ import annotations

from pathlib import Path

import click

from instantly_pipeline.cli.published import published_file
from instantly_pipeline.cli.text import megabytes
from instantly_pipeline.errors import UsageError
from instantly_pipeline.settings import load
from instantly_pipeline.warehouse.published.export import export, find_mart


def export_command(name: str, *, form: str, out: Path | None) -> int:
    """The command; its exit code."""
    published = published_file()
    mart = find_mart(published, name)
    place = (out or Path(f"{mart}.{form}")).expanduser().resolve()  # a link is followed, not replaced
    _refuse_harm(place)
    done = export(published, mart, form, place)
    click.echo(f"{place}: {done.rows:,} rows of marts.{mart}, {megabytes(place.stat().st_size)}")
    if done.cut:
        click.echo(f"{done.cut:,} texts were cut to the 32,767 characters a cell holds; csv has them whole.", err=True)
    return 0


def _refuse_harm(place: Path) -> None:
    if place.exists() and not place.is_file():
        raise UsageError(f"{place} is not a file, so it is not replaced. --out takes the name of a file.")
    data_dir = load().data_dir.resolve()
    if any(place.is_relative_to(data_dir / name) for name in ("lake", "work", "publish")):
        raise UsageError(f"{place} lies in a folder that the pipeline keeps for itself. Nothing was written.")
