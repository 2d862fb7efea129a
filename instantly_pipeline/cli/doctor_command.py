"""`doctor`: checks whether a sync would work, one line per finding; writes nothing."""

from __future__ import annotations

import asyncio
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

import click

from instantly_pipeline import __version__
from instantly_pipeline.cli.summary import shown
from instantly_pipeline.cli.text import age, megabytes, write_json
from instantly_pipeline.doctor.disk import examine_dagster_home, examine_disk
from instantly_pipeline.doctor.findings import Finding, Health, exit_code
from instantly_pipeline.doctor.keys import examine_keys, examine_settings
from instantly_pipeline.errors import PipelineError, UsageError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.settings import Settings, dagster_home, load, other_dagster_home
from instantly_pipeline.visible import visible
from instantly_pipeline.warehouse.published.status import status


def doctor_command(*, as_json: bool) -> int:
    """Run the command; returns its exit code."""
    findings = _findings()
    code = exit_code(findings)
    if as_json:
        write_json({"exit_code": code, "findings": [asdict(one) for one in findings]})
        return code
    width = max(len(one.about) for one in findings)
    for one in findings:
        click.echo(visible(f"{one.health.value:<6}  {one.about:<{width}}  {' '.join(one.said.split())}"))
    return code


def _findings() -> list[Finding]:
    found = [_versions()]
    try:
        found += examine_dagster_home(dagster_home(), other_dagster_home())
        settings = load()
    except UsageError as error:
        return [*found, Finding("settings", Health.FAIL, str(error))]
    found += [*examine_disk(settings), _published(settings)]
    of_settings = examine_settings(settings)
    found += of_settings
    if exit_code(of_settings) == 0:
        found += asyncio.run(examine_keys(settings))
    return found


def _versions() -> Finding:
    others = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "dagster"))
    return Finding(
        "versions", Health.OK, f"instantly-pipeline {__version__}, python {platform.python_version()}, {others}"
    )


def _published(settings: Settings) -> Finding:
    path = Layout(settings.data_dir).published_file
    if not path.exists():
        return Finding("published file", Health.INFO, "none yet. Next: instantly-pipeline sync")
    try:
        found = status(path)
    except PipelineError as error:
        return Finding("published file", Health.WARN, str(error))
    size, when = megabytes(path.stat().st_size), age(found.published_at, datetime.now(UTC))
    said = f"{shown(path)} ({size}, storage {found.storage_version}), published {when}"
    return Finding("published file", Health.OK, said)
