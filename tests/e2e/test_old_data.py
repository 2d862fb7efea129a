"""A data directory that version 0.1.0 left: nothing of it is lost, and the next sync goes on where that one stopped.

The directory and what 0.1.0 reads from it lie in `tests/fixtures/data-0.1.0`; its README says how they were made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.context import Sizes
from instantly_pipeline.sync.results import SyncReport
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import Bench, bench

pytestmark = pytest.mark.whole

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "data-0.1.0"
PLAY = json.loads((FIXTURE / "play.json").read_text())
# Campaigns that are asked in parallel find out at once where a refused range has to be cut: 17 to 20 requests. A sync
# that resumes and reads no lead asks for one that surely exists, so that the answers about missing ones count. Where
# three answers lack their last day, one request finds out whether ranges include it.
NORTH, SOUTH = "7b1acef8-2181-482e-b6d2-7bbc75c92090", "a0e671fb-7209-4e96-b68d-ca036a7c4331"
DAILY = "GET /api/v2/campaigns/analytics/daily"
MARGIN = Counter({(NORTH, DAILY): 4, (SOUTH, DAILY): 1, (NORTH, "POST /api/v2/leads/list"): 1})
COLLAPSED = {"vanished": "the day vanished", "zero": "the day fell to zero"}  # as 0.1.0 put it


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The data directory as 0.1.0 left it."""
    return unpacked("data", tmp_path / "data")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables as 0.1.0 makes them from that directory: `raw.leads.parquet`, ..., `log.verified.parquet`."""
    return unpacked("expected", tmp_path_factory.mktemp("old") / "expected")


def unpacked(name: str, into: Path) -> Path:
    with tarfile.open(FIXTURE / f"{name}.tar.xz") as tar:
        tar.extractall(into, filter="data")
    return into


def command(data_dir: Path, *words: str) -> None:
    """Run the command on a data directory."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    made = {"INSTANTLY_DATA_DIR": str(data_dir), "INSTANTLY_ENV_FILE": str(data_dir / "none.env"),
            "DAGSTER_HOME": str(data_dir.parent / "dagster_home")}  # fmt: skip
    program = str(Path(sys.executable).with_name("instantly-pipeline"))
    done = subprocess.run([program, *words], env=kept | made, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


# What a later version calls otherwise, or keeps elsewhere: the rows of 0.1.0 as they read today.
AS_TODAY = {
    "meta.sync_runs": """
        select * replace (if(outcome = 'cut off', 'interrupted', outcome) as outcome) from 'meta.sync_runs'
    """,
    "meta.quarantine": """
        select * rename ("found" as found_type, times as occurrences) from 'meta.quarantine'
        where reason not in ('the day vanished', 'the day fell to zero') and not ends_with(reason, 'from now on')
    """,
    "meta.collapsed_days": """
        select workspace_id, stream, key, (key->>'$[#-1]')::date as date,
            if(reason = 'the day vanished', 'vanished', 'zero') as kind,
            max(split_part("found", ' ', 1)::bigint) as syncs,
            min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at
        from 'meta.quarantine' where reason in ('the day vanished', 'the day fell to zero')
        group by all
    """,
    "meta.notices": """
        select workspace_id, stream, reason as notice, first_seen_at, last_seen_at, times as occurrences
        from 'meta.quarantine' where ends_with(reason, 'from now on')
    """,
}


def differences(database: Path, expected: Path) -> dict[str, list[Any]]:
    """By table the rows that are in one only, at most three of each side; columns that 0.1.0 did not have are free."""
    found: dict[str, list[Any]] = {}
    tables = {path.stem for path in expected.glob("*.parquet") if not path.stem.startswith("log.")}
    with duckdb.connect(str(database), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        for table in sorted(tables | AS_TODAY.keys()):
            then = AS_TODAY.get(table, f"select * from '{table}'")
            for name in sorted(tables, key=len, reverse=True):
                then = then.replace(f"'{name}'", f"'{expected / name}.parquet'")
            columns = [row[0] for row in con.execute(f"describe {then}").fetchall()]
            there = f"select {', '.join(map(quoted, columns))} from ({then})"
            here = f"select {', '.join(map(quoted, columns))} from {table}{_only_old(table, expected)}"
            lost = con.execute(f"({there} except all {here}) limit 3").fetchall()
            new = con.execute(f"({here} except all {there}) limit 3").fetchall()
            if lost or new:
                found[table] = [{"lost": lost, "new": new}]
    return found


def quoted(name: str) -> str:
    return f'"{name}"'


def _only_old(table: str, expected: Path) -> str:
    """A rebuild notes a publication of its own."""
    return f" where run_id in (select run_id from '{expected / table}.parquet')" if table == "meta.published" else ""


def test_there_is_something_of_every_kind_in_the_old_directory(old: Path, expected: Path) -> None:
    states = {path.stem for path in (old / "lake" / "state").rglob("*.json")}
    assert states >= {
        "leads", "leads.sweep_tokens", "leads.missing.000000", "leads.gate", "leads.touched", "leads.slices",
        "leads.server", "leads.swept", "leads.distrust", "leads.held", "daily_analytics", "daily_analytics.collapsed",
        "asking.accounts.analytics.daily.days", "asking.accounts.analytics.daily.refused", "rate",
        "block_list_entries.refused", "step_analytics.days.2025-06", "published",
    }  # fmt: skip
    empty = [path.stem for path in expected.glob("[ml]*.parquet") if pq.read_metadata(path).num_rows == 0]
    assert empty == []


def test_a_rebuild_finds_every_row_version_and_note(old: Path, expected: Path) -> None:
    command(old, "rebuild")
    assert differences(old / "publish" / "warehouse.duckdb", expected) == {}


@pytest.mark.whole
def test_the_old_build_file_is_taken_up_or_made_again(old: Path, expected: Path) -> None:
    command(old, "check")
    assert differences(old / "work" / "build.duckdb", expected) == {}


def test_the_next_syncs_ask_no_more_than_the_old_version_and_find_what_has_changed(old: Path, expected: Path) -> None:
    config = SandboxConfig(**PLAY["config"], now=datetime.fromisoformat(PLAY["start"]))
    held = {row["key"] for row in pq.read_table(expected / "meta.held_deletes.parquet").to_pylist()}
    with bench(old, config) as at:
        at.sizes = Sizes(PLAY["sizes"]["few_pages"], PLAY["sizes"]["leads_per_slice"])
        done = 0
        for then in PLAY["next_syncs"]:
            for step in PLAY["steps"][done : then["after_steps"]]:
                at.post(step["path"], step["body"])
            done = then["after_steps"]
            at.clock.start = datetime.fromisoformat(then["now"])
            at.forget_requests()
            report = sync(at)
            assert asked(at) - asked_then(then) - MARGIN == Counter()
            assert without(held, written(at, report)) == without(held, then["versions"])
            then["outcomes"]["north"]["leads"] = "ok"  # 0.1.0 holds the deletions once more in the first of these syncs
            assert outcomes(report) == then["outcomes"]
            assert report.exit_code == then["exit_code"]
            assert collapsed(at, report) == then["collapsed_days"]
        assert {row["key"] for row in at.log("held_deletes") if row["state"] == "released"} == held
        deleted = {row["_key"] for row in at.rows("leads") if row["_op"] == "delete"}
        assert held <= deleted  # 0.1.0 deletes them one sync later
        for path in sorted(expected.glob("log.*.parquet")):
            lost = lines(pq.read_table(path).to_pylist()) - lines(at.log(path.stem.removeprefix("log.")))
            assert not lost, (path.stem, lost)


def sync(at: Bench) -> SyncReport:
    keys = {name: at.key if n == 0 else f"{at.key}-{n + 1}" for n, name in enumerate(PLAY["workspaces"])}
    start = date.fromisoformat(PLAY["settings"]["start_date"])
    return at.sync(settings={"api_keys": json.dumps(keys), "start_date": start})


def asked(at: Bench) -> Counter[tuple[str, str]]:
    """How many requests there were, by workspace and path."""
    return Counter((one["workspace"], f"{one['method']} {one['path']}") for one in at.requests())


def lines(log: list[dict[str, Any]]) -> Counter[str]:
    return Counter(json.dumps(row, sort_keys=True, default=str) for row in log)


def asked_then(then: dict[str, Any]) -> Counter[tuple[str, str]]:
    return Counter({(workspace, path): times for workspace, path, times in then["requests"]})


def written(at: Bench, report: SyncReport) -> list[list[Any]]:
    """The versions that a sync wrote, in order."""
    return sorted(
        [stream, row["_ws"], row["_key"], row["_op"], row["_row_hash"]]
        for stream in all_streams()
        for row in at.rows(stream)
        if row["_run_id"] == report.run_id
    )


def without(held: set[str], versions: list[list[Any]]) -> list[list[Any]]:
    """The versions but for the tombstones of deletions that were held."""
    return [one for one in versions if not (one[0] == "leads" and one[2] in held and one[3] == "delete")]


def outcomes(report: SyncReport) -> dict[str, dict[str, str]]:
    return {one.name: {stream.stream: stream.outcome.value for stream in one.streams} for one in report.workspaces}


def collapsed(at: Bench, report: SyncReport) -> list[list[Any]]:
    """The days that a sync noted as collapsed, and in how many syncs in a row they were."""
    return sorted(
        [row["workspace_id"], row["stream"], row["key"], COLLAPSED[row["kind"]], row["syncs"]]
        for row in at.log("collapsed_days")
        if row["run_id"] == report.run_id
    )
