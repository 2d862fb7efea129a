"""Who is measured: the command of each contender, the settings it needs, and where its leads can be counted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environments import HERE, python
from benchmarks.sandbox import ROOT, Sandbox

SCRIPTS = HERE / "contenders"
LEAD_STREAMS = ("campaigns", "campaign_analytics", "leads")
LAKE, PUBLISHED, PUBLISHED_LEADS = "ours, to the lake", "ours, to the published file", "ours, leads only, published"
BARE, DLT, DLT_TWO, AIRBYTE = "bare script, 1 chain", "dlt", "dlt, two workers", "airbyte-cdk"
CATALOG = {
    "streams": [
        {
            "stream": {"name": "leads", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
            "sync_mode": "full_refresh",
            "destination_sync_mode": "overwrite",
        }
    ]
}


@dataclass(frozen=True)
class Contender:
    """One command. `leads` is where its rows can be counted; `runs` how often it is run on the same folder."""

    label: str
    command: list[str]
    leads: Path
    runs: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    stdout: Path | None = None


def bare_label(chains: int) -> str:
    """The bare script's name with so many chains."""
    return BARE if chains == 1 else f"bare script, {chains} chains"


def bare(box: Sandbox, out: Path, *, chains: int, pages: int | None = None) -> Contender:
    """The bare script."""
    command = [str(python("bare")), str(SCRIPTS / "bare.py"), *_where(box, out / "lake"), "--chains", str(chains)]
    return Contender(bare_label(chains), command + _most(pages), out / "lake")


def dlt(box: Sandbox, out: Path, *, workers: int = 1, runs: int = 1, pages: int | None = None) -> Contender:
    """dlt's rest_api source with its Parquet loader."""
    command = [str(python("dlt")), str(SCRIPTS / "dlt_rest.py"), *_where(box, out), "--workers", str(workers)]
    return Contender(DLT_TWO if workers > 1 else DLT, command + _most(pages), out / "lake/instantly/leads", runs)


def airbyte(box: Sandbox, out: Path) -> Contender:
    """The low-code manifest, run by the CDK's own command; records go to standard output, here a file."""
    config, catalog = out / "config.json", out / "catalog.json"
    config.write_text(json.dumps({"url": box.url, "key": box.key}))
    catalog.write_text(json.dumps(CATALOG))
    command = [str(python("airbyte").with_name("source-declarative-manifest")), "read", "--config", str(config)]
    command += ["--catalog", str(catalog), "--manifest-path", str(SCRIPTS / "airbyte_leads.yaml")]
    return Contender(AIRBYTE, command, out / "records.jsonl", stdout=out / "records.jsonl")


def ours_to_lake(
    box: Sandbox, out: Path, *, streams: tuple[str, ...] = LEAD_STREAMS, runs: int = 2, full: bool = False
) -> Contender:
    """Ours as far as the lake; without streams, all of them; `full`: everything is read again."""
    command = [str(python("ours")), str(SCRIPTS / "ours.py"), *(["--full"] if full else []), *streams]
    return Contender(LAKE, command, _our_leads(out), runs, _settings(box, out))


def ours_published(box: Sandbox, out: Path, *, leads_only: bool = False, runs: int = 2) -> Contender:
    """The command `instantly-pipeline sync`."""
    options = ["--streams", ",".join(LEAD_STREAMS)] if leads_only else []
    label = PUBLISHED_LEADS if leads_only else PUBLISHED
    return Contender(label, [*_cli(), "sync", *options], _our_leads(out), runs, _settings(box, out))


def ours_tables(box: Sandbox, out: Path) -> Contender:
    """The command `instantly-pipeline rebuild`: DuckDB's part alone, from a lake that is there."""
    return Contender("ours, tables from the lake", [*_cli(), "rebuild"], _our_leads(out), 1, _settings(box, out))


def our_steps(box: Sandbox, out: Path) -> Contender:
    """DuckDB's part of a sync, each step timed; standard output is what was measured."""
    command = [str(python("ours")), str(SCRIPTS / "tables.py")]
    return Contender("ours, step by step", command, _our_leads(out), 1, _settings(box, out), out / "steps.json")


def _cli() -> list[str]:
    return [str(python("ours")), "-c", "from instantly_pipeline.cli.main import main; main()"]


def _settings(box: Sandbox, out: Path) -> dict[str, str]:
    home = out / "dagster"
    home.mkdir(exist_ok=True)
    shutil.copy(ROOT / "dagster_home/dagster.yaml", home)
    return {
        "INSTANTLY_API_KEY": box.key, "INSTANTLY_BASE_URL": box.url, "INSTANTLY_DATA_DIR": str(out / "data"),
        "INSTANTLY_ENV_FILE": str(out / "none"), "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT),
    }  # fmt: skip


def _our_leads(out: Path) -> Path:
    return out / "data/lake/changes/leads"


def _where(box: Sandbox, out: Path) -> list[str]:
    return ["--url", box.url, "--key", box.key, "--out", str(out)]


def _most(pages: int | None) -> list[str]:
    return [] if pages is None else ["--pages", str(pages)]
