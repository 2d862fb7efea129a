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
LAKE, PUBLISHED, PUBLISHED_LEADS = "ours, to the lake", "ours, published", "ours, leads only, published"
BARE, DLT, DLT_HISTORY, AIRBYTE = "bare script, 1 chain", "dlt, to Parquet", "dlt, history in DuckDB", "airbyte-cdk"
IN_PARQUET = "select count(distinct id) from read_parquet('{}/**/*.parquet', union_by_name = true)"
IN_LAKE = """select count(*) from (
    select arg_max(_op, _synced_at) as last from read_parquet('{}/**/*.parquet', union_by_name = true) group by _key
) where last = 'upsert'"""
IN_LINES = "select count(*) from read_ndjson_objects('{}') where json ->> 'type' = 'RECORD'"
IN_DLT_HISTORY = "select count(*) from instantly.leads where _dlt_valid_to is null"
IN_PUBLISHED = "select count(*) from raw.leads where _deleted_at is null"
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
    """One command. `leads` is where its leads are, a DuckDB file or other files, and `count` the SQL that counts them.

    `keeps`: run again on the same folder, it brings what is there up to date. `stdout`: where what it prints goes.
    """

    label: str
    command: list[str]
    leads: Path
    count: str
    keeps: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    stdout: Path | None = None


def bare_label(chains: int) -> str:
    """The bare script's name with so many chains."""
    return BARE if chains == 1 else f"bare script, {chains} chains"


def bare(box: Sandbox, out: Path, *, chains: int, pages: int | None = None) -> Contender:
    """The bare script; `pages`: a chain stops after so many."""
    command = [str(python("bare")), str(SCRIPTS / "bare.py"), *_where(box, out / "lake"), "--chains", str(chains)]
    most = [] if pages is None else ["--pages", str(pages)]
    return Contender(bare_label(chains), command + most, out / "lake", IN_PARQUET)


def dlt(box: Sandbox, out: Path) -> Contender:
    """dlt's rest_api source with its Parquet loader."""
    return Contender(DLT, _dlt(box, out), out / "lake/instantly/leads", IN_PARQUET)


def dlt_history(box: Sandbox, out: Path) -> Contender:
    """The same source merged into DuckDB, every version of a lead kept."""
    return Contender(DLT_HISTORY, [*_dlt(box, out), "--history"], out / "leads.duckdb", IN_DLT_HISTORY, keeps=True)


def airbyte(box: Sandbox, out: Path) -> Contender:
    """The low-code manifest, run by the CDK's own command; records go to standard output, here a file."""
    config, catalog = out / "config.json", out / "catalog.json"
    config.write_text(json.dumps({"url": box.url, "key": box.key}))
    catalog.write_text(json.dumps(CATALOG))
    command = [str(python("airbyte").with_name("source-declarative-manifest")), "read", "--config", str(config)]
    command += ["--catalog", str(catalog), "--manifest-path", str(SCRIPTS / "airbyte_leads.yaml")]
    return Contender(AIRBYTE, command, out / "records.jsonl", IN_LINES, stdout=out / "records.jsonl")


def ours_to_lake(box: Sandbox, out: Path, *, streams: tuple[str, ...] = LEAD_STREAMS) -> Contender:
    """Ours as far as the lake; without streams, all of them."""
    command = [str(python("ours")), str(SCRIPTS / "ours.py"), *streams]
    return Contender(LAKE, command, out / "data/lake/changes/leads", IN_LAKE, True, _settings(box, out))


def ours_published(box: Sandbox, out: Path, *, leads_only: bool = False, full: bool = False) -> Contender:
    """The whole command, each step timed; `full`: everything is read again."""
    streams = LEAD_STREAMS if leads_only else ()
    command = [str(python("ours")), str(SCRIPTS / "sync.py"), *(["--full"] if full else []), *streams]
    label = PUBLISHED_LEADS if leads_only else PUBLISHED
    published = out / "data/publish/warehouse.duckdb"
    return Contender(label, command, published, IN_PUBLISHED, True, _settings(box, out), out / "steps.json")


def ours_rebuilt(box: Sandbox, out: Path, memory_limit: str) -> Contender:
    """The command `instantly-pipeline rebuild`: the tables from the lake, within so much memory for DuckDB."""
    command = [str(python("ours")), "-c", "from instantly_pipeline.cli.main import main; main()", "rebuild"]
    env = _settings(box, out) | {"INSTANTLY_MEMORY_LIMIT": memory_limit}
    return Contender(PUBLISHED, command, out / "data/publish/warehouse.duckdb", IN_PUBLISHED, True, env)


def _settings(box: Sandbox, out: Path) -> dict[str, str]:
    home = out / "dagster"
    home.mkdir(exist_ok=True)
    shutil.copy(ROOT / "dagster_home/dagster.yaml", home)
    return {
        "INSTANTLY_API_KEY": box.key, "INSTANTLY_BASE_URL": box.url, "INSTANTLY_DATA_DIR": str(out / "data"),
        "INSTANTLY_ENV_FILE": str(out / "none"), "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT),
    }  # fmt: skip


def _dlt(box: Sandbox, out: Path) -> list[str]:
    return [str(python("dlt")), str(SCRIPTS / "dlt_rest.py"), *_where(box, out)]


def _where(box: Sandbox, out: Path) -> list[str]:
    return ["--url", box.url, "--key", box.key, "--out", str(out)]
