"""A file rebuilt as of a time is the file that was published then: nothing in it comes from later."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from instantly_pipeline.lake.compact import compact
from instantly_pipeline.run.rebuild import rebuild_as_of
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.results import Request, SyncReport
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, bench
from tests.warehouse.lake_writer import begin_with_tables
from tests.whole import whole_run

WORLD = SandboxConfig(leads=150, campaigns=3, accounts=3, days=12, workspaces=2, rate_limited=False, now=NOON)
HOURS, DAYS = timedelta(hours=1), timedelta(days=1)


def synced(at: Bench, **request: Any) -> SyncReport:
    """A whole run; then an hour goes by, and the fraction of a second that is lost where an instant is typed."""
    found = at.control.get("/state").json()["workspaces"]
    keys = {"api_keys": json.dumps({space["name"]: space["key"] for space in found})}
    report = whole_run(at.settings(**keys), Request(**request), world=at._world())
    at.clock.start += timedelta(milliseconds=100)
    return report


def dated(at: Bench, off: timedelta, **request: Any) -> None:
    """A whole run by a clock that is so far off, of a server that does not tell the time."""
    right = at.clock.now()
    at.post("/switches", {"date_header": False})
    at.clock.start += off
    synced(at, **request)
    at.clock.start = right
    at.control.request("DELETE", "/switches")


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that readers see, as text."""
    with duckdb.connect(str(path), read_only=True) as con:
        tables = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where schema_name in "
            "('raw', 'history', 'marts', 'meta') and table_name <> 'loaded_files' order by all"
        ).fetchall()
        return {name: con.execute(f"select * from {name} order by all").fetchall() for (name,) in tables}


@pytest.mark.slow
def test_a_rebuild_as_of_a_time_equals_what_was_published_then(tmp_path: Path, empty_build: Path) -> None:
    with bench(tmp_path / "data", WORLD) as at:
        begin_with_tables(at.layout, empty_build)
        synced(at)
        at.advance(hours=30)
        campaign = at.state("campaigns")[0]["id"]
        at.mutate({"op": "update", "collection": "campaigns", "id": campaign, "set": {"name": "renamed", "mood": 3}})
        synced(at)
        then, copy = at.clock.now(), tmp_path / "copy.duckdb"
        shutil.copyfile(at.layout.published_file, copy)
        gone = [row["id"] for row in at.state("leads")[:40]]
        at.mutate({"op": "delete_leads", "ids": gone})
        for step in range(3):
            at.advance(hours=26)
            at.mutate({"op": "update", "collection": "campaigns", "id": campaign, "set": {"name": f"{step}"}})
            synced(at, full=step == 1)
        compact(at.layout, now=at.clock.now())
        compact(at.layout, now=at.clock.now() + 26 * HOURS)
        published, rebuilt = contents(copy), contents(rebuild_as_of(at.settings(), then, tmp_path / "then.duckdb"))
        assert published.keys() == rebuilt.keys()
        assert [name for name in published if published[name] != rebuilt[name]] == []


@pytest.mark.slow
@pytest.mark.parametrize("off", [2 * DAYS, -2 * DAYS, 400 * DAYS])
def test_a_clock_that_was_wrong_once_is_healed_by_the_next_sync(
    tmp_path: Path, empty_build: Path, off: timedelta
) -> None:
    with bench(tmp_path / "data", WORLD) as at:
        begin_with_tables(at.layout, empty_build)
        synced(at)
        then, copy = at.clock.now(), tmp_path / "copy.duckdb"
        shutil.copyfile(at.layout.published_file, copy)
        at.advance(hours=1)
        dated(at, off)
        at.advance(hours=1)
        now = at.clock.now()
        synced(at)
        assert_healed(at.layout.published_file, now)
        live = contents(at.layout.published_file)
        rebuilt = contents(rebuild_as_of(at.settings(), now + DAYS, tmp_path / "now.duckdb"))
        assert [name for name in live if live[name] != rebuilt[name]] == []
        if off > timedelta(0):  # a run by a clock that was behind says itself that it was one of those before
            published, rebuilt = contents(copy), contents(rebuild_as_of(at.settings(), then, tmp_path / "then.duckdb"))
            assert [name for name in published if published[name] != rebuilt[name]] == []


def assert_healed(path: Path, now: datetime) -> None:
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")

        def ask(sql: str) -> list[tuple[Any, ...]]:
            return con.execute(sql, [now] if "$1" in sql else []).fetchall()

        assert ask("select distinct as_of at time zone 'UTC' = $1 from marts.dim_workspace") == [(True,)]
        assert ask("select stream, state from marts.rpt_data_freshness where state = 'late'") == []
        assert ask("select count(*) > 0, count(sent_7d) > 0, max(date) = $1::date from marts.rpt_workspace_daily") == [
            (True,) * 3
        ]
        assert ask("select distinct is_partial from marts.fct_campaign_daily where date = $1::date") == [(True,)]
        for stream in all_streams():
            assert ask(f"select count(*) from raw.{stream} where _verified_at > $1") == [(0,)], stream
        for table, column in (
            ("sync_runs", "ended_at"),
            ("stream_status", "last_success_at"),
            ("published", "published_at"),
        ):
            assert ask(f"select count(*) from meta.{table} where {column} > $1") == [(0,)], table
